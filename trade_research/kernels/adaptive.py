"""Averages whose speed follows the market: Kaufman's."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel
from trade_research.kernels.rolling import next_hole, next_value, running_total


@inner_kernel
def follow(x: F64, speeds: F64, e: float, out: F64) -> None:
    """``e += speed * (x - e)`` along (n,) arrays, four at a time as `smooth.decay`."""
    last = x.size // 4 * 4
    for i in range(0, last, 4):
        a, b = 1.0 - speeds[i], 1.0 - speeds[i + 1]
        c, d = 1.0 - speeds[i + 2], 1.0 - speeds[i + 3]
        p = speeds[i] * x[i]
        q = b * p + speeds[i + 1] * x[i + 1]
        r = c * q + speeds[i + 2] * x[i + 2]
        s = d * r + speeds[i + 3] * x[i + 3]
        b *= a
        c *= b
        d *= c
        out[i], out[i + 1], out[i + 2] = a * e + p, b * e + q, c * e + r
        e = d * e + s
        out[i + 3] = e
    part, scale = 0.0, 1.0
    for i in range(last, x.size):
        keep = 1.0 - speeds[i]
        part, scale = keep * part + speeds[i] * x[i], keep * scale
        out[i] = scale * e + part


@inner_kernel
def kaufman_of_run(
    x: F64, start: int, window: int, fast: float, slow: float, room: F64, out: F64
) -> int:
    """Kaufman's average of the run that begins at `start`; returns where it ends.

    In blocks of bars. `room` is room to work in, (2, bars of a block and the window before it).
    """
    block, end = room.shape[1] - window - 1, next_hole(x, start)
    out[start : min(start + window, end)] = np.nan
    e = x[min(start + window - 1, end - 1)]
    for first in range(start, end - window, block):
        part = x[first : min(first + block + window, end)]
        steps, now, size = room[0][: part.size - 1], part[1:], part.size - window
        for i in range(steps.size):
            steps[i] = abs(now[i] - part[i])
        running_total(steps, room[1])
        before, after, ends = room[1][:size], room[1][window : window + size], part[window:]
        speeds = steps[:size]
        for i in range(size):
            far, way = abs(ends[i] - part[i]), after[i] - before[i]
            speed = (far / way if way > far else 1.0) * (fast - slow) + slow
            speeds[i] = speed * speed
        y = out[first + window : first + window + size]
        follow(ends, speeds, e, y)
        e = y[size - 1]
    return end


@kernel
def kaufman(x: F64, window: int, fast: int, slow: int) -> F64:
    """`kaufman_of_run` over every run, (n,) to (n,)."""
    out, block = np.empty(x.size), 512
    start = next_value(x, 0) if 1 <= window < x.size else x.size
    out[:start] = np.nan
    span = max(min(window, x.size), 0)
    while block < 4 * span:
        block *= 2
    room, quick, calm = np.empty((2, block + span + 1)), 2.0 / (fast + 1.0), 2.0 / (slow + 1.0)
    while start < x.size:
        end = kaufman_of_run(x, start, window, quick, calm, room, out)
        start = next_value(x, end)
        out[end:start] = np.nan
    return out
