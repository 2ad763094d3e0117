"""What kind of market it is: its direction, how strongly it trends, how widely it swings."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.indicators.direction import adx
from trade_research.indicators.statistics import hurst
from trade_research.indicators.volatility import natr
from trade_research.kernels.jit import F64, indicator, kernel
from trade_research.kernels.rolling import rolling_mean


class Regime(NamedTuple):
    """The state of the market, each (n_bars,): see `regime`."""

    direction: F64
    strength: F64
    volatility: F64


@indicator
def regime(
    high: F64,
    low: F64,
    close: F64,
    window: int = 14,
    span: int = 100,
    base: int = 100,
    weak: float = 20.0,
    strong: float = 25.0,
    reverting: float = 0.45,
    persistent: float = 0.55,
    calm: float = 0.5,
    wild: float = 2.0,
    dwell: int = 3,
) -> Regime:
    """Market regime: direction by strength by volatility, none of them shorter than `dwell` bars.

    Strong: `adx` of at least `strong` and a `hurst` exponent of at least `persistent`. Weak: an ADX
    of at least `weak` and an exponent above `reverting`. Else a range, without direction; otherwise
    the direction is that of +DI against −DI. Calm and wild: an average true range, in percent of
    the close, of at most `calm` and at least `wild` times its own mean.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n_bars,)
    window : int
        Wilder's period of ADX and average true range, in bars.
    span, base : int
        Bars of the Hurst exponent, of log closes, and of the mean of the average true range. Where
        a window does not fit, all values are NaN.
    weak, strong, reverting, persistent, calm, wild : float
        The levels above.
    dwell : int
        Bars in a row that another state must last to be believed: trend and volatility each. It is
        told at the last of them, so it is `dwell` - 1 bars late and lasts `dwell` bars at least.

    Returns
    -------
    Regime
        `direction` −1, 0 or 1; `strength` 0 (range), 1 or 2; `volatility` 0 (calm), 1 or 2 (wild).
        All from bar ``max(2 * window, span, window + base) - 1`` on. A NaN gives NaN, and all start
        anew behind it. A market that does not move at all is a calm range.

    References
    ----------
    Wilder (1978) for ADX and its levels of 20 and 25; Di Matteo (2007) for the exponent.
    """
    moves, size = adx(high, low, close, window), natr(high, low, close, window)
    mean, logs = rolling_mean(size, base), np.empty(close.size)
    for t in range(close.size):
        logs[t] = np.log(close[t])
    memory = hurst(logs, span)
    trend, swing, run = np.empty(close.size), np.empty(close.size), 0
    for t in range(close.size):
        run = run + 1 if logs[t] == logs[t] else 0
        force, ratio = moves.adx[t], size[t] / mean[t] if mean[t] != 0.0 else 0.0
        known = force + mean[t] if run >= span >= 8 else np.nan
        keeps = memory[t] if memory[t] == memory[t] else 0.0  # NaN where nothing moves
        level = 1.0 if force >= weak and keeps > reverting else 0.0
        level = 2.0 if force >= strong and keeps >= persistent else level
        side = np.sign(moves.plus[t] - moves.minus[t])
        trend[t] = side * level if known == known else np.nan
        swing[t] = 0.0 if ratio <= calm else (2.0 if ratio >= wild else 1.0)
        swing[t] = swing[t] if known == known else np.nan
    _settle(trend, dwell)
    _settle(swing, dwell)
    direction, strength = np.sign(trend), np.abs(trend)
    return Regime(direction, strength, swing)


@kernel
def _settle(state: F64, dwell: int) -> None:
    """In place: a state gives way to another that has lasted `dwell` bars. NaN starts anew."""
    told, other, since = np.nan, np.nan, 0
    for t in range(state.size):
        now = state[t]
        since = since + 1 if now == other else 1
        other = now
        if now != now or told != told or since >= dwell:
            told = now
        state[t] = told
