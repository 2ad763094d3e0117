"""Exponential smoothing seeded with a plain mean: one recurrence for EMA, Wilder, RSI and ATR.

``e += alpha * (x - e)`` makes every bar wait for the one before. So kernels carry the sum that
leaks, ``e / alpha``, which needs no multiplication by alpha, eight bars at a time: the chain is one
multiplication and one addition in eight. Which of the expressions a bar gets is fixed by its
distance from the seed, so a shorter array has the same bits. A NaN shows in all that comes after.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel
from trade_research.kernels.rolling import next_hole, next_value

_BLOCK = 128
"""Bars of intermediate values kept at a time; a multiple of eight."""


@inner_kernel
def leak(x: F64, e: float, keep: float, out: F64) -> float:
    """``e = keep * e + x`` along (n,) arrays; returns it after the last whole eight bars.

    Callers that go on behind `x` pass a multiple of eight bars. `out` may be `x`.
    """
    k2, k3, k4 = keep * keep, keep * keep * keep, keep * keep * (keep * keep)
    k8, last = k4 * k4, x.size // 8 * 8
    for i in range(0, last, 8):
        p, t = x[i], x[i + 4]
        q, u = x[i + 1] + keep * p, x[i + 5] + keep * t
        r, v = x[i + 2] + keep * q, x[i + 6] + keep * u
        s, w = x[i + 3] + keep * r, x[i + 7] + keep * v
        half = k4 * e + s
        out[i], out[i + 1], out[i + 2], out[i + 3] = keep * e + p, k2 * e + q, k3 * e + r, half
        out[i + 4], out[i + 5], out[i + 6] = keep * half + t, k2 * half + u, k3 * half + v
        e = k8 * e + (k4 * s + w)
        out[i + 7] = e
    half, part = e, 0.0
    for i in range(last, x.size):
        at = (i - last) % 4
        if i == last + 4:
            half, part = out[i - 1], 0.0
        part = x[i] + keep * part
        out[i] = (keep if at == 0 else k2 if at == 1 else k3 if at == 2 else k4) * half + part
    return e


@inner_kernel
def scale(x: F64, by: float) -> None:
    """``x * by``, (n,) in place."""
    for i in range(x.size):
        x[i] *= by


@inner_kernel
def smooth_run(x: F64, start: int, window: int, alpha: float, out: F64) -> int:
    """The average over the run that begins at `start`, NaN before the seed; returns its end."""
    first = start + window
    seed, e = x[start:first], 0.0
    whole = next_hole(seed, 0)
    out[start:first] = np.nan
    if whole < window:
        return start + whole
    for v in seed:
        e += v
    out[first - 1] = e / window
    e /= window * alpha
    while first < x.size:
        y = out[first : first + _BLOCK]
        e = leak(x[first : first + _BLOCK], e, 1.0 - alpha, y)
        scale(y, alpha)
        if y[y.size - 1] != y[y.size - 1]:
            return next_hole(x, first)
        first += _BLOCK
    return x.size


@kernel
def smooth(x: F64, window: int, alpha: float) -> F64:
    """`smooth_run` over every run, (n,) to (n,); NaN until a run has `window` values."""
    out = np.empty(x.size)
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    out[:start] = np.nan
    while start < x.size:
        end = smooth_run(x, start, window, alpha, out)
        start = next_value(x, end)
        out[end:start] = np.nan
    return out


@inner_kernel
def chain_of_run(
    x: F64, start: int, window: int, shares: tuple[float, float, float], room: F64, out: F64
) -> int:
    """Sums of an EMA, the EMA of that and the EMA of that one, over one run; returns its end.

    `shares` of the three; a share of nought for the third leaves it out, warm-up and all. The first
    values, up to all seeds, are worked out one average after the other; then all go block by block.
    `room` is room to work in, (3, max(3 * window, _BLOCK)).
    """
    alpha, depth = 2.0 / (window + 1.0), 3 if shares[2] != 0.0 else 2
    keep, a, b, c = 1.0 - alpha, shares[0], shares[1], shares[2]
    head = depth * (window - 1) + 1
    whole = next_hole(x[start : start + head], 0)
    out[start : start + whole] = np.nan
    if whole < head:
        return start + whole
    smooth_run(x[start : start + head], 0, window, alpha, room[0][:head])
    for level in range(1, depth):
        before = room[level - 1][:head]
        smooth_run(before, level * (window - 1), window, alpha, room[level][:head])
    one, two, three = room[0][head - 1], room[1][head - 1], room[depth - 1][head - 1]
    out[start + head - 1] = a * one + b * two + c * three
    # From here on each average is the sum that leaks, and the next one's is of those sums.
    a, b, c = alpha * a, alpha * alpha * b, alpha * alpha * alpha * c
    one, two, three = one / alpha, two / (alpha * alpha), three / (alpha * alpha * alpha)
    for first in range(start + head, x.size, _BLOCK):
        y = out[first : first + _BLOCK]
        r, s, t = room[0][: y.size], room[1][: y.size], room[2][: y.size]
        one = leak(x[first : first + _BLOCK], one, keep, r)
        two = leak(r, two, keep, s)
        if depth == 3:
            three = leak(s, three, keep, t)
            for i in range(y.size):
                y[i] = a * r[i] + b * s[i] + c * t[i]
        else:
            for i in range(y.size):
                y[i] = a * r[i] + b * s[i]
        if y[y.size - 1] != y[y.size - 1]:
            return next_hole(x, first)
    return x.size


@kernel
def smooth_chain(x: F64, window: int, a: float, b: float, c: float) -> F64:
    """`chain_of_run` over every run, (n,) to (n,)."""
    out = np.empty(x.size)
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    out[:start] = np.nan
    room = np.empty((3, max(3 * max(min(window, x.size), 0), _BLOCK)))
    while start < x.size:
        end = chain_of_run(x, start, window, (a, b, c), room, out)
        start = next_value(x, end)
        out[end:start] = np.nan
    return out


@inner_kernel
def rsi_of_run(x: F64, start: int, window: int, room: F64, out: F64) -> int:
    """Wilder's relative strength index over the run that begins at `start`; returns its end.

    `room` is room to work in, (2, a multiple of eight bars).
    """
    first = start + window + 1
    seed, up, down = x[start:first], 0.0, 0.0
    whole = next_hole(seed, 0)
    out[start:first] = np.nan
    if whole <= window:
        return start + whole
    for i in range(1, window + 1):
        d = seed[i] - seed[i - 1]
        up += d if d > 0.0 else 0.0
        down += -d if d < 0.0 else 0.0
    keep = 1.0 - 1.0 / window
    out[first - 1] = 100.0 * up / (up + down) if up + down > 0.0 else 0.0
    while first < x.size:
        now, before = x[first : first + room.shape[1]], x[first - 1 :]
        rises, falls, y = room[0][: now.size], room[1][: now.size], out[first:]
        for i in range(now.size):
            d = now[i] - before[i]
            rises[i], falls[i] = d if not d <= 0.0 else 0.0, -d if not d >= 0.0 else 0.0
        up, down = leak(rises, up, keep, rises), leak(falls, down, keep, falls)
        for i in range(now.size):
            both = rises[i] + falls[i]
            y[i] = 100.0 * rises[i] / both if not both <= 0.0 else 0.0
        if y[now.size - 1] != y[now.size - 1]:
            return next_hole(x, first)
        first += now.size
    return x.size


@kernel
def wilder_rsi(x: F64, window: int) -> F64:
    """`rsi_of_run` over every run, (n,) to (n,); NaN until a run has `window` changes."""
    out, room = np.empty(x.size), np.empty((2, _BLOCK))
    start = next_value(x, 0) if 1 <= window < x.size else x.size
    out[:start] = np.nan
    while start < x.size:
        end = rsi_of_run(x, start, window, room, out)
        start = next_value(x, end)
        out[end:start] = np.nan
    return out


@inner_kernel
def reach(high: F64, low: F64, close: F64, out: F64) -> None:
    """True ranges of `out.size` bars from bar 1 of the others on; NaN where one of the three is."""
    high, low = high[1:], low[1:]
    for i in range(out.size):
        h, m, c = high[i], low[i], close[i]
        top, bottom = h if h > c else c, m if m < c else c
        # What the comparisons make of a NaN depends on its place; a sum carries it always.
        out[i] = top - bottom if h + m + c == h + m + c else np.nan


@kernel
def range_reached(high: F64, low: F64, close: F64) -> F64:
    """True range of each bar, (n,) thrice to (n,): see `indicators.true_range`."""
    out = np.empty(close.size)
    out[:1] = np.nan
    if close.size > 1:
        reach(high, low, close, out[1:])
    return out


@inner_kernel
def range_of_run(
    high: F64, low: F64, close: F64, start: int, window: int, percent: bool, room: F64, out: F64
) -> int:
    """Wilder's average of the true ranges of the run that begins at `start`; returns its end.

    In percent of the close if so asked. `room` is room to work in, a multiple of eight bars.
    """
    e, first = 0.0, min(start + window + 1, close.size)
    seed = out[start + 1 : first]
    if seed.size > 0:
        reach(high[start:], low[start:], close[start:], seed)
    for i in range(seed.size):
        e += seed[i]
    out[start:first] = np.nan
    if seed.size == window:
        out[first - 1] = e / window * (100.0 / close[first - 1] if percent else 1.0)
    at, alpha = start, 1.0 / window
    while e == e and first < close.size:
        y, c = out[first : first + room.size], close[first:]
        ranges = room[: y.size]
        reach(high[first - 1 :], low[first - 1 :], close[first - 1 :], ranges)
        e = leak(ranges, e, 1.0 - alpha, ranges)
        if percent:
            for i in range(y.size):
                y[i] = 100.0 * alpha * (ranges[i] / c[i])
        else:
            for i in range(y.size):
                y[i] = alpha * ranges[i]
        at, first = first - 1, first + y.size
    while at < close.size and not np.isnan(high[at] + low[at] + close[at]):
        at += 1
    return at


@inner_kernel
def next_bar(high: F64, low: F64, close: F64, start: int) -> int:
    """Index of the first bar without NaN at or after `start`; n when there is none."""
    at = start
    while at < close.size and np.isnan(high[at] + low[at] + close[at]):
        at += 1
    return at


@kernel
def wilder_range(high: F64, low: F64, close: F64, window: int, percent: bool) -> F64:
    """`range_of_run` over every run, (n,) thrice to (n,); a bar with any NaN ends a run."""
    out, room = np.empty(close.size), np.empty(_BLOCK)
    if not 1 <= window < close.size:
        out[:] = np.nan
        return out
    start = next_bar(high, low, close, 0)
    out[:start] = np.nan
    while start < close.size:
        end = range_of_run(high, low, close, start, window, percent, room, out)
        start = next_bar(high, low, close, end)
        out[end:start] = np.nan
    return out
