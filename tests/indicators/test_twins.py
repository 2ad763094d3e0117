"""Indicators that TA-Lib lacks, each against its definition written bar by bar."""

from __future__ import annotations

import numpy as np
import pytest

from tests.indicators.test_table import CHEAP, DEAR, N
from trade_research import indicators as i

MARKETS = pytest.mark.parametrize("m", [DEAR, CHEAP], ids=["dear", "cheap"])


def rolled(rule, window, *columns):
    """`rule` of every window of the columns, NaN before the first."""
    out = np.full(N, np.nan)
    for t in range(window - 1, N):
        out[t] = rule(*(c[t - window + 1 : t + 1] for c in columns))
    return out


def agree(ours, theirs, size=1.0, tolerance=1e-9):
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * size)


@MARKETS
@pytest.mark.parametrize("window", [1, 2, 14, 50])
def test_cutler(m, window):
    def share(x):
        d = np.diff(x)
        both = np.abs(d).sum()
        return 100 * d[d > 0].sum() / both if both else 0.0

    agree(i.rsi_cutler(m["x"], window), rolled(share, window + 1, m["x"]), 100.0)


@MARKETS
def test_signals_of_macd_and_ppo_are_averages_of_their_lines(m):
    lines = i.ppo(m["x"], 5, 9, 1).line
    found = i.ppo(m["x"], 5, 9, 4)
    agree(found.signal, i.ema(lines, 4), 1.0)
    agree(found.histogram, found.line - found.signal, 1.0)


@MARKETS
def test_ichimoku_is_what_was_drawn_before(m):
    def middle(window):
        return rolled(lambda high, low: (high.max() + low.min()) / 2, window, m["high"], m["low"])

    found = i.ichimoku(m["high"], m["low"], 4, 8, 15, 6)
    pad = np.full(6, np.nan)
    for line, wanted in zip(
        found,
        (
            middle(4),
            middle(8),
            np.concatenate([pad, ((middle(4) + middle(8)) / 2)[:-6]]),
            np.concatenate([pad, middle(15)[:-6]]),
        ),
        strict=True,
    ):
        np.testing.assert_array_equal(line, wanted)


@MARKETS
def test_ribbon(m):
    found, x = i.bollinger_ribbon(m["x"], 10, 1.5, 30), m["x"]
    up, mid, low = i.bollinger_bands(x, 10, 1.5)
    # The bands carry the rounding of the price.
    agree(found.percent_b, (x - low) / (up - low), 1.0, 1e-6)
    agree(found.bandwidth, (up - low) / mid, 1e-3)
    ranks = rolled(lambda w: 100 * (w[:-1] < w[-1]).mean(), 31, found.bandwidth)
    agree(found.squeeze[39:], ranks[39:], 100.0)


@MARKETS
@pytest.mark.parametrize("w", [2, 20])
def test_realised_volatilities(m, w):
    # Logs of prices over the bar's open: those of the prices themselves lose digits.
    o = np.zeros(N)
    h, low, c = (np.log(m[name] / m["open"]) for name in ("high", "low", "close"))
    gap = np.append(np.nan, np.log(m["close"][1:] / m["close"][:-1]))
    agree(i.volatility_close(m["x"], w), rolled(lambda r: np.std(r, ddof=1), w, gap), 1e-6)
    ours = i.volatility_parkinson(m["high"], m["low"], w)
    agree(ours, rolled(lambda r: np.sqrt((r**2).mean() / (4 * np.log(2))), w, h - low), 1e-6)
    ours = i.volatility_garman_klass(m["open"], m["high"], m["low"], m["close"], w)
    part = 0.5 * (h - low) ** 2 - (2 * np.log(2) - 1) * (c - o) ** 2
    agree(ours, rolled(lambda r: np.sqrt(r.mean()), w, part), 1e-6)
    ours = i.volatility_yang_zhang(m["open"], m["high"], m["low"], m["close"], w)
    jump = np.append(np.nan, np.log(m["open"][1:] / m["close"][:-1]))
    inside, k = (h - o) * (h - c) + (low - o) * (low - c), 0.34 / (1.34 + (w + 1) / (w - 1))
    theirs = rolled(
        lambda a, b, d: np.sqrt(np.var(a, ddof=1) + k * np.var(b, ddof=1) + (1 - k) * d.mean()),
        w,
        jump,
        c - o,
        inside,
    )
    agree(ours, theirs, 1e-6)


@MARKETS
def test_rolling_vwap_and_sessions(m):
    bars = [m[name] for name in ("high", "low", "close", "volume")]
    typical, v = sum(bars[:3]) / 3, bars[3]
    mean = rolled(lambda p, q: (p * q).sum() / q.sum(), 15, typical, v)
    agree(i.vwap(*bars, 15), mean, m["close"][0])
    ours = i.vwap_session(*bars, m["day"])
    for day in np.unique(m["day"]):
        at = m["day"] == day
        wanted = np.cumsum(typical[at] * v[at]) / np.cumsum(v[at])
        np.testing.assert_allclose(ours[at], wanted, rtol=1e-12)
    bars[0] = bars[0].copy()
    bars[0][65] = np.nan  # the sixth bar of the third session
    holed = i.vwap_session(*bars, m["day"])
    assert np.isnan(holed[65:90]).all()
    np.testing.assert_array_equal(holed[90:], ours[90:])


@pytest.mark.parametrize("w", [63, 64, 65, 4200])
def test_medians_of_long_windows(w):
    n = w + 150
    draws = np.random.default_rng(w).normal(size=n)
    for x in (draws, np.cumsum(draws), np.round(draws, 1), np.sign(draws) + 1e-3 * draws):
        x = np.where(np.arange(n) == 20, np.nan, x)
        median, mad = i.rolling_median(x, w)
        assert np.isnan(median[: w + 20]).all()
        for t in range(w + 20, n, 7):
            known = x[t - w + 1 : t + 1]
            assert median[t] == np.median(known)
            assert mad[t] == pytest.approx(np.median(np.abs(known - median[t])), rel=1e-12)


def test_volume_by_hand():
    close, volume = np.array([5.0, 6, 6, 4, np.nan, 4, 5]), np.array([10.0, 1, 2, 3, 4, 5, 6])
    np.testing.assert_array_equal(i.obv(close, volume), [10, 11, 11, 8, np.nan, 5, 11])
    high, low = close + 1.0, close - 3.0  # the close at three quarters: half the volume counts
    np.testing.assert_array_equal(
        i.ad(high, low, close, volume), [5, 5.5, 6.5, 8, np.nan, 2.5, 5.5]
    )
    assert np.isnan(i.cmf(high, low, close, 0.0 * volume, 2)).all()


@MARKETS
@pytest.mark.parametrize("w", [2, 9, 40])
def test_statistics(m, w):
    x, y = m["x"], m["y"]
    with np.errstate(invalid="ignore", divide="ignore"):
        z = rolled(lambda v: (v[-1] - v.mean()) / v.std() if np.ptp(v) else np.nan, w, x)
    agree(i.zscore(x, w), z, 1.0, 1e-6)  # a deviation of cents from a mean near 60,000
    agree(i.rolling_median(x, w).median, rolled(np.median, w, x), 0.0)
    mad = rolled(lambda v: np.median(np.abs(v - np.median(v))), w, x)
    agree(i.rolling_median(x, w).mad, mad, x[0] * 1e-6)
    agree(i.linear_slope(x, w), rolled(lambda v: slope(np.arange(w), v), w, x), x[0])
    agree(i.percent_rank(x, w), rolled(lambda v: 100 * (v[:-1] < v[-1]).mean(), w + 1, x))
    agree(i.beta(x, y, w), rolled(lambda a, b: slope(b, a), w, x, y), 1.0, 1e-6)


def slope(x, y):
    x, y = x - x.mean(), y - y.mean()
    return x @ y / (x @ x) if np.abs(x).max() > 1e-16 else np.nan


@pytest.mark.parametrize("w", [8, 16, 63])
def test_hurst(w):
    x = np.log(DEAR["x"])
    lags = [2**k for k in range(9) if 4 * 2**k <= w]

    def exponent(v):
        sizes = [np.sqrt(((v[k:] - v[:-k]) ** 2).mean()) for k in lags]
        return slope(np.log(lags), np.log(sizes))

    agree(i.hurst(x, w), rolled(exponent, w, x))


def test_hurst_tells_walks_from_trends_and_returns():
    rng = np.random.default_rng(0)
    steps = rng.normal(size=20_000)
    walk, noise, trend = np.cumsum(steps), steps, np.arange(20_000.0)
    assert abs(np.nanmean(i.hurst(walk, 400)) - 0.5) < 0.03
    assert np.nanmean(i.hurst(noise, 400)) < 0.05
    assert abs(np.nanmean(i.hurst(trend, 400)) - 1.0) < 1e-9


def test_pivots_by_hand():
    """The high of 7 at bar 3 is known at bar 5; of the two of 6 the first counts, at bar 9."""
    high = np.array([4.0, 5, 6, 7, 5, 5, 4, 6, 6, 5, 4, 8])
    low = high - 1.0
    found = i.confirmed_pivots(high, low, 2, 2)
    wanted = np.full(12, np.nan)
    wanted[[5, 9]] = 7.0, 6.0
    np.testing.assert_array_equal(found.high, wanted)
    assert np.flatnonzero(~np.isnan(found.low)).tolist() == [8]
    levels = i.support_resistance(high, low, 2, 2)
    np.testing.assert_array_equal(levels.resistance[5:], [7, 7, 7, 7, 6, 6, 6])
    np.testing.assert_array_equal(levels.support[8:], [3, 3, 3, 3])
    assert np.isnan(levels.support[:8]).all()


@pytest.mark.parametrize("w", [9, 30])
def test_pairs_forget_a_crash_that_has_passed(w):
    """Calm cents behind a fall of both by 50,000 and back: nothing of it is left."""
    rng = np.random.default_rng(7)
    x, y = 60_000 + 0.01 * np.cumsum(rng.integers(-2, 3, (2, 800)), axis=1)
    x[300], y[301] = 10_000.0, 9_000.0
    for t in (*range(310 + w, 330 + w), 520, 799):
        a, b = (v[t - w + 1 : t + 1] for v in (x, y))
        np.testing.assert_allclose(i.correlation(x, y, w)[t], np.corrcoef(a, b)[0, 1], rtol=1e-8)
        np.testing.assert_allclose(i.beta(x, y, w)[t], slope(b, a), rtol=1e-8)
