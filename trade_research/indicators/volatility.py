"""How far the price ranges."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.deviations import rolling_bands, rolling_deviation
from trade_research.kernels.jit import F64, indicator
from trade_research.kernels.rolling import rolling_highest, rolling_lowest
from trade_research.kernels.smooth import range_reached, smooth, wilder_range
from trade_research.kernels.windows import log_ratio, rank_among, rolling_sum, root_of_mean


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
    rolling_bands(x, window, 0, width, middle, lower, upper)
    if width == 0.0:
        lower[:], upper[:] = middle, middle
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
    return rolling_lowest(x, window)


@indicator
def rolling_max(x: F64, window: int) -> F64:
    """Largest of the last `window` values; otherwise as `rolling_min`."""
    return rolling_highest(x, window)


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
    return wilder_range(high, low, close, window, False)


class Ribbon(NamedTuple):
    """Where x lies in its Bollinger bands, how wide they are, and how rarely narrower."""

    percent_b: F64
    bandwidth: F64
    squeeze: F64


@indicator
def bollinger_ribbon(x: F64, window: int = 20, width: float = 2.0, lookback: int = 120) -> Ribbon:
    """What Bollinger bands say as numbers: %b, bandwidth, and the squeeze percentile.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window, width
        As `bollinger_bands`.
    lookback : int
        Bars before this one that its bandwidth is ranked among (`percent_rank`).

    Returns
    -------
    Ribbon
        `percent_b`, 0 at the lower and 1 at the upper band, and `bandwidth`, the bands' distance as
        a fraction of the middle, from bar ``window - 1``; `squeeze`, the percent of the bandwidths
        before that were lower, from ``window - 1 + lookback``: low is a squeeze. %b is NaN where
        the bands meet. A NaN gives NaN, and all start anew behind it.

    References
    ----------
    Bollinger (2001), Bollinger on Bollinger Bands.
    """
    mean, spread = np.empty(x.size), np.empty(x.size)
    rolling_deviation(x, window, 0, mean, spread)
    for t in range(x.size):
        apart = 2.0 * width * spread[t]
        middle = mean[t]
        mean[t] = (x[t] - middle) / apart + 0.5 if apart != 0.0 else np.nan
        spread[t] = apart / middle if middle != 0.0 else np.nan
    return Ribbon(mean, spread, rank_among(spread, lookback))


@indicator
def donchian(high: F64, low: F64, window: int = 20) -> Bands:
    """Donchian channel: highest high and lowest low of the last `window` bars, and their middle.

    This bar is one of them: a breakout compares with the channel of the bar before. First values at
    bar ``window - 1``.

    References
    ----------
    Donchian (1960), Financial Analysts Journal 16(6). Equal to TA-Lib's ``DONCHIAN``.
    """
    upper, bottom = rolling_highest(high, window), rolling_lowest(low, window)
    middle = np.empty(high.size)
    for t in range(high.size):
        middle[t] = (upper[t] + bottom[t]) / 2.0
        upper[t], bottom[t] = upper[t] + 0.0 * low[t], bottom[t] + 0.0 * high[t]
    return Bands(upper, middle, bottom)


@indicator
def keltner(
    high: F64, low: F64, close: F64, window: int = 20, span: int = 10, width: float = 2.0
) -> Bands:
    """Keltner channel: `ema` of the typical price, and `width` average true ranges either side.

    `window` is the span of the average, `span` the period of `atr`. First values at bar
    ``max(window - 1, span)``. A NaN gives NaN, and the channel starts anew behind it.

    References
    ----------
    Keltner (1960), with Raschke's average true range. TA-Lib's ``KC`` starts its average true range
    later, which fades as ``(1 - 1 / span) ** bars``.
    """
    upper, middle = wilder_range(high, low, close, span, False), np.empty(close.size)
    for t in range(close.size):
        middle[t] = (high[t] + low[t] + close[t]) / 3.0
    middle = smooth(middle, window, 2.0 / (window + 1.0))
    bottom = np.empty(close.size)
    for t in range(close.size):
        wide, mean = width * upper[t], middle[t]
        upper[t], bottom[t], middle[t] = mean + wide, mean - wide, mean + 0.0 * wide
    return Bands(upper, middle, bottom)


@indicator
def natr(high: F64, low: F64, close: F64, window: int = 14) -> F64:
    """Average true range in percent of the close; otherwise as `atr`.

    References
    ----------
    Forman (2006). Equal to TA-Lib's ``NATR``.
    """
    return wilder_range(high, low, close, window, True)


@indicator
def volatility_close(x: F64, window: int = 20) -> F64:
    """Realised volatility: standard deviation (ddof 1) of the last `window` log returns.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
        Prices above 0.
    window : int
        Returns in the sample. Below 2 or from n_bars on, all values are NaN.

    Returns
    -------
    float64 array of shape (n_bars,)
        A fraction per bar: times ``sqrt(periods_per_year)`` it is that of a year. First value at
        bar `window`. A NaN gives NaN, and starts the sample anew behind it.
    """
    moves, mean = log_ratio(x[1:], x[:-1]), np.empty(max(x.size - 1, 0))
    out = np.empty(x.size)
    out[:1] = np.nan
    rolling_deviation(moves, window, 1, mean, out[1:])
    return out


@indicator
def volatility_parkinson(high: F64, low: F64, window: int = 20) -> F64:
    """Parkinson's volatility: root of the mean of ``ln(high / low)**2 / (4 ln 2)``.

    Over `window` bars, a fraction per bar; first value at bar ``window - 1``; blind to gaps.

    References
    ----------
    Parkinson (1980), Journal of Business 53(1).
    """
    ranges = log_ratio(high, low)
    for t in range(high.size):
        ranges[t] = ranges[t] * ranges[t] / (4.0 * np.log(2.0))
    return root_of_mean(rolling_sum(ranges, window), window)


@indicator
def volatility_garman_klass(open: F64, high: F64, low: F64, close: F64, window: int = 20) -> F64:
    """Garman and Klass' volatility: ranges, less what the move from open to close explains.

    Root of the mean over `window` bars of ``ln(high / low)**2 / 2 - (2 ln 2 - 1) ln(close /
    open)**2``. A fraction per bar; first value at bar ``window - 1``; no gaps between bars.

    References
    ----------
    Garman and Klass (1980), Journal of Business 53(1).
    """
    ranges, moves = log_ratio(high, low), log_ratio(close, open)
    less = 2.0 * np.log(2.0) - 1.0
    for t in range(close.size):
        ranges[t] = 0.5 * ranges[t] * ranges[t] - less * moves[t] * moves[t]
    return root_of_mean(rolling_sum(ranges, window), window)


@indicator
def volatility_yang_zhang(open: F64, high: F64, low: F64, close: F64, window: int = 20) -> F64:
    """Yang and Zhang's volatility: gaps, moves from open to close, and ranges, free of drift.

    Root of ``var(gaps) + k var(moves) + (1 - k) mean(ranges)`` over `window` bars, variances with
    ddof 1, ranges of Rogers and Satchell, ``k = 0.34 / (1.34 + (window + 1) / (window - 1))``. A
    fraction per bar; first value at bar `window`. A NaN gives NaN, and all start anew behind it.

    References
    ----------
    Yang and Zhang (2000), Journal of Business 73(3).
    """
    n = close.size
    gaps, moves = log_ratio(open[1:], close[:-1]), log_ratio(close[1:], open[1:])
    tops, bottoms = log_ratio(high[1:], open[1:]), log_ratio(low[1:], open[1:])
    mean, apart, within = np.empty(gaps.size), np.empty(gaps.size), np.empty(gaps.size)
    for t in range(gaps.size):
        moves[t] += 0.0 * (gaps[t] + tops[t] + bottoms[t])  # what is unknown of one is of all
        gaps[t] += 0.0 * moves[t]
        tops[t] = tops[t] * (tops[t] - moves[t]) + bottoms[t] * (bottoms[t] - moves[t])
    ranges = rolling_sum(tops, window)
    rolling_deviation(gaps, window, 1, mean, apart)
    rolling_deviation(moves, window, 1, mean, within)
    out = np.empty(n)
    out[:1] = np.nan
    k = 0.34 / (1.34 + (window + 1.0) / (window - 1.0))
    for t in range(gaps.size):
        size = apart[t] * apart[t] + k * within[t] * within[t] + (1.0 - k) * ranges[t] / window
        out[t + 1] = np.sqrt(max(size, 0.0)) if size == size else np.nan
    return out
