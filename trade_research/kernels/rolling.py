"""Windows that roll over an array: holes, sums, means, extremes.

A *run* is a stretch without NaN. Every kernel here treats each run on its own, so what it knows
restarts after a hole, and sums are re-based at bars fixed by the run's start and the window alone:
a prefix of the bars gives a prefix of the values, bit for bit.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, Kernel, inner_kernel, kernel

_CHUNK = 256
"""Bars worked on together; no effect on results."""


@kernel
def to_line(x: F64) -> int:
    """How many values of `x` come before one that begins a line of the cache, 0 to 7.

    A vector that lies in two lines is loaded and stored in twice the time.
    """
    return -(x.ctypes.data // 8) % 8


@kernel
def room_of(rows: int, size: int) -> F64:
    """Room to work in, (rows, n) with n at least `size`, every row from the start of a line."""
    width = (size + 7) // 8 * 8
    space = np.empty(rows * width + 8)
    return space[to_line(space) :][: rows * width].reshape(rows, width)


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
def carry_sum(total: float, x: F64, out: F64) -> float:
    """Carry a sum through (n,) values; returns the last, in groups as `running_sum`."""
    last = x.size // 4 * 4
    for i in range(0, last, 4):
        a = x[i]
        b = a + x[i + 1]
        c = b + x[i + 2]
        d = c + x[i + 3]
        out[i], out[i + 1], out[i + 2] = total + a, total + b, total + c
        total = total + d
        out[i + 3] = total
    part = 0.0
    for i in range(last, x.size):
        part += x[i]
        out[i] = total + part
    return total + part


@inner_kernel
def carry_runs(total: float, x: F64, out: F64) -> float:
    """`carry_sum` with a new start behind each NaN; `out` is not `x`."""
    total, at = carry_sum(total, x, out), 0
    while total != total:
        at = next_hole(x, at) + 1
        total = carry_sum(0.0, x[at:], out[at:])
    return total


@inner_kernel
def running_total(x: F64, out: F64) -> None:
    """Sums from the first: out[i] of the first i values, (n,) to (n + 1,)."""
    out[0] = 0.0
    carry_sum(0.0, x, out[1:])


@inner_kernel
def carry_mean(mean: float, leaving: F64, entering: F64, share: float, out: F64) -> float:
    """Carry a window's mean through (n,) values; returns the last, in groups as `running_sum`."""
    last = out.size // 4 * 4
    for i in range(0, last, 4):
        a = (entering[i] - leaving[i]) * share
        b = a + (entering[i + 1] - leaving[i + 1]) * share
        c = b + (entering[i + 2] - leaving[i + 2]) * share
        d = c + (entering[i + 3] - leaving[i + 3]) * share
        out[i], out[i + 1], out[i + 2] = mean + a, mean + b, mean + c
        mean = mean + d
        out[i + 3] = mean
    part = 0.0
    for i in range(last, out.size):
        part += (entering[i] - leaving[i]) * share
        out[i] = mean + part
    return mean + part


@inner_kernel
def mean_of_run(x: F64, start: int, window: int, out: F64) -> int:
    """Rolling mean of the run that begins at `start`, into `out`; returns where the run ends.

    What enters less what leaves, in blocks of bars that each begin with a window summed afresh, of
    distances from its first value: equal prices give exactly that price, a spike that has passed is
    soon forgotten. A NaN shows in the block's last mean; what follows it in the block is NaN.
    """
    block, share = max(512, 16 * window), 1.0 / window
    out[start : start + window - 1] = np.nan
    for first in range(start, x.size - window + 1, block):
        part, y = x[first : first + block + window - 1], out[first + window - 1 :]
        base, total, size = part[0], 0.0, part.size - window
        for i in range(1, window):
            total += part[i] - base
        y[0] = base + total * share
        if carry_mean(y[0], part[:size], part[window:], share, y[1 : size + 1]) != y[size]:
            hole = next_hole(x, first)
            if hole < first + part.size:
                return hole
    return next_hole(x, max(start, x.size - window + 1))


@kernel
def rolling_mean(x: F64, window: int) -> F64:
    """Mean of the last `window` values, (n,) to (n,); NaN where a run is shorter than that."""
    out = np.empty(x.size)
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    out[:start] = np.nan
    while start < x.size:
        end = mean_of_run(x, start, window, out)
        start = next_value(x, end)
        out[end:start] = np.nan
    return out


@inner_kernel
def lower(a: float, b: float) -> float:
    """The lower of two numbers."""
    return a if a < b else b


@inner_kernel
def higher(a: float, b: float) -> float:
    """The higher of two numbers."""
    return a if a > b else b


@inner_kernel
def blank(part: F64, window: int, out: F64) -> None:
    """Windows of `part` with a NaN become NaN, (n,) into (n - window + 1,)."""
    since = window
    for t in range(part.size):
        since = 0 if part[t] != part[t] else since + 1
        if since < window <= t + 1:
            out[t - window + 1] = np.nan


def _extremes(pick: Kernel[float]) -> tuple[Kernel[None], Kernel[F64]]:
    """The `pick` of every window of a block, and of an array: `lower` or `higher`.

    Made twice, since a kernel handed to another as an argument is an address, and compiled code
    with an address in it cannot be kept for the next process.
    """

    @inner_kernel
    def best_of(x: F64, back: tuple[int, int, int], out: F64) -> None:
        """The `pick` of a value and of those `back[0]`, [1] and [2] bars on, (n,) to (n_out,)."""
        second, third, fourth = x[back[0] :], x[back[1] :], x[back[2] :]
        if back[0] == back[2]:
            for i in range(out.size):
                out[i] = pick(x[i], second[i])
        else:
            for i in range(out.size):
                out[i] = pick(pick(x[i], second[i]), pick(third[i], fourth[i]))

    @inner_kernel
    def best_of_block(part: F64, window: int, room: F64, out: F64) -> None:
        """The `pick` of every window of `part`, (n,) to (n - window + 1,).

        Best of four neighbours, then of sixteen, …: each step covers the block without one bar
        waiting for another, so the few steps take less time than one pass that has to wait. `room`
        is room to work in, (2, n).
        """
        now, reach, at = part, 1, 0
        while 4 * reach < window:
            row = room[at][: now.size - 3 * reach]
            best_of(now, (reach, 2 * reach, 3 * reach), row)
            now, reach, at = row, 4 * reach, 1 - at
        last = window - reach
        best_of(now, (min(reach, last), min(2 * reach, last), last), out)
        if next_hole(part, 0) < part.size:
            blank(part, window, out)

    @kernel
    def rolling_best(x: F64, window: int) -> F64:
        """The `pick` of the last `window` values, (n,) to (n,)."""
        out = np.empty(x.size)
        if not 1 <= window <= x.size:
            out[:] = np.nan
            return out
        out[: window - 1] = np.nan
        block = max(512, 4 * window)
        room = room_of(2, block + window)
        for first in range(0, x.size - window + 1, block):
            part = x[first : first + block + window - 1]
            at = first + window - 1
            best_of_block(part, window, room, out[at : at + block])
        return out

    return best_of_block, rolling_best


lowest_of_block, rolling_lowest = _extremes(lower)
highest_of_block, rolling_highest = _extremes(higher)
