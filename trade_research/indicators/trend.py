"""Averages that follow the price."""

from __future__ import annotations

from trade_research.kernels.jit import F64, indicator
from trade_research.kernels.rolling import rolling_mean
from trade_research.kernels.smooth import smooth


@indicator
def sma(x: F64, window: int) -> F64:
    """Simple moving average: the mean of the last `window` values.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Bars in the mean. Below 1 or above n_bars, all values are NaN.

    Returns
    -------
    float64 array of shape (n_bars,)
        First value at bar ``window - 1``. A NaN gives NaN, and starts the average anew behind it.

    References
    ----------
    Equal to TA-Lib's ``SMA``.
    """
    return rolling_mean(x, window)


@indicator
def ema(x: F64, window: int) -> F64:
    """Exponential moving average of span `window`, seeded with a simple mean.

    ``e[t] = e[t-1] + 2 / (window + 1) * (x[t] - e[t-1])``, where e at bar ``window - 1`` is the
    mean of the first `window` values.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Span in bars. Below 1 or above n_bars, all values are NaN.

    Returns
    -------
    float64 array of shape (n_bars,)
        First value at bar ``window - 1``. A NaN gives NaN, and starts the average anew behind it.

    References
    ----------
    Equal to TA-Lib's ``EMA``. pandas' ``ewm(adjust=False)`` starts at the first value instead.
    """
    return smooth(x, window, 2.0 / (window + 1.0))


@indicator
def wilder(x: F64, window: int) -> F64:
    """Wilder's smoothing: ``e[t] = e[t-1] + (x[t] - e[t-1]) / window``, seeded with a simple mean.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Wilder's period in bars. Below 1 or above n_bars, all values are NaN.

    Returns
    -------
    float64 array of shape (n_bars,)
        First value at bar ``window - 1``. A NaN gives NaN, and starts the average anew behind it.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems. It is the `ema` of span
    ``2 * window - 1`` but for the seed.
    """
    return smooth(x, window, 1.0 / window)
