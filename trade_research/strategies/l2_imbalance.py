"""Order book: follow the side that has much more size near the best price."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.kernels.book_signal import entry_side, is_back, spread_bps, top_ratio
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy


class Imbalance(NamedTuple):
    """Targets, size bid over size asked, and the spread in basis points."""

    target: F64
    ratio: F64
    spread: F64


@strategy(
    warmup=1,
    presets={
        "origin": {"buy": 3.0, "sell": 0.33, "depth": 5, "max_spread": 50.0, "min_strength": 0.5},
        "spot": {"spot_only": True},
    },
)
def l2_imbalance(
    bid_price: F64,
    bid_size: F64,
    ask_price: F64,
    ask_size: F64,
    buy: Annotated[float, Span(1.2, 10.0)] = 3.0,
    sell: Annotated[float, Span(0.1, 0.9)] = 0.33,
    depth: Annotated[int, Span(1, 20)] = 5,
    max_spread: Annotated[float, Span(0.5, 100.0)] = 50.0,
    min_strength: Annotated[float, Span(0.0, 2.0)] = 0.5,
    min_price: float = 1.0,
    spot_only: bool = False,
) -> Imbalance:
    """Long where the bids outweigh the asks, short where the asks outweigh the bids.

    Rule: the ratio is size bid over size asked, `depth` levels a side. Target 1 where it is at
    least `buy`, −1 where it is at most `sell`; 0 where it comes back through 1; no opinion
    between, and where a side is empty. An entry needs a spread of at most `max_spread`, a
    ratio at least `min_strength` from 1 and a mid of at least `min_price`; the way out needs
    nothing. All else is of the fill: give ``Exits`` a target, a stop, a longest hold and a
    cooldown, in event time.

    Columns: the levels ``bid_price_1 … k``, ``bid_size_1 … k`` and the same of asks.

    Parameters: `buy` and `sell` (ratios; 3 is an imbalance of +0.5, 1/3 of −0.5), `depth` (levels),
    `max_spread` (bp), `min_strength` (of the ratio), `min_price` (quote units), `spot_only`: no
    shorts.

    Source: Cao, Hansch and Wang (2009), Journal of Futures Markets 29(1). Market: liquid books with
    small ticks, seen within milliseconds. Cost to trade: two takers' fees a trip of some basis
    points; most venues' fees are more than it earns, so look at the break-even fee first.
    """
    n = bid_price.shape[0]
    target, ratio, spread = np.empty(n), np.empty(n), np.empty(n)
    before = np.nan
    for t in range(n):
        ratio[t] = top_ratio(bid_size[t], ask_size[t], depth)
        spread[t] = spread_bps(bid_price[t, 0], ask_price[t, 0])
        near = spread[t] <= max_spread and bid_price[t, 0] >= min_price
        side = entry_side(ratio[t], buy, sell, min_strength) if near else 0.0
        if spot_only and side < 0.0:
            side = 0.0
        target[t] = np.nan
        if side != 0.0:
            target[t] = side
        elif is_back(before, ratio[t]):
            target[t] = 0.0
        before = ratio[t] if ratio[t] == ratio[t] else before
    return Imbalance(target, ratio, spread)
