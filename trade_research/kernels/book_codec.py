"""Books as few and small whole numbers: steps between levels, and only the sizes that changed.

The best price of a side is kept in ticks, each other level as its distance from the one before; no
level is 0. The size of a level is kept in lots, or as 0 where the same price held the same size in
the row above, which is so for four levels in five. Level 1 always has its size, so that it can be
read alone; the others look for their price among the levels of their own reach only, so that
reading the first five takes nothing of the others.
"""

from __future__ import annotations

from trade_research.kernels.jit import F64, I64, inner_kernel, kernel

REACH = (1, 5, 20)
"""Ends of the groups of levels that can be read without those behind them."""


@inner_kernel
def reach_of(level: int, depth: int) -> int:
    """Levels among which the one at index `level` looks for its price in the row above."""
    if level < 1:
        return 0
    if level < 5:
        return min(5, depth)
    return min(20, depth) if level < 20 else depth


@kernel
def encode_side(ticks: I64, lots: I64, sign: int, steps: I64, changes: I64) -> None:
    """Steps and changes of one side, all (n, depth); a level that is not there has 0 ticks.

    `sign` is -1 for bids, whose prices fall from level to level, and 1 for asks.
    """
    n, depth = ticks.shape
    for t in range(n):
        for k in range(depth):
            here = ticks[t, k]
            steps[t, k] = here if k == 0 or here == 0 else sign * (here - ticks[t, k - 1])
            changes[t, k] = lots[t, k]
            if t > 0 and here != 0:
                for j in range(reach_of(k, depth)):
                    if ticks[t - 1, j] == here:
                        if lots[t - 1, j] == lots[t, k]:
                            changes[t, k] = 0
                        break


@kernel
def decode_side(
    steps: I64, changes: I64, sign: int, tick: float, lot: float, price: F64, size: F64
) -> None:
    """Prices and sizes of one side out of `encode_side`'s numbers, all (depth, n).

    Prices are ``ticks / tick``: a division by a power of ten gives the double that was written.
    """
    depth, n = steps.shape
    for t in range(n):
        at = 0.0
        j = 0
        for k in range(depth):
            step = steps[k, t]
            if step == 0:
                price[k, t] = size[k, t] = float("nan")
                continue
            at = step if k == 0 else at + sign * step
            price[k, t] = at / tick
            if changes[k, t] != 0:
                size[k, t] = changes[k, t] / lot
                continue
            # Both rows are in order, so the place of the level above never steps back.
            here = price[k, t]
            while j < depth - 1 and (price[j, t - 1] - here) * sign < 0.0:
                j += 1
            size[k, t] = size[j, t - 1]
