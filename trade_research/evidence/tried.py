"""Configurations that were tried: their ratios, how alike they are, and which of them to test."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, I64
from trade_research.metrics.moments import ROUNDING

MOST_TESTED = 1_000  # configurations whose day returns are resampled


def rows_to_test(moments: F64, most: int = MOST_TESTED) -> I64:
    """Configurations whose day returns the resampling tests want, in order of row.

    All with a result where there are at most `most`; else the best fifth of `most` and the others
    evenly over the ranks, so that every stretch of results is there.
    """
    ratios = day_ratios(moments)
    known = np.flatnonzero(~np.isnan(ratios))
    if known.size <= most:
        return known
    ranked = known[np.argsort(-ratios[known], kind="stable")]
    top = most // 5
    rest = np.linspace(top, ranked.size - 1, most - top).round().astype(np.int64)
    return np.sort(np.concatenate([ranked[:top], ranked[rest]]))


def day_ratios(moments: F64) -> F64:
    """Sharpe ratio per day of each configuration, (n,); NaN where returns do not vary."""
    n, mean, variance = moments[:, 0], moments[:, 1], moments[:, 2]
    varies = (n >= 2) & (variance > ROUNDING**2)
    out = np.full(n.size, np.nan)
    np.divide(mean, np.sqrt(variance, out=out.copy(), where=varies), out=out, where=varies)
    return out


def mean_correlation(returns: F64) -> float:
    """Average correlation between the columns of `returns` (n_days, k); 1 for a single one.

    Columns that do not vary are left out.
    """
    deviation = returns.std(axis=0)
    varies = deviation > ROUNDING
    k = int(varies.sum())
    if k < 2:
        return 1.0
    z = (returns[:, varies] - returns[:, varies].mean(axis=0)) / deviation[varies]
    # The sum over all pairs is the square of the sum: no matrix of k by k.
    return float((np.square(z.sum(axis=1)).mean() - k) / (k * (k - 1)))


def effective_trials(trials: float, correlation: float) -> float:
    """Independent trials that `trials` of an average correlation amount to: ρ + (1 - ρ) N.

    Negative correlations count as none. Bailey & López de Prado (2014), Journal of Portfolio
    Management 40(5), appendix 3.
    """
    rho = min(max(correlation, 0.0), 1.0)
    return rho + (1.0 - rho) * trials
