"""Is the Sharpe ratio real? Its closed-form interval, its probability, the record it needs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Protocol

from trade_research.metrics.moments import Returns, moments
from trade_research.metrics.returns import sharpe_ratio
from trade_research.metrics.sharpe import (
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    probabilistic_sharpe_ratio,
    sharpe_error,
    sharpe_interval,
)

CONFIDENCE = 0.95
TRIALS = (1, 10, 100, 1_000, 10_000)


@dataclass(frozen=True)
class Luck:
    """What day returns say about the Sharpe ratio, in closed form.

    Attributes
    ----------
    sharpe, low, high : float or None
        A year, with the 90% interval that allows for serial correlation up to `lags` days.
    low_iid, high_iid : float or None
        The interval for independent returns.
    psr : float or None
        Probability that the true ratio is above 0.
    days, days_needed : int, float or None
        Days there are, and the minimum track record for 95% confidence in a ratio above 0; None
        where the ratio is not above 0: no record is long enough.
    lucky : tuple of (int, float)
        Yearly Sharpe ratio to expect from the best of so many independent trials without skill
        on a record of this length.
    trials : int or None
        Tried on these bars so far by the ledger, this one included; None where nobody counted.
    trial_variance : float or None
        Of their Sharpe ratios per day; None with fewer than two.
    luck_sharpe, dsr : float or None
        Yearly Sharpe ratio to expect from the best of `trials`, and the probability that the true
        ratio is above it: the deflated Sharpe ratio.
    """

    sharpe: float | None
    low: float | None
    high: float | None
    low_iid: float | None
    high_iid: float | None
    lags: int
    psr: float | None
    days: int
    days_needed: float | None
    lucky: tuple[tuple[int, float], ...]
    trials: int | None = None
    trial_variance: float | None = None
    luck_sharpe: float | None = None
    dsr: float | None = None


class TrialCount(Protocol):
    """As much of `store.Trials` as evidence needs."""

    @property
    def n(self) -> int: ...
    @property
    def variance(self) -> float | None: ...


def luck_of(excess: Returns, per_year: float | None, trials: TrialCount | None = None) -> Luck:
    """Closed-form evidence on the Sharpe ratio.

    Parameters
    ----------
    excess : float64 array of shape (n_days,), or its Moments
        Day returns less those of cash, fractions. No NaN.
    per_year : float or None
        Days in a year; None leaves the annualised ones None.
    trials : store.Trials, optional
        How many were tried on these bars so far.
    """
    m = moments(excess)
    lags = newey_west_lags(m.n)
    wide = sharpe_interval(m, periods_per_year=per_year, lags=lags)
    narrow = sharpe_interval(m, periods_per_year=per_year)
    year = math.nan if per_year is None else math.sqrt(per_year)
    # Without skill a ratio has the error 1/√n, whatever the returns look like.
    spread = 1.0 / m.n if m.n else math.nan
    best = [(k, expected_maximum_sharpe(k, spread) * year) for k in TRIALS]
    n, variance = (None, None) if trials is None else (trials.n, trials.variance)
    spent = math.nan if n is None else luck_variance(variance, m.n)
    return Luck(
        _or_none(sharpe_ratio(m, periods_per_year=per_year)),
        _or_none(wide.low),
        _or_none(wide.high),
        _or_none(narrow.low),
        _or_none(narrow.high),
        lags,
        _or_none(probabilistic_sharpe_ratio(m)),
        m.n,
        _or_none(minimum_track_record(m)),
        tuple((k, v) for k, v in best if math.isfinite(v)),
        n,
        variance,
        None if n is None else _or_none(expected_maximum_sharpe(n, spent) * year),
        None if n is None else _or_none(deflated_sharpe_ratio(m, trials=n, variance=spent)),
    )


def luck_variance(across_trials: float | None, days: int) -> float:
    """How widely luck alone spreads the Sharpe ratios per day of the trials, as a variance.

    The variance across the trials, but at most 1/`days`: what sampling makes of a ratio without
    skill. What trials differ by beyond it comes of costs or of skill, and none of it is luck.
    NaN without days.
    """
    alone = 1.0 / days if days else math.nan
    return alone if across_trials is None else min(across_trials, alone)


def newey_west_lags(n: int) -> int:
    """Lags for the weights of Newey and West: floor(4 (n/100)^(2/9))."""
    return int(4.0 * (n / 100.0) ** (2.0 / 9.0))


def minimum_track_record(
    excess: Returns, *, threshold: float = 0.0, level: float = CONFIDENCE
) -> float:
    """Observations needed before the Sharpe ratio is above `threshold` with confidence `level`.

    Parameters
    ----------
    excess : float64 array of shape (n,), or its Moments
        Excess returns per period, fractions. No NaN.
    threshold : float
        Ratio per period to beat, not annualised.
    level : float
        Probability wanted, above 0.5.

    Returns
    -------
    float
        1 + (1 - γ3·SR + (γ4-1)/4·SR²) · (z / (SR - threshold))², in periods: the n at which
        `probabilistic_sharpe_ratio` reaches `level`. NaN where the ratio is undefined or not above
        the threshold.

    References
    ----------
    Bailey & López de Prado (2012), Journal of Risk 15(2), equation 11.
    """
    m = moments(excess)
    if not m.varies or not m.mean / m.std > threshold:
        return math.nan
    shape = m.n * sharpe_error(m) ** 2
    z = NormalDist().inv_cdf(level)
    return 1.0 + shape * (z / (m.mean / m.std - threshold)) ** 2


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
