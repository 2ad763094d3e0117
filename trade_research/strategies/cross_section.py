"""What strategies over many symbols share: last known prices, schedules, long and short ends."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, kernel


@kernel
def last_known(table: F64) -> F64:
    """Each symbol's last value that is not NaN, (n_bars, n_symbols); NaN before its first."""
    out = np.empty(table.shape)
    for t in range(table.shape[0]):
        for s in range(table.shape[1]):
            x = table[t, s]
            out[t, s] = out[t - 1, s] if x != x and t > 0 else x
    return out


@kernel
def is_new_period(open_time: F64, close_time: F64, every: int, t: int) -> bool:
    """Whether bar t is the first of `every` bar lengths, counted from 1970.

    Counted by the clock and not from the first bar, so that the schedule does not depend on where
    the data begin. Where bars are missing the first one there is takes the place.
    """
    if t == 0:
        return True
    span = max(every, 1) * (close_time[t] - open_time[t])
    return bool(np.floor(open_time[t] / span) != np.floor(open_time[t - 1] / span))


@kernel
def long_short(score: F64, top: float, short: bool, out: F64) -> None:
    """Weights of one bar: equal parts of 1 in the highest scores, half of it short in the lowest.

    `top` is the share of the symbols with a score (not NaN) on each side, at least one symbol; of
    equal scores the earlier symbol is the higher. All 0 with fewer than two scores.
    """
    out[:] = 0.0
    n = 0
    for s in range(score.size):
        n += 1 if score[s] == score[s] else 0
    if n < 2:
        return
    size = max(1, int(top * n + 1e-9))
    size = min(size, n // 2) if short else min(size, n)
    weight = (0.5 if short else 1.0) / size
    for s in range(score.size):
        if score[s] != score[s]:
            continue
        above = 0
        for other in range(score.size):
            if score[other] > score[s] or (score[other] == score[s] and other < s):
                above += 1
        if above < size:
            out[s] = weight
        elif short and above >= n - size:
            out[s] = -weight
