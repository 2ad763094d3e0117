"""Reversal: the price makes a new extreme, its strength does not; both at confirmed pivots."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np

from trade_research.indicators.momentum import rsi, rsi_cutler
from trade_research.indicators.pivots import confirmed_pivots
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy


class Divergences(NamedTuple):
    """Targets, the index (0 to 100), and the divergence that a bar confirms: 1, −1 or 0."""

    target: F64
    rsi: F64
    divergence: F64


@strategy(
    warmup=lambda window, left, right, kind: (
        window * (10 if kind == "wilder" else 1) + max(left, 0) + max(right, 0) + 1
    ),
    presets={"origin": {"window": 14, "kind": "cutler", "short": True}},
)
def rsi_divergence(
    high: F64,
    low: F64,
    close: F64,
    window: Annotated[int, Span(2, 50)] = 14,
    oversold: Annotated[float, Span(10.0, 50.0)] = 30.0,
    overbought: Annotated[float, Span(50.0, 90.0)] = 70.0,
    left: Annotated[int, Span(2, 20)] = 5,
    right: Annotated[int, Span(1, 10)] = 5,
    apart: Annotated[int, Span(10, 200)] = 60,
    short: bool = False,
    form: Literal["regular", "hidden", "both"] = "regular",
    kind: Literal["wilder", "cutler"] = "wilder",
) -> Divergences:
    """Long at a lower low whose relative strength index is higher than at the low before.

    Rule: two neighbouring pivots of the lows, at most `apart` bars from each other, each known only
    `right` bars after it. Regular: the later low is lower, the index there is higher, and it was at
    or below `oversold` at the earlier one: long. Hidden: the later low is higher, the index there
    lower: long, the rise goes on. Mirrored at highs (with `short`) from `overbought`. Out when the
    index reaches the other extreme, at the opposite divergence, or once the close is beyond the
    pivot, which is then none. No opinion where a hole in the data leaves the index unknown; behind
    it the rule starts flat.

    Parameters: `window` (bars, 2 to 50), `oversold` and `overbought` (0 to 100; 10 to 50 and 50 to
    90), `left` and `right` (bars on either side of a pivot, 2 to 20 and 1 to 10), `apart` (bars, 10
    to 200). `form`: `regular`, `hidden` or `both`. `kind`: `wilder`, or `cutler` with plain sums.

    Source: Wilder (1978), New Concepts in Technical Trading Systems; pivots and hidden divergences
    as in Brown (1999), Technical Analysis for the Trading Professional. Market: ranges and ends of
    trends. Cost to trade: a round trip in about 400 bars. On random walks, where none means
    anything, it finds a regular divergence on 0.5% of bars and a hidden one on 1.4%: of what it
    finds on a market as much is noise.
    """
    index = rsi_cutler(close, window) if kind == "cutler" else rsi(close, window)
    pivots = confirmed_pivots(high, low, left, right)
    n = close.size
    target, found = np.empty(n), np.zeros(n)
    held, void = 0.0, np.nan
    bottom, top = -1, -1  # bars of the last pivots
    for t in range(n):
        if index[t] != index[t]:
            target[t], found[t], held, bottom, top = np.nan, np.nan, 0.0, -1, -1
            continue
        at = t - right
        if pivots.low[t] == pivots.low[t]:
            if bottom >= 0 and at - bottom <= apart:
                lower, weaker = low[at] < low[bottom], index[at] < index[bottom]
                is_regular = lower and index[at] > index[bottom] and index[bottom] <= oversold
                is_hidden = weaker and low[at] > low[bottom]
                if (is_regular and form != "hidden") or (is_hidden and form != "regular"):
                    found[t], void = 1.0, low[at]
            bottom = at if index[at] == index[at] else -1
        if pivots.high[t] == pivots.high[t]:
            if top >= 0 and at - top <= apart:
                higher, stronger = high[at] > high[top], index[at] > index[top]
                is_regular = higher and index[at] < index[top] and index[top] >= overbought
                is_hidden = stronger and high[at] < high[top]
                if (is_regular and form != "hidden") or (is_hidden and form != "regular"):
                    # One bar that ends a lower low and a higher high says nothing.
                    found[t] = -1.0 if found[t] == 0.0 else 0.0
                    void = high[at] if found[t] < 0.0 and short else void
            top = at if index[at] == index[at] else -1
        if found[t] > 0.0 or (found[t] < 0.0 and (short or held > 0.0)):
            held = found[t] if found[t] > 0.0 or short else 0.0
        spent = index[t] >= overbought if held > 0.0 else index[t] <= oversold
        if held != 0.0 and (spent or held * (close[t] - void) < 0.0):
            held = 0.0
        target[t] = held
    return Divergences(target, index, found)
