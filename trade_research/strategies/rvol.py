"""Momentum: a move on far more volume than usual goes on for a while."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.indicators.momentum import roc
from trade_research.indicators.volatility import atr
from trade_research.indicators.volume import relative_volume
from trade_research.kernels.jit import F64
from trade_research.strategies.brackets import hold_in_brackets
from trade_research.strategies.strategy import Span, strategy


class Surge(NamedTuple):
    """Targets, volume over its mean, and the move of the bar in percent."""

    target: F64
    ratio: F64
    move: F64


@strategy(
    warmup=lambda window, span: max(window, 3 * span) + 1,
    presets={"origin": {"window": 20, "ratio": 2.0, "move": 0.5, "short": True}},
)
def rvol(
    high: F64,
    low: F64,
    close: F64,
    volume: F64,
    window: Annotated[int, Span(5, 100)] = 20,
    ratio: Annotated[float, Span(1.2, 5.0)] = 2.0,
    move: Annotated[float, Span(0.0, 3.0)] = 0.5,
    span: Annotated[int, Span(5, 50)] = 14,
    stop: Annotated[float, Span(0.5, 5.0)] = 1.5,
    goal: Annotated[float, Span(0.5, 10.0)] = 3.0,
    hold: Annotated[int, Span(1, 200)] = 50,
    cooldown: Annotated[int, Span(0, 20)] = 3,
    short: bool = False,
) -> Surge:
    """Long after a rise on at least twice the usual volume, until a stop or a goal.

    Rule: long once the volume is at least `ratio` times the mean of the `window` bars before and
    the close at least `move` above that of the bar before; with `short`, short after such a fall.
    Out once the close is `stop` average true ranges against or `goal` with the position, counted
    from the close that gave the signal, or after `hold` bars; no entry for `cooldown` bars then. No
    opinion where a hole in the data leaves one of them unknown; behind it the rule starts flat.

    Parameters: `window` (bars, 5 to 100), `ratio` (times the mean, 1.2 to 5), `move` (percent, 0 to
    3), `span` (bars of the average true range, 5 to 50), `stop` and `goal` (average true ranges,
    0.5 to 5 and 0.5 to 10), `hold` (bars, 1 to 200), `cooldown` (bars, 0 to 20).

    Source: Gervais, Kaniel and Mingelgrin (2001), Journal of Finance 56(3), the high-volume return
    premium. Market: shares and coins on bars of minutes to days; volume must be that of one venue,
    in one unit. Cost to trade: a round trip in about 36 bars where volume is random; news bars are
    wide, so slippage is above usual.
    """
    surge, moved = relative_volume(volume, window), roc(close, 1)
    reach = atr(high, low, close, span)
    n = close.size
    side, loss, gain = np.empty(n), np.empty(n), np.empty(n)
    for t in range(n):
        loss[t], gain[t] = stop * reach[t], goal * reach[t]
        known = surge[t] + moved[t] + reach[t]
        now = 0.0
        if surge[t] >= ratio and abs(moved[t]) >= move and moved[t] != 0.0:
            now = 1.0 if moved[t] > 0.0 else (-1.0 if short else 0.0)
        side[t] = now if known == known else np.nan
    return Surge(hold_in_brackets(side, close, loss, gain, hold, cooldown), surge, moved)
