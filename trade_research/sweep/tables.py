"""What is worked out once for the bars of a sweep, so that a trade is settled in a few steps.

A configuration that is all in or out makes ``close / close before - 1`` on every bar it holds, but
for the bars it enters and leaves on. Running sums of that, of its square and of its squared losses,
give the sums over any stretch; least and greatest closes of stretches give the drawdown.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.jit import B8, F64, I64, bare_kernel
from trade_research.kernels.lanes import LANES
from trade_research.sweep.scores import block_edges

LEVELS = 7
BLOCK = 1 << (LEVELS - 1)


class Tables(NamedTuple):
    """Read by `events.settle`; all of them together are about 250 bytes a bar.

    `entry` and `leave` are (n_bars, 8) and (n_bars + 1, 8): one line of the cache each.
    """

    entry: F64  # price, 1 / price, close / price, sums with this bar (3), day
    leave: F64  # price, price / close before, sums before this bar (3), day
    close: F64  # (n_bars + 8,): eight more, to be read past the end
    extreme: F64  # (7, n_bars, 2): least and greatest of the 1, 2, 4 … 64 closes from a bar on
    blocks: F64  # (n_blocks, 2): the same of 64 bars
    days: F64  # (n_days + 1, 5): last close; sums of returns to the powers 1 … 4 before this day
    fill: I64  # (n_bars + 1,): the next bar that trades, from each bar on
    reach: F64  # as `extreme`, of the least and greatest price of each bar; or one bar
    around: F64  # as `blocks`, likewise


def prepare(
    price: F64,
    close: F64,
    day: I64,
    is_dry: B8,
    cash_rate: float,
    low: F64 | None = None,
    high: F64 | None = None,
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
    low, high : float64 arrays of shape (n_bars,), optional
        Least and greatest price of each bar, for accounts that may be called.
    """
    n = close.size
    n_days = int(day[-1]) + 1
    out = Tables(
        np.empty((n, 8)),
        np.zeros((n + 1, 8)),
        np.append(close, np.full(LANES, close[-1])),
        np.empty((LEVELS, n, 2)),
        np.empty((-(-n // BLOCK), 2)),
        np.zeros((n_days + 1, 5)),
        np.empty(n + 1, dtype=np.int64),
        np.empty((LEVELS, 1 if low is None else n, 2)),
        np.empty((1 if low is None else -(-n // BLOCK), 2)),
    )
    fill_tables(price, day, is_dry, cash_rate, out)
    find_extremes(out.close[:n], out.close[:n], out.extreme, out.blocks)
    if low is not None and high is not None:
        find_extremes(low, high, out.reach, out.around)
    return out


@bare_kernel
def fill_tables(price: F64, day: I64, is_dry: B8, cash_rate: float, out: Tables) -> None:
    """Fill tables that hold nothing but the closes."""
    close, entry, leave, days = out.close, out.entry, out.leave, out.days
    n = price.size
    sum1, sum2, down2, before, ended = 0.0, 0.0, 0.0, close[0], close[0]
    for t in range(n):
        now, k = close[t], day[t]
        gained = now / before - 1.0
        lost = min(gained - cash_rate, 0.0)
        at, to = entry[t], leave[t]
        to[0], to[1], to[2], to[3], to[4], to[5] = price[t], price[t] / before, sum1, sum2, down2, k
        sum1, sum2, down2 = sum1 + gained, sum2 + gained * gained, down2 + lost * lost
        at[0], at[1], at[2], at[3], at[4] = price[t], 1.0 / price[t], now / price[t], sum1, sum2
        at[5], at[6], at[7] = down2, k, 0.0
        before = now
        if t + 1 == n or day[t + 1] != k:
            r = now / ended - 1.0
            days[k, 0] = ended = now
            power = 1.0
            for p in range(1, 5):
                power *= r
                days[k + 1, p] = days[k, p] + power
    leave[n, 2], leave[n, 3], leave[n, 4] = sum1, sum2, down2
    out.fill[n] = n
    for t in range(n - 1, -1, -1):
        out.fill[t] = out.fill[t + 1] if is_dry[t] else t


@bare_kernel
def find_extremes(low: F64, high: F64, extreme: F64, blocks: F64) -> None:
    """Least and greatest of the 1, 2, 4 … 64 values from each on, and of blocks of 64."""
    n = low.size
    for t in range(n):
        extreme[0, t, 0], extreme[0, t, 1] = low[t], high[t]
    for level in range(1, extreme.shape[0]):
        half = 1 << (level - 1)
        below, here = extreme[level - 1], extreme[level]
        other = below[half:]
        for t in range(other.shape[0]):
            a, b, c, d = below[t, 0], other[t, 0], below[t, 1], other[t, 1]
            here[t, 0] = a if a < b else b
            here[t, 1] = c if c > d else d
        for t in range(max(n - half, 0), n):
            here[t, 0], here[t, 1] = below[t, 0], below[t, 1]
    for q in range(blocks.shape[0]):
        blocks[q, 0], blocks[q, 1] = extreme[6, 64 * q, 0], extreme[6, 64 * q, 1]


def span_table(spans: I64, start: int, day: I64) -> I64:
    """What compiled code reads of each span, (n_spans, 20).

    The first row that decides, the end, the first days of the 16 stretches and the end of the last,
    and the first bar.
    """
    out = np.empty((len(spans), 20), dtype=np.int64)
    out[:, 0], out[:, 1], out[:, 19] = np.maximum(spans[:, 0], start), spans[:, 1], spans[:, 0]
    for s, (first, last) in enumerate(spans):
        out[s, 2:19] = day[first] + block_edges(int(day[last - 1] - day[first]) + 1)
    return out
