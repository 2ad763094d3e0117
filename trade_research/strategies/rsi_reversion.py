"""Reversion: buy what has fallen far and fast, sell it when it is back."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np

from trade_research.indicators.momentum import rsi, rsi_cutler
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy


class Indexed(NamedTuple):
    """Targets and the index they follow from, 0 to 100."""

    target: F64
    rsi: F64


@strategy(
    warmup=lambda window, kind: window * (10 if kind == "wilder" else 1) + 1,
    presets={"connors": {"window": 2, "oversold": 10.0, "overbought": 90.0, "middle": 65.0}},
)
def rsi_reversion(
    close: F64,
    window: Annotated[int, Span(2, 50)] = 14,
    oversold: Annotated[float, Span(5.0, 45.0)] = 30.0,
    overbought: Annotated[float, Span(55.0, 95.0)] = 70.0,
    middle: Annotated[float, Span(40.0, 70.0)] = 50.0,
    short: bool = False,
    kind: Literal["wilder", "cutler"] = "wilder",
) -> Indexed:
    """Long once the relative strength index is oversold, until it is back at its middle.

    Rule: long once the index is at or below `oversold`, out once it is at or above `middle`. With
    `short`: short once it is at or above `overbought`, out once it is at or below
    ``100 - middle``. A price that has not moved for `window` bars is never oversold. No opinion
    where a hole in the data leaves the index unknown; behind it the rule starts flat.

    Parameters: `window` (bars, 2 to 50), `oversold` and `overbought` (0 to 100; 5 to 45 and 55 to
    95), `middle` (0 to 100; 40 to 70). `kind`: `wilder`, or `cutler` with plain sums, which forget
    the past after `window` bars.

    Source: Wilder (1978), New Concepts in Technical Trading Systems; the preset `connors`: Connors
    and Alvarez (2009), Short Term Trading Strategies That Work. Market: what comes back (liquid
    shares and indices, ranges); in a trend it buys all the way down. Cost to trade: on a random
    walk a round trip in about 150 bars at 14 and 30, in 20 at 2 and 10.
    """
    index = rsi_cutler(close, window) if kind == "cutler" else rsi(close, window)
    target, held = np.empty(close.size), 0.0
    still = 0
    for t in range(close.size):
        still = still + 1 if t > 0 and close[t] == close[t - 1] else 0
        now = index[t]
        if now != now:
            target[t], held = np.nan, 0.0
            continue
        if now <= oversold and still < window:  # where nothing moves it is 0 by convention
            held = 1.0
        elif now >= overbought and short:
            held = -1.0
        elif (held > 0.0 and now >= middle) or (held < 0.0 and now <= 100.0 - middle):
            held = 0.0
        target[t] = held
    return Indexed(target, index)
