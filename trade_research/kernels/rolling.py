"""Windows that roll over an array: holes, means, deviations, extremes.

A *run* is a stretch without NaN. Every kernel here treats each run on its own, so what it knows
restarts after a hole, and sums are re-based at bars fixed by the run's start and the window alone:
a prefix of the bars gives a prefix of the values, bit for bit.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, Kernel, inner_kernel, kernel

_CHUNK = 256
"""Bars worked on together; no effect on results."""

_SHORT = 8
"""Windows up to this long are summed afresh at every bar."""


@inner_kernel
def next_hole(x: F64, start: int) -> int:
    """Index of the first NaN at or after `start`, (n,) to int; n when there is none."""
    n, at = x.size, start
    while at + _CHUNK <= n:
        part, holes = x[at : at + _CHUNK], 0
        for i in range(_CHUNK):  # counting instead of stopping lets the compiler use vectors
            holes += 1 if part[i] != part[i] else 0
        if holes > 0:
            break
        at += _CHUNK
    while at < n and x[at] == x[at]:
        at += 1
    return at


@inner_kernel
def next_value(x: F64, start: int) -> int:
    """Index of the first value that is not NaN at or after `start`; n when there is none."""
    at = start
    while at < x.size and x[at] != x[at]:
        at += 1
    return at


@inner_kernel
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


@inner_kernel
def mean_of_run(x: F64, start: int, window: int, sums: F64, out: F64) -> int:
    """Rolling mean of the run that begins at `start`, into `out`; returns where the run ends.

    A sum up to here less the sum up to `window` bars ago, in blocks of bars. Each block sums
    distances from its own first value, so a price of 60,000 costs no digits and equal prices give
    exactly that price. A NaN shows in the block's last sum; what follows it in the block is NaN.
    `sums` is room to work in, for the sums of a block and the window before it.
    """
    block, share = sums.size - window, 1.0 / window
    out[start : start + window - 1] = np.nan
    for first in range(start, x.size - window + 1, block):
        part = x[first : first + block + window - 1]
        base, size = part[0], part.size - window + 1
        running_sum(part, base, sums)
        low, high, y = sums[:size], sums[window : window + size], out[first + window - 1 :]
        for i in range(size):
            y[i] = base + (high[i] - low[i]) * share
        if sums[part.size] != sums[part.size]:
            hole = next_hole(x, first)
            if hole < first + part.size:
                return hole
    return next_hole(x, max(start, x.size - window + 1))


@kernel
def rolling_mean(x: F64, window: int) -> F64:
    """Mean of the last `window` values, (n,) to (n,); NaN where a run is shorter than that."""
    out, block = np.empty(x.size), 512
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    out[:start] = np.nan
    while block < 4 * min(window, x.size):
        block *= 2
    sums = np.empty(block + max(min(window, x.size), 0))
    while start < x.size:
        end = mean_of_run(x, start, window, sums, out)
        start = next_value(x, end)
        out[end:start] = np.nan
    return out


@inner_kernel
def deviation_of_run(
    x: F64, start: int, window: int, ddof: int, room: F64, mean: F64, out: F64
) -> int:
    """Rolling mean and deviation of the run that begins at `start`; returns where it ends.

    The run is cut at multiples of the window, so each window is the end of one piece and the start
    of the next. Sums of distances and of their squares run forwards (`a`) and backwards (`b`) from
    each cut, and are only ever added: nothing is subtracted as bars leave, and the value at the
    cut, from which distances are measured, is always in the window. So neither a high price nor a
    spike that has passed costs digits. A NaN shows in the sums. `room` is room to work in,
    (4, window).
    """
    share, free = 1.0 / window, 1.0 / (window - ddof) if window > ddof else np.nan
    a1, a2, b1, b2 = room[0], room[1], room[2], room[3]
    mean[start : start + window - 1], out[start : start + window - 1] = np.nan, np.nan
    if next_hole(x[start : start + window], 0) < window:
        return next_hole(x, start)
    for piece in range((x.size - start + window - 1) // window):
        cut = start + piece * window
        base, size = x[cut], min(window, x.size - cut)
        ahead, behind = x[cut : cut + size], x[max(cut - window, start) :]
        one, two, other, square = 0.0, 0.0, 0.0, 0.0
        for i in range(size):
            d, e = ahead[i] - base, behind[window - 1 - i] - base
            one += d
            two += d * d
            a1[i], a2[i] = one, two
            b1[window - 1 - i], b2[window - 1 - i] = other, square
            other += e
            square += e * e
        for i in range(size, window):
            e = behind[window - 1 - i] - base
            b1[window - 1 - i], b2[window - 1 - i] = other, square
            other += e
            square += e * e
        if piece == 0:  # only the window that is the piece itself
            mean[cut + window - 1] = base + one * share
            out[cut + window - 1] = np.sqrt(max((two - one * one * share) * free, 0.0))
            continue
        m, y = mean[cut : cut + size], out[cut : cut + size]
        for i in range(size):
            s = a1[i] + b1[i]
            v = (a2[i] + b2[i] - s * s * share) * free
            m[i], y[i] = base + s * share, np.sqrt(v if v > 0.0 else 0.0 * v)
        if one != one:
            return next_hole(x, cut)
    return x.size


@inner_kernel
def deviation_of_short(
    x: F64, start: int, window: int, ddof: int, room: F64, mean: F64, out: F64
) -> int:
    """`deviation_of_run` for short windows: each summed afresh, distances from its last value."""
    share, free = 1.0 / window, 1.0 / (window - ddof) if window > ddof else np.nan
    mean[start : start + window - 1], out[start : start + window - 1] = np.nan, np.nan
    for first in range(start + window - 1, x.size, _CHUNK):
        before = x[first - window + 1 : first + _CHUNK]
        whole = next_hole(before, 0)
        size = max(whole - window + 1, 0)
        base, ones, twos = x[first : first + size], room[0][:size], room[1][:size]
        ones[:], twos[:] = 0.0, 0.0
        for back in range(1, window):
            earlier = x[first - back :]
            for i in range(size):
                d = earlier[i] - base[i]
                ones[i] += d
                twos[i] += d * d
        m, y = mean[first:], out[first:]
        for i in range(size):
            v = (twos[i] - ones[i] * ones[i] * share) * free
            m[i], y[i] = base[i] + ones[i] * share, np.sqrt(v if v > 0.0 else 0.0 * v)
        if whole < before.size:
            return first - window + 1 + whole
    return next_hole(x, max(start, x.size - window + 1))


@kernel
def rolling_deviation(x: F64, window: int, ddof: int, mean: F64, out: F64) -> None:
    """Rolling mean and standard deviation, (n,) to (n,) and (n,); NaN as in `rolling_mean`."""
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    mean[:start], out[:start] = np.nan, np.nan
    room = np.empty((4, max(min(window, x.size), _CHUNK)))
    while start < x.size:
        if window <= _SHORT:
            end = deviation_of_short(x, start, window, ddof, room, mean, out)
        else:
            end = deviation_of_run(x, start, window, ddof, room, mean, out)
        start = next_value(x, end)
        mean[end:start], out[end:start] = np.nan, np.nan


@inner_kernel
def lower(a: float, b: float) -> float:
    """The lower of two numbers."""
    return a if a < b else b


@inner_kernel
def higher(a: float, b: float) -> float:
    """The higher of two numbers."""
    return a if a > b else b


@inner_kernel
def best_of(x: F64, apart: int, count: int, pick: Kernel[float], out: F64) -> None:
    """The `pick` of `count` (2 or 4) values `apart` bars apart, from each bar on."""
    size = x.size - apart * (count - 1)
    second = x[apart:]
    if count == 2:
        for i in range(size):
            out[i] = pick(x[i], second[i])
        return
    third, fourth = x[2 * apart :], x[3 * apart :]
    for i in range(size):
        out[i] = pick(pick(x[i], second[i]), pick(third[i], fourth[i]))


@inner_kernel
def best_of_run(x: F64, start: int, window: int, pick: Kernel[float], room: F64, out: F64) -> int:
    """Rolling `pick` over the run that begins at `start`; returns where it ends.

    Best of four neighbours, then of sixteen, …: each step covers a block of bars without one bar
    waiting for another, so the few steps take less time than one pass that has to wait. `room` is
    room to work in, (2, bars of a block and the window before it).
    """
    out[start : start + window - 1] = np.nan
    for first in range(start, x.size - window + 1, room.shape[1] - window):
        part = x[first : first + room.shape[1] - 1]
        size = next_hole(part, 0)
        now, reach, at = part[:size], 1, 0
        while 2 * reach < window <= size:
            count = 4 if 4 * reach <= window else 2
            best_of(now, reach, count, pick, room[at])
            now = room[at][: now.size - reach * (count - 1)]
            reach, at = reach * count, 1 - at
        if window <= size:
            best_of(now, window - reach, 2, pick, out[first + window - 1 :])
        if size < part.size:
            return first + size
    return next_hole(x, max(start, x.size - window + 1))


@kernel
def rolling_best(x: F64, window: int, pick: Kernel[float]) -> F64:
    """`best_of_run` over every run, (n,) to (n,): `lower` for the minimum, `higher` the maximum."""
    out = np.empty(x.size)
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    out[:start] = np.nan
    span = max(min(window, x.size), 0)
    room = np.empty((2, max(1024, span) + span))
    while start < x.size:
        end = best_of_run(x, start, window, pick, room, out)
        start = next_value(x, end)
        out[end:start] = np.nan
    return out
