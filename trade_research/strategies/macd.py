"""Trend: the distance of two averages against its own average, against zero, or its slope."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np

from trade_research.indicators import momentum
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy

_TIE = 1e-12
"""Share of the price below which two values count as equal: rounding decides no trade."""


class Lines(NamedTuple):
    """Targets and the three lines of the indicator, in units of price."""

    target: F64
    line: F64
    signal: F64
    histogram: F64


@strategy(
    warmup=lambda fast, slow, signal: 3 * max(fast, slow) + 3 * signal,
    presets={"origin": {"fast": 12, "slow": 26, "signal": 9, "short": True}},
)
def macd(
    close: F64,
    fast: Annotated[int, Span(2, 100)] = 12,
    slow: Annotated[int, Span(5, 300)] = 26,
    signal: Annotated[int, Span(2, 100)] = 9,
    zero: bool = False,
    short: bool = False,
    trigger: Literal["signal", "zero", "histogram"] = "signal",
) -> Lines:
    """Long while the MACD line is above its signal line, else flat or short.

    Rule, `signal`: long once the line is above its signal line, out (or short) once it is below.
    `zero`: the same of the line and zero. `histogram`: long once the distance of line and signal
    grows from one bar to the next, out once it shrinks. A tie changes nothing. No opinion where a
    hole in the data leaves a line unknown; behind it the rule starts flat.

    Parameters: `fast`, `slow`, `signal` (spans in bars, 2 to 100, 5 to 300, 2 to 100). `zero`: take
    longs only while the line is above zero, shorts only while it is below. `short`: go short
    instead of flat. `trigger`: `signal`, `zero` or `histogram`.

    Source: Appel (2005), Technical Analysis: Power Tools for Active Investors. Market: trends of
    some `slow` bars. Cost to trade: on a random walk a round trip in about 24 bars with
    `signal`, 57 with `zero`, 7 with `histogram`: on fast bars costs decide the result.
    """
    lines = momentum.macd(close, fast, slow, signal)
    line, calm, histogram = lines.line, lines.signal, lines.histogram
    target, held, side = np.empty(close.size), 0.0, -1.0 if short else 0.0
    for t in range(close.size):
        if trigger == "zero":
            gap = line[t] + 0.0 * calm[t]
        elif trigger == "histogram":
            gap = histogram[t] - histogram[t - 1] if t > 0 else np.nan
        else:
            gap = histogram[t]
        edge = _TIE * abs(close[t])
        if gap != gap:
            target[t], held = np.nan, 0.0
            continue
        if gap > edge:
            held = 1.0
        elif gap < -edge:
            held = side
        against = zero and held * line[t] <= 0.0
        target[t] = 0.0 if against else held
    return Lines(target, line, calm, histogram)
