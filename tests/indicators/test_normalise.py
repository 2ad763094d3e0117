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
        if method == "zscore":
            with np.errstate(divide="ignore"):  # the squares of tiny values are nought
                z = (v - h.mean()) / h.std() if np.ptp(h) > 0 else np.nan
        elif method == "mad":
            middle = np.median(h)
            reach = np.sort(np.abs(h - middle))[(h.size + 1) // 2 - 1]
            z = (v - middle) / (1.482602218505602 * reach) if reach > 0 else np.nan
        else:
            rank = (h < v).sum() + 0.5 * (h == v).sum()
            if method == "percentile":
                out[t] = 2 * rank / h.size - 1
                continue
            z = norm.ppf((rank + 0.5) / (h.size + 1))
        out[t] = math.tanh(z / 2) if squash else z
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
