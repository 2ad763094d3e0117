"""Every indicator as its definition reads, one bar at a time, exact sums; and arrays to try."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

NAN = float("nan")


def runs(x):
    """(start, end) of every stretch without NaN."""
    found, start = [], None
    for t, v in enumerate([*x, NAN]):
        if v == v and start is None:
            start = t
        elif v != v and start is not None:
            found.append((start, t))
            start = None
    return found


def per_run(x, rule):
    """`rule(values of a run)` laid back over the rows of the run, NaN elsewhere."""
    out = [NAN] * len(x)
    for start, end in runs(x):
        out[start:end] = rule([float(v) for v in x[start:end]])
    return np.array(out)


def windowed(x, window, rule):
    def over(run):
        return [
            rule(run[t - window + 1 : t + 1]) if 0 < window <= t + 1 else NAN
            for t in range(len(run))
        ]

    return per_run(x, over)


def sma(x, window):
    return windowed(x, window, lambda w: math.fsum(w) / window)


def rolling_std(x, window, ddof=0):
    def deviation(values):
        if window <= ddof:
            return NAN
        mean = math.fsum(values) / window
        return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (window - ddof))

    return windowed(x, window, deviation)


def rolling_min(x, window):
    return windowed(x, window, min)


def rolling_max(x, window):
    return windowed(x, window, max)


def smoothed(x, window, alpha):
    def over(run):
        if not 1 <= window <= len(run):
            return [NAN] * len(run)
        out = [NAN] * (window - 1) + [math.fsum(run[:window]) / window]
        for v in run[window:]:
            out.append(out[-1] + alpha * (v - out[-1]))
        return out

    return per_run(x, over)


def ema(x, window):
    return smoothed(x, window, 2 / (window + 1))


def wilder(x, window):
    return smoothed(x, window, 1 / window if window else 0)


def rsi(x, window):
    def over(run):
        changes = [b - a for a, b in pairwise(run)]
        up = wilder([max(c, 0.0) for c in changes], window)
        down = wilder([max(-c, 0.0) for c in changes], window)
        index = [
            NAN if u != u else (100 * u / (u + d) if u + d > 0 else 0.0)
            for u, d in zip(up, down, strict=True)
        ]
        return [NAN, *index][: len(run)]

    return per_run(x, over)


def true_range(high, low, close):
    out = [NAN] * len(close)
    for t in range(1, len(close)):
        if not any(math.isnan(v) for v in (high[t], low[t], close[t - 1])):
            out[t] = max(high[t] - low[t], abs(high[t] - close[t - 1]), abs(low[t] - close[t - 1]))
    return np.array(out)


def atr(high, low, close, window):
    out = np.full(len(close), NAN)
    for start, end in runs(high + low + close):
        ranges = true_range(high[start:end], low[start:end], close[start:end])
        out[start:end] = wilder(ranges, window)
    return out


def bollinger_bands(x, window, width):
    middle, reach = sma(x, window), width * rolling_std(x, window)
    return middle + reach, middle, middle - reach


@st.composite
def prices(draw, most=700):
    """Prices of any length: walks in ticks near 60,000 or near 1e-6, flats, jumps, NaN holes."""
    n = draw(st.integers(0, most))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level, tick = draw(st.sampled_from([(60_000.0, 0.01), (1e-6, 1e-9), (100.0, 0.5), (1.0, 0.0)]))
    moves = rng.integers(-3, 4, n) * (rng.random(n) < draw(st.sampled_from([0.02, 0.5, 1.0])))
    x = level + tick * np.cumsum(moves)
    if n and draw(st.booleans()):
        x[rng.integers(0, n) :] *= 1.5
    for _ in range(draw(st.integers(0, 3)) if n else 0):
        at = rng.integers(0, n)
        x[at : at + rng.integers(1, 40)] = np.nan
    return x


windows = st.one_of(st.integers(0, 40), st.sampled_from([64, 130, 300, 701]))
holed = hnp.arrays(np.float64, st.integers(0, 60), elements=st.sampled_from([1.0, 2.0, 2.5, NAN]))
