"""Weighted means and straight lines over a window that rolls.

Runs, holes and the prefix law as in `kernels.rolling`.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel
from trade_research.kernels.rolling import next_hole, next_value, running_sum, running_total


@inner_kernel
def carry_line(mean: float, total: float, part: F64, window: int, out: F64) -> float:
    """Carry a window's mean, weighted 1 to `window`, and its plain `total`; returns the last mean.

    Four at a time, as `rolling.running_sum`: (n + window,) to (n,).
    """
    share, entering, last = 2.0 / (window * (window + 1.0)), part[window:], out.size // 4 * 4
    for i in range(0, last, 4):
        x, y, z, v = entering[i], entering[i + 1], entering[i + 2], entering[i + 3]
        a = x - part[i]
        b = a + (y - part[i + 1])
        c = b + (z - part[i + 2])
        d = c + (v - part[i + 3])
        p = share * (window * x - total)
        q = p + share * (window * y - (total + a))
        r = q + share * (window * z - (total + b))
        s = r + share * (window * v - (total + c))
        out[i], out[i + 1], out[i + 2] = mean + p, mean + q, mean + r
        mean, total = mean + s, total + d
        out[i + 3] = mean
    gain, more = 0.0, 0.0
    for i in range(last, out.size):
        gain += share * (window * entering[i] - (total + more))
        more += entering[i] - part[i]
        out[i] = mean + gain
    return mean + gain


@kernel
def weighted_mean(x: F64, window: int) -> F64:
    """Mean of the last `window` values with weights 1 (oldest) to `window`, (n,) to (n,).

    In blocks that each begin with a window summed afresh, as `rolling.mean_of_run`.
    """
    out, block = np.empty(x.size), max(512, 16 * window)
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    out[:start] = np.nan
    while start < x.size:
        end = next_hole(x, max(start, x.size - window + 1))
        out[start : start + window - 1] = np.nan
        for first in range(start, x.size - window + 1, block):
            part, y = x[first : first + block + window - 1], out[first + window - 1 :]
            base, total, weighted, size = part[0], 0.0, 0.0, part.size - window
            for i in range(1, window):
                total += part[i] - base
                weighted += (i + 1) * (part[i] - base)
            y[0] = base + weighted * 2.0 / (window * (window + 1.0))
            total += window * base
            if carry_line(y[0], total, part, window, y[1 : size + 1]) != y[size]:
                hole = next_hole(x, first)
                if hole < first + part.size:
                    end = hole
                    break
        start = next_value(x, end)
        out[end:start] = np.nan
    return out


@inner_kernel
def line_of_run(
    x: F64,
    start: int,
    window: int,
    short: int,
    shares: tuple[float, float, float, float],
    room: F64,
    out: F64,
) -> int:
    """Sums of linearly weighted and plain means of a run; returns where it ends.

    In blocks of bars, of distances from the block's first value, which comes back `level` times.
    With S the running sums and T the sums of those, the window that starts at i sums to
    ``S[i+w] - S[i]``, and with weights 1 to w to ``w S[i+w] - (T[i+w] - T[i])``. `shares`: of the
    level, of the weighted mean, of the plain one, of the weighted one over the last `short` bars.
    `room` is room to work in, (2, bars of a block and the window before it).
    """
    block, (level, tilt, flat, tip) = room.shape[1] - window, shares
    tilt, flat = tilt * 2.0 / (window * (window + 1.0)), flat / window
    tip *= 2.0 / (short * (short + 1.0))
    out[start : start + window - 1] = np.nan
    for first in range(start, x.size - window + 1, block):
        part = x[first : first + block + window - 1]
        base, size = part[0], part.size - window + 1
        running_sum(part, base, room[0])
        running_total(room[0][: part.size], room[1])
        low, high = room[0][:size], room[0][window : window + size]
        early, late, y = room[1][:size], room[1][window : window + size], out[first + window - 1 :]
        for i in range(size):
            weighted = window * high[i] - (late[i] - early[i])
            y[i] = level * base + (tilt * weighted + flat * (high[i] - low[i]))
        if tip != 0.0:
            recent = room[1][window - short : window - short + size]
            for i in range(size):
                y[i] += tip * (short * high[i] - (late[i] - recent[i]))
        if room[0][part.size] != room[0][part.size]:
            hole = next_hole(x, first)
            if hole < first + part.size:
                return hole
    return next_hole(x, max(start, x.size - window + 1))


@kernel
def rolling_line(
    x: F64, window: int, short: int, level: float, tilt: float, flat: float, tip: float
) -> F64:
    """`line_of_run` over every run, (n,) to (n,): (1, 1, 0, 0) gives the weighted mean."""
    out = np.empty(x.size)
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    out[:start] = np.nan
    span, block = max(min(window, x.size), 0), 256
    while block < 4 * span:
        block *= 2
    room = np.empty((2, block + span))
    while start < x.size:
        end = line_of_run(x, start, window, short, (level, tilt, flat, tip), room, out)
        start = next_value(x, end)
        out[end:start] = np.nan
    return out
