"""How strongly the price has moved."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.convergence import converge
from trade_research.kernels.deviations import rolling_deviation
from trade_research.kernels.jit import F64, indicator, kernel
from trade_research.kernels.rolling import rolling_mean
from trade_research.kernels.smooth import smooth_chain, wilder_rsi
from trade_research.kernels.windows import (
    changes,
    mean_distance,
    percent_changes,
    place_in_range,
    rolling_sum,
)


class Convergence(NamedTuple):
    """Distance of two averages, its average, and what is between those, each (n_bars,)."""

    line: F64
    signal: F64
    histogram: F64


class Stochastic(NamedTuple):
    """Place of the close in its range and the average of that, each (n_bars,), 0 to 100."""

    k: F64
    d: F64


@indicator
def rsi(x: F64, window: int = 14) -> F64:
    """Relative strength index: the share of rises in Wilder's average of all changes, 0 to 100.

    ``100 * up / (up + down)``, where `up` and `down` are Wilder's averages of the rises and of the
    falls from bar to bar, seeded with the mean of the first `window` changes.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    window : int
        Wilder's period in bars. Below 1 or from n_bars on, all values are NaN.

    Returns
    -------
    float64 array of shape (n_bars,)
        First value at bar `window`. 0 when the price has not moved at all since the run began, as
        in TA-Lib. A NaN gives NaN, and starts the index anew behind it.

    References
    ----------
    Wilder (1978), New Concepts in Technical Trading Systems. Equal to TA-Lib's ``RSI``.
    """
    return wilder_rsi(x, window)


@indicator
def rsi_cutler(x: F64, window: int = 14) -> F64:
    """Cutler's relative strength index: as `rsi`, with plain sums of the last `window` changes.

    First value at bar `window`. It depends on those changes alone, not on where the data begin.
    0 when the price has not moved in the window.

    References
    ----------
    Cutler; StockCharts. vectorbt's RSI with ``ewm=False``.
    """
    rises = changes(x, 1)
    falls = np.empty(x.size)
    for t in range(x.size):
        d = rises[t]
        rises[t], falls[t] = d if not d < 0.0 else 0.0, -d if not d > 0.0 else 0.0
    up, down = rolling_sum(rises, window), rolling_sum(falls, window)
    for t in range(x.size):
        both = up[t] + down[t]
        up[t] = 100.0 * up[t] / both if both != 0.0 else 0.0
    return up


@indicator
def mom(x: F64, window: int = 10) -> F64:
    """Momentum: change of the value over `window` bars, in its own units; first at bar `window`.

    References
    ----------
    Equal to TA-Lib's ``MOM``.
    """
    return changes(x, window)


@indicator
def roc(x: F64, window: int = 10) -> F64:
    """Rate of change over `window` bars in percent; first value at bar `window`.

    NaN where the value it is compared with is 0.

    References
    ----------
    Equal to TA-Lib's ``ROC``.
    """
    return percent_changes(x, window)


@indicator
def trix(x: F64, window: int = 30) -> F64:
    """Change from bar to bar, in percent, of an average of an average of an average (`ema`).

    First value at bar ``3 * window - 2``; otherwise as `ema`.

    References
    ----------
    Hutson (1983), Technical Analysis of Stocks & Commodities 1(5). Equal to TA-Lib's ``TRIX``.
    """
    return percent_changes(smooth_chain(x, window, 0.0, 0.0, 1.0), 1)


@indicator
def macd(x: F64, fast: int = 12, slow: int = 26, signal: int = 9) -> Convergence:
    """Moving average convergence and divergence: ``ema(fast) - ema(slow)`` and its `ema`.

    Both averages have their first value at bar ``slow - 1``, the fast one from the `fast` values
    ending there.

    Parameters
    ----------
    x : float64 array of shape (n_bars,)
    fast, slow, signal : int
        Spans in bars; fast and slow may be given either way round. Below 1 or above n_bars, all
        values are NaN.

    Returns
    -------
    Convergence
        `line`, `signal` and `histogram` (line less signal) in units of `x`, all from bar
        ``slow + signal - 2`` on. A NaN gives NaN, and starts the averages anew behind it.

    References
    ----------
    Appel (1979). Equal to TA-Lib's ``MACD``.
    """
    line, average, gap = np.empty(x.size), np.empty(x.size), np.empty(x.size)
    converge(x, (fast, slow, signal), False, line, average, gap)
    return Convergence(line, average, gap)


@indicator
def ppo(x: F64, fast: int = 12, slow: int = 26, signal: int = 9) -> Convergence:
    """Percentage price oscillator: ``100 * (ema(fast) / ema(slow) - 1)`` and its `ema`.

    As `macd`, in percent of the slow average; each average starts at its own first value.

    References
    ----------
    Appel. The line equals TA-Lib's ``PPO``, which has no signal.
    """
    line, average, gap = np.empty(x.size), np.empty(x.size), np.empty(x.size)
    converge(x, (fast, slow, signal), True, line, average, gap)
    return Convergence(line, average, gap)


@kernel
def _averaged(place: F64, smoothing: int, signal: int) -> Stochastic:
    """The two lines of a stochastic; k is NaN until d is known."""
    k = rolling_mean(place, smoothing) if smoothing != 1 else place
    d = rolling_mean(k, signal)
    for t in range(k.size):
        if d[t] != d[t]:
            k[t] = np.nan
    return Stochastic(k, d)


@indicator
def stochastic(
    high: F64, low: F64, close: F64, window: int = 14, smoothing: int = 3, signal: int = 3
) -> Stochastic:
    """Slow stochastic: where the close lies in the range of the last `window` bars, averaged twice.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n_bars,)
    window : int
        Bars of the range.
    smoothing, signal : int
        Bars of the plain averages that make k, and d from k; ``smoothing=1`` is the fast one.

    Returns
    -------
    Stochastic
        `k` and `d`, 0 to 100, both from bar ``window + smoothing + signal - 3`` on; 0 where there
        is no range at all. NaN while an input it needs is NaN.

    References
    ----------
    Lane (1984), Technical Analysis of Stocks & Commodities 2(3). Equal to TA-Lib's ``STOCH``.
    """
    return _averaged(place_in_range(high, low, close, window, False), smoothing, signal)


@indicator
def stoch_rsi(
    x: F64, window: int = 14, span: int = 14, smoothing: int = 3, signal: int = 3
) -> Stochastic:
    """Stochastic of the relative strength index: where `rsi` lies in its range of `span` bars.

    First values at bar ``window + span + smoothing + signal - 3``; otherwise as `stochastic`.

    References
    ----------
    Chande and Kroll (1994), The New Technical Trader. With ``smoothing=1`` equal to TA-Lib's
    ``STOCHRSI``.
    """
    index = wilder_rsi(x, window)
    return _averaged(place_in_range(index, index, index, span, False), smoothing, signal)


@indicator
def williams_r(high: F64, low: F64, close: F64, window: int = 14) -> F64:
    """Williams' %R: how far the close is below the highest of `window` bars, −100 to 0.

    First value at bar ``window - 1``; 0 where there is no range.

    References
    ----------
    Williams (1973). Equal to TA-Lib's ``WILLR``.
    """
    return place_in_range(high, low, close, window, True)


@indicator
def cci(high: F64, low: F64, close: F64, window: int = 14) -> F64:
    """Commodity channel index: distance from the mean in units of 0.015 mean distances.

    Of the typical price ``(high + low + close) / 3`` over `window` bars; first value at bar
    ``window - 1``; 0 where the price has not moved.

    References
    ----------
    Lambert (1980), Commodities. Equal to TA-Lib's ``CCI``.
    """
    typical = np.empty(close.size)
    for t in range(close.size):
        typical[t] = (high[t] + low[t] + close[t]) / 3.0
    mean, out = np.empty(close.size), np.empty(close.size)
    rolling_deviation(typical, window, 0, mean, out)  # its mean is exact where nothing moves
    out = mean_distance(typical, mean, window)
    for t in range(close.size):
        far = typical[t] - mean[t]
        out[t] = far / (0.015 * out[t]) if far != 0.0 and out[t] != 0.0 else 0.0
    return out
