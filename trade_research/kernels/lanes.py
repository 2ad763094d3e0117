"""Sums over returns of an account that holds money and units, eight bars side by side.

The order of the additions is fixed by the first bar alone, whatever the processor: lane k takes
every eighth bar from the k-th on, and lanes are added up from the first. As written it runs in
Python; in compiled code `kernels.lanes_code` puts vector instructions in its place.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64

LANES = 8


def growth_sums(
    price: F64, first: int, n: int, money: float, units: float, floor: float, lanes: F64
) -> None:
    """Sums of r, of r² and of the squared shortfalls below `floor`, lane by lane.

    r of bar t is ``(money + units · price[t]) / (money + units · price[t - 1]) - 1``.

    Parameters
    ----------
    price : float64 array
        With at least eight values behind the last bar that is summed.
    first, n : int
        The bars [first, first + n), `first` at least 1.
    lanes : float64 array of shape (24,)
        Overwritten: eight sums of each.
    """
    lanes[:] = 0.0
    t = np.arange(first, first + n)
    r = (money + units * price[t]) / (money + units * price[t - 1]) - 1.0
    short = np.minimum(r - floor, 0.0)
    for i in range(n):
        lanes[i % LANES] += r[i]
        lanes[LANES + i % LANES] += r[i] * r[i]
        lanes[2 * LANES + i % LANES] += short[i] * short[i]
