"""Drawdowns: the worked example of the durations, edge cases, and a bar-by-bar twin."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.metrics import naive
from trade_research.metrics import (
    average_drawdown,
    bars_at_peak,
    drawdown_episodes,
    drawdown_series,
    longest_drawdown_bars,
    longest_drawdown_days,
    max_drawdown,
    time_under_water,
)

US_PER_DAY = 86_400_000_000
EXAMPLE = np.array([100.0, 110, 105, 100, 108, 112, 111, 120])
# Friday 5, Monday 8 … Friday 12, Monday 15 and Tuesday 16 January 2024, counted from the 1st.
BUSINESS_DAYS = np.array([5, 8, 9, 10, 11, 12, 15, 16]) * US_PER_DAY
curves = arrays(np.float64, st.integers(1, 80), elements=st.integers(1, 12).map(float))


def test_the_worked_example_lasts_four_bars_and_four_days():
    found = drawdown_episodes(EXAMPLE, 100.0)
    assert longest_drawdown_bars(found) == 4
    assert longest_drawdown_days(found, BUSINESS_DAYS) == 4.0
    np.testing.assert_array_equal(found.peak, [1, 5])
    np.testing.assert_array_equal(found.start, [2, 6])
    np.testing.assert_array_equal(found.valley, [3, 6])
    np.testing.assert_array_equal(found.end, [5, 7])
    np.testing.assert_allclose(found.depth, [-10 / 110, -1 / 112], rtol=1e-13)
    assert not found.open.any()
    assert max_drawdown(found) == pytest.approx(-10 / 110)
    assert average_drawdown(found) == pytest.approx(-(10 / 110 + 1 / 112) / 2)
    assert time_under_water(found) == 4 / 8


def test_a_drawdown_from_the_initial_capital_starts_at_bar_minus_one():
    found = drawdown_episodes(np.array([90.0, 95, 80]), 100.0)
    assert (found.peak[0], found.start[0], found.valley[0], found.end[0]) == (-1, 0, 2, 2)
    assert found.open[0]
    assert found.depth[0] == pytest.approx(-0.2)
    close = np.array([1, 2, 3]) * US_PER_DAY
    assert longest_drawdown_days(found, close, 0) == 3.0
    assert longest_drawdown_days(found, close) == 2.0  # from the first close: its open is unknown
    assert found.times(close, 0)["peak"][0] == 0
    assert time_under_water(found) == 1.0


def test_the_peak_is_the_last_bar_at_the_top():
    found = drawdown_episodes(np.array([100.0, 100, 100, 90, 100]), 100.0)
    assert (found.peak[0], found.end[0]) == (2, 4)
    assert longest_drawdown_bars(found) == 2


def test_without_a_drawdown_depth_and_duration_are_zero_and_the_mean_is_undefined():
    for equity in (np.array([100.0, 100, 101]), np.empty(0)):
        found = drawdown_episodes(equity, 100.0)
        assert max_drawdown(found) == 0.0
        assert longest_drawdown_bars(found) == 0
        assert longest_drawdown_days(found, np.arange(equity.size)) == 0.0
        assert math.isnan(average_drawdown(found))
        assert found.worst(5).valley.size == 0
    assert math.isnan(time_under_water(drawdown_episodes(np.empty(0), 100.0)))


def test_the_worst_come_deepest_first():
    found = drawdown_episodes(EXAMPLE, 100.0).worst(1)
    assert (found.peak.tolist(), found.end.tolist()) == ([1], [5])
    times = found.times(BUSINESS_DAYS)
    assert times["valley"][0] == BUSINESS_DAYS[3]
    assert times["end"][0] == BUSINESS_DAYS[5]


def test_all_is_lost():
    found = drawdown_episodes(np.array([120.0, 0.0, 0.0]), 100.0)
    assert max_drawdown(found) == -1.0


@given(curves, st.integers(1, 12).map(float))
def test_episodes_equal_a_walk_bar_by_bar(equity, initial):
    found = drawdown_episodes(equity, initial)
    rows = zip(
        *(x.tolist() for x in (found.peak, found.start, found.valley, found.end)),
        found.depth.tolist(),
        found.open.tolist(),
        strict=True,
    )
    assert list(rows) == naive.episodes(equity.tolist(), initial)
    under = drawdown_series(equity, initial)
    assert under.min() == max_drawdown(found)
    assert time_under_water(found) == np.mean(under < 0.0)


@pytest.mark.parametrize("drift", [-1e-3, 0.0, 1e-3, 0.1])
@pytest.mark.parametrize("n", [255, 256, 257, 5000])
def test_bars_at_the_peak_of_long_curves_equal_the_plain_definition(n, drift):
    steps = np.random.default_rng(n).normal(drift, 0.01, n)
    equity = 100.0 * np.exp(np.cumsum(np.round(steps, 3)))
    top = np.maximum(np.maximum.accumulate(equity), 100.0)
    np.testing.assert_array_equal(bars_at_peak(equity, 100.0), np.flatnonzero(equity >= top))


def test_a_flat_curve_is_at_its_peak_all_the_time():
    np.testing.assert_array_equal(bars_at_peak(np.full(1000, 100.0), 100.0), np.arange(1000))
    assert bars_at_peak(np.full(1000, 99.0), 100.0).size == 0
