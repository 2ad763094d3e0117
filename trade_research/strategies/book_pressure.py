"""The order book as a vote: which side had more size when it was last seen, while it is fresh."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy


class Pressure(NamedTuple):
    """Targets, the book's imbalance (−1 to 1), and the largest level against the others' mean."""

    target: F64
    imbalance: F64
    wall: F64


@strategy(presets={"origin": {"threshold": 0.2, "wall": 3.0}})
def book_pressure(
    bid_size: F64,
    ask_size: F64,
    book_age: F64,
    threshold: Annotated[float, Span(0.05, 0.8)] = 0.2,
    wall: Annotated[float, Span(2.0, 20.0)] = 3.0,
    walls: Annotated[int, Span(1, 10)] = 2,
    most_age: Annotated[float, Span(1.0, 3_600.0)] = 60.0,
) -> Pressure:
    """Long where the bids outweigh the asks, short where the asks outweigh the bids.

    Rule: imbalance is (bids - asks) / (bids + asks) over all levels given; 1 above `threshold`, −1
    below its negative, 0 between. A side with more than `walls` levels of at least `wall` times the
    mean of all levels stands in the way: a target towards it is 0. 0 where the book is older than
    `most_age`; no opinion where a side is empty or unknown. Meant as a confirmation:
    ``tr.confirm(macd, by=book_pressure)``.

    Columns: `bid_size` and `ask_size` (the levels ``bid_size_1 … k``, base units, best first) as
    last known, and `book_age` (seconds since): ``frames.align(bars, books, age="book_age")``.

    Parameters: `threshold` (−1 to 1; 0.05 to 0.8), `wall` (times the mean level, 2 to 20), `walls`
    (levels, 1 to 10), `most_age` (seconds, 1 to 3,600).

    Source: Cao, Hansch and Wang (2009), Journal of Futures Markets 29(1). Market: order books seen
    seconds ago; on hourly bars it says little. Cost to trade: alone it changes its mind faster than
    any cost allows; as a confirmation it has none of its own.
    """
    n, levels = bid_size.shape
    target, imbalance, largest = np.empty(n), np.empty(n), np.empty(n)
    for t in range(n):
        bids, asks, top = 0.0, 0.0, 0.0
        for i in range(levels):
            bids, asks = bids + bid_size[t, i], asks + ask_size[t, i]
            top = max(top, bid_size[t, i], ask_size[t, i])
        both = bids + asks
        mean = both / (2.0 * levels)
        over, under = 0, 0
        for i in range(levels):
            over += 1 if ask_size[t, i] >= wall * mean else 0
            under += 1 if bid_size[t, i] >= wall * mean else 0
        known = bids > 0.0 and asks > 0.0
        imbalance[t] = (bids - asks) / both if known else np.nan
        largest[t] = top / mean if known else np.nan
        side = 1.0 if imbalance[t] > threshold else (-1.0 if imbalance[t] < -threshold else 0.0)
        blocked = over > walls if side > 0.0 else under > walls
        quiet = blocked or book_age[t] > most_age
        target[t] = np.nan if not known else (0.0 if quiet else side)
    return Pressure(target, imbalance, largest)
