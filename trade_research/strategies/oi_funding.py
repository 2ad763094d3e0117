"""Perpetuals: join moves that new positions carry, fade those whose side pays too much."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.indicators.momentum import roc
from trade_research.kernels.jit import F64
from trade_research.strategies.brackets import hold_in_brackets
from trade_research.strategies.strategy import Span, strategy


class Positioning(NamedTuple):
    """Targets, and the changes of price and open interest in percent that they follow from."""

    target: F64
    price_change: F64
    interest_change: F64


@strategy(
    warmup=lambda span: span + 1,
    presets={"origin": {"span": 4, "interest": 5.0, "move": 1.0, "moderate": 0.01}},
)
def oi_funding(
    close: F64,
    open_interest: F64,
    funding_rate: F64,
    span: Annotated[int, Span(1, 96)] = 4,
    interest: Annotated[float, Span(1.0, 20.0)] = 5.0,
    move: Annotated[float, Span(0.2, 5.0)] = 1.0,
    moderate: Annotated[float, Span(0.0, 0.05)] = 0.01,
    extreme: Annotated[float, Span(0.02, 0.5)] = 0.10,
    stop: Annotated[float, Span(0.5, 10.0)] = 2.0,
    goal: Annotated[float, Span(0.5, 20.0)] = 4.0,
    hold: Annotated[int, Span(1, 500)] = 48,
    cooldown: Annotated[int, Span(0, 50)] = 4,
) -> Positioning:
    """Join a move that open interest grows with; fade the side whose funding is extreme.

    Rule: long once price (`move`) and open interest (`interest`) have both risen over `span` bars
    and funding is between `moderate` and `extreme`: new longs who pay, but not too much. Short once
    the price has fallen on rising open interest and funding is as far below zero. Where funding is
    beyond `extreme` and open interest has risen so far, the crowd is faded instead: short when
    longs pay, long when shorts do. Out `stop` against or `goal` with the position, or after `hold`
    bars; no entry for `cooldown` bars then. No opinion where a column is unknown.

    Columns: `open_interest` (any unit; only its change counts) and `funding_rate` (fraction per
    settlement, 0.0001 is 0.01%), the last values published before the bar closed: bring them beside
    the bars with `frames.align` and a `lag` for the time it takes to publish them.

    Parameters: `span` (bars, 1 to 96; 4 of an hour), `interest` and `move` (percent over `span`, 1
    to 20 and 0.2 to 5), `moderate` and `extreme` (percent per settlement, 0 to 0.05 and 0.02 to
    0.5; of 8 hours: scale them where a venue settles more often), `stop` and `goal` (percent of the
    close that gave the signal, 0.5 to 10 and 0.5 to 20), `hold` and `cooldown` (bars, 1 to 500 and
    0 to 50).

    Source: the reading of open interest with price is Murphy (1999), Technical Analysis of the
    Financial Markets, chapter 7; that extreme funding marks a crowd is a rule of thumb of traders.
    Market: perpetual futures only. Cost to trade: two sides per signal, and funding itself, which a
    joined move pays and a faded one earns.
    """
    moved, grown = roc(close, span), roc(open_interest, span)
    n = close.size
    side, loss, gain = np.empty(n), np.empty(n), np.empty(n)
    for t in range(n):
        loss[t], gain[t] = stop / 100.0 * close[t], goal / 100.0 * close[t]
        rate = 100.0 * funding_rate[t]
        known = moved[t] + grown[t] + rate
        now = 0.0
        if grown[t] >= interest:
            if abs(rate) > extreme:
                now = -np.sign(rate)
            elif abs(rate) >= moderate and moved[t] * rate > 0.0 and abs(moved[t]) >= move:
                now = np.sign(rate)
        side[t] = now if known == known else np.nan
    return Positioning(hold_in_brackets(side, close, loss, gain, hold, cooldown), moved, grown)
