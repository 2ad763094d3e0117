"""What is worked out once for the bars of a sweep, so that a trade is settled in a few steps.

A configuration that is all in or out makes ``close / close before - 1`` on every bar it holds, but
for the bars it enters and leaves on. Running sums of that, of its square and of its squared losses,
give the sums over any stretch; least and greatest closes of stretches give the drawdown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from trade_research.kernels.jit import B8, F64, I64, kernel
from trade_research.sweep.scores import block_edges

LEVELS = 7
BLOCK = 1 << (LEVELS - 1)


class Tables(NamedTuple):
    """Read by `events.settle`; all of them together are about 250 bytes a bar.

    `entry` and `leave` are (n_bars, 8) and (n_bars + 1, 8): one line of the cache each.
    """

    entry: F64  # price, 1 / price, close / price, sums with this bar (3), day
    leave: F64  # price, price / close before, sums before this bar (3), day
    close: F64
    extreme: F64  # (7, n_bars, 2): least and greatest of the 1, 2, 4 … 64 closes from a bar on
    blocks: F64  # (n_blocks, 2): the same of 64 bars
    days: F64  # (n_days + 1, 5): last close; sums of returns to the powers 1 … 4 before this day
    fill: I64  # (n_bars + 1,): the next bar that trades, from each bar on


@dataclass(frozen=True)
class Prepared:
    """Tables of a market under one rule of fills, and whether they can be used."""

    tables: Tables
    is_dry: bool


def prepare(
    price: F64, close: F64, day: I64, is_dry: B8, cash_rate: float
) -> Tables:
    """Tables of one instrument.

    Parameters
    ----------
    price, close : float64 arrays of shape (n_bars,)
        Reference price of fills (the open, or the close) and the closes, above 0.
    day : int64 array of shape (n_bars,)
        Number of each bar's day, from 0 without holes.
    is_dry : bool array of shape (n_bars,)
        Bars on which nothing can be filled.
    cash_rate : float
        Return of cash per bar, below which a return counts as a loss.
    """
    n = close.size
    before = np.append(close[:1], close[:-1])
    gained = close / before - 1.0
    sums = np.zeros((n + 1, 3))
    lost = np.minimum(gained - cash_rate, 0.0)
    np.cumsum(np.stack([gained, gained * gained, lost * lost], axis=1), axis=0, out=sums[1:])
    entry, leave = np.zeros((n, 8)), np.zeros((n + 1, 8))
    entry[:, 0], entry[:, 1], entry[:, 2] = price, 1.0 / price, close / price
    entry[:, 3:6], entry[:, 6] = sums[1:], day
    leave[:n, 0], leave[:n, 1], leave[:n, 5] = price, price / before, day
    leave[:, 2:5] = sums
    last = np.flatnonzero(np.append(day[1:] != day[:-1], True))
    ends = close[last]
    change = ends / np.append(close[:1], ends[:-1]) - 1.0
    days = np.zeros((ends.size + 1, 5))
    days[:-1, 0] = ends
    days[1:, 1:] = np.cumsum(change[:, None] ** np.arange(1, 5), axis=0)
    fill = np.where(is_dry, n, np.arange(n))
    fill = np.minimum.accumulate(np.append(fill, n)[::-1])[::-1]
    extreme, blocks = np.empty((LEVELS, n, 2)), np.empty((-(-n // BLOCK), 2))
    find_extremes(close, extreme, blocks)
    return Tables(entry, leave, close, extreme, blocks, days, fill)


@kernel
def find_extremes(x: F64, extreme: F64, blocks: F64) -> None:
    """Least and greatest of the 1, 2, 4 … 64 values from each on, and of blocks of 64."""
    n = x.size
    for t in range(n):
        extreme[0, t, 0] = extreme[0, t, 1] = x[t]
    for level in range(1, extreme.shape[0]):
        half = 1 << (level - 1)
        for t in range(n):
            u = min(t + half, n - 1)
            a, b = extreme[level - 1, t], extreme[level - 1, u]
            extreme[level, t, 0] = min(a[0], b[0])
            extreme[level, t, 1] = max(a[1], b[1])
    for q in range(blocks.shape[0]):
        blocks[q] = extreme[extreme.shape[0] - 1, 64 * q]


def span_table(spans: I64, day: I64) -> I64:
    """First bar, end, and the first day of each of the 16 stretches and the end, (n_spans, 19)."""
    out = np.empty((len(spans), 19), dtype=np.int64)
    out[:, :2] = spans
    for s, (first, last) in enumerate(spans):
        out[s, 2:] = day[first] + block_edges(int(day[last - 1] - day[first]) + 1)
    return out
