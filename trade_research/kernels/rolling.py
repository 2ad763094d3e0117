"""Windows that roll over an array: holes, means, deviations, extremes.

A *run* is a stretch without NaN. Every kernel here treats each run on its own, so what it knows
restarts after a hole, and sums are re-based at bars fixed by the run's start and the window alone:
a prefix of the bars gives a prefix of the values, bit for bit.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, kernel

_CHUNK = 256
"""Bars looked at together when searching a hole; a power of two, no effect on results."""


@kernel
def next_hole(x: F64, start: int) -> int:
    """Index of the first NaN at or after `start`, (n,) to int; n when there is none."""
    n, at = x.size, start
    while at + _CHUNK <= n:
        holes = 0
        for v in x[at : at + _CHUNK]:
            holes += v != v
        if holes:
            break
        at += _CHUNK
    while at < n and x[at] == x[at]:
        at += 1
    return at


@kernel
def next_value(x: F64, start: int) -> int:
    """Index of the first value that is not NaN at or after `start`; n when there is none."""
    at = start
    while at < x.size and x[at] != x[at]:
        at += 1
    return at


@kernel
def running_sum(x: F64, base: float, out: F64) -> None:
    """Sums of ``x - base`` from the first: out[i] of the first i values, (n,) to (n + 1,).

    Four at a time, so that one addition in four waits for the one before; a last group of fewer
    than four uses the same expressions, so cutting the array short changes no earlier sum.
    """
    total, last = 0.0, x.size // 4 * 4
    out[0] = 0.0
    for i in range(0, last, 4):
        a = x[i] - base
        b = a + (x[i + 1] - base)
        c = b + (x[i + 2] - base)
        d = c + (x[i + 3] - base)
        out[i + 1], out[i + 2], out[i + 3] = total + a, total + b, total + c
        total = total + d
        out[i + 4] = total
    part = 0.0
    for i in range(last, x.size):
        part += x[i] - base
        out[i + 1] = total + part


@kernel
def mean_of_run(x: F64, window: int, out: F64) -> None:
    """Mean of the last `window` values of one run, by sums of blocks: sum to here less sum to there.

    Each block of bars sums distances from its own first value, so a price of 60,000 costs no
    digits and equal prices give exactly that price.
    """
    block, share = 512, 1.0 / window
    while block < 4 * window:
        block *= 2
    out[: window - 1] = np.nan
    sums = np.empty(min(block, x.size) + window)
    for start in range(0, x.size - window + 1, block):
        part = x[start : start + block + window - 1]
        base, size = part[0], part.size - window + 1
        running_sum(part, base, sums)
        low, high, y = sums[:size], sums[window : window + size], out[start + window - 1 :]
        for i in range(size):
            y[i] = base + (high[i] - low[i]) * share


@kernel
def rolling_mean(x: F64, window: int) -> F64:
    """Mean of the last `window` values, (n,) to (n,); NaN where a run is shorter than that."""
    out = np.empty(x.size)
    if window < 1:
        out[:] = np.nan
        return out
    start = 0
    while start < x.size:
        end = next_hole(x, start)
        if end - start < window:
            out[start:end] = np.nan
        else:
            mean_of_run(x[start:end], window, out[start:end])
        start = next_value(x, end)
        out[end:start] = np.nan
    return out


@kernel
def deviation_of_run(x: F64, window: int, ddof: int, mean: F64, out: F64) -> None:
    """Mean and standard deviation of the last `window` values of one run.

    The run is cut at multiples of the window, so each window is the end of one piece and the start
    of the next. Sums of distances and of their squares run backwards and forwards from each cut,
    and are only ever added: nothing is subtracted as bars leave, and the value at the cut, from
    which distances are measured, is always in the window. So neither a high price nor a spike that
    has passed costs digits.
    """
    share, free = 1.0 / window, 1.0 / (window - ddof) if window > ddof else np.nan
    mean[: window - 1] = np.nan
    out[: window - 1] = np.nan
    first, second = np.zeros(window + 1), np.zeros(window + 1)
    ends = np.zeros((2, window))
    for cut in range(0, x.size, window):
        base = x[cut]
        ahead = x[cut : cut + window]
        one, two = 0.0, 0.0
        for i in range(ahead.size):
            d = ahead[i] - base
            one += d
            two += d * d
            ends[0, i], ends[1, i] = one, two
        if cut > 0:
            behind = x[cut - window : cut]
            one, two = 0.0, 0.0
            for i in range(window - 1, 0, -1):
                d = behind[i] - base
                one += d
                two += d * d
                first[i], second[i] = one, two
        since = 0 if cut > 0 else window - 1
        m, y = mean[cut : cut + window], out[cut : cut + window]
        for i in range(since, ahead.size):
            s = first[i + 1] + ends[0, i]
            m[i] = base + s * share
            y[i] = np.sqrt(max((second[i + 1] + ends[1, i] - s * s * share) * free, 0.0))


@kernel
def rolling_deviation(x: F64, window: int, ddof: int) -> tuple[F64, F64]:
    """Rolling mean and standard deviation, (n,) to (n,) and (n,); NaN as in `rolling_mean`."""
    mean, out = np.empty(x.size), np.empty(x.size)
    if window < 1:
        mean[:] = np.nan
        out[:] = np.nan
        return mean, out
    start = 0
    while start < x.size:
        end = next_hole(x, start)
        if end - start < window:
            mean[start:end] = np.nan
            out[start:end] = np.nan
        else:
            deviation_of_run(x[start:end], window, ddof, mean[start:end], out[start:end])
        start = next_value(x, end)
        mean[end:start] = np.nan
        out[end:start] = np.nan
    return mean, out


@kernel
def rolling_extreme(x: F64, window: int, sign: float) -> F64:
    """Smallest of the last `window` values of ``sign * x``, times `sign`: 1.0 least, -1.0 largest.

    The same cuts as `deviation_of_run`: least so far backwards and forwards from each, so the work
    per bar does not grow with the window.
    """
    out = np.full(x.size, np.nan)
    if window < 1:
        return out
    least = np.empty(window + 1)
    start = 0
    while start < x.size:
        end = next_hole(x, start)
        run, y = x[start:end], out[start:end]
        for cut in range(0, run.size, window):
            least[window] = np.inf
            if cut > 0:
                low = np.inf
                for i in range(window - 1, 0, -1):
                    low = min(low, sign * run[cut - window + i])
                    least[i] = low
            low = np.inf
            for i in range(min(window, run.size - cut)):
                low = min(low, sign * run[cut + i])
                if cut > 0 or i == window - 1:
                    y[cut + i] = sign * min(least[i + 1], low)
        start = next_value(x, end)
    return out
