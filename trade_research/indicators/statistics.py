"""Where a value stands among those before it, and how two columns move together."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.deviations import rolling_deviation
from trade_research.kernels.jit import F64, indicator
from trade_research.kernels.lines import rolling_line
from trade_research.kernels.ordered import middles
from trade_research.kernels.pairs import rolling_pairs
from trade_research.kernels.windows import changes, rank_among, rolling_sum


class Middle(NamedTuple):
    """Median and median distance from it, each (n_bars,)."""

    median: F64
    mad: F64


@indicator
def zscore(x: F64, window: int = 20) -> F64:
    """Distance from the mean of the last `window` values in their standard deviations (ddof 0).

    First value at bar ``window - 1``; NaN where the values do not vary. A NaN gives NaN, and starts
    the sample anew behind it.
    """
    mean, out = np.empty(x.size), np.empty(x.size)
    rolling_deviation(x, window, 0, mean, out)
    for t in range(x.size):
        spread = out[t]
        out[t] = (x[t] - mean[t]) / spread if spread > 0.0 else np.nan
    return out


@indicator
def percent_rank(x: F64, window: int = 100) -> F64:
    """Percent of the `window` values before this one that are lower, 0 to 100.

    First value at bar `window`. NaN where this value or one of those is NaN.

    References
    ----------
    Equal to TA-Lib's ``PERCENTRANK``.
    """
    return rank_among(x, window)


@indicator
def rolling_median(x: F64, window: int = 20) -> Middle:
    """Median of the last `window` values, and the median of their distances from it (MAD).

    In units of x, from bar ``window - 1`` on; with an even window the mean of the two middle ones.
    1.4826 times the MAD estimates the standard deviation of a normal sample. A NaN gives NaN, and
    starts the sample anew behind it.
    """
    median, mad = np.empty(x.size), np.empty(x.size)
    middles(x, window, median, mad)
    return Middle(median, mad)


@indicator
def linear_slope(x: F64, window: int = 14) -> F64:
    """Slope of the least-squares line through the last `window` values, in units of x per bar.

    First value at bar ``window - 1``; NaN for windows below 2. A NaN gives NaN, and starts the
    sample anew behind it.

    References
    ----------
    Equal to TA-Lib's ``LINEARREG_SLOPE``.
    """
    tilt = 6.0 / (window - 1.0)  # the weighted mean leads the plain one by this share of the slope
    return rolling_line(x, window if window > 1 else 0, 1, 0.0, tilt, -tilt, 0.0)


@indicator
def correlation(x: F64, y: F64, window: int = 30) -> F64:
    """Pearson's correlation of the last `window` pairs, −1 to 1.

    First value at bar ``window - 1``; NaN where one of the two does not vary, and where a pair of
    the window has a NaN. Of prices it is nearly always high and says little: give it returns.

    References
    ----------
    Equal to TA-Lib's ``CORREL``, which has 0 where one does not vary.
    """
    return rolling_pairs(x, y, window, False)


@indicator
def beta(x: F64, y: F64, window: int = 30) -> F64:
    """Slope of the last `window` values of x on those of y: give it returns, y of the market.

    First value at bar ``window - 1``; NaN where y does not vary, and where a pair of the window has
    a NaN.

    References
    ----------
    TA-Lib's ``BETA(market, asset)`` takes prices and makes the returns itself.
    """
    return rolling_pairs(x, y, window, True)


@indicator
def hurst(x: F64, window: int = 100) -> F64:
    """Hurst exponent of the last `window` values: how fast changes grow with the time they take.

    The slope of ``ln(root mean square of the changes over k bars)`` on ``ln(k)`` for k = 1, 2, 4, …
    up to a quarter of the window. About 0.5 on a random walk, above where moves carry on, below
    where they come back. Give it log prices.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Bars looked at. Below 8 or above n_bars, all values are NaN.

    Returns
    -------
    float64 array of shape (n_bars,)
        First value at bar ``window - 1``; NaN where x does not change. On a random walk it is
        spread by about 0.1 at 100 bars. NaN where a value of the window is NaN.

    References
    ----------
    Generalised Hurst exponent of order 2: Di Matteo (2007), Quantitative Finance 7(1).
    """
    out, lag, count, total, square = np.zeros(x.size), 1, 0, 0.0, 0.0
    if not 8 <= window <= x.size:
        out[:] = np.nan
        return out
    while 4 * lag <= window:
        place, lag, count = np.log(float(lag)), 2 * lag, count + 1
        total, square = total + place, square + place * place
    mean, lag = total / count, 1
    while 4 * lag <= window:
        share = 0.5 * (np.log(float(lag)) - mean) / (square - total * mean)
        moves = changes(x, lag)
        for t in range(x.size):
            moves[t] *= moves[t]
        sums = rolling_sum(moves, window - lag)
        for t in range(x.size):
            size = sums[t] / (window - lag)
            out[t] += share * np.log(size) if size > 0.0 else np.nan
        lag *= 2
    return out
