"""The normaliser against the formulas written out, and one value at a time against all at once."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from trade_research.errors import ConfigError
from trade_research.indicators.normalise import METHODS, Normaliser, normalise


def of_one(method, known, v):
    """Score of a value by those known, by NumPy."""
    if method == "zscore":
        with np.errstate(divide="ignore"):  # the squares of tiny values are nought
            return (v - known.mean()) / known.std() if np.ptp(known) > 0 else np.nan
    if method == "mad":
        middle = np.median(known)
        reach = np.sort(np.abs(known - middle))[(known.size + 1) // 2 - 1]
        return (v - middle) / (1.482602218505602 * reach) if reach > 0 else np.nan
    rank = (known < v).sum() + 0.5 * (known == v).sum()
    if method == "percentile":
        return 2 * rank / known.size - 1
    return norm.ppf((rank + 0.5) / (known.size + 1))


def naive(x, method, window, least, squash=True, times=None, span=None):
    """Each value against the window before it, by NumPy."""
    out = np.full(len(x), np.nan)
    for t, v in enumerate(x):
        before = [(u, s) for s, u in enumerate(x[:t]) if np.isfinite(u)]
        if span is not None:
            before = [(u, s) for u, s in before if times[s] > times[t] - span]
        h = np.array([u for u, _ in before][-window:])
        if h.size < least or np.isnan(v):
            continue
        if np.isinf(v):
            out[t] = math.copysign(1.0, v)
            continue
        z = of_one(method, h, v)
        out[t] = math.tanh(z / 2) if squash and method != "percentile" else z
    return out


VALUES = st.lists(
    st.one_of(
        st.floats(-1e3, 1e3),
        st.sampled_from([0.0, 5.0, 5.0, math.nan, math.inf, -math.inf]),
    ),
    min_size=1,
    max_size=60,
)


@pytest.mark.parametrize("method", ["zscore", "mad", "percentile", "rank_gauss"])
@given(values=VALUES, window=st.integers(2, 20))
def test_agrees_with_the_formulas(method, values, window):
    x = np.array(values)
    ours = normalise(x, method, window, min_periods=2)
    theirs = naive(x, method, window, 2)
    scale = np.nanmax(np.abs(x[np.isfinite(x)]), initial=1.0)
    if method == "zscore":  # where the window hardly varies, rounding is all that is left
        flat = np.array([np.ptp(_window(x, t, window)) < 1e-6 * scale for t in range(x.size)])
        ours, theirs = np.where(flat, 0, ours), np.where(flat, 0, theirs)
    np.testing.assert_allclose(ours, theirs, atol=1e-7)


def _window(x, t, window):
    known = x[:t][np.isfinite(x[:t])][-window:]
    return known if known.size else np.zeros(1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("span", [None, timedelta(seconds=40)])
@given(values=VALUES, window=st.integers(2, 20), data=st.data())
def test_one_at_a_time_is_all_at_once_to_the_bit(method, span, values, window, data):
    x = np.array(values)
    gaps = data.draw(st.lists(st.integers(0, 20), min_size=x.size, max_size=x.size))
    times = np.cumsum(gaps) * 1_000_000
    whole = Normaliser(method, window, span=span, min_periods=2).update(x, times)
    one = Normaliser(method, window, span=span, min_periods=2)
    steps = np.concatenate([one.update(v, int(t)) for v, t in zip(x, times, strict=True)])
    np.testing.assert_array_equal(steps, whole)
    cut = data.draw(st.integers(0, x.size))
    two = Normaliser(method, window, span=span, min_periods=2)
    parts = [two.update(x[:cut], times[:cut]), two.update(x[cut:], times[cut:])]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def long_series(n):
    """Values that fill words and more of them: apart, drifting, on a grid, and close together."""
    rng = np.random.default_rng(n)
    draws = rng.normal(size=n)
    close = 60_000 + 1e-6 * draws  # the same numbers once they are rounded to float32
    near = {"draws": draws, "walk": np.cumsum(draws), "grid": np.round(draws, 1), "close": close}
    return near | {"two": np.where(draws > 0, 1.0, -1.0) + 0.01 * np.round(rng.normal(size=n))}


@pytest.mark.parametrize("window", [63, 64, 65, 128, 720, 4200])
@pytest.mark.parametrize("method", ["mad", "percentile", "rank_gauss"])
def test_long_windows_agree_with_the_formulas(method, window):
    n = window + 200
    for name, x in long_series(n).items():
        ours = normalise(x, method, window)
        for t in (30, window - 1, window, window + 1, *range(window + 5, n, 13)):
            begin = max(0, t - window)
            z = of_one(method, x[begin:t], x[t])
            theirs = z if method == "percentile" else math.tanh(z / 2)
            assert ours[t] == pytest.approx(theirs, abs=1e-7, nan_ok=True), (name, t)


def test_ewm_by_time_is_ewm_by_count_where_times_are_even():
    x = np.random.default_rng(3).normal(size=300)
    times = 1_700_000_000_000_000 + np.arange(300) * 60_000_000
    by_time = normalise(x, "ewm", 10, times=times, span=timedelta(minutes=1), min_periods=5)
    np.testing.assert_array_equal(by_time, normalise(x, "ewm", 10, min_periods=5))
    assert np.isfinite(by_time[5:]).all()
    slower = normalise(x, "ewm", 10, times=times, span=timedelta(minutes=2), min_periods=5)
    np.testing.assert_allclose(slower, normalise(x, "ewm", 20, min_periods=5), rtol=1e-12)


def test_a_window_of_time():
    times = np.arange(200) * 60_000_000
    x = np.random.default_rng(0).normal(size=200)
    span = timedelta(minutes=30)
    ours = normalise(x, "zscore", 100, times=times, span=span, min_periods=5)
    np.testing.assert_allclose(
        ours, naive(x, "zscore", 100, 5, times=times, span=30 * 60_000_000), atol=1e-12
    )


def test_ewm_by_hand():
    # Half-life 1: each value weighs as much as all before it together.
    ours = normalise(np.array([0.0, 2.0, 3.0]), "ewm", 2, min_periods=2, squash=False)
    keep = 2**-0.5
    mean = (1 - keep) * 2.0
    var = keep * (1 - keep) * 4.0
    assert np.isnan(ours[:2]).all()
    assert ours[2] == pytest.approx((3 - mean) / math.sqrt(var))


def test_no_error_grows_at_a_large_level():
    x = 60_000 + np.random.default_rng(1).normal(0, 0.01, 50_000)
    x[:100] *= 1e6  # what was remembered once leaves nothing behind
    ours = normalise(x, "zscore", 500, squash=False)[-1000:]
    theirs = naive(x[-1500:], "zscore", 500, 20, squash=False)[-1000:]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)


def test_what_cannot_be():
    with pytest.raises(ConfigError, match="did you mean 'zscore'"):
        Normaliser("zscor")
    with pytest.raises(ConfigError, match="min_periods"):
        Normaliser(window=10, min_periods=11)
    with pytest.raises(ConfigError, match="times"):
        Normaliser(span=timedelta(days=1)).update([1.0])
