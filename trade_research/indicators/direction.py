"""Which way the market goes, how strongly, and where that would end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.direction import age_of_best, flip, movement, stop_and_reverse
from trade_research.kernels.jit import F64, indicator, kernel
from trade_research.kernels.rolling import rolling_highest, rolling_lowest
from trade_research.kernels.smooth import wilder_range


class Movement(NamedTuple):
    """Strength of the trend, and of its rises and falls, each (n_bars,), 0 to 100."""

    adx: F64
    plus: F64
    minus: F64


class Ages(NamedTuple):
    """How fresh the lowest low and the highest high are, each (n_bars,), 0 to 100."""

    down: F64
    up: F64


class Trail(NamedTuple):
    """A line that trails the price, and its side: 1 below a rise, −1 above a fall."""

    line: F64
    direction: F64


class Cloud(NamedTuple):
    """Middles of ranges, as they stand on the chart at each bar, each (n_bars,) in price."""

    conversion: F64
    base: F64
    span_a: F64
    span_b: F64


@indicator
def adx(high: F64, low: F64, close: F64, window: int = 14) -> Movement:
    """Wilder's directional movement: ADX, +DI and −DI.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n_bars,)
    window : int
        Wilder's period in bars. Below 1 or from n_bars on, all values are NaN.

    Returns
    -------
    Movement
        `adx` from bar ``2 * window - 1``, `plus` and `minus` from bar `window`; 0 where nothing has
        moved. A bar with a NaN in any of the three gives NaN, and all start anew behind it.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems. Equal to TA-Lib's ``ADX``,
    ``PLUS_DI`` and ``MINUS_DI``.
    """
    average, plus, minus = np.empty(close.size), np.empty(close.size), np.empty(close.size)
    movement(high, low, close, window, plus, minus, average)
    return Movement(average, plus, minus)


@indicator
def aroon(high: F64, low: F64, window: int = 14) -> Ages:
    """Aroon: 100 where this bar is the extreme of the last ``window + 1``, 0 where the first is.

    First values at bar `window`; of equal extremes the latest counts.

    References
    ----------
    Chande (1995), Technical Analysis of Stocks & Commodities 13(9). Equal to TA-Lib's ``AROON``.
    """
    span = window + 1 if 1 <= window < high.size else 0
    up = age_of_best(high, rolling_highest(high, span), span)
    down = age_of_best(low, rolling_lowest(low, span), span)
    share = 100.0 / window
    for t in range(high.size):
        hole = 0.0 * (high[t] + low[t])
        up[t], down[t] = share * (window - up[t]) + hole, share * (window - down[t]) + hole
    return Ages(down, up)


@indicator
def supertrend(high: F64, low: F64, close: F64, window: int = 10, multiple: float = 3.0) -> Trail:
    """Supertrend: a band around the bar's middle that only comes closer until the close crosses it.

    The bands lie `multiple` average true ranges (`atr` of `window`) from ``(high + low) / 2``.

    Returns
    -------
    Trail
        `line` in price and `direction`, both from bar `window`; the first direction is 1. A NaN
        gives NaN, and both start anew behind it.

    References
    ----------
    Seban (2008). Equal to TA-Lib's ``SUPERTREND``.
    """
    line, side = np.empty(close.size), np.empty(close.size)
    flip(high, low, close, wilder_range(high, low, close, window, False), multiple, line, side)
    return Trail(line, side)


@indicator
def parabolic_sar(high: F64, low: F64, step: float = 0.02, most: float = 0.2) -> F64:
    """Wilder's parabolic stop and reverse.

    Parameters
    ----------
    high, low : float64 arrays of shape (n_bars,)
    step, most : float
        What a new extreme adds to the speed of the stop, and the most it can be.

    Returns
    -------
    float64 array of shape (n_bars,)
        In units of price, from bar 1 on. A NaN gives NaN, and the stop starts anew behind it.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems. Equal to TA-Lib's ``SAR``.
    """
    return stop_and_reverse(high, low, step, most)


@kernel
def _middle(high: F64, low: F64, window: int) -> F64:
    """Middle of the range of the last `window` bars, (n,) twice to (n,)."""
    top, bottom = rolling_highest(high, window), rolling_lowest(low, window)
    for t in range(high.size):
        top[t] = (top[t] + bottom[t]) / 2.0
    return top


@kernel
def _late(x: F64, back: int) -> F64:
    """Values of `back` bars ago; NaN where `x` has none or this bar is unknown."""
    out = np.empty(x.size)
    out[:back] = np.nan
    if 0 <= back < x.size:
        out[back:] = x[: x.size - back]
    return out


@indicator
def ichimoku(
    high: F64, low: F64, conversion: int = 9, base: int = 26, span: int = 52, ahead: int = 26
) -> Cloud:
    """Ichimoku's lines as they stand at each bar: the cloud here was drawn `ahead` bars ago.

    Middles of the range of `conversion`, `base` and `span` bars; span A is the mean of the first
    two. Nothing is shifted towards the past: the lagging line, the close drawn 26 bars back, is
    not here, since it is known only later; compare with `mom(close, 26)` instead.

    Returns
    -------
    Cloud
        `conversion` from bar ``conversion - 1``, `base` from ``base - 1``, `span_a` from ``max of
        both + ahead``, `span_b` from ``span - 1 + ahead``. NaN while an input is NaN.

    References
    ----------
    Hosoda (1969). Periods and shift as in StockCharts' description.
    """
    quick, calm = _middle(high, low, conversion), _middle(high, low, base)
    first, mean = _middle(high, low, span), np.empty(high.size)
    for t in range(high.size):
        mean[t] = (quick[t] + calm[t]) / 2.0
    a, b = _late(mean, max(ahead, 0)), _late(first, max(ahead, 0))
    for t in range(high.size):
        hole = 0.0 * (high[t] + low[t])
        a[t], b[t] = a[t] + hole, b[t] + hole
    return Cloud(quick, calm, a, b)
