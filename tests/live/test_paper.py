"""A paper session over stored bars of perpetuals pays the funding that is stored with them."""

from __future__ import annotations

from pathlib import Path

import trade_research as tr
from tests.live.test_crash import paper
from tests.live.test_replay import hourly, walk
from trade_research.live.journal import scan
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
