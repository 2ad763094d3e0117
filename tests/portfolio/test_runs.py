"""Whole portfolios of real symbols through a store's query: one cash, caps, daily rebalancing."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.data import needs_data, shared

pytestmark = needs_data
CAPPED = tr.EqualWeight(gross=1.0, max_weight=0.25)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    found = tr.Store(tmp_path_factory.mktemp("portfolio"))
    for interval in ("1h", "1d"):
        rows = pl.read_parquet(shared(f"ohlcv/binance_spot_{interval}_10symbols.parquet"))
        for (name,), part in rows.partition_by("symbol", as_dict=True, include_key=False).items():
            found.write_bars(part, venue="binance", symbol=name, interval=interval, calendar="24/7")
    return found


def names(store, interval):
    return [f"binance:{s}@{interval}" for s in store.catalog()["symbol"].unique().sort()]


def run_of(store, interval, portfolio=CAPPED, **more):
    return tr.backtest(
        tr.strategies.ma_crossover,
        store.query(names(store, interval)),
        portfolio=portfolio,
        rebalance="1d",
        fast=5,
        slow=20,
        **more,
    )


def test_ten_symbols_by_the_hour_with_one_outage(store):
    run = run_of(store, "1h")
    assert len(run.data.instruments) == 10
    assert run.result.status == "ok"
    assert len(run.trades) > 5_000
    # Never more than was asked for, drift since the last rebalancing aside.
    assert np.nanmax(run.target) <= 0.25
    assert np.nanmax(np.nansum(run.target, axis=1)) <= 1.0 + 1e-12
    assert run.result.cash.min() >= 0.0
    # 2023-03-24: nothing traded at 12:00 and there is no bar at 13:00. What was to fill then waits.
    assert run.fills.filter(hour(pl.col("time")) == "2023-03-24 12").is_empty()
    waited = run.orders.filter(pl.col("attempts") > 1)
    assert set(waited.select(hour(pl.col("decided"))).to_series()) <= {"2023-03-24 12"}
    quiet = run.data.frame.filter(pl.col("volume") == 0.0)
    assert set(quiet.select(hour(pl.col("open_time"))).to_series()) == {"2023-03-24 12"}


def hour(time: pl.Expr) -> pl.Expr:
    return time.dt.strftime("%Y-%m-%d %H")


def test_what_waits_through_the_outage_fills_after_it(store):
    @tr.strategy
    def in_that_hour(close, close_time):
        target = np.zeros(close.size)
        for t in range(close.size):
            target[t] = 1.0 if close_time[t] >= 1_679_659_200_000_000.0 else 0.0
        return target

    span = store.query(names(store, "1h"), "2023-03-24", "2023-03-25")
    run = tr.backtest(in_that_hour, span, portfolio=CAPPED)
    assert run.orders.height == 10
    assert set(run.orders["attempts"]) == {2}
    assert set(run.fills.select(hour(pl.col("time"))).to_series()) == {"2023-03-24 14"}


def test_symbols_join_as_they_are_listed(store):
    run = run_of(store, "1d")
    first = {name: run.data.by_instrument()[name]["open_time"][0] for name in run.data.instruments}
    assert len(set(first.values())) == 9
    for name, since in first.items():
        mine = run.fills.filter(symbol=name)
        assert mine["time"].min() > since
        column = run.data.market.symbols.index(name)
        row = int(np.flatnonzero(~np.isnan(run.data.market.close[:, column]))[0])
        assert np.isnan(run.target[:row, column]).all()
    # With one symbol listed its part is capped at a quarter; with four and more it is 1 / n.
    early = np.flatnonzero(
        run.data.market.close_time < np.datetime64("2017-11-01", "us").astype(int)
    )
    assert np.nanmax(run.target[early]) == 0.25
    assert np.nanmax(run.target[-100:]) == pytest.approx(0.1)


@pytest.mark.full
def test_sixteen_perpetuals_by_the_minute_pay_funding_from_one_cash(tmp_path):
    made = tr.Store(tmp_path)
    files = sorted(shared("ohlcv/binance_usdm_1m").glob("*.parquet"))
    for file in files:
        rows = pl.read_parquet(file)
        made.write_bars(rows, venue="binance_usdm", symbol=file.stem, interval="1m")
    rates = pl.read_parquet(shared("ohlcv/binance_usdm_funding_rate.parquet"))
    run = tr.backtest(
        tr.strategies.time_series_momentum,
        made.query([f"binance_usdm:{file.stem}@1m" for file in files], end="2025-06-03"),
        portfolio=CAPPED,
        rebalance="1d",
        account="perp",
        funding=rates,
        short=True,
        lookback=1_440,
    )
    assert len(run.data.instruments) == 16
    assert run.result.status == "ok"
    assert {"buy", "sell"} == set(run.fills["side"])
    assert np.nanmax(np.nansum(np.abs(run.target), axis=1)) <= 1.0 + 1e-12
    assert run.metrics["funding_paid"] != 0.0


@pytest.mark.parametrize("interval", ["1d"])
def test_a_query_and_its_frame_give_the_same_bits(store, interval):
    query = store.query(names(store, interval))
    both = [
        tr.backtest(
            tr.strategies.ma_crossover, data, portfolio=CAPPED, rebalance="1d", fast=5, slow=20,
            calendar=None if data is query else "24/7",
        )
        for data in (query, query.frame().clone())
    ]  # fmt: skip
    np.testing.assert_array_equal(both[0].result.equity, both[1].result.equity)
    np.testing.assert_array_equal(both[0].result.fills, both[1].result.fills)


def test_a_net_cap_and_class_caps_hold_with_shorts(store):
    neutral = tr.EqualWeight(gross=1.0, max_weight=0.1, net=0.2)
    run = tr.backtest(
        tr.strategies.time_series_momentum,
        store.query(names(store, "1d")),
        portfolio=neutral,
        rebalance="1w",
        account="margin",
        lookback=60,
        short=True,
    )
    assert (run.fills["side"] == "sell").any()
    assert np.nanmax(np.abs(np.nansum(run.target, axis=1))) <= 0.2 + 1e-9
    assert np.nanmax(np.abs(run.target)) <= 0.1 + 1e-12
    assert np.nanmin(run.target) < 0.0


def test_a_delisted_symbol_leaves_with_its_last_bar():
    from tests.strategies.make_panel import long_frame
    from trade_research.simulate import Market, simulate

    bars = long_frame(
        {"A": np.full(6, 10.0), "B": np.array([5.0, 5.0, 6.0, np.nan, np.nan, np.nan])}
    )
    market = Market.from_frame(bars, delisted=["B"])
    target = np.tile([0.5, 0.5], (6, 1))
    result = simulate(market, target, costs=tr.Costs.zero(), cash=1_000.0)
    assert result.fills_frame.filter(symbol="B")["reason"].to_list() == ["signal", "delisting"]
    assert result.equity[-1] == pytest.approx(1_000.0 + 100.0)
    assert result.position[-1, 1] == 0.0
