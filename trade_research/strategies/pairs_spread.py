"""Pairs: bet that two prices that have moved together come back to each other."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.indicators.statistics import beta, correlation
from trade_research.indicators.trend import sma
from trade_research.indicators.volatility import rolling_std
from trade_research.kernels.jit import F64, kernel
from trade_research.strategies.cross_section import last_known
from trade_research.strategies.strategy import Panel, Span, strategy


class Spread(NamedTuple):
    """Targets, and for each pair, in both of its columns, z-score and hedge ratio."""

    target: F64
    z: F64
    hedge: F64


@kernel
def spread_of(y: F64, x: F64, window: int, z: F64, hedge: F64) -> None:
    """Distance of log y from its regression on log x over a rolling window, in its deviations.

    ``z = (y - mean(y) - b (x - mean(x))) / (std(y) √(1 - r²) √(n / (n - 2)))`` with slope b and
    correlation r of the window; NaN where b is not above 0: then the two do not move together.
    """
    slope, r = beta(y, x, window), correlation(y, x, window)
    mean_y, mean_x, width = sma(y, window), sma(x, window), rolling_std(y, window)
    scale = np.sqrt(window / (window - 2.0)) if window > 2 else np.nan
    for t in range(y.size):
        rest = width[t] * np.sqrt(max(1.0 - r[t] * r[t], 0.0)) * scale
        z[t], hedge[t] = np.nan, slope[t]
        if slope[t] > 0.0 and rest > 0.0:
            z[t] = (y[t] - mean_y[t] - slope[t] * (x[t] - mean_x[t])) / rest


@kernel
def sides(z: F64, entry: float, leave: float, stop: float) -> F64:
    """Side of the first symbol after each z-score: -1, 0 or 1; a NaN changes nothing."""
    out, side, stopped = np.empty(z.size), 0.0, 0.0
    for t in range(z.size):
        if z[t] == z[t]:
            if side * z[t] <= -stop:
                stopped = side
            if side != 0.0 and (stopped != 0.0 or side * z[t] >= -leave):
                side = 0.0
            if stopped * z[t] >= -leave:
                stopped = 0.0
            if side == 0.0 and stopped == 0.0 and entry <= abs(z[t]) < stop:
                side = -np.sign(z[t])
        out[t] = side
    return out


@strategy(
    warmup=lambda window: window,
    presets={"gatev": {"window": 252, "entry": 2.0, "leave": 0.0, "stop": 100.0}},
)
def pairs_spread(
    close: Panel,
    window: Annotated[int, Span(20, 1000)] = 120,
    entry: Annotated[float, Span(1.0, 4.0)] = 2.0,
    leave: Annotated[float, Span(0.0, 1.0)] = 0.5,
    stop: Annotated[float, Span(2.5, 10.0)] = 4.0,
) -> Spread:
    """Sell the dear one of two cointegrated symbols and buy the cheap one until they meet.

    Rule: the symbols are taken two by two in the order of the data, each pair with an equal part of
    the equity; an odd one out is left alone. The log price of the first is regressed on that of the
    second over the last `window` bars; once the residual is `entry` of its standard deviations
    from 0, its pair is held against it: 1 / (1 + b) of the part in the first, b / (1 + b) in the
    second the other way, b being the slope at the entry, in thousandths. Out once the residual has
    come back to `leave`, or is beyond `stop`; after a stop not in again before it has come back. No
    entry where the slope is not above 0. A bar that one of the two lacks changes nothing.

    Parameters: `window` (bars, 20 to 1000), `entry`, `leave` and `stop` (standard deviations of the
    residual, 1 to 4, 0 to 1, 2.5 to 10).

    Source: Engle and Granger (1987), Econometrica 55(2); Gatev, Goetzmann and Rouwenhorst (2006),
    Review of Financial Studies 19(3). Market: two shares of a branch, two futures of a curve, two
    coins of a kind, on an account that sells short. Cost to trade: four sides a round trip, on
    prices that are strangers one about every `window` bars: there it loses them.
    """
    n, k = close.shape
    logs = np.log(last_known(close))
    target, z, hedge = np.zeros((n, k)), np.full((n, k), np.nan), np.full((n, k), np.nan)
    part = 1.0 / max(k // 2, 1)
    for a in range(0, k - 1, 2):
        score, slope = np.empty(n), np.empty(n)
        first, second = np.ascontiguousarray(logs[:, a]), np.ascontiguousarray(logs[:, a + 1])
        spread_of(first, second, window, score, slope)
        for t in range(n):
            if close[t, a] != close[t, a] or close[t, a + 1] != close[t, a + 1]:
                score[t] = np.nan
        side, before, hedge_then = sides(score, entry, leave, stop), 0.0, 0.0
        for t in range(n):
            if side[t] != before:
                hedge_then, before = np.round(1000.0 * slope[t]) / 1000.0, side[t]
            if before != 0.0:
                target[t, a] = before * part / (1.0 + hedge_then)
                target[t, a + 1] = -before * part * hedge_then / (1.0 + hedge_then)
        for b in range(a, a + 2):
            z[:, b], hedge[:, b] = score, slope
    return Spread(target, z, hedge)
