"""Two exponential averages, their distance, and the average of that: MACD and PPO in one pass."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel
from trade_research.kernels.rolling import next_hole, next_value
from trade_research.kernels.smooth import leak, smooth_run

_BLOCK = 128
"""Bars of intermediate values kept at a time; a multiple of eight."""


@inner_kernel
def apart(fast: F64, slow: F64, f: float, s: float, percent: bool) -> None:
    """Distance of `f` times one from `s` times the other, or percent of that, into `fast`."""
    if percent:
        for i in range(fast.size):
            fast[i] = 100.0 * (f * fast[i] - s * slow[i]) / (s * slow[i])
    else:
        for i in range(fast.size):
            fast[i] = f * fast[i] - s * slow[i]


@inner_kernel
def lines_of_run(
    x: F64,
    start: int,
    spans: tuple[int, int, int],
    percent: bool,
    room: F64,
    line: F64,
    signal: F64,
    gap: F64,
) -> int:
    """Line, signal and what is between, of the run that begins at `start`; returns where it ends.

    `room` is room to work in, (3, max(bars to the first signal, _BLOCK)).
    """
    fast, slow, smoothing = spans
    f, s, g = 2.0 / (fast + 1.0), 2.0 / (slow + 1.0), 2.0 / (smoothing + 1.0)
    head = slow + smoothing - 1
    whole = next_hole(x[start : start + head], 0)
    first = start + whole
    line[start:first], signal[start:first], gap[start:first] = np.nan, np.nan, np.nan
    if whole < head:
        return first
    begin, a, b, c = x[start:first], room[0][:head], room[1][:head], room[2][:head]
    smooth_run(begin, 0 if percent else slow - fast, fast, f, a)
    smooth_run(begin, 0, slow, s, b)
    one, two = a[head - 1] / f, b[head - 1] / s
    apart(a[slow - 1 :], b[slow - 1 :], 1.0, 1.0, percent)
    smooth_run(a, slow - 1, smoothing, g, c)
    three = c[head - 1]
    line[first - 1], signal[first - 1], gap[first - 1] = a[head - 1], three, a[head - 1] - three
    three /= g
    for at in range(first, x.size, _BLOCK):
        part, y = x[at : at + _BLOCK], line[at : at + _BLOCK]
        a, b, c = room[0][: y.size], room[1][: y.size], room[2][: y.size]
        one, two = leak(part, one, 1.0 - f, a), leak(part, two, 1.0 - s, b)
        apart(a, b, f, s, percent)
        three = leak(a, three, 1.0 - g, c)
        z, w = signal[at:], gap[at:]
        for i in range(y.size):
            average = g * c[i]
            y[i], z[i], w[i] = a[i], average, a[i] - average
        if w[y.size - 1] != w[y.size - 1]:
            return next_hole(x, at)
    return x.size


@kernel
def converge(
    x: F64, spans: tuple[int, int, int], percent: bool, line: F64, signal: F64, gap: F64
) -> None:
    """`lines_of_run` over every run, (n,) into (n,) thrice."""
    fast, slow, smoothing = min(spans[0], spans[1]), max(spans[0], spans[1]), spans[2]
    fits = fast >= 1 and slow <= x.size and 1 <= smoothing <= x.size
    start = next_value(x, 0) if fits else x.size
    line[:start], signal[:start], gap[:start] = np.nan, np.nan, np.nan
    room = np.empty((3, max(slow + smoothing, _BLOCK) if fits else 0))
    while start < x.size:
        end = lines_of_run(x, start, (fast, slow, smoothing), percent, room, line, signal, gap)
        start = next_value(x, end)
        line[end:start], signal[end:start], gap[end:start] = np.nan, np.nan, np.nan
