"""What a limit order book says: spread, mid, microprice, imbalance, depth, slope, order flow.

Book arrays are ``(n, k)``, best level first, NaN where there is no level: what `frames.columns`
gives for ``bid_price``, ``bid_size``, ``ask_price`` and ``ask_size``. Rows without a best level on
both sides give NaN.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.jit import F64, kernel


class Sides(NamedTuple):
    """One number of each side, each (n,)."""

    bid: F64
    ask: F64


@kernel
def book_mid(bid_price: F64, ask_price: F64) -> F64:
    """Middle of the best prices, (n,)."""
    n = bid_price.shape[0]
    out = np.empty(n)
    for t in range(n):
        out[t] = 0.5 * (bid_price[t, 0] + ask_price[t, 0])
    return out


@kernel
def book_spread(bid_price: F64, ask_price: F64) -> F64:
    """Best ask less best bid in basis points of the mid, (n,)."""
    n = bid_price.shape[0]
    out = np.empty(n)
    for t in range(n):
        bid, ask = bid_price[t, 0], ask_price[t, 0]
        out[t] = 2e4 * (ask - bid) / (ask + bid)
    return out


@kernel
def microprice(bid_price: F64, bid_size: F64, ask_price: F64, ask_size: F64) -> F64:
    """Best prices weighted by the size on the other side, (n,).

    References
    ----------
    Gatheral and Oomen (2010), Finance and Stochastics 14(2).
    """
    n = bid_price.shape[0]
    out = np.empty(n)
    for t in range(n):
        bid, ask = bid_size[t, 0], ask_size[t, 0]
        out[t] = (bid_price[t, 0] * ask + ask_price[t, 0] * bid) / (bid + ask)
    return out


@kernel
def imbalance(bid_size: F64, ask_size: F64, depth: int = 5) -> F64:
    """How much more is bid than asked, (n,), from -1 (asks only) to 1 (bids only).

    ``(B - A) / (B + A)``, sums of the sizes of the best `depth` levels. This is the one definition;
    `imbalance_of_ratio` and `ratio_of_imbalance` convert it from and to ``B / A``, and
    `notional_imbalance` counts money instead of units.

    Parameters
    ----------
    bid_size, ask_size : float64 arrays, (n, k)
        Base units. A level that is not there counts as nothing.
    depth : int
        Levels a side; those beyond k are not there.

    References
    ----------
    Cao, Hansch and Wang (2009), Journal of Futures Markets 29(1).
    """
    n = bid_size.shape[0]
    levels = min(depth, bid_size.shape[1], ask_size.shape[1])
    out = np.empty(n)
    for t in range(n):
        bids, asks = 0.0, 0.0
        for i in range(levels):
            bids += bid_size[t, i]
            asks += ask_size[t, i]
        if bids != bids or asks != asks:
            bids, asks = bid_size[t, 0], ask_size[t, 0]
            for i in range(1, levels):
                bids += bid_size[t, i] if bid_size[t, i] > 0.0 else 0.0
                asks += ask_size[t, i] if ask_size[t, i] > 0.0 else 0.0
        out[t] = (bids - asks) / (bids + asks)
    return out


@kernel
def imbalance_of_ratio(ratio: float) -> float:
    """The imbalance that the ratio ``B / A`` stands for: 3.0 is 0.5, 1/3 is -0.5."""
    return 1.0 if ratio == np.inf else (ratio - 1.0) / (ratio + 1.0)


@kernel
def ratio_of_imbalance(value: float) -> float:
    """``B / A`` of an imbalance: 0.5 is 3.0; 1.0 is infinite."""
    return np.inf if value == 1.0 else (1.0 + value) / (1.0 - value)


@kernel
def notional_imbalance(
    bid_price: F64, bid_size: F64, ask_price: F64, ask_size: F64, depth: int = 5
) -> F64:
    """`imbalance` of price × size, (n,)."""
    n = bid_size.shape[0]
    levels = min(depth, bid_size.shape[1], ask_size.shape[1])
    out = np.empty(n)
    for t in range(n):
        bids, asks = bid_price[t, 0] * bid_size[t, 0], ask_price[t, 0] * ask_size[t, 0]
        for i in range(1, levels):
            bids += bid_price[t, i] * bid_size[t, i] if bid_size[t, i] > 0.0 else 0.0
            asks += ask_price[t, i] * ask_size[t, i] if ask_size[t, i] > 0.0 else 0.0
        out[t] = (bids - asks) / (bids + asks)
    return out


@kernel
def weighted_imbalance(bid_size: F64, ask_size: F64, depth: int = 10, decay: float = 0.5) -> F64:
    """`imbalance` whose level i counts ``exp(-decay * i)`` (i from 0), (n,)."""
    n = bid_size.shape[0]
    levels = min(depth, bid_size.shape[1], ask_size.shape[1])
    weight = np.exp(-decay * np.arange(levels))
    out = np.empty(n)
    for t in range(n):
        bids, asks = bid_size[t, 0], ask_size[t, 0]
        for i in range(1, levels):
            bids += weight[i] * bid_size[t, i] if bid_size[t, i] > 0.0 else 0.0
            asks += weight[i] * ask_size[t, i] if ask_size[t, i] > 0.0 else 0.0
        out[t] = (bids - asks) / (bids + asks)
    return out


@kernel
def depth_within(
    bid_price: F64, bid_size: F64, ask_price: F64, ask_size: F64, bps: float = 10.0
) -> Sides:
    """Size of each side within `bps` of the mid; what lies beyond the last level is not counted."""
    n, k = bid_price.shape
    bids, asks = np.empty(n), np.empty(n)
    for t in range(n):
        mid = 0.5 * (bid_price[t, 0] + ask_price[t, 0])
        low, high = mid * (1.0 - 1e-4 * bps), mid * (1.0 + 1e-4 * bps)
        bids[t], asks[t] = mid - mid, mid - mid  # NaN where there is no mid
        for i in range(k):
            if bid_price[t, i] >= low:
                bids[t] += bid_size[t, i]
            if ask_price[t, i] <= high:
                asks[t] += ask_size[t, i]
    return Sides(bids, asks)


@kernel
def book_slope(
    bid_price: F64, bid_size: F64, ask_price: F64, ask_size: F64, depth: int = 10
) -> Sides:
    """How fast size builds up away from the mid, in base units per basis point, each (n,).

    The line through the origin that fits cumulated size against distance best.

    References
    ----------
    After Næs and Skjeltorp (2006), Journal of Financial Markets 9(4).
    """
    n = bid_price.shape[0]
    levels = min(depth, bid_price.shape[1])
    bids, asks = np.empty(n), np.empty(n)
    for t in range(n):
        mid = 0.5 * (bid_price[t, 0] + ask_price[t, 0])
        for which in range(2):
            price, size = (bid_price, bid_size) if which == 0 else (ask_price, ask_size)
            total, along, square = 0.0, 0.0, 0.0
            for i in range(levels):
                if size[t, i] > 0.0:
                    total += size[t, i]
                    far = 1e4 * abs(price[t, i] - mid) / mid
                    along += far * total
                    square += far * far
            value = along / square if square > 0.0 else np.nan
            if which == 0:
                bids[t] = value
            else:
                asks[t] = value
    return Sides(bids, asks)


@kernel
def order_flow(bid_price: F64, bid_size: F64, ask_price: F64, ask_size: F64, depth: int = 1) -> F64:
    """Order-flow imbalance from row to row, summed over the best `depth` levels, (n,).

    What was added to the bids less what was added to the asks since the row above: at each level
    the size of a better price counts as added, that of a worse one as taken away, and at an
    unchanged price the change of size counts. The first row, and rows beside a hole, are NaN.

    References
    ----------
    Cont, Kukanov and Stoikov (2014), J. Financial Econometrics 12(1); levels: Xu, Gould and
    Howison (2018), "Multi-level order-flow imbalance in a limit order book".
    """
    n = bid_price.shape[0]
    levels = min(depth, bid_price.shape[1])
    out = np.empty(n)
    out[:1] = np.nan
    for t in range(1, n):
        flow = 0.0
        for i in range(levels):
            now, before = bid_price[t, i], bid_price[t - 1, i]
            if now >= before:
                flow += bid_size[t, i]
            if now <= before:
                flow -= bid_size[t - 1, i]
            now, before = ask_price[t, i], ask_price[t - 1, i]
            if now <= before:
                flow -= ask_size[t, i]
            if now >= before:
                flow += ask_size[t - 1, i]
        hole = bid_price[t, 0] + ask_price[t, 0] + bid_price[t - 1, 0] + ask_price[t - 1, 0]
        out[t] = flow if hole == hole else np.nan
    return out


@kernel
def queue_age(time: F64, bid_price: F64, ask_price: F64) -> Sides:
    """How long the best price of each side has stood, in the units of `time`, each (n,)."""
    n = bid_price.shape[0]
    bids, asks = np.empty(n), np.empty(n)
    since_bid, since_ask = np.nan, np.nan
    for t in range(n):
        if t == 0 or bid_price[t, 0] != bid_price[t - 1, 0]:
            since_bid = time[t]
        if t == 0 or ask_price[t, 0] != ask_price[t - 1, 0]:
            since_ask = time[t]
        bids[t] = time[t] - since_bid if bid_price[t, 0] > 0.0 else np.nan
        asks[t] = time[t] - since_ask if ask_price[t, 0] > 0.0 else np.nan
    return Sides(bids, asks)
