"""Averages that follow the price."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.adaptive import kaufman
from trade_research.kernels.jit import F64, indicator
from trade_research.kernels.lines import rolling_line, weighted_mean
from trade_research.kernels.rolling import rolling_mean
from trade_research.kernels.smooth import smooth, smooth_chain


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


@indicator
def wma(x: F64, window: int) -> F64:
    """Weighted moving average: weights 1 (oldest) to `window` (newest).

    Parameters and warm-up as `sma`: first value at bar ``window - 1``.

    References
    ----------
    Equal to TA-Lib's ``WMA``.
    """
    return weighted_mean(x, window)


@indicator
def dema(x: F64, window: int) -> F64:
    """Double exponential average: ``2 e - ema(e)`` where e is the `ema` of span `window`.

    First value at bar ``2 * window - 2``; otherwise as `ema`.

    References
    ----------
    Mulloy (1994), Technical Analysis of Stocks & Commodities 12(1). Equal to TA-Lib's ``DEMA``.
    """
    return smooth_chain(x, window, 2.0, -1.0, 0.0)


@indicator
def tema(x: F64, window: int) -> F64:
    """Triple exponential average: ``3 e - 3 ema(e) + ema(ema(e))`` with e the `ema` of x.

    First value at bar ``3 * window - 3``; otherwise as `ema`.

    References
    ----------
    Mulloy (1994), Technical Analysis of Stocks & Commodities 12(1). Equal to TA-Lib's ``TEMA``.
    """
    return smooth_chain(x, window, 3.0, -3.0, 1.0)


@indicator
def hma(x: F64, window: int) -> F64:
    """Hull's average: ``wma(2 wma(x, window // 2) - wma(x, window), floor(sqrt(window)))``.

    First value at bar ``window + floor(sqrt(window)) - 2``; NaN throughout for windows below 2.
    Otherwise as `sma`.

    References
    ----------
    Hull (2005), alanhull.com. Equal to TA-Lib's ``HMA``; others round the square root.
    """
    ahead = rolling_line(x, window if window > 1 else 0, window // 2, 1.0, -1.0, 0.0, 2.0)
    return weighted_mean(ahead, int(np.sqrt(max(window, 0))))


@indicator
def kama(x: F64, window: int = 10, fast: int = 2, slow: int = 30) -> F64:
    """Kaufman's adaptive average: fast where the price goes straight, slow where it wanders.

    ``k += s**2 * (x - k)``, where s lies between ``2 / (slow + 1)`` and ``2 / (fast + 1)`` by the
    share of the way of the last `window` changes that led somewhere. A price that does not move is
    taken as straight.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Changes looked at. Below 1 or from n_bars on, all values are NaN.
    fast, slow : int
        Spans of the fastest and the slowest average, in bars.

    Returns
    -------
    float64 array of shape (n_bars,)
        First value at bar `window`. A NaN gives NaN, and starts the average anew behind it.

    References
    ----------
    Kaufman (1995), Smarter Trading. With the defaults equal to TA-Lib's ``KAMA``.
    """
    return kaufman(x, window, fast, slow)
