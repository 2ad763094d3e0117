"""Where bars made of trades end: by count, volume, money, or by how one-sided trading is."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, I64, kernel


@kernel
def ends_by_sum(time: I64, amount: F64, least: float) -> I64:
    """Last trade of each bar whose amounts sum to `least` or more.

    Trades of one stamp stay in one bar: they became known together. What is left over at the end
    makes no bar.
    """
    ends = np.empty(time.size, np.int64)
    n, total = 0, 0.0
    for i in range(time.size):
        total += amount[i]
        last = i + 1 == time.size or time[i + 1] != time[i]
        if last and total >= least:
            ends[n] = i
            n, total = n + 1, 0.0
    return ends[:n]


@kernel
def ends_by_imbalance(time: I64, signed: F64, first: float, alpha: float) -> I64:
    """Last trade of each imbalance bar: where ``|sum of signed amounts|`` is more than expected.

    What is expected is an exponential mean (weight `alpha`) of what the bars before ended at, and
    `first` for the first of them.

    References
    ----------
    López de Prado (2018), Advances in Financial Machine Learning, 2.3.2; the expectation is kept
    within a factor of four of `first`, without which it runs away.
    """
    ends = np.empty(time.size, np.int64)
    n, total, expected = 0, 0.0, first
    for i in range(time.size):
        total += signed[i]
        last = i + 1 == time.size or time[i + 1] != time[i]
        if last and abs(total) >= expected:
            ends[n] = i
            expected += alpha * (abs(total) - expected)
            expected = min(max(expected, first / 4.0), first * 4.0)
            n, total = n + 1, 0.0
    return ends[:n]


@kernel
def summed(starts: I64, ends: I64, price: F64, size: F64, side: F64) -> F64:
    """Open, high, low, close, volume, money, trades and bought volume of each bar, (n_bars, 8)."""
    out = np.empty((ends.size, 8))
    for bar in range(ends.size):
        first, last = starts[bar], ends[bar]
        high, low, volume, money, bought = -np.inf, np.inf, 0.0, 0.0, 0.0
        for i in range(first, last + 1):
            high, low = max(high, price[i]), min(low, price[i])
            volume += size[i]
            money += price[i] * size[i]
            if side[i] > 0.0:
                bought += size[i]
        out[bar, 0], out[bar, 1], out[bar, 2], out[bar, 3] = price[first], high, low, price[last]
        out[bar, 4], out[bar, 5], out[bar, 6], out[bar, 7] = volume, money, last - first + 1, bought
    return out
