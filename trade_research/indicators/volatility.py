"""How far the price ranges."""

from __future__ import annotations

from typing import NamedTuple

from trade_research.kernels.jit import F64, indicator
from trade_research.kernels.rolling import rolling_deviation, rolling_extreme


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
    return rolling_deviation(x, window, ddof)[1]


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
    middle, lower = rolling_deviation(x, window, 0)
    upper = middle + width * lower
    return Bands(upper, middle, middle - width * lower)


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
    return rolling_extreme(x, window, 1.0)


@indicator
def rolling_max(x: F64, window: int) -> F64:
    """Largest of the last `window` values; otherwise as `rolling_min`."""
    return rolling_extreme(x, window, -1.0)
