"""Bollinger bands: join a move that leaves them, or bet on the way back."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np

from trade_research.indicators.volatility import bollinger_bands
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy


class Banded(NamedTuple):
    """Targets and the bands they follow from."""

    target: F64
    upper: F64
    middle: F64
    lower: F64


@strategy(warmup=lambda window: window)
def bollinger(
    close: F64,
    window: Annotated[int, Span(5, 200)] = 20,
    width: Annotated[float, Span(0.5, 4.0)] = 2.0,
    mode: Literal["breakout", "reversion"] = "breakout",
) -> Banded:
    """Enter where the close leaves the bands, leave where it crosses their middle.

    Rule, `breakout`: long once the close is above the upper band, until it is below the middle.
    `reversion`: long once it is below the lower band, until it is above the middle. No opinion
    where a hole in the data leaves the bands unknown; after it the rule starts flat.

    Parameters: `window` (bars, 5 to 200), `width` (standard deviations, 0.5 to 4).

    Source: Bollinger (2001), Bollinger on Bollinger Bands. Market: breakout where moves carry on
    (crypto, futures), reversion where they come back (liquid shares). Cost to trade: two sides per
    excursion, about one in four windows at width 2.
    """
    bands = bollinger_bands(close, window, width)
    target = np.empty(close.size)
    held = 0.0
    for t in range(close.size):
        middle = bands.middle[t]
        if not (close[t] == close[t] and middle == middle):
            target[t], held = np.nan, 0.0
            continue
        if mode == "breakout":
            enters, leaves = close[t] > bands.upper[t], close[t] < middle
        else:
            enters, leaves = close[t] < bands.lower[t], close[t] > middle
        if enters:
            held = 1.0
        elif leaves:
            held = 0.0
        target[t] = held
    return Banded(target, bands.upper, middle=bands.middle, lower=bands.lower)
