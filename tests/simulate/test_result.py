"""Results: their tables, round trips worked by hand, and markets made of frames."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.simulate.cases import market_of, random_bars, random_targets
from tests.simulate.hand import DAY_US, ZERO, bars_of, flat, go, panel
from trade_research.errors import BarGridError, SimulationError
from trade_research.simulate import Costs, Exits, Market, simulate
from trade_research.simulate.codes import EXPLAIN, REASONS


def trade(result, number=0):
    return result.trades_frame.row(number, named=True)


def test_a_round_trip_counts_costs_bars_and_extremes():
    rows = [
        *flat(100.0, 2),
        (100.0, 104.0, 96.0, 102.0),
        (102.0, 110.0, 101.0, 108.0),
        (106.0, 120.0, 90.0, 107.0),
    ]
    costs = Costs(fee_bps=100.0, spread_bps=0.0, slippage_bps=0.0)
    result = go(bars_of(*rows), [0, 0.5, 0.5, 0, 0], costs=costs)
    row = trade(result)
    assert (row["entry_bar"], row["exit_bar"], row["bars"]) == (2, 4, 2)
    assert (row["quantity"], row["entry_price"], row["exit_price"]) == (5.0, 100.0, 106.0)
    assert row["fees"] == row["costs"] == pytest.approx(5 + 5.3)
    assert row["pnl"] == pytest.approx(30 - 10.3)
    assert row["return"] == pytest.approx(19.7 / 500)
    # the exit bar counts only with its open: its high and low came later
    assert (row["mae"], row["mfe"]) == (pytest.approx(-0.04), pytest.approx(0.10))
    assert (row["exit_reason"], row["open"], row["side"]) == ("signal", False, "long")
    assert row["entry_time"].timestamp() * 1e6 == 2 * DAY_US


def test_an_entry_at_the_close_has_not_seen_its_bar():
    rows = [*flat(100.0, 2), (100.0, 130.0, 80.0, 100.0), (100.0, 103.0, 99.0, 101.0), *flat(101.0)]
    result = go(bars_of(*rows), [0, 1, 1, 1, 1], fill="next_close")
    assert (trade(result)["mae"], trade(result)["mfe"]) == pytest.approx((-0.01, 0.03))


def test_a_short_round_trip_turns_the_extremes_round():
    rows = [*flat(100.0, 2), (100.0, 104.0, 96.0, 98.0), *flat(98.0, 2)]
    row = trade(go(bars_of(*rows), [0, -1, 0, 0, 0], account="margin"))
    assert (row["side"], row["pnl"]) == ("short", pytest.approx(20.0))
    assert (row["mae"], row["mfe"]) == pytest.approx((-0.04, 0.04))


def test_adds_average_the_entry_and_partial_exits_take_their_share():
    rows = [*flat(100.0, 3), *flat(200.0, 2), *flat(250.0, 2)]
    # 4 at 100; at 200 equity 1,400: 0.8 is 5.6, adds 1.6; at 250 equity 1,680: 0.25 is 1.68
    result = go(bars_of(*rows), [0, 0.4, 0.8, 0.8, 0.25, 0, 0])
    entry = (4 * 100 + 1.6 * 200) / 5.6
    frame = result.trades_frame
    assert frame["quantity"].to_list() == pytest.approx([5.6 - 1.68, 1.68])
    assert frame["entry_price"].to_list() == pytest.approx([entry, entry])
    assert frame["entry_bar"].to_list() == [2, 2]
    assert frame["pnl"].sum() == pytest.approx(result.equity[-1] - 1_000)


def test_open_trades_are_marked_at_the_last_real_close():
    market = panel([*flat(100.0, 3), (100.0, 125.0, 100.0, 120.0), None], flat(50.0, 5))
    row = trade(go(market, [[0, 0]] + [[0.5, 0]] * 4))
    assert (row["open"], row["exit_price"], row["exit_bar"]) == (True, 120.0, 4)
    assert (row["exit_reason"], row["pnl"]) == (None, pytest.approx(100.0))


def test_the_equity_table_starts_from_the_cash():
    rows = [*flat(100.0, 2), (100.0, 110.0, 90.0, 90.0), (90.0, 99.0, 90.0, 99.0)]
    frame = go(bars_of(*rows), [0, 1, 1, 1]).equity_frame
    assert frame["equity"].to_list() == [1_000.0, 1_000.0, 900.0, 990.0]
    assert frame["return"].to_list() == pytest.approx([0, 0, -0.1, 0.1])
    assert frame["drawdown"].to_list() == pytest.approx([0, 0, -0.1, -0.01])
    assert frame["gross"].to_list() == frame["net"].to_list() == pytest.approx([0, 0, 1, 1])
    assert frame["cash"].to_list() == [1_000.0, 1_000.0, 0.0, 0.0]
    assert frame.columns == [
        "close_time",
        "equity",
        "return",
        "drawdown",
        "cash",
        "gross",
        "net",
        "cost",
    ]
    assert frame["close_time"].dtype == pl.Datetime("us", "UTC")


def test_gross_and_net_exposure_of_a_market_neutral_pair():
    market = panel(flat(100.0, 4), flat(50.0, 4))
    result = go(market, [[0, 0]] + [[0.5, -0.5]] * 3, account="margin")
    last = result.equity_frame.row(-1, named=True)
    assert (last["gross"], last["net"]) == (1.0, 0.0)


def test_an_empty_run_and_a_silent_strategy_have_all_tables():
    for n in (0, 1, 5):
        result = go(bars_of(*flat(100.0, 5)) if n == 5 else empty_market(n), np.zeros(n))
        assert result.status == "no_trades"
        assert result.trades_frame.is_empty()
        assert result.fills_frame.is_empty()
        assert result.equity_frame.height == n
        assert result.pnl_bounds == (0.0, 0.0)
        assert result.orders_frame["reason"].dtype == pl.String


def empty_market(n):
    times = np.arange(n, dtype=np.int64)
    ones = np.ones(n)
    return Market(times, times + 1, ones, ones, ones, ones, ones, symbols=("A",))


def test_bounds_say_why_there_are_none():
    rng = np.random.default_rng(0)
    bars = random_bars(rng, 400, 2, vol=0.02)
    target = random_targets(rng, 400, 2, levels=(0.0, 0.4), turn=0.5)
    result = simulate(
        market_of(bars), target, costs=ZERO, exits=Exits(stop=0.005, take_profit=0.005)
    )
    assert result.ambiguous > 0
    assert result.pnl_bounds is None
    assert "one symbol" in result.pnl_bounds_reason


def test_an_ambiguous_liquidation_has_no_bound():
    rows = [*flat(100.0, 3), (150.0, 170.0, 90.0, 155.0), *flat(155.0)]
    exits = Exits(take_profit=0.05)
    result = go(bars_of(*rows), [0, -1, -1, -1, -1], account="margin", exits=exits)
    assert result.fills_frame["reason"].to_list()[1] == "liquidation"
    assert result.ambiguous == 1
    assert result.pnl_bounds is None
    assert "liquidation" in result.pnl_bounds_reason


def frame_of(symbol, days, price):
    """Daily bars of a symbol on the given days of 2024-01."""
    opened = [pl.datetime(2024, 1, d, time_zone="UTC") for d in days]
    return pl.select(
        symbol=pl.lit(symbol).repeat_by(len(days)).explode(),
        open_time=pl.concat_list(opened).explode().cast(pl.Datetime("us", "UTC")),
        close_time=(pl.concat_list(opened).explode() + pl.duration(days=1)).cast(
            pl.Datetime("us", "UTC")
        ),
        open=pl.lit(price).repeat_by(len(days)).explode(),
        high=pl.lit(price).repeat_by(len(days)).explode(),
        low=pl.lit(price).repeat_by(len(days)).explode(),
        close=pl.lit(price).repeat_by(len(days)).explode(),
        volume=pl.lit(5.0).repeat_by(len(days)).explode(),
    )


def test_a_frame_of_several_symbols_becomes_a_ragged_matrix():
    frame = pl.concat([frame_of("B", [1, 2, 4], 10.0), frame_of("A", [2, 3, 4], 20.0)])
    market = Market.from_frame(frame, delisted=("A",))
    assert (market.symbols, market.delisted) == (("B", "A"), ("A",))
    nan = np.nan
    np.testing.assert_array_equal(market.close, [[10, nan], [10, 20], [nan, 20], [10, 20]])
    assert market.n_bars == 4


def test_a_frame_of_one_symbol_needs_no_name():
    frame = frame_of("X", [1, 2, 3], 10.0)
    assert Market.from_frame(frame).symbols == ("X",)
    named = Market.from_frame(frame.drop("symbol"))
    assert named.symbols == ("asset",)
    assert simulate(frame, np.zeros(3)).equity.tolist() == [100_000.0] * 3


def test_sessions_decide_what_a_day_is():
    frame = frame_of("X", [1, 2, 3], 10.0)
    days = pl.Series([0, 0, 1]).cast(pl.Date)
    assert Market.from_frame(frame, sessions=days).session_days().tolist() == [0, 0, 1]
    utc = Market.from_frame(frame).session_days()
    assert (utc - utc[0]).tolist() == [0, 1, 2]


def test_markets_refuse_what_does_not_fit():
    times, ones = np.arange(3), np.ones(3)
    good = {"open_time": times, "close_time": times + 1, "symbols": ("A",)}
    prices = dict.fromkeys(("open", "high", "low", "close", "volume"), ones)
    with pytest.raises(SimulationError, match="close has shape"):
        Market(**good, **prices | {"close": np.ones(2)})
    with pytest.raises(SimulationError, match="row 2"):
        Market(**good | {"open_time": np.array([0, 2, 2])}, **prices)
    with pytest.raises(SimulationError, match="close_time has shape"):
        Market(**good | {"close_time": times[:2]}, **prices)
    with pytest.raises(SimulationError, match="delisted"):
        Market(**good, **prices, delisted=("B",))
    later = frame_of("A", [1, 2], 1.0).with_columns(pl.col("close_time") + pl.duration(hours=1))
    with pytest.raises(BarGridError, match="different times"):
        Market.from_frame(pl.concat([frame_of("B", [1, 2], 1.0), later]))


def test_prices_cannot_be_changed_in_place():
    market = bars_of(*flat(100.0, 3))
    with pytest.raises(ValueError, match="read-only"):
        market.close[0, 0] = 1.0


def test_every_reason_is_explained():
    assert set(EXPLAIN) == set(REASONS) - {""}
