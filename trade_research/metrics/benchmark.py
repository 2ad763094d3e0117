"""A run beside a benchmark: alpha, beta, information ratio, capture.

Series are of shape (n,), bar for bar of the same times, as fractions without NaN; give `Moments`
where several metrics share one. NaN means undefined: fewer than two bars, a side that does not
vary, unknown bars per year.
"""

from __future__ import annotations

import math

import numpy as np

from trade_research.kernels.jit import B8, F64
from trade_research.metrics.moments import Moments, Returns, moments
from trade_research.metrics.returns import growth_rate, sharpe_ratio, volatility


def beta(excess: Returns, benchmark_excess: Returns) -> float:
    """Slope of the run's excess returns on the benchmark's: cov / var.

    NaN with fewer than two bars or when the benchmark does not vary.
    """
    market = moments(benchmark_excess)
    return _covariance(moments(excess), market) / market.m2 if market.varies else math.nan


def alpha(excess: Returns, benchmark_excess: Returns, *, periods_per_year: float | None) -> float:
    """Jensen's alpha a year: (1 + a)^A - 1, a = mean(excess) - beta · mean(benchmark excess).

    Compounded as empyrical does. NaN as for `beta`, or when `periods_per_year` is None. Jensen
    (1968), Journal of Finance 23(2).
    """
    ours, market = moments(excess), moments(benchmark_excess)
    slope = beta(ours, market)
    if periods_per_year is None or math.isnan(slope):
        return math.nan
    return growth_rate(1.0 + ours.mean - slope * market.mean, 1.0 / periods_per_year)


def correlation(returns: Returns, benchmark: Returns) -> float:
    """Pearson's correlation. NaN with fewer than two bars or when either does not vary."""
    ours, theirs = moments(returns), moments(benchmark)
    if not (ours.varies and theirs.varies):
        return math.nan
    found = _covariance(ours, theirs) / math.sqrt(ours.m2) / math.sqrt(theirs.m2)
    return min(1.0, max(-1.0, found))


def tracking_error(active: Returns, *, periods_per_year: float | None) -> float:
    """Annualised deviation of the active returns (run less benchmark): std(ddof 1) · √A."""
    return volatility(active, periods_per_year=periods_per_year)


def information_ratio(active: Returns, *, periods_per_year: float | None) -> float:
    """Annualised information ratio: mean / std(ddof 1) · √A of the active returns.

    NaN with fewer than two bars, when run and benchmark differ by a constant, or without a year.
    Goodwin (1998), Financial Analysts Journal 54(4).
    """
    return sharpe_ratio(active, periods_per_year=periods_per_year)


def up_capture(returns: F64, benchmark: F64) -> float:
    """Mean growth per bar while the benchmark gained, over the benchmark's own in those bars.

    Geometric means, as Morningstar's; not annualised, for a year of rising minutes fits in no
    number. NaN without such a bar.
    """
    return _capture(returns, benchmark, benchmark > 0.0)


def down_capture(returns: F64, benchmark: F64) -> float:
    """Mean growth per bar while the benchmark lost, over the benchmark's own in those bars.

    1 loses as much as the benchmark, below 0 gains. NaN without such a bar.
    """
    return _capture(returns, benchmark, benchmark < 0.0)


def compounded(returns: F64) -> float:
    """What 1 grows to: the product of 1 + r. 1 without returns."""
    return float(np.prod(1.0 + returns))


def _capture(returns: F64, benchmark: F64, chosen: B8) -> float:
    ours, theirs = (_mean_growth(np.compress(chosen, r)) for r in (returns, benchmark))
    return ours / theirs if theirs != 0.0 else math.nan


def _mean_growth(returns: F64) -> float:
    """Geometric mean less 1, by logarithms: the product of a million gains fits no float."""
    if not returns.size:
        return math.nan
    with np.errstate(divide="ignore", invalid="ignore"):
        return math.expm1(float(np.log1p(returns).mean()))


def _covariance(x: Moments, y: Moments) -> float:
    """Biased covariance, both centred first."""
    product = x.returns - x.mean
    product *= y.returns - y.mean
    return float(product.mean())
