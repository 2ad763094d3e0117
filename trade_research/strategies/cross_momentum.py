"""Cross-section: own the symbols that rose most, sell short those that rose least."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.kernels.jit import F64
from trade_research.strategies.cross_section import is_new_period, last_known, long_short
from trade_research.strategies.strategy import Panel, Span, strategy


class Ranked(NamedTuple):
    """Targets, and the past return of each symbol that they are ranked by."""

    target: F64
    change: F64


@strategy(
    warmup=lambda lookback, skip, every: max(lookback + max(skip, 0), every) + 1,
    presets={
        "jegadeesh_titman": {"lookback": 126, "skip": 5, "top": 0.1, "every": 21},
        "crypto_weekly": {"lookback": 21, "skip": 0, "top": 0.2, "every": 7},
    },
)
def cross_momentum(
    close: Panel,
    open_time: F64,
    close_time: F64,
    lookback: Annotated[int, Span(5, 500)] = 90,
    skip: Annotated[int, Span(0, 30)] = 1,
    top: Annotated[float, Span(0.1, 0.5)] = 0.3,
    every: Annotated[int, Span(1, 60)] = 7,
    short: bool = True,
) -> Ranked:
    """Long the symbols with the highest past return, short those with the lowest.

    Rule: every `every` bars all symbols that had a price `lookback` bars before are ranked by their
    return from then until `skip` bars ago. The best share `top` of them get equal parts of half the
    equity, the worst as much short; without `short` the best get equal parts of all of it. In
    between, targets stand. A symbol that does not trade keeps what is held.

    Parameters: `lookback` (bars, 5 to 500), `skip` (bars, 0 to 30; short-term reversal is left
    out), `top` (share of the symbols, 0.1 to 0.5), `every` (bars by the clock, 1 to 60).

    Source: Jegadeesh and Titman (1993), Journal of Finance 48(1). Market: many shares, or liquid
    coins, ranked against each other; it needs an account that sells short. Cost to trade: at each
    ranking the symbols that enter or leave an end, on a random walk about a quarter of the gross at
    ``every = lookback / 10``, most of it at `top` small.
    """
    n, k = close.shape
    known = last_known(close)
    target, change = np.zeros((n, k)), np.full((n, k), np.nan)
    late = max(skip, 0)
    for t in range(n):
        if t >= lookback + late:
            for s in range(k):
                change[t, s] = known[t - late, s] / known[t - late - lookback, s] - 1.0
        if is_new_period(open_time, close_time, every, t):
            long_short(change[t], top, short, target[t])
        else:
            target[t] = target[t - 1]
    return Ranked(target, change)
