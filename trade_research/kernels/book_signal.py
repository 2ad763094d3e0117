"""The signal of an unbalanced book, row by row, and bars of the mid that filters look at."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel


@inner_kernel
def top_ratio(bid_size: F64, ask_size: F64, depth: int) -> float:
    """Size bid over size asked in the best `depth` levels; NaN where a side is empty."""
    bids: float = bid_size[0]
    asks: float = ask_size[0]
    for i in range(1, min(depth, bid_size.size)):
        bids += bid_size[i] if bid_size[i] > 0.0 else 0.0
        asks += ask_size[i] if ask_size[i] > 0.0 else 0.0
    return bids / asks


@inner_kernel
def spread_bps(bid: float, ask: float) -> float:
    """Best ask less best bid in basis points of the mid."""
    return 2e4 * (ask - bid) / (ask + bid)


@inner_kernel
def entry_side(ratio: float, buy: float, sell: float, min_strength: float) -> float:
    """1 where the ratio says buy, -1 where it says sell, 0 where neither is strong enough."""
    if ratio >= buy and ratio - 1.0 >= min_strength:
        return 1.0
    if ratio <= sell and 1.0 - ratio >= min_strength:
        return -1.0
    return 0.0


@inner_kernel
def is_back(before: float, ratio: float) -> bool:
    """Whether the ratio came back through 1, or to it, since it was last known."""
    return (before > 1.0 and ratio <= 1.0) or (before < 1.0 and ratio >= 1.0)


@kernel
def bars_of_mid(time: F64, mid: F64, width: float, known: F64, bars: F64) -> int:
    """Bars of the mid in event time; returns their number.

    Parameters
    ----------
    time, mid : float64 arrays, (n,)
        Rows without a mid make no bar.
    width : float
        Length of a bar in the units of `time`; bars begin at its multiples.
    known : float64 array, (n,)
        Set to the number of bars that were over at each row: what a row may look at.
    bars : float64 array, (n, 3)
        Set to high, low and close of each bar that something was seen in.
    """
    count, current = 0, -np.inf
    for t in range(time.size):
        bucket = np.floor(time[t] / width)
        if mid[t] == mid[t]:
            if bucket != current:
                current = bucket
                bars[count, 0], bars[count, 1], bars[count, 2] = mid[t], mid[t], mid[t]
                count += 1
            else:
                bars[count - 1, 0] = max(bars[count - 1, 0], mid[t])
                bars[count - 1, 1] = min(bars[count - 1, 1], mid[t])
                bars[count - 1, 2] = mid[t]
        # The newest bar is over once the clock has left it.
        known[t] = count if bucket > current else max(count - 1, 0)
    return count
