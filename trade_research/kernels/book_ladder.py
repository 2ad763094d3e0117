"""A limit order book on a ladder of ticks: a change is one store, the best moves step by step.

Where prices stay within some thousands of ticks nothing is faster; `kernels.book` serves the rest.
Sizes lie at ``tick - base``, bids in row 0, asks in row 1; `best` holds the best tick of both, or
the end of the ladder where a side is empty.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, I8, I64, inline_kernel, inner_kernel, kernel

DEPTH, TRADE, CLEAR = 1, 2, 3
"""Kinds of event: a level's new size, a market trade, an emptied book."""


@inline_kernel
def set_tick(ladder: F64, best: I64, side: int, at: int, size: float) -> None:
    """Set a level's size; a level that the other side stands on takes its place."""
    if side > 0:
        ladder[0, at] = size
        if size > 0.0:
            if at > best[0]:
                best[0] = at
            while best[1] <= at:
                ladder[1, best[1]] = 0.0
                best[1] += 1
            while best[1] < ladder.shape[1] - 1 and ladder[1, best[1]] == 0.0:
                best[1] += 1
        elif at == best[0]:
            while best[0] > 0 and ladder[0, best[0]] == 0.0:
                best[0] -= 1
    else:
        ladder[1, at] = size
        if size > 0.0:
            if at < best[1]:
                best[1] = at
            while best[0] >= at:
                ladder[0, best[0]] = 0.0
                best[0] -= 1
            while best[0] > 0 and ladder[0, best[0]] == 0.0:
                best[0] -= 1
        elif at == best[1]:
            while best[1] < ladder.shape[1] - 1 and ladder[1, best[1]] == 0.0:
                best[1] += 1


@inner_kernel
def near_imbalance(ladder: F64, best: I64, ticks: int) -> float:
    """Size bid less size asked over their sum, within `ticks` of the best prices."""
    bids, asks = 0.0, 0.0
    low, high = max(best[0] - ticks + 1, 0), min(best[1] + ticks, ladder.shape[1])
    for at in range(low, best[0] + 1):
        bids += ladder[0, at]
    for at in range(best[1], high):
        asks += ladder[1, at]
    return (bids - asks) / (bids + asks)


@kernel
def replay_imbalance(
    kind: I8, side: I8, at: I64, size: F64, time: I64, width: int, every: int, ticks: int, out: F64
) -> int:
    """Replay events and write `near_imbalance` every so many nanoseconds; returns how many.

    Parameters
    ----------
    kind, side, at, size, time : arrays, (n,)
        Events in time order; `at` is the tick above the ladder's base, below `width`.
    width : int
        Ticks of the ladder.
    out : float64 array
        Filled up to its length.
    """
    ladder, best = np.zeros((2, width)), np.array([0, width - 1])
    due, rows = time[0] + every, 0
    for i in range(kind.size):
        if time[i] >= due:
            while time[i] >= due and rows < out.size:
                out[rows] = near_imbalance(ladder, best, ticks)
                rows, due = rows + 1, due + every
        if kind[i] == DEPTH:
            set_tick(ladder, best, side[i], at[i], size[i])
    return rows
