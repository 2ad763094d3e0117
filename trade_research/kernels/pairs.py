"""How two columns vary together over a window that rolls."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel
from trade_research.kernels.rolling import next_hole, running_sum, running_total

_FAITH = 2e-5
"""Least share of the squares added up so far that a window's may be: see `kernels.deviations`."""


@inner_kernel
def afresh(x: F64, y: F64) -> tuple[float, float, float]:
    """Products of the distances of pairs from their means, squares of x's, and of y's."""
    u, v, a, b = x[x.size - 1], y[y.size - 1], 0.0, 0.0
    both, alone, other = 0.0, 0.0, 0.0
    for i in range(x.size):
        p, q = x[i] - u, y[i] - v
        a, b = a + p, b + q
        both, alone, other = both + p * q, alone + p * p, other + q * q
    both, alone, other = both - a * b / x.size, alone - a * a / x.size, other - b * b / x.size
    return both, max(alone, 0.0), max(other, 0.0)


@inner_kernel
def covary(x: F64, y: F64, window: int, room: F64, both: F64, alone: F64, other: F64) -> None:
    """`afresh` of every window, (n,) twice into (n - window + 1,) thrice, by running sums.

    Where a window's squares are lost among those added up so far, its values are summed afresh.
    `room` is room to work in, (6, n + 1).
    """
    u, v, share, lost = x[0], y[0], 1.0 / window, 0
    row, one, two = room[0][: x.size], room[1], room[2]
    running_sum(x, u, one)
    running_sum(y, v, two)
    for i in range(x.size):
        row[i] = (x[i] - u) * (y[i] - v)
    running_total(row, room[3])
    for i in range(x.size):
        row[i] = (x[i] - u) * (x[i] - u)
    running_total(row, room[4])
    for i in range(x.size):
        row[i] = (y[i] - v) * (y[i] - v)
    running_total(row, room[5])
    ones, twos, late3 = one[window:], two[window:], room[3][window:]
    row3, row4, row5, late4, late5 = room[3], room[4], room[5], room[4][window:], room[5][window:]
    for i in range(both.size):
        a, b = ones[i] - one[i], twos[i] - two[i]
        both[i] = late3[i] - row3[i] - a * b * share
        p, q = late4[i] - row4[i] - a * a * share, late5[i] - row5[i] - b * b * share
        alone[i], other[i] = p, q
        lost += 0 if (p > _FAITH * late4[i]) & (q > _FAITH * late5[i]) else 1
    if lost > 0:
        for i in range(both.size):
            if not (alone[i] > _FAITH * late4[i] and other[i] > _FAITH * late5[i]):
                found = afresh(x[i : i + window], y[i : i + window])
                both[i], alone[i], other[i] = found[0], found[1], found[2]


@inner_kernel
def share(both: F64, alone: F64, other: F64, slope: bool, out: F64) -> None:
    """Slope or correlation of what `covary` found; NaN where nothing varies."""
    if not slope:
        for i in range(both.size):
            other[i] = np.sqrt(alone[i]) * np.sqrt(other[i])
    for i in range(both.size):
        r = both[i] / (other[i] if other[i] > 0.0 else np.nan)
        r = 1.0 if r > 1.0 and not slope else r
        out[i] = -1.0 if r < -1.0 and not slope else r


@kernel
def rolling_pairs(x: F64, y: F64, window: int, slope: bool) -> F64:
    """Correlation of the last `window` pairs, or slope of x on y; (n,) twice to (n,).

    In blocks of bars; a pair with a NaN starts the blocks anew behind it.
    """
    out, block, start, known = np.empty(x.size), max(256, 4 * window), 0, 0
    if not 1 <= window <= x.size:
        out[:] = np.nan
        return out
    room, rows = np.empty((6, block + window + 1)), np.empty((3, block + 1))
    while start + window <= x.size:
        a, b = x[start : start + block + window], y[start : start + block + window]
        whole = min(next_hole(a, 0), next_hole(b, 0))
        if whole >= window:
            at, size = start + window - 1, whole - window + 1
            both, alone, other = rows[0][:size], rows[1][:size], rows[2][:size]
            covary(a[:whole], b[:whole], window, room, both, alone, other)
            out[known:at], known = np.nan, at + size
            share(both, alone, other, slope, out[at:])
        start += block + 1 if whole == a.size else whole + 1
    out[known:] = np.nan
    return out
