"""How two columns vary together over a window that rolls."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel


@inner_kernel
def gather(x: F64, y: F64, cut: int, way: int, size: int, u: float, v: float, room: F64) -> None:
    """Sums of distances from (u, v) and of their products, from `cut` onwards (1) or back (−1)."""
    a, b, ab, aa, bb = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(size):
        p, q = x[cut + way * i] - u, y[cut + way * i] - v
        a, b, ab, aa, bb = a + p, b + q, ab + p * q, aa + p * p, bb + q * q
        room[0, i], room[1, i], room[2, i], room[3, i], room[4, i] = a, b, ab, aa, bb


@kernel
def covary(x: F64, y: F64, window: int, both: F64, alone: F64, other: F64) -> None:
    """Sums of products and squares of distances from the window's means, (n,) twice into thrice.

    Cut at multiples of the window, as `rolling.deviation_of_run`: a window is the end of one piece
    and the start of the next, and nothing is subtracted as bars leave. A run of pairs without NaN
    restarts the cuts.
    """
    n, start = x.size, 0
    both[:], alone[:], other[:] = np.nan, np.nan, np.nan
    if not 1 <= window <= n:
        return
    ahead, behind = np.empty((5, window)), np.zeros((5, window))
    while start < n:
        while start < n and x[start] + y[start] != x[start] + y[start]:
            start += 1
        end = start
        while end < n and x[end] + y[end] == x[end] + y[end]:
            end += 1
        for cut in range(start, end, window):
            u, v, size = x[cut], y[cut], min(window, end - cut)
            gather(x, y, cut, 1, size, u, v, ahead)
            if cut > start:
                gather(x, y, cut - 1, -1, window - 1, u, v, behind)
            for i in range(size if cut > start else size - size % window):
                back = window - 2 - i  # bars of the piece before, less one
                if cut == start and back >= 0:
                    continue
                s0, s1, s2 = ahead[0, i], ahead[1, i], ahead[2, i]
                s3, s4 = ahead[3, i], ahead[4, i]
                if back >= 0:
                    s0, s1, s2 = s0 + behind[0, back], s1 + behind[1, back], s2 + behind[2, back]
                    s3, s4 = s3 + behind[3, back], s4 + behind[4, back]
                both[cut + i] = s2 - s0 * s1 / window
                alone[cut + i] = max(s3 - s0 * s0 / window, 0.0)
                other[cut + i] = max(s4 - s1 * s1 / window, 0.0)
        start = end
