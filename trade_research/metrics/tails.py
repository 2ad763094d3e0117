"""The ends of the distribution of returns: value at risk, expected shortfall, tail ratio."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from trade_research.kernels.jit import F64
from trade_research.metrics.moments import Returns, moments


def quantile(x: F64, share: float) -> float:
    """Empirical quantile with linear interpolation, as `numpy.quantile`, by selection.

    Parameters
    ----------
    x : float64 array of shape (n,)
        In any order, left as it is. No NaN.
    share : float
        Between 0 and 1.

    Returns
    -------
    float
        Unit of `x`; NaN when `x` is empty.
    """
    if x.size == 0:
        return math.nan
    at = (x.size - 1) * share
    k = int(at)
    chosen = np.partition(x, k)
    below = float(chosen[k])
    above = float(chosen[k + 1 :].min()) if at > k else below
    return below + (above - below) * (at - k)


def value_at_risk(returns: F64, level: float = 0.05) -> float:
    """Historical value at risk: the `level` quantile of the returns, a loss being negative.

    NaN without returns. No distribution is assumed; `value_at_risk_normal` assumes one.
    """
    return quantile(returns, level)


def expected_shortfall(returns: F64, level: float = 0.05) -> float:
    """Mean of the ⌊(n-1)·level⌋ + 1 lowest returns (CVaR), a loss being negative.

    NaN without returns.
    """
    if returns.size == 0:
        return math.nan
    k = int((returns.size - 1) * level)
    return float(np.partition(returns, k)[: k + 1].mean())


def value_at_risk_normal(returns: Returns, level: float = 0.05) -> float:
    """Parametric value at risk: mean + z(level) · std(ddof 1), z the normal quantile.

    NaN with fewer than two returns. This is what quantstats calls VaR.
    """
    m = moments(returns)
    return m.mean + NormalDist().inv_cdf(level) * m.std


def tail_ratio(returns: F64) -> float:
    """Size of the 95% quantile over the size of the 5% quantile.

    NaN without returns, or when the 5% quantile is 0.
    """
    low = abs(quantile(returns, 0.05))
    return abs(quantile(returns, 0.95)) / low if low > 0.0 else math.nan
