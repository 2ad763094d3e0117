"""How sure one may be of a Sharpe ratio: standard error, interval, probability, luck discount.

Ratios here are per period of the series given (`sharpe_ratio(x, periods_per_year=1)`) unless said
otherwise. Give day returns: minute returns overstate how much is known (`design.md` section 10).
"""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from trade_research.metrics.moments import Returns, moments
from trade_research.metrics.returns import sharpe_ratio

_EULER = 0.577_215_664_901_532_86


class Interval(NamedTuple):
    """Bounds of a two-sided interval."""

    low: float
    high: float


def sharpe_error_normal(excess: Returns) -> float:
    """Standard error of the Sharpe ratio per period for normal, independent returns.

    √((1 + SR²/2) / n). NaN with fewer than two returns or when they do not vary.

    References
    ----------
    Lo (2002), Financial Analysts Journal 58(4), equation 9.
    """
    m = moments(excess)
    sharpe = sharpe_ratio(m, periods_per_year=1)
    return math.sqrt((1.0 + sharpe * sharpe / 2.0) / m.n) if m.varies else math.nan


def sharpe_error(excess: Returns, *, lags: int = 0) -> float:
    """Standard error of the Sharpe ratio per period for skewed, fat-tailed returns.

    Parameters
    ----------
    excess : float64 array of shape (n,), or its Moments
        Excess returns per period, fractions. No NaN.
    lags : int
        0 takes the returns as independent (Mertens). Above 0, serial correlation up to so many
        periods is allowed for, with the weights of Newey and West.

    Returns
    -------
    float
        With lags=0 √((1 - γ3·SR + (γ4-1)/4·SR²) / n), γ3 and γ4 the biased skewness and raw
        kurtosis. NaN with fewer than two returns or when they do not vary.

    References
    ----------
    Mertens (2002), working paper, University of Basel; Lo (2002), appendix, for `lags`.
    """
    m = moments(excess)
    if not m.varies:
        return math.nan
    if lags == 0:
        return math.sqrt(_spread(m.mean / m.std, m.m3 / m.m2**1.5, m.m4 / m.m2**2) / m.n)
    z = (m.returns - m.mean) / math.sqrt(m.m2)
    influence = z - sharpe_ratio(m, periods_per_year=1) / 2.0 * (z * z - 1.0)
    variance = float(np.mean(influence * influence))
    for k in range(1, min(lags, m.n - 1) + 1):
        weight = 1.0 - k / (lags + 1.0)
        variance += 2.0 * weight * float(np.sum(influence[k:] * influence[:-k])) / m.n
    return math.sqrt(variance / m.n)


def annual_sharpe_error(excess: Returns, *, periods_per_year: float | None, lags: int = 0) -> float:
    """`sharpe_error` of the annualised ratio: times √A. NaN as there, or without a year."""
    if periods_per_year is None:
        return math.nan
    return sharpe_error(excess, lags=lags) * math.sqrt(periods_per_year)


def sharpe_interval(
    excess: Returns, *, periods_per_year: float | None, level: float = 0.9, lags: int = 0
) -> Interval:
    """Two-sided normal interval of the annualised Sharpe ratio: SR ± z · `annual_sharpe_error`.

    NaN bounds where either is undefined.
    """
    m = moments(excess)
    z = NormalDist().inv_cdf(0.5 + level / 2.0)
    half = z * annual_sharpe_error(m, periods_per_year=periods_per_year, lags=lags)
    middle = sharpe_ratio(m, periods_per_year=periods_per_year)
    return Interval(middle - half, middle + half)


def probabilistic_sharpe_ratio(
    excess: Returns, *, threshold: float = 0.0, bias: bool = True
) -> float:
    """Probability that the true Sharpe ratio exceeds `threshold`.

    Parameters
    ----------
    excess : float64 array of shape (n,), or its Moments
        Excess returns per period, fractions. No NaN.
    threshold : float
        Sharpe ratio per period to beat, not annualised.
    bias : bool
        Biased skewness and kurtosis (as skfolio, vectorbt); False: the unbiased ones (as ffn,
        quantstats), which need four returns.

    Returns
    -------
    float
        Φ((SR - threshold)·√(n-1) / √(1 - γ3·SR + (γ4-1)/4·SR²)), γ4 raw (3 for a normal). NaN
        with fewer than two returns or when they do not vary.

    References
    ----------
    Bailey & López de Prado (2012), Journal of Risk 15(2).
    """
    m = moments(excess)
    if not m.varies or (m.n < 4 and not bias):
        return math.nan
    skew, kurt, n = m.m3 / m.m2**1.5, m.m4 / m.m2**2, m.n
    if not bias:
        kurt = 3.0 + ((n + 1) * kurt - 3.0 * (n - 1)) * (n - 1) / ((n - 2) * (n - 3))
        skew *= math.sqrt(n * (n - 1)) / (n - 2)
    sharpe = m.mean / m.std
    spread = _spread(sharpe, skew, kurt)
    if not spread > 0.0:
        return math.nan
    return _normal_cdf((sharpe - threshold) * math.sqrt((n - 1) / spread))


def expected_maximum_sharpe(trials: float, variance: float) -> float:
    """Highest Sharpe ratio to expect from `trials` strategies without skill.

    Parameters
    ----------
    trials : float
        Independent trials, at least 1; may be an effective, fractional number.
    variance : float
        Variance (ddof 1) of the Sharpe ratios of the trials; the result is in its unit.

    Returns
    -------
    float
        0 for a single trial; NaN for fewer, or a negative variance.

    References
    ----------
    Bailey & López de Prado (2014), Journal of Portfolio Management 40(5), equation 1.
    """
    if not trials >= 1.0 or not variance >= 0.0:
        return math.nan
    if trials == 1.0:
        return 0.0
    z = NormalDist().inv_cdf
    high = (1.0 - _EULER) * z(1.0 - 1.0 / trials) + _EULER * z(1.0 - 1.0 / (trials * math.e))
    return math.sqrt(variance) * high


def deflated_sharpe_ratio(
    excess: Returns, *, trials: float, variance: float, bias: bool = True
) -> float:
    """Probability that the true Sharpe ratio exceeds the best that luck gives from `trials`.

    `probabilistic_sharpe_ratio` against `expected_maximum_sharpe(trials, variance)`, both per
    period. Print `trials` and `variance` beside it: they decide the answer.
    """
    luck = expected_maximum_sharpe(trials, variance)
    return probabilistic_sharpe_ratio(excess, threshold=luck, bias=bias)


def _spread(sharpe: float, skew: float, kurt: float) -> float:
    return 1.0 - skew * sharpe + (kurt - 1.0) / 4.0 * sharpe * sharpe


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))
