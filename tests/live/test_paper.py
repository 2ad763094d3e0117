"""A paper session over stored bars of perpetuals pays the funding that is stored with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import trade_research as tr
from tests.live.test_crash import paper
from tests.live.test_replay import hourly, walk
from trade_research.errors import MissingColumnError
from trade_research.live.journal import scan
from trade_research.research.certify import certify
from trade_research.research.data import funded, read_data
from trade_research.research.setup import Setup
from trade_research.simulate.accounts import Account

WIDE = tr.Limits.of_cash(100_000.0).but(
    max_orders_per_minute=99, max_daily_loss=90_000.0, max_drawdown=90_000.0
)


def test_a_replayed_session_of_perpetuals_is_the_backtest(tmp_path: Path) -> None:
    bars, funding = walk(3, n=200, symbols=2), hourly(2)
    setup = Setup(tr.Costs(), Account.of("perp"), None, None, 1e5, "next_open", 0, None, False)
    data = funded(read_data(bars, "24/7"), funding, account="perp")
    paper(tmp_path, data=data, setup=setup, limits=WIDE).replay()
    records = list(scan(tmp_path))
    run = tr.backtest(
        tr.strategies.ma_crossover,
        bars,
        fast=3,
        slow=9,
        account="perp",
        funding=funding,
        calendar="24/7",
    )
    assert records[-1]["equity"] == run.result.equity[-1]
    fills = [r["price"] for r in records if r["event"] == "fill"]
    assert fills == run.fills["price"].to_list()
    assert sum(r["event"] == "funding" for r in records) == len(run.data.market.funding)


def certified(strategy: tr.Strategy, store: tr.Store, account: str, folder: Path) -> object:
    """As far as the first word about it."""
    return certify(strategy, store.query("binance:S0@1m"), account=account, seconds=0.1)


def replayed(strategy: tr.Strategy, store: tr.Store, account: str, folder: Path) -> object:
    """As far as the first word about it."""
    return tr.replay(strategy, store.query("binance:S0@1m"), account=account, journal=folder)


def on_paper(strategy: tr.Strategy, store: tr.Store, account: str, folder: Path) -> object:
    """As far as the first word about it."""
    setup = replace(paper(folder / "other").setup, account=Account.of(account))
    data = read_data(store.query("binance:S0@1m"))
    return paper(folder, strategy=strategy, params=strategy.bind(), data=data, setup=setup)


@pytest.mark.parametrize("way", [certified, replayed, on_paper])
@pytest.mark.parametrize(
    ("name", "account", "column"),
    [
        ("oi_funding", "perp", "open_interest"),
        ("put_call", "spot", "put_call_ratio"),
        ("book_pressure", "margin", "bid_size"),
        ("funding_carry", "spot", "funding_rate"),
    ],
)
def test_what_no_session_has_is_said_in_a_line_before_anything_starts(
    tmp_path: Path, way: Callable[..., object], name: str, account: str, column: str
) -> None:
    store = tr.Store(tmp_path / "store")
    store.write_bars(walk(3, n=50), venue="binance", symbol="S0", interval="1m")
    offers = "account='perp'" if column == "funding_rate" else "open, high, low, close, volume"
    with pytest.raises(MissingColumnError, match=f"{name} reads '{column}', .*{offers}") as error:
        way(tr.load_strategy(name), store, account, tmp_path / "logs")
    assert "\n" not in str(error.value)
    assert not (tmp_path / "logs").exists()
