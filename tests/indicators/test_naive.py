"""Each indicator against its definition, and the laws of every one: prefix, restart, no writing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import count
from tests.indicators import naive
from tests.indicators.naive import holed, prices, windows
from trade_research import indicators

ONE = ("sma", "ema", "wilder", "rsi", "rolling_std", "rolling_min", "rolling_max")
PRICE = st.one_of(prices(), holed)


def agree(ours, theirs, scale):
    """Equal NaN masks, and values within 1e-12 of the prices' size."""
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=1e-10, atol=1e-12 * scale)


def size(x):
    return float(np.nanmax(np.abs(x))) if np.isfinite(x).any() else 1.0


@pytest.mark.parametrize("name", ONE)
@settings(max_examples=count(2000))
@given(x=PRICE, window=windows)
def test_indicator_equals_its_definition(name, x, window):
    ours, theirs = getattr(indicators, name)(x, window), getattr(naive, name)(x, window)
    agree(ours, theirs, 100.0 if name == "rsi" else size(x))


@settings(max_examples=count(1000))
@given(x=PRICE, window=windows, ddof=st.integers(0, 3))
def test_deviation_with_ddof(x, window, ddof):
    agree(indicators.rolling_std(x, window, ddof), naive.rolling_std(x, window, ddof), size(x))


@settings(max_examples=count(1000))
@given(x=PRICE, window=windows, width=st.sampled_from([0.5, 2.0]))
def test_bands(x, window, width):
    ours = indicators.bollinger_bands(x, window, width)
    assert ours._fields == ("upper", "middle", "lower")
    for line, theirs in zip(ours, naive.bollinger_bands(x, window, width), strict=True):
        agree(line, theirs, size(x))


@settings(max_examples=count(1000))
@given(x=PRICE, window=windows, seed=st.integers(0, 999))
def test_ranges(x, window, seed):
    rng = np.random.default_rng(seed)
    high, low = x * (1 + 0.01 * rng.random(x.size)), x * (1 - 0.01 * rng.random(x.size))
    x, low = x.copy(), low.copy()
    for side in (high, low, x):
        side[rng.random(x.size) < 0.01] = np.nan
    agree(indicators.true_range(high, low, x), naive.true_range(high, low, x), size(x))
    agree(indicators.atr(high, low, x, window), naive.atr(high, low, x, window), size(x))


@pytest.mark.parametrize("name", ONE)
@settings(max_examples=count(2000))
@given(x=prices(1500), window=windows, share=st.floats(0, 1))
def test_a_prefix_of_prices_gives_the_prefix_of_values_bit_for_bit(name, x, window, share):
    fn, t = getattr(indicators, name), int(share * x.size)
    whole, part = fn(x, window)[:t], fn(x[:t].copy(), window)
    np.testing.assert_array_equal(whole.view(np.int64), part.view(np.int64))


@settings(max_examples=count(1000))
@given(x=prices(700), window=windows, share=st.floats(0, 1), seed=st.integers(0, 999))
def test_a_prefix_of_bars_gives_the_prefix_of_ranges_bit_for_bit(x, window, share, seed):
    t = int(share * x.size)
    close = x * (1 + 0.01 * np.random.default_rng(seed).standard_normal(x.size))
    high, low = np.maximum(x, close), np.minimum(x, close)
    whole = indicators.atr(high, low, close, window)[:t]
    part = indicators.atr(high[:t].copy(), low[:t].copy(), close[:t].copy(), window)
    np.testing.assert_array_equal(whole.view(np.int64), part.view(np.int64))


@pytest.mark.parametrize("name", ONE)
@settings(max_examples=count(500))
@given(x=prices(400), window=windows)
def test_nothing_before_a_hole_matters_behind_it(name, x, window):
    fn = getattr(indicators, name)
    joined = np.concatenate([[5.0, 7.0, 6.0, np.nan], x])
    np.testing.assert_array_equal(fn(joined, window)[4:], fn(x, window))


@pytest.mark.fast
@pytest.mark.parametrize("name", ONE)
def test_length_nought_and_one(name):
    fn = getattr(indicators, name)
    assert fn(np.empty(0), 3).shape == (0,)
    assert np.isnan(fn(np.array([5.0]), 3)).all()


@pytest.mark.fast
@pytest.mark.parametrize("name", ONE)
@pytest.mark.parametrize("window", [0, -1, -(2**62), 2**62])
def test_a_window_that_cannot_be_gives_nan(name, window):
    assert np.isnan(getattr(indicators, name)(np.arange(9.0), window)).all()


@pytest.mark.fast
def test_equal_prices_give_exactly_that_price():
    flat = np.full(3000, 0.1)
    for window in (3, 20, 100):
        assert (indicators.sma(flat, window)[window - 1 :] == 0.1).all()
        assert (indicators.rolling_std(flat, window)[window - 1 :] == 0.0).all()
    assert (indicators.rsi(flat, 14)[14:] == 0.0).all()


@pytest.mark.fast
def test_deviation_forgets_a_spike_that_has_passed():
    """A crash by 50,000 and back leaves no error in the calm minutes after it."""
    ticks = 60_000.0 + 0.01 * np.random.default_rng(1).integers(-2, 3, 4000)
    spiked = ticks.copy()
    spiked[1000] = 10_000.0
    for window in (5, 20, 100):
        ours = indicators.rolling_std(spiked, window)
        np.testing.assert_allclose(ours, naive.rolling_std(spiked, window), rtol=1e-9, atol=1e-11)


@pytest.mark.fast
def test_rsi_worked_by_hand():
    """Changes +1 +1 −1 over 3: seed up 2/3, down 1/3; then +3: up (4/3 + 3)/3, down 2/9."""
    found = indicators.rsi(np.array([10.0, 11.0, 12.0, 11.0, 14.0]), 3)
    up, down = (4 / 3 + 3) / 3, (2 / 3) / 3
    np.testing.assert_allclose(found[3:], [200 / 3, 100 * up / (up + down)], rtol=1e-15)
    assert np.isnan(found[:3]).all()
