"""Turning points, told when they are known and not before."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.jit import F64, indicator, inner_kernel, kernel


class Pivots(NamedTuple):
    """Prices of highs and lows that this bar confirmed, each (n_bars,), NaN at other bars."""

    high: F64
    low: F64


class Levels(NamedTuple):
    """The last confirmed low and high, each (n_bars,)."""

    support: F64
    resistance: F64


@inner_kernel
def _keep(top: F64, x: F64, y: F64, sign: float, is_strict: bool) -> None:
    """Values above (or, not strictly, not below) those of both others; NaN the rest, in place."""
    if is_strict:
        for i in range(top.size):
            is_top = (top[i] > sign * x[i]) & (top[i] > sign * y[i])
            top[i] = top[i] if is_top else np.nan
    else:
        for i in range(top.size):
            is_top = (top[i] >= sign * x[i]) & (top[i] >= sign * y[i])
            top[i] = top[i] if is_top else np.nan


@kernel
def _peaks(x: F64, sign: float, left: int, right: int) -> F64:
    """Values above the `left` before and not below the `right` behind, told `right` bars late."""
    out, both = np.empty(x.size), left + right
    if left < 1 or right < 1 or both >= x.size:
        out[:] = np.nan
        return out
    out[:both] = np.nan
    for first in range(0, x.size - both, 256):
        part = x[first : first + 256 + both]
        top, middle = out[first + both : first + both + 256], part[left:]
        for i in range(top.size):
            top[i] = sign * middle[i]
        for side in range(0, left, 2):
            _keep(top, part[side:], part[min(side + 1, left - 1) :], sign, True)
        for side in range(left + 1, both + 1, 2):
            _keep(top, part[side:], part[min(side + 1, both) :], sign, False)
        for i in range(top.size):
            top[i] *= sign
    return out


@indicator
def confirmed_pivots(high: F64, low: F64, left: int = 5, right: int = 5) -> Pivots:
    """Confirmed pivots: highs above the `left` before them and not below the `right` behind.

    Parameters
    ----------
    high, low : float64 arrays of shape (n_bars,)
    left, right : int
        Bars on either side. Below 1, or where they do not fit, all values are NaN.

    Returns
    -------
    Pivots
        `high` and `low`: the price of the pivot `right` bars ago, at the bar that confirms it and
        NaN at every other; the first can come at bar ``left + right``. Of equal extremes the first
        counts. No pivot where a bar around it is NaN.

    References
    ----------
    Williams (1995), Trading Chaos: fractals, with 2 and 2. TA-Lib's ``FRACTAL`` marks the same
    bars where no two extremes are equal.
    """
    return Pivots(_peaks(high, 1.0, left, right), _peaks(low, -1.0, left, right))


@indicator
def support_resistance(high: F64, low: F64, left: int = 5, right: int = 5) -> Levels:
    """Support and resistance: the last low and the last high of `confirmed_pivots`.

    NaN until the first is confirmed; a NaN in either column gives NaN, and the levels are learnt
    anew behind it. A level stays until a new pivot takes its place, broken or not.
    """
    bottom, top = _peaks(low, -1.0, left, right), _peaks(high, 1.0, left, right)
    support, resistance = np.nan, np.nan
    for t in range(high.size):
        if high[t] + low[t] != high[t] + low[t]:
            support, resistance = np.nan, np.nan
        support = bottom[t] if bottom[t] == bottom[t] else support
        resistance = top[t] if top[t] == top[t] else resistance
        bottom[t], top[t] = support, resistance
    return Levels(bottom, top)
