"""Deviations of the values in a window that rolls from their mean.

Runs, holes and the prefix law as in `kernels.rolling`.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel
from trade_research.kernels.rolling import next_hole, next_value, running_sum, running_total

_SHORT = 8
"""Windows up to this long are summed afresh at every bar."""

_FAITH = 2e-5
"""Least share of the squares added up so far that a window's may be, for their difference to be
true to ten digits."""


@inner_kernel
def afresh(part: F64) -> tuple[float, float]:
    """Mean, and squares of the distances from it, of all of `part`.

    By distances from the last value: it is one of the window's, so at most the length of the window
    is lost to rounding, whatever the price, and equal values have none.
    """
    last, one, two = part[part.size - 1], 0.0, 0.0
    for v in part:
        d = v - last
        one += d
        two += d * d
    return last + one / part.size, max(two - one * one / part.size, 0.0)


@inner_kernel
def squares_of_short(part: F64, window: int, room: F64, mean: F64, far: F64) -> None:
    """`afresh` of every window of `part`, side by side."""
    base, share = part[window - 1 :], 1.0 / window
    ones, twos = room[0][: far.size], room[1][: far.size]
    for i in range(far.size):
        ones[i], twos[i] = 0.0, 0.0
    for behind in range(window - 1):
        earlier = part[behind:]
        for i in range(far.size):
            d = earlier[i] - base[i]
            ones[i] += d
            twos[i] += d * d
    for i in range(far.size):
        v = twos[i] - ones[i] * ones[i] * share
        mean[i], far[i] = base[i] + ones[i] * share, 0.0 if v < 0.0 else v


@inner_kernel
def squares_of_block(part: F64, window: int, room: F64, mean: F64, far: F64) -> bool:
    """`afresh` of every window of `part`, by running sums of distances from its first value.

    Where a window's squares are lost among those added up so far (a calm behind a crash, prices
    that do not move), its values are summed afresh. False, and nothing done, where there is a NaN.
    """
    base, share, lost = part[0], 1.0 / window, 0
    squares, ones, twos = room[0][: part.size], room[1], room[2]
    running_sum(part, base, ones)
    for i in range(part.size):
        squares[i] = (part[i] - base) * (part[i] - base)
    running_total(squares, twos)
    if twos[part.size] != twos[part.size]:
        return False
    late_ones, late_twos = ones[window:], twos[window:]
    for i in range(far.size):
        s, all_ = late_ones[i] - ones[i], late_twos[i]
        v = all_ - twos[i] - s * s * share
        mean[i], far[i] = base + s * share, v
        lost += 0 if v > _FAITH * all_ else 1
    if lost > 0:
        for i in range(far.size):
            if not far[i] > _FAITH * late_twos[i]:
                mean[i], far[i] = afresh(part[i : i + window])
    return True


@inner_kernel
def deviation_of_run(
    x: F64,
    start: int,
    window: int,
    free: float,
    width: float,
    room: F64,
    mean: F64,
    out: F64,
    top: F64,
) -> int:
    """Rolling mean and deviation of the run that begins at `start`; returns where it ends.

    `free`: share of a square in the variance. With a `width` other than 0, `out` and `top` become
    the mean less and plus that many deviations. `room`: (3, bars of a block and the window).
    """
    block, first = room.shape[1] - window, start
    for i in range(start, min(start + window - 1, x.size)):
        mean[i], out[i] = np.nan, np.nan
        if width != 0.0:
            top[i] = np.nan
    while first + window <= x.size:
        part = x[first : first + block + window - 1]
        at, size, whole = first + window - 1, part.size - window + 1, part.size
        m, y = mean[at : at + size], out[at : at + size]
        if window <= _SHORT:
            squares_of_short(part, window, room, m, y)
            whole = next_hole(part, 0)
        elif not squares_of_block(part, window, room, m, y):
            whole = next_hole(part, 0)
            squares_of_block(part[:whole], window, room, m, y[: max(whole - window + 1, 0)])
        if width != 0.0:
            z = top[at : at + size]
            for i in range(size):
                reach = width * np.sqrt(y[i] * free)
                z[i], y[i] = m[i] + reach, m[i] - reach
        else:
            for i in range(size):
                y[i] = np.sqrt(y[i] * free)
        if whole < part.size:
            return first + whole
        first += block
    return next_hole(x, max(start, x.size - window + 1))


@kernel
def rolling_bands(
    x: F64, window: int, ddof: int, width: float, mean: F64, out: F64, top: F64
) -> None:
    """`deviation_of_run` over every run, (n,) into (n,); NaN as in `rolling_mean`."""
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    mean[:start], out[:start] = np.nan, np.nan
    if width != 0.0:
        top[:start] = np.nan
    free = 1.0 / (window - ddof) if window > ddof else np.nan
    span = max(min(window, x.size), 0)
    room = np.empty((3, max(256, 4 * span) + span + 1))
    while start < x.size:
        end = deviation_of_run(x, start, window, free, width, room, mean, out, top)
        start = next_value(x, end)
        mean[end:start], out[end:start] = np.nan, np.nan
        if width != 0.0:
            top[end:start] = np.nan


@kernel
def rolling_deviation(x: F64, window: int, ddof: int, mean: F64, out: F64) -> None:
    """Rolling mean and standard deviation, (n,) to (n,) and (n,); NaN as in `rolling_mean`."""
    rolling_bands(x, window, ddof, 0.0, mean, out, out)
