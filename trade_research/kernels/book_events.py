"""Events of a ladder out of snapshots: what changed from one recorded book to the next."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, I8, I64, inner_kernel, kernel


@inner_kernel
def emit(
    n: int,
    row: int,
    side: int,
    tick: int,
    size: float,
    sides: I8,
    ticks: I64,
    sizes: F64,
    rows: I64,
) -> int:
    """Write one change; returns the next place."""
    sides[n], ticks[n], sizes[n], rows[n] = side, tick, size, row
    return n + 1


@inner_kernel
def holds(levels: I64, at: int) -> bool:
    """Whether a tick is among the levels."""
    found = False
    for level in levels:
        found = found or level == at
    return found


@kernel
def changes(
    bid: I64, bid_size: F64, ask: I64, ask_size: F64, sides: I8, ticks: I64, sizes: F64, rows: I64
) -> int:
    """Changes between successive books, each an absolute size; returns their number.

    Ticks are (n, k), 0 where there is no level; a book without levels says nothing. A level that is
    gone within the span that both books show is removed; one beyond it is unknown and left. The
    outputs have room for ``2 n k`` changes and more: 4 k a row.
    """
    n, k = bid.shape
    count, last = 0, -1
    # Levels that fell out of sight, the nearest last: checked when they are in sight again.
    hidden, height = np.empty((2, n * k + 1), np.int64), np.zeros(2, np.int64)
    for t in range(n):
        if bid[t, 0] == 0 or ask[t, 0] == 0:
            continue
        for which in range(2):
            now, size = (bid, bid_size) if which == 0 else (ask, ask_size)
            sign = -1 if which == 0 else 1
            i, j, worst = 0, 0, 0
            for w in range(k):
                worst = now[t, w] if now[t, w] != 0 else worst
            while height[which] > 0 and (hidden[which, height[which] - 1] - worst) * sign <= 0:
                height[which] -= 1
                at = hidden[which, height[which]]
                if not holds(now[t], at):
                    count = emit(count, t, -sign, at, 0.0, sides, ticks, sizes, rows)
            if last >= 0:
                for w in range(k - 1, -1, -1):
                    if now[last, w] != 0 and (now[last, w] - worst) * sign > 0:
                        hidden[which, height[which]] = now[last, w]
                        height[which] += 1
                while j < k and now[last, j] != 0 and (now[last, j] - worst) * sign <= 0:
                    at = now[last, j]
                    while i < k and now[t, i] != 0 and (now[t, i] - at) * sign < 0:
                        count = emit(
                            count, t, -sign, now[t, i], size[t, i], sides, ticks, sizes, rows
                        )
                        i += 1
                    if i < k and now[t, i] == at:
                        if size[t, i] != size[last, j]:
                            count = emit(count, t, -sign, at, size[t, i], sides, ticks, sizes, rows)
                        i += 1
                    else:
                        count = emit(count, t, -sign, at, 0.0, sides, ticks, sizes, rows)
                    j += 1
            while i < k and now[t, i] != 0:
                count = emit(count, t, -sign, now[t, i], size[t, i], sides, ticks, sizes, rows)
                i += 1
        last = t
    return count


@kernel
def merge_order(depth_time: I64, trade_time: I64) -> I64:
    """Order of both streams by time, trades first among equals: negative for trades, −1 − index.

    A trade comes before the book that shows its effect.
    """
    out = np.empty(depth_time.size + trade_time.size, np.int64)
    d, t = 0, 0
    for i in range(out.size):
        if t < trade_time.size and (d >= depth_time.size or trade_time[t] <= depth_time[d]):
            out[i] = -1 - t
            t += 1
        else:
            out[i] = d
            d += 1
    return out
