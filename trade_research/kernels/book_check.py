"""The first thing wrong with recorded levels, in one pass."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, kernel

FINE, BAD_PRICE, BAD_SIZE, UNPAIRED, UNORDERED = range(5)


@kernel
def first_fault(price: F64, size: F64, sign: int) -> tuple[int, int, int]:
    """Row, level and kind of the first fault of one side, (n, k) each; kind FINE where none is.

    `sign` is -1 for bids, whose prices fall from level to level, and 1 for asks. NaN in both is a
    level that is not there; none may follow it.
    """
    for t in range(price.shape[0]):
        before, gone = -np.inf, False
        for k in range(price.shape[1]):
            p, s = price[t, k], size[t, k]
            if p != p or s != s:
                if p == p or s == s:
                    return t, k, UNPAIRED
                gone = True
                continue
            if not (p > 0.0 and p < np.inf):
                return t, k, BAD_PRICE
            if not (s > 0.0 and s < np.inf):
                return t, k, BAD_SIZE
            if gone or sign * p <= before:
                return t, k, UNORDERED
            before = sign * p
    return -1, -1, FINE
