"""Breakout detector: a close above resistance, scored by volume, momentum, volatility and risk."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.indicators.momentum import macd, rsi
from trade_research.indicators.pivots import confirmed_pivots
from trade_research.indicators.volatility import bollinger_ribbon, rolling_max, rolling_min
from trade_research.indicators.volume import relative_volume
from trade_research.kernels.jit import F64, kernel
from trade_research.strategies.brackets import hold_in_brackets
from trade_research.strategies.strategy import Span, strategy

_BREAKOUT, _MOMENTUM, _VOLATILITY, _DERIVATIVES, _RISK = 0.30, 0.25, 0.15, 0.20, 0.10
"""Weights of the five parts; of parts that are not known nothing is counted, on either side."""
_STOP = 0.02
"""Fraction under the resistance at which a breakout has failed."""
_CHASED = 0.04
"""Loss to the stop, as a fraction of the close, beyond which a breakout is chased."""
_SETTLES = 140
"""Bars after which MACD and RSI no longer know where the data began."""


class Breakout(NamedTuple):
    """Targets, the score (0 to 1), the level, and the volume over its mean."""

    target: F64
    score: F64
    resistance: F64
    ratio: F64


@strategy(warmup=lambda lookback: max(lookback + 5, _SETTLES))
def breakout(
    high: F64,
    low: F64,
    close: F64,
    volume: F64,
    lookback: Annotated[int, Span(20, 200)] = 50,
    clear: Annotated[float, Span(0.0, 3.0)] = 0.5,
    ratio: Annotated[float, Span(1.2, 5.0)] = 2.0,
    signal: Annotated[float, Span(0.5, 1.0)] = 0.7,
    reward: Annotated[float, Span(1.0, 5.0)] = 2.0,
    hold: Annotated[int, Span(5, 500)] = 100,
) -> Breakout:
    """Long on the first close clear of resistance whose score is high enough.

    Rule: resistance is the highest pivot (two bars on either side) confirmed in the `lookback` bars
    before. The close must be `clear` above it, that of the bar before not; and the relative
    strength index at most 75. The score is the weighted mean of: the level and volume of at least
    `ratio` times its mean (0.30), an index of 55 or more and a MACD line that rose above zero in
    the last 5 bars (0.25), bands 1.5 times as wide as their narrowest in 20 bars (0.15), and a stop
    no further than 4% (0.10). Long at `signal` or more; out 2% under the resistance, at `reward`
    times that loss, or after `hold` bars. A score of 0.5 is one to watch: it is a column. No
    opinion where a hole in the data leaves a part unknown; behind it the rule starts flat.

    Parameters: `lookback` (bars, 20 to 200), `clear` (percent, 0 to 3), `ratio` (times the mean of
    20 bars, 1.2 to 5), `signal` (0 to 1; 0.5 to 1), `reward` (times the loss, 1 to 5), `hold`
    (bars, 5 to 500).

    Source: the parts are Edwards and Magee (1948), Technical Analysis of Stock Trends; weights and
    thresholds are rules of thumb. Market: shares and coins in ranges of some `lookback` bars.
    Cost to trade: on a random walk a round trip in about 400 bars; filled after a jump, so slippage
    is above usual.
    """
    none = np.full(close.size, np.nan)
    return rate(high, low, close, volume, none, lookback, clear, ratio, signal, reward, hold)


@kernel
def rate(
    high: F64,
    low: F64,
    close: F64,
    volume: F64,
    derivatives: F64,
    lookback: int,
    clear: float,
    ratio: float,
    signal: float,
    reward: float,
    hold: int,
) -> Breakout:
    """Scores and targets; `derivatives` is the share (0 to 1) of that part, NaN where unknown."""
    level = _resistance(high, low, lookback)
    index, lines = rsi(close, 14), macd(close, 12, 26, 9)
    wide = bollinger_ribbon(close, 20, 2.0, 0).bandwidth
    narrow, surge = rolling_min(wide, 20), relative_volume(volume, 20)
    n = close.size
    side, score, loss, gain = np.empty(n), np.zeros(n), np.full(n, np.nan), np.full(n, np.nan)
    negative = 6  # bars since the line was last not above zero
    for t in range(n):
        negative = 0 if not lines.line[t] > 0.0 else negative + 1
        known = index[t] + lines.signal[t] + narrow[t] + surge[t]
        side[t] = 0.0 if known == known else np.nan
        score[t] = side[t]
        bar = level[t] * (1.0 + clear / 100.0)
        if not (t > 0 and close[t] > bar and not close[t - 1] > bar and index[t] <= 75.0):
            continue
        stop = level[t] * (1.0 - _STOP)
        loss[t], gain[t] = close[t] - stop, reward * (close[t] - stop)
        total = _BREAKOUT * (1.0 if surge[t] >= ratio else 0.5)
        total += _MOMENTUM * (0.5 * (index[t] >= 55.0) + 0.5 * (0 < negative <= 5))
        total += _VOLATILITY * (wide[t] >= 1.5 * narrow[t])
        total += _RISK * (loss[t] <= _CHASED * close[t])
        weights = _BREAKOUT + _MOMENTUM + _VOLATILITY + _RISK
        if derivatives[t] == derivatives[t]:
            total, weights = total + _DERIVATIVES * derivatives[t], weights + _DERIVATIVES
        score[t] = total / weights + side[t]
        side[t] = 1.0 if score[t] >= signal else side[t]
    return Breakout(hold_in_brackets(side, close, loss, gain, hold, 0), score, level, surge)


@kernel
def _resistance(high: F64, low: F64, lookback: int) -> F64:
    """Highest pivot confirmed in the `lookback` bars before each, NaN where there is none."""
    pivots = confirmed_pivots(high, low, 2, 2).high
    for t in range(pivots.size):
        pivots[t] = pivots[t] if pivots[t] == pivots[t] else -np.inf
    best, out = rolling_max(pivots, lookback), np.full(high.size, np.nan)
    for t in range(1, high.size):
        out[t] = best[t - 1] if best[t - 1] > 0.0 else np.nan
    return out
