"""A paper session over stored bars of perpetuals pays the funding that is stored with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.live.faults import Rough
from tests.live.test_crash import paper
from tests.live.test_relived import DAY, Pushed, days
from tests.live.test_relived import WIDE as UNLIMITED
from tests.live.test_replay import START_AT, hourly, walk
from trade_research.errors import MissingColumnError
from trade_research.live.journal import scan
from trade_research.research.certify import certify
from trade_research.research.data import funded, read_data
from trade_research.research.feeds import Fundings
from trade_research.research.relived import read_session
from trade_research.research.setup import Setup
from trade_research.simulate.accounts import Account

WIDE = tr.Limits.of_cash(100_000.0).but(
    max_orders_per_minute=99, max_daily_loss=90_000.0, max_drawdown=90_000.0
)

HALF_AN_HOUR = timedelta(minutes=30)


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


@tr.strategy(warmup=0)
def fades(close, funding_rate):  # type: ignore[no-untyped-def]  # a strategy as users write it
    """Against the side that pays; flat while nobody knows."""
    out = close * 0.0
    out[funding_rate > 2e-4] = -0.5
    out[funding_rate < -2e-4] = 0.5
    return out


@tr.strategy(warmup=0)
def spread(funding_rate: tr.Panel):  # type: ignore[no-untyped-def]
    """Long what pays less, short what pays more."""
    out = funding_rate * 0.0
    for t in range(len(out)):
        first = 0.4 if funding_rate[t, 0] < funding_rate[t, 1] else -0.4
        out[t, 0], out[t, 1] = first, -first
    return out


@pytest.mark.parametrize(
    ("strategy", "symbols", "funding"),
    [(fades, 1, "table"), (fades, 2, "constant"), (spread, 2, "table")],
)
def test_funding_that_is_read_is_the_backtests(
    tmp_path: Path, strategy: tr.Strategy, symbols: int, funding: str
) -> None:
    """By replay through rough transport and restarts, and on paper in two goes."""
    rates: Any = hourly(symbols) if funding == "table" else 3e-4
    bars = walk(3, n=200, symbols=symbols).filter(pl.col("open_time") >= START_AT + HALF_AN_HOUR)
    given = {"account": "perp", "funding": rates, "calendar": "24/7"}
    run = tr.backtest(strategy, bars, **given)
    found = tr.replay(strategy, bars, seconds=0.1, transport=Rough(3, restart=0.02), **given)
    assert found.fills.equals(run.fills)
    assert found.run.result.equity.tobytes() == run.result.equity.tobytes()
    assert len(run.fills) > (2 if funding == "table" else 1)

    setup = Setup(tr.Costs(), Account.of("perp"), None, None, 1e5, "next_open", 0, None, False)
    data = funded(read_data(bars, "24/7"), rates, account="perp", reads=strategy.reads)
    given = {"strategy": strategy, "params": strategy.bind(), "setup": setup, "limits": WIDE}
    paper(tmp_path, data=data, **given).replay()
    records = list(scan(tmp_path))
    assert records[-1]["equity"] == run.result.equity[-1]
    # Cut in the middle of the journal, it goes on to the same end.
    journal = next(tmp_path.glob("audit_*"))
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[: len(lines) // 2]))
    paper(tmp_path, data=data, **given).replay()
    assert list(scan(tmp_path))[-1]["equity"] == run.result.equity[-1]


FADES = """
from trade_research import strategy
import numpy as np


@strategy(warmup=0)
def fades(close, funding_rate):
    return np.where(funding_rate > 0.0, -0.5, 0.5)
"""


class Told:
    """A venue that tells rates of both signs, one of the three a day stamped as a bar closes."""

    name = "told"
    stamps = tuple(datetime(2024, 1, 1, tzinfo=UTC) + DAY / 3 * i for i in range(300))
    rates = pl.DataFrame(
        {"time": stamps, "funding_rate": np.random.default_rng(5).normal(0.0, 1e-3, 300)}
    ).with_columns(pl.col("time").cast(pl.Datetime("us", "UTC")))

    def funding(self, symbol: str, start: datetime, end: datetime) -> pl.DataFrame:
        return self.rates.filter(pl.col("time").is_between(start, end, closed="left"))


def test_funding_that_is_heard_live_is_read_as_in_the_backtest(tmp_path: Path) -> None:
    """Stored before the session, heard while it runs, with a restart; read from its journal."""
    (tmp_path / "own.py").write_text(FADES)
    fades = tr.load_strategy(f"{tmp_path / 'own.py'}:fades")
    store, name = tr.Store(tmp_path / "store"), "binance:A/B@1d"
    where = {"venue": "binance", "symbol": "A/B"}
    store.write_bars(days(20), interval="1d", **where)
    venue = Told()
    store.write_funding(venue.rates.head(66), **where)  # two days more than bars
    perp = Setup(tr.Costs(), Account.of("perp"), None, None, 1e5, "next_open", 0, None, False)

    def go_on(n: int) -> None:
        data = funded(read_data(store.query(name)), account="perp", reads=fades.reads)
        given = {
            "strategy": fades,
            "params": fades.bind(),
            "setup": perp,
            "limits": UNLIMITED.but(max_orders_per_minute=999),
        }
        symbol = data.market.symbols[0]
        paper(tmp_path / "s", data=data, **given).live(
            lambda after: Pushed(days(n), symbol, after),
            funding=lambda since: Fundings({symbol: (venue, symbol)}, since),
        )

    go_on(40)
    store.write_funding(venue.rates.head(150), **where)  # stored later than it was heard
    go_on(60)
    run = tr.backtest(
        fades, days(60), account="perp", funding=venue.rates, calendar="24/7", start=20
    )
    found = read_session(tmp_path / "s", strategy=f"{tmp_path / 'own.py'}:fades", store=store.root)
    assert found.errors == found.refusals == 0
    assert len(found.run.fills) > 10
    assert found.run.result.equity.tobytes() == run.result.equity[20:].tobytes()
