"""How far the price ranges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.jit import F64, indicator
from trade_research.kernels.rolling import higher, lower, rolling_best, rolling_deviation
from trade_research.kernels.smooth import range_reached, wilder_range


class Bands(NamedTuple):
    """Lines above, through and below the price, each (n_bars,)."""

    upper: F64
    middle: F64
    lower: F64


@indicator
def rolling_std(x: F64, window: int, ddof: int = 0) -> F64:
    """Standard deviation of the last `window` values.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Bars in the sample. Below 1 or above n_bars, all values are NaN.
    ddof : int
        0 divides by `window` (as TA-Lib and Bollinger do), 1 by ``window - 1``.

    Returns
    -------
    float64 array of shape (n_bars,)
        In units of `x`. First value at bar ``window - 1``; NaN when ``window <= ddof``. A NaN gives
        NaN, and starts the sample anew behind it.
    """
    mean, out = np.empty(x.size), np.empty(x.size)
    rolling_deviation(x, window, ddof, mean, out)
    return out


@indicator
def bollinger_bands(x: F64, window: int = 20, width: float = 2.0) -> Bands:
    """Bollinger bands: the mean of the last `window` values, and `width` deviations either side.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Bars in mean and deviation (ddof 0). Below 1 or above n_bars, all values are NaN.
    width : float
        Distance of the bands from the mean in standard deviations.

    Returns
    -------
    Bands
        `upper`, `middle`, `lower`, each float64 of shape (n_bars,) in units of `x`; first values at
        bar ``window - 1``. A NaN gives NaN, and starts the sample anew behind it.

    References
    ----------
    Bollinger (2001), Bollinger on Bollinger Bands. Equal to TA-Lib's ``BBANDS``.
    """
    upper, middle, lower = np.empty(x.size), np.empty(x.size), np.empty(x.size)
    rolling_deviation(x, window, 0, middle, lower)
    for t in range(x.size):
        reach = width * lower[t]
        upper[t], lower[t] = middle[t] + reach, middle[t] - reach
    return Bands(upper, middle, lower)


@indicator
def rolling_min(x: F64, window: int) -> F64:
    """Smallest of the last `window` values.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Bars looked at. Below 1 or above n_bars, all values are NaN.

    Returns
    -------
    float64 array of shape (n_bars,)
        First value at bar ``window - 1``. A NaN gives NaN, and starts the search anew behind it.
    """
    return rolling_best(x, window, lower)


@indicator
def rolling_max(x: F64, window: int) -> F64:
    """Largest of the last `window` values; otherwise as `rolling_min`."""
    return rolling_best(x, window, higher)


@indicator
def true_range(high: F64, low: F64, close: F64) -> F64:
    """The range of a bar, stretched to the close before it where that lies outside.

    ``max(high, close before) - min(low, close before)``

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n_bars,)

    Returns
    -------
    float64 array of shape (n_bars,)
        In units of price. First value at bar 1; NaN where the bar's high or low, or the close
        before it, is NaN.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems. Equal to TA-Lib's ``TRANGE``.
    """
    return range_reached(high, low, close)


@indicator
def atr(high: F64, low: F64, close: F64, window: int = 14) -> F64:
    """Average true range: Wilder's smoothing of `true_range`, from bar 1.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n_bars,)
    window : int
        Wilder's period in bars. Below 1 or from n_bars on, all values are NaN.

    Returns
    -------
    float64 array of shape (n_bars,)
        In units of price. First value at bar `window`. A bar with a NaN in any of the three gives
        NaN, and the average starts anew behind it.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems. Equal to TA-Lib's ``ATR``.
    """
    return wilder_range(high, low, close, window)
