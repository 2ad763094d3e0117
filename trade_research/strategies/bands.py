"""Bollinger bands: join a move that leaves them, or bet on the way back."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np

from trade_research.errors import ParameterError
from trade_research.indicators.volatility import bollinger_bands, bollinger_ribbon
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy

_LOOKBACK = 120
"""Bars among whose bandwidths this bar's is ranked to call it a squeeze."""


class Banded(NamedTuple):
    """Targets and the bands they follow from."""

    target: F64
    upper: F64
    middle: F64
    lower: F64
    percent_b: F64
    bandwidth: F64


def _warmup(window: int, width: float, lag: int, squeeze: float) -> int:
    farthest = max(window - 1, 0) ** 0.5
    if lag == 0 and width >= farthest:
        raise ParameterError(
            f"bollinger: no close can leave its own bands: with window={window} it is at most "
            f"{farthest:.3g} deviations from the mean, below width={width:g}; take a longer window "
            f"or lag=1"
        )
    return window + max(lag, 0) + (_LOOKBACK if squeeze < 100.0 else 0)


@strategy(
    warmup=_warmup,
    presets={
        "origin": {"window": 20, "width": 2.0, "short": True, "until": "band"},
        "squeeze": {"squeeze": 20.0, "lag": 1},
    },
)
def bollinger(
    close: F64,
    window: Annotated[int, Span(5, 200)] = 20,
    width: Annotated[float, Span(0.5, 4.0)] = 2.0,
    squeeze: Annotated[float, Span(5.0, 100.0)] = 100.0,
    lag: Annotated[int, Span(0, 1)] = 0,
    short: bool = False,
    mode: Literal["breakout", "reversion"] = "breakout",
    until: Literal["middle", "band"] = "middle",
) -> Banded:
    """Enter where the close leaves the bands, leave where it crosses their middle.

    Rule, `breakout`: long once the close is above the upper band, until it is below the middle.
    `reversion`: long once it is below the lower band, until it is above the middle. With `short`
    the mirror image too. No opinion where a hole in the data leaves the bands unknown; after it the
    rule starts flat.

    Parameters: `window` (bars, 5 to 200), `width` (standard deviations, 0.5 to 4). `squeeze`
    (percent, 5 to 100): enter only where at most this share of the 120 bandwidths before the bar
    before were narrower than that bar's; 100 is no condition. `lag` (bars, 0 or 1): compare with
    the bands of the bar before, which this close is not in; without it no close can be further
    than ``sqrt(window - 1)`` deviations away, and a `width` beyond that is refused.
    `mode`: `breakout` or `reversion`; `until`: leave at the `middle`, or as soon as the close is
    back inside the `band`.

    Source: Bollinger (2001), Bollinger on Bollinger Bands. Market: breakout where moves carry on
    (crypto, futures), reversion where they come back (liquid shares). Cost to trade: on a
    random walk a round trip in about 50 bars with the defaults, in 30 until the band.
    """
    upper, middle, lower = bollinger_bands(close, window, width)
    if squeeze < 100.0:
        percent_b, bandwidth, rank = bollinger_ribbon(close, window, width, _LOOKBACK)
    else:
        percent_b, bandwidth, rank = bollinger_ribbon(close, window, width, 0)
    back = max(lag, 0)
    target, held = np.empty(close.size), 0.0
    for t in range(close.size):
        s = t - back
        if s < 0 or not (close[t] == close[t] and middle[s] == middle[s]):
            target[t], held = np.nan, 0.0
            continue
        away = 1.0 if close[t] > upper[s] else (-1.0 if close[t] < lower[s] else 0.0)
        beyond = np.sign(close[t] - middle[s])
        if mode == "reversion":
            away, beyond = -away, -beyond
        if (
            away != 0.0
            and away != held
            and (squeeze >= 100.0 or (t > 0 and rank[t - 1] <= squeeze))
        ):
            held = away if away > 0.0 or short else 0.0
        elif away != held and (until == "band" or beyond == -held):
            held = 0.0
        target[t] = held
    return Banded(target, upper, middle, lower, percent_b, bandwidth)
