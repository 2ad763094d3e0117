"""Panel strategies: what they are given, what they may return, how it comes back to rows."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.strategies.make_panel import HOUR, long_frame, ragged
from trade_research.errors import BarGridError, StrategyError, StrategyOutputError
from trade_research.frames.grid import Grid
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Col, Panel, strategy

pytestmark = pytest.mark.fast
NAN = np.nan


class Out(NamedTuple):
    target: F64
    seen: F64
    leader: F64


@strategy
def halves(close: Panel):
    """Half of the equity in the dearest symbol."""
    n, k = close.shape
    target = np.zeros((n, k))
    for t in range(n):
        best = -1
        for s in range(k):
            if close[t, s] == close[t, s] and (best < 0 or close[t, s] > close[t, best]):
                best = s
        if best >= 0:
            target[t, best] = 0.5
    return target


@strategy
def shows(
    close: Panel,
    slow: Annotated[Panel, Col("close", interval="2h")],
    late: Annotated[Panel, Col("volume", lag="1h")],
    lead: Annotated[F64, Col("close", symbol="A")],
    close_time: F64,
):
    seen = slow + 0.0 * late
    return Out(np.zeros(close.shape), seen, lead + 0.0 * close_time)


BARS = long_frame(
    {"A": np.array([1.0, 2.0, NAN, 4.0, 5.0]), "B": np.array([NAN, 3.0, 1.0, NAN, 6.0])}
)


def test_a_symbol_without_a_bar_is_nan_and_keeps_what_it_holds():
    given = halves.columns_of(BARS)
    np.testing.assert_array_equal(given["close"], [[1, NAN], [2, 3], [NAN, 1], [4, NAN], [5, 6]])
    assert given["close"].flags.c_contiguous
    assert given["close"].dtype == np.float64
    target = halves.compute(given).target
    np.testing.assert_array_equal(target, [[0.5, NAN], [0, 0.5], [NAN, 0.5], [0.5, NAN], [0, 0.5]])


def test_rows_of_a_long_frame_get_their_targets_back():
    shuffled = BARS.sample(fraction=1.0, shuffle=True, seed=3).sort("open_time")
    for frame in (BARS, shuffled):
        found = halves.targets(frame)
        assert found.columns == ["symbol", "open_time", "close_time", "target"]
        of = {
            (row["symbol"], row["open_time"].hour): row["target"]
            for row in found.iter_rows(named=True)
        }
        assert of == {
            ("A", 0): 0.5, ("A", 1): 0.0, ("A", 3): 0.5, ("A", 4): 0.0,
            ("B", 1): 0.5, ("B", 2): 0.5, ("B", 4): 0.5,
        }  # fmt: skip


def test_other_inputs_are_declared_and_laid_on_the_same_bars():
    closes = np.arange(1.0, 9.0)
    bars = long_frame({"A": closes, "B": 10.0 * closes})
    given = shows.columns_of(bars)
    # Two-hour closes are known from the second hour's close on.
    want = np.array([NAN, 2, 2, 4, 4, 6, 6, 8])
    np.testing.assert_array_equal(given["slow"], np.column_stack([want, 10 * want]))
    assert np.isnan(given["late"][0]).all()
    np.testing.assert_array_equal(given["late"][1:], np.full((7, 2), 1_000.0))
    np.testing.assert_array_equal(given["lead"], closes)
    np.testing.assert_array_equal(given["close_time"], HOUR * np.arange(1.0, 9.0))
    found = shows.targets(bars)
    assert found.columns[3:] == ["target", "seen", "leader"]
    assert found.filter(symbol="B")["leader"].to_list() == closes.tolist()
    assert found.filter(symbol="B")["seen"].to_list()[1:] == [20, 20, 40, 40, 60, 60, 80]


def test_any_panel_with_a_hole_says_nothing_for_that_symbol_then():
    close, rate = np.ones((3, 2)), np.array([[1, 1], [NAN, 1], [1, 1]])

    @strategy
    def both(close: Panel, funding_rate: Panel):
        return np.ones(close.shape)

    target = both.compute({"close": close, "funding_rate": rate}).target
    np.testing.assert_array_equal(target, [[1, 1], [NAN, 1], [1, 1]])


def test_warmup_rows_are_flat_for_all():
    @strategy(warmup=2)
    def ones(close: Panel):
        return np.ones(close.shape)

    np.testing.assert_array_equal(
        ones.compute({"close": np.ones((3, 2))}).target, [[0, 0], [0, 0], [1, 1]]
    )


def returned(value):
    @strategy
    def wrong(close: Panel):
        return value(close)

    return wrong


@strategy
def one_column(close: Panel):
    return np.ones(close.shape[0])


@strategy
def too_wide(close: Panel):
    return np.ones((close.shape[0], close.shape[1] + 1))


@strategy
def whole_numbers(close: Panel):
    return np.ones(close.shape, dtype=np.int64)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (one_column, r"shape \(5,\); it must have one value for each of the 5 bars and 2 symbols"),
        (too_wide, r"shape \(5, 3\)"),
        (whole_numbers, "int64 targets"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(wrong, message):
    with pytest.raises(StrategyOutputError, match=message):
        wrong.targets(BARS)


def test_a_column_that_is_no_panel_must_name_its_instrument():
    with pytest.raises(StrategyError, match=r"'volume' must be one too .*symbol="):

        @strategy
        def mixed(close: Panel, volume: F64):
            return close

    with pytest.raises(StrategyError, match="a panel of all symbols, and one symbol's"):

        @strategy
        def both(close: Annotated[Panel, Col("close", symbol="A")]):
            return close


def test_arrays_that_are_no_panels_are_refused():
    with pytest.raises(StrategyError, match=r"panels of shape \(n_bars, n_symbols\)"):
        halves.compute({"close": np.ones(5)})


def test_symbols_of_two_calendars_are_refused():
    late = BARS.filter(symbol="B").with_columns(pl.col("close_time") + pl.duration(minutes=1))
    with pytest.raises(BarGridError, match="close at different times"):
        halves.targets(pl.concat([BARS.filter(symbol="A"), late]))


# -- through a run -------------------------------------------------------------------------------
FREE = tr.Costs.zero()


def test_targets_are_fractions_of_all_of_the_equity_and_fill_at_the_next_open():
    bars = long_frame({"A": np.array([1.0, 2.0, 2.0, 2.0]), "B": np.array([NAN, 3.0, 3.0, 3.0])})
    run = tr.backtest(halves, bars, costs=FREE, cash=1_000.0, calendar="24/7")
    fills = [
        (f["symbol"], f["bar"], f["side"], f["quantity"]) for f in run.fills.iter_rows(named=True)
    ]
    # A is bought at bar 1 for 500 at 2; at bar 2 it is sold, and B bought for half of 1,000.
    assert fills == [
        ("A", 1, "buy", 250.0),
        ("A", 2, "sell", 250.0),
        ("B", 2, "buy", pytest.approx(500 / 3)),
    ]
    assert run.target.shape == (4, 2)


def test_a_zero_volume_bar_is_evaluated_and_never_fills():
    bars = long_frame({"A": np.array([2.0, 2.0, 1.0, 1.0]), "B": np.array([1.0, 1.0, 2.0, 2.0])})
    dry = (pl.col("open_time").dt.hour() == 1) & (pl.col("symbol") == "A")
    bars = bars.with_columns(volume=pl.when(dry).then(0.0).otherwise("volume"))
    run = tr.backtest(halves, bars, costs=FREE, calendar="24/7")
    orders = run.orders.filter(symbol="A").row(0, named=True)
    assert (orders["attempts"], orders["filled"] > 0) == (2, True)
    assert run.fills.filter(symbol="A")["bar"][0] == 2


def test_a_single_symbol_strategy_may_read_another_of_the_data():
    @strategy
    def follows(close: F64, lead: Annotated[F64, Col("close", symbol="A")]):
        return np.where(lead > 1.5, 1.0, 0.0)

    bars = long_frame({"A": np.array([1.0, 2.0, 2.0, 1.0, 1.0]), "B": np.full(5, 7.0)})
    run = tr.backtest(follows, bars, costs=FREE, calendar="24/7")
    assert run.fills.filter(symbol="B")["bar"].to_list() == [2, 4]


def test_portfolio_sizes_what_a_panel_strategy_wants():
    bars = ragged()
    whole = tr.backtest(
        tr.load_strategy("cross_momentum"), bars, account="margin", lookback=20, calendar="24/7"
    )
    capped = tr.backtest(
        tr.load_strategy("cross_momentum"), bars, account="margin", lookback=20, calendar="24/7",
        portfolio=tr.EqualWeight(gross=1.0, max_weight=0.05),
    )  # fmt: skip
    assert np.nanmax(np.abs(whole.target)) > 0.2
    assert np.nanmax(np.abs(capped.target)) <= 0.05


# -- the grid ------------------------------------------------------------------------------------
def test_the_grid_is_the_union_of_open_times_whatever_the_stamps():
    rng = np.random.default_rng(0)
    for step in (1, 7, 60_000_000):
        for _ in range(20):
            pieces = [np.unique(rng.integers(0, 60, rng.integers(1, 40))) * step for _ in range(3)]
            frame = pl.concat(
                pl.DataFrame({"symbol": [f"S{i}"] * len(p), "open_time": p, "close_time": p + step})
                for i, p in enumerate(pieces)
            ).with_columns(pl.col("open_time", "close_time").cast(pl.Datetime("us", "UTC")))
            grid = Grid.of(frame)
            want = sorted({int(t) for p in pieces for t in p})
            assert grid.open_time.tolist() == want
            back = [
                (grid.symbols[c], want[r]) for r, c in zip(grid.rows, grid.columns, strict=True)
            ]
            assert back == [(f"S{i}", int(t)) for i, p in enumerate(pieces) for t in p]
    irregular = pl.DataFrame({"open_time": [0, 3, 1_000_003], "close_time": [1, 4, 1_000_009]})
    irregular = irregular.with_columns(pl.all().cast(pl.Datetime("us", "UTC")))
    assert Grid.of(irregular).open_time.tolist() == [0, 3, 1_000_003]
    assert Grid.of(irregular[:0]).shape == (0, 1)
