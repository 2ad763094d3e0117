"""What trades say: signed flow, price impact, spreads paid, and the toxicity of volume.

`side` is the aggressor's: 1 bought, -1 sold, 0 unknown. Times are of any one unit.
"""

from __future__ import annotations

import numpy as np

from trade_research.indicators.statistics import beta
from trade_research.kernels.jit import F64, I64, kernel


@kernel
def trade_flow(at: F64, time: F64, side: F64, size: F64, window: float) -> F64:
    """Bought less sold over their sum in the `window` up to each moment of `at`, (n,).

    Parameters
    ----------
    at : float64 array, (n,)
        Moments, not decreasing; trades of the moment itself count.
    time, side, size : float64 arrays, (n_trades,)
        Trades, oldest first.
    window : float
        Length of ``(at - window, at]``.

    Returns
    -------
    float64 array, (n,)
        -1 to 1; 0 where nothing was traded.
    """
    out = np.empty(at.size)
    head, tail, rows = 0, 0, time.size
    for t in range(at.size):
        while head < rows and time[head] <= at[t]:
            head += 1
        while tail < head and time[tail] <= at[t] - window:
            tail += 1
        bought, sold = 0.0, 0.0
        for i in range(tail, head):
            if side[i] > 0.0:
                bought += size[i]
            elif side[i] < 0.0:
                sold += size[i]
        out[t] = (bought - sold) / (bought + sold) if bought + sold > 0.0 else 0.0
    return out


@kernel
def signed_volume(at: F64, time: F64, side: F64, size: F64) -> F64:
    """Bought less sold since the moment before, (n,); the first counts all trades so far."""
    out = np.empty(at.size)
    head = 0
    for t in range(at.size):
        flow = 0.0
        while head < time.size and time[head] <= at[t]:
            flow += side[head] * size[head]
            head += 1
        out[t] = flow
    return out


@kernel
def kyle_lambda(mid: F64, flow: F64, window: int = 100) -> F64:
    """Price impact of signed volume: slope of the mid's change on `flow` over `window` rows, (n,).

    Price units per base unit; NaN until `window` changes are known and where flow does not vary.

    References
    ----------
    Kyle (1985), Econometrica 53(6); estimated as in Hasbrouck (2009), Journal of Finance 64(3).
    """
    change = np.empty(mid.size)
    change[:1] = np.nan
    for t in range(1, mid.size):
        change[t] = mid[t] - mid[t - 1]
    return beta(change, flow, window)


@kernel
def last_before(time: I64, at: I64) -> I64:
    """Row of the last `time` not after each moment of `at`, both ascending; -1 where none is."""
    out = np.empty(at.size, np.int64)
    row = -1
    for i in range(at.size):
        while row + 1 < time.size and time[row + 1] <= at[i]:
            row += 1
        out[i] = row
    return out


@kernel
def effective_spread(price: F64, side: F64, mid: F64) -> F64:
    """Twice the distance a trade paid from the mid before it, in basis points, (n_trades,)."""
    out = np.empty(price.size)
    for i in range(price.size):
        out[i] = 2e4 * side[i] * (price[i] - mid[i]) / mid[i] if side[i] != 0.0 else np.nan
    return out


@kernel
def realised_spread(price: F64, side: F64, mid: F64, mid_after: F64) -> F64:
    """What of the effective spread the maker keeps once the mid has moved, in basis points.

    `mid_after` is the mid some seconds after the trade. Effective less realised spread is the
    price impact.

    References
    ----------
    Huang and Stoll (1996), Journal of Financial Economics 41(3).
    """
    out = np.empty(price.size)
    for i in range(price.size):
        out[i] = 2e4 * side[i] * (price[i] - mid_after[i]) / mid[i] if side[i] != 0.0 else np.nan
    return out


@kernel
def vpin(side: F64, size: F64, bucket: float, window: int = 50) -> F64:
    """Volume-synchronised probability of informed trading after each trade, (n_trades,).

    Volume is cut into buckets of `bucket` base units; the value is the mean of ``|bought - sold|``
    over the last `window` full buckets in shares of a bucket, with the recorded aggressors instead
    of a guess. NaN before that many are full. A trade may end one bucket and begin others.

    References
    ----------
    Easley, López de Prado and O'Hara (2012), Review of Financial Studies 25(5).
    """
    out = np.full(side.size, np.nan)
    kept = np.zeros(window)
    full, room, net, total = 0, bucket, 0.0, 0.0
    for i in range(side.size):
        left = size[i]
        while left >= room:
            net += side[i] * room
            left -= room
            total += abs(net) - kept[full % window]
            kept[full % window] = abs(net)
            full += 1
            if full % window == 0:  # anew, so that rounding does not add up
                total = kept.sum()
            room, net = bucket, 0.0
        net += side[i] * left
        room -= left
        if full >= window:
            out[i] = total / (window * bucket)
    return out
