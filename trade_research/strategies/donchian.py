"""Trend: join a price that leaves the range of the last weeks; the Turtles' rule."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.indicators import volatility
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy


class Channel(NamedTuple):
    """Targets and the levels they follow from: where to enter, and where to leave."""

    target: F64
    upper: F64
    lower: F64
    leave_long: F64
    leave_short: F64


@strategy(
    warmup=lambda entry, leave, risk: max(entry, leave, 120 if risk > 0.0 else 0) + 1,
    presets={
        "turtle_1": {"entry": 20, "leave": 10, "risk": 0.01, "skip": True, "short": True},
        "turtle_2": {"entry": 55, "leave": 20, "risk": 0.01, "short": True},
    },
)
def donchian(
    high: F64,
    low: F64,
    close: F64,
    entry: Annotated[int, Span(5, 200)] = 20,
    leave: Annotated[int, Span(2, 100)] = 10,
    risk: Annotated[float, Span(0.0, 0.05)] = 0.0,
    skip: bool = False,
    short: bool = False,
) -> Channel:
    """Long once the close is above the highest high of the bars before, until below their lows.

    Rule: long once the close is above the highest high of the `entry` bars before this one, out
    once it is below the lowest low of the `leave` bars before it. With `short` the mirror image
    too. No opinion where a hole in the data leaves a level unknown; behind it the rule starts flat.

    Parameters: `entry` (bars, 5 to 200), `leave` (bars, 2 to 100). `risk` (fraction of equity, 0 to
    0.05): size each position so that one average true range of 20 bars at its entry is so much of
    the equity, in thousandths, at most all of it; 0 is all in. `skip`: leave out a breakout after
    one that gained, unless the close breaks the range of ``3 * entry`` bars (the first system of
    the Turtles does).

    Source: Donchian (1960), Financial Analysts Journal 16(6); Faith (2007), Way of the Turtle.
    Market: futures, currencies and coins that trend for months; many small losses, few large
    gains. Cost to trade: on a random walk a round trip in two to three times `entry` bars.
    """
    wide, narrow = volatility.donchian(high, low, entry), volatility.donchian(high, low, leave)
    far = volatility.donchian(high, low, 3 * entry) if skip else wide
    reach = volatility.atr(high, low, close, 20) if risk > 0.0 else close
    n = close.size
    target = np.empty(n)
    upper, lower, top, bottom = np.empty(n), np.empty(n), np.empty(n), np.empty(n)
    held, size, price, gained = 0.0, 0.0, 0.0, False
    for t in range(n):
        upper[t], lower[t] = (wide.upper[t - 1], wide.lower[t - 1]) if t > 0 else (np.nan, np.nan)
        top[t], bottom[t] = (
            (narrow.upper[t - 1], narrow.lower[t - 1]) if t > 0 else (np.nan, np.nan)
        )
        known = upper[t] + top[t] + close[t] + (reach[t] if risk > 0.0 else 0.0)
        if known != known:
            target[t], held, gained = np.nan, 0.0, False
            continue
        if (held > 0.0 and close[t] < bottom[t]) or (held < 0.0 and close[t] > top[t]):
            gained = held * (close[t] - price) > 0.0
            held = 0.0
        side = 1.0 if close[t] > upper[t] else (-1.0 if close[t] < lower[t] else 0.0)
        if side != 0.0 and side != held and (side > 0.0 or short):
            beyond = close[t] > far.upper[t - 1] or close[t] < far.lower[t - 1]
            if not (skip and gained and not beyond):
                held, price = side, close[t]
                size = min(1.0, risk * close[t] / reach[t]) if risk > 0.0 else 1.0
                size = np.round(1000.0 * size) / 1000.0
            gained = gained and beyond
        target[t] = held * size
    return Channel(target, upper, lower, bottom, top)
