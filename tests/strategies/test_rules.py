"""The shipped rules worked by hand."""

from __future__ import annotations

import numpy as np
import pytest

from trade_research.strategies import bollinger, buy_and_hold, ma_crossover
from trade_research.strategies.load import PANELS, SHIPPED, load_strategy

pytestmark = pytest.mark.fast
NAN = np.nan


def test_buy_and_hold_is_all_in_from_the_first_bar():
    x = np.array([3.0, NAN, 4.0])
    np.testing.assert_array_equal(buy_and_hold(x), [1, NAN, 1])


def test_crossover_of_simple_averages():
    """Averages over 1 and 2 of 1 2 3 2 1 2: fast above slow where the price rose."""
    x = np.array([1.0, 2.0, 3.0, 2.0, 1.0, 2.0])
    np.testing.assert_array_equal(ma_crossover(x, fast=1, slow=2), [0, 0, 1, 0, 0, 1])
    np.testing.assert_array_equal(ma_crossover(x, fast=2, slow=1), [0, 0, 0, 1, 1, 0])


def test_equal_averages_are_not_above():
    for kind in ("sma", "ema"):
        for level in (0.1, 60_000.01, 1e-6):
            flat = np.full(400, level)
            assert not ma_crossover(flat, fast=7, slow=30, kind=kind).any()


def test_crossover_has_no_opinion_where_a_hole_leaves_an_average_unknown():
    x = np.array([1.0, 2.0, 3.0, 4.0, NAN, 4.0, 3.0, 9.0, 8.0])
    np.testing.assert_array_equal(ma_crossover(x, fast=1, slow=2), [0, 0, 1, 1, NAN, NAN, 0, 1, 0])


def test_crossover_warmup():
    assert ma_crossover.warmup(fast=20, slow=100) == 100
    assert ma_crossover.warmup(fast=100, slow=20) == 100
    assert ma_crossover.warmup(fast=20, slow=100, kind="ema") == 300


def test_bollinger_breakout_and_reversion():
    """Window 2, width 0.5: mean m and deviation |step|/2, so the bands are m ± |step|/4.

    A close is half a step from the mean, so every step is outside: up 10→12 (above upper), then
    12→12 (bands and middle equal the close: neither), then 12→8 (below middle and lower).
    """
    x = np.array([10.0, 10.0, 12.0, 12.0, 8.0, 8.0, 10.0])
    found = bollinger.compute({"close": x}, window=2, width=0.5)
    np.testing.assert_array_equal(found.target, [0, 0, 1, 1, 0, 0, 1])
    np.testing.assert_array_equal(found.extras["middle"][1:], [10, 11, 12, 10, 8, 9])
    np.testing.assert_array_equal(found.extras["upper"][1:], [10, 11.5, 12, 11, 8, 9.5])
    np.testing.assert_array_equal(found.extras["lower"][1:], [10, 10.5, 12, 9, 8, 8.5])
    back = bollinger.compute({"close": x}, window=2, width=0.5, mode="reversion").target
    np.testing.assert_array_equal(back, [0, 0, 0, 0, 1, 1, 0])


def test_bollinger_starts_flat_behind_a_hole():
    x = np.array([10.0, 10.0, 12.0, NAN, 12.0, 12.0])
    np.testing.assert_array_equal(
        bollinger.compute({"close": x}, window=2, width=0.5).target, [0, 0, 1, NAN, NAN, 0]
    )


@pytest.mark.parametrize("name", [*SHIPPED, *PANELS])
def test_every_shipped_strategy_says_what_it_does(name):
    one = load_strategy(name)
    words = " ".join(one.doc.split())
    for word in ("Rule", "Market", "Cost to trade"):
        assert word in words
    if one.params:
        assert "Parameters:" in words
        assert "Source:" in words
    for name, param in one.params.items():
        assert f"`{name}`" in words
        assert param.span is not None or param.type in (bool, str), name
