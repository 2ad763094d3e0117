"""Options as a vote: the put/call ratio as it was last known, while it is fresh."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy


class Opinion(NamedTuple):
    """Targets, and 1 where the snapshot was too old to count."""

    target: F64
    stale: F64


@strategy(presets={"origin": {"bullish": 0.7, "bearish": 1.2, "greed": 0.4, "fear": 1.5}})
def put_call(
    put_call_ratio: F64,
    put_call_age: F64,
    bullish: Annotated[float, Span(0.4, 1.0)] = 0.7,
    bearish: Annotated[float, Span(1.0, 2.0)] = 1.2,
    greed: Annotated[float, Span(0.0, 0.7)] = 0.4,
    fear: Annotated[float, Span(1.2, 3.0)] = 1.5,
    most_age: Annotated[float, Span(300.0, 172_800.0)] = 86_400.0,
) -> Opinion:
    """Long where few puts are traded for each call, short where many are; contrary at extremes.

    Rule: 1 below `bullish`, −1 above `bearish`, 0 between; beyond `greed` and `fear` the other way
    round. 0 where the snapshot is older than `most_age`; no opinion where there is none. Meant as a
    confirmation: ``tr.confirm(macd, by=put_call)``.

    Columns: `put_call_ratio` (put volume over call volume) and `put_call_age` (seconds since it was
    known): ``frames.align(bars, options, ["put_call_ratio"], age="put_call_age")``.

    Parameters: `bullish`, `bearish`, `greed`, `fear` (ratios; 0.4 to 1, 1 to 2, 0 to 0.7, 1.2 to
    3), `most_age` (seconds, 300 to 172,800).

    Source: Pan and Poteshman (2006), Review of Financial Studies 19(3); their effect needs volume
    that opens positions. Market: shares, indices and coins with listed options. Cost to trade:
    alone two sides per crossing of a level; as a confirmation none of its own.
    """
    target, stale = np.empty(put_call_ratio.size), np.empty(put_call_ratio.size)
    for t in range(put_call_ratio.size):
        ratio = put_call_ratio[t]
        side = 1.0 if ratio < bullish else (-1.0 if ratio > bearish else 0.0)
        if ratio < greed or ratio > fear:
            side = -side
        stale[t] = 1.0 if put_call_age[t] > most_age else 0.0
        target[t] = 0.0 if stale[t] else side
    return Opinion(target, stale)
