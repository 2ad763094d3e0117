"""Portfolios of real symbols with one cash, caps and daily rebalancing equal vectorbt's."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.data import needs_data
from tests.peers import shared_cash

tr = pytest.importorskip("trade_research")
pytest.importorskip("vectorbt")

FEE, SLIP = 0.001, 0.0005
COSTS = tr.Costs(fee_bps=FEE * 1e4, spread_bps=0.0, slippage_bps=SLIP * 1e4)
CAPPED = tr.EqualWeight(gross=1.0, max_weight=0.25)
RUNS = {
    "hours": (lambda: shared_cash.spot("1h"), {"fast": 20, "slow": 100}, CAPPED),
    "days": (lambda: shared_cash.spot("1d"), {"fast": 5, "slow": 20}, CAPPED),
    "days, active": (
        lambda: shared_cash.spot("1d"),
        {"fast": 5, "slow": 20},
        tr.EqualWeight(gross=1.0, max_weight=0.25, by="active"),
    ),
    "perpetuals": (shared_cash.perpetuals, {"fast": 60, "slow": 600}, CAPPED),
}


@needs_data
@pytest.mark.parametrize("name", RUNS)
@pytest.mark.filterwarnings("ignore")
def test_one_cash_for_all_symbols_equals_vectorbt(name):
    make, params, portfolio = RUNS[name]
    # vectorbt knows no bars that nothing traded on: unknown volume fills everywhere.
    bars = make().with_columns(volume=pl.lit(None, pl.Float64))
    run = tr.backtest(
        tr.strategies.ma_crossover,
        bars,
        portfolio=portfolio,
        rebalance="1d",
        costs=COSTS,
        calendar="24/7",
        **params,
    )
    market = run.data.market
    sizes = shared_cash.sizes_of(run.target, market, "1d")
    theirs = shared_cash.vectorbt_run(
        market, sizes, fee=FEE, slippage=SLIP, cash=100_000.0, freq="1h"
    )
    value = theirs.value().to_numpy().ravel()
    assert np.max(np.abs(run.result.equity - value) / value) <= 1e-9
    records, fills = theirs.orders.records, run.result.fills
    assert len(fills) > 500
    # vectorbt leaves out what is under 1e-8 units.
    ours = fills[np.abs(fills["quantity"]) > 1e-8]
    assert len(records) == len(ours)
    order = np.lexsort((ours["symbol"], ours["bar"]))
    want = records.sort_values(["idx", "col"])
    signed = np.where(want["side"] == 0, 1.0, -1.0) * want["size"]
    np.testing.assert_allclose(ours["price"][order], want["price"], rtol=1e-9)
    np.testing.assert_allclose(ours["quantity"][order], signed, rtol=1e-7, atol=1e-8)
    np.testing.assert_allclose(ours["fee"][order], want["fees"], rtol=1e-7, atol=1e-8)
