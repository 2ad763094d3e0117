"""Medians over a window that rolls: the window is kept sorted."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel


@inner_kernel
def place_of(row: F64, size: int, value: float) -> int:
    """Index of the first of the `size` sorted values that is not below `value`."""
    low, high = 0, size
    while low < high:
        at = (low + high) // 2
        if row[at] < value:
            low = at + 1
        else:
            high = at
    return low


@inner_kernel
def middle_distance(row: F64, median: float) -> float:
    """Median distance of sorted values from their median: the nearest are taken off both ends."""
    size = row.size
    right = place_of(row, size, median)
    left, far, before = right - 1, 0.0, 0.0
    for _ in range(size // 2 + 1):
        before = far
        if right >= size or (left >= 0 and median - row[left] <= row[right] - median):
            far, left = median - row[left], left - 1
        else:
            far, right = row[right] - median, right + 1
    return far if size % 2 else (before + far) / 2.0


@kernel
def middles(x: F64, window: int, median: F64, mad: F64) -> None:
    """Median and median distance of the last `window` values, (n,) into (n,) twice."""
    median[:], mad[:] = np.nan, np.nan
    if not 1 <= window <= x.size:
        return
    row, size = np.empty(window), 0
    for t in range(x.size):
        if x[t] != x[t]:
            size = 0
            continue
        if size == window:
            at = place_of(row, size, x[t - window])
            for i in range(at, size - 1):
                row[i] = row[i + 1]
            size -= 1
        at = place_of(row, size, x[t])
        for i in range(size, at, -1):
            row[i] = row[i - 1]
        row[at], size = x[t], size + 1
        if size == window:
            half = window // 2
            median[t] = row[half] if window % 2 else (row[half - 1] + row[half]) / 2.0
            mad[t] = middle_distance(row, median[t])
