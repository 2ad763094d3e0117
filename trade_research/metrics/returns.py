"""Returns of an equity curve, and the ratios of reward to risk made from them.

Every function takes the returns of all bars, flat ones included (`returns_of`), or their `Moments`
when several metrics share one pass. NaN means undefined; nothing here is ever infinite.
"""

from __future__ import annotations

import math

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64, I64
from trade_research.metrics.moments import BLOCK, ROUNDING, Moments, Returns, moments

US_PER_YEAR = 365.25 * 86_400e6


def returns_of(equity: F64, initial: float) -> F64:
    """Simple return of each bar, the first measured from the initial capital.

    Parameters
    ----------
    equity : float64 array of shape (n_bars,)
        Marked at each close, in money. No NaN.
    initial : float
        Capital before the first bar, above 0.

    Returns
    -------
    float64 array of shape (n_bars,)
        Fractions; 0 after the equity has reached 0 or less (the run is over, nothing is at risk).
    """
    return moments_of(equity, initial).returns


def moments_of(equity: F64, initial: float) -> Moments:
    """`returns_of` and their sums in one pass over the equity; arguments as there."""
    n, low = equity.size, math.inf
    out, sums = np.empty(n), np.empty(-(-n // BLOCK))
    with np.errstate(divide="ignore", invalid="ignore"):
        for a in range(0, n, BLOCK):
            level, block = equity[a : a + BLOCK], out[a : a + BLOCK]
            block[0] = level[0] / (equity[a - 1] if a else initial)
            np.divide(level[1:], level[:-1], out=block[1:])
            block -= 1.0
            sums[a // BLOCK] = block.sum()
            low = min(low, level.min())
    if low > 0.0:
        return Moments(out, sums)
    out[1:][equity[:-1] <= 0.0] = 0.0
    return Moments(out)


def risk_free_per_period(risk_free: float, periods_per_year: float | None) -> float:
    """Return per period of cash that pays `risk_free` a year, compounding: (1 + rf)^(1/A) - 1.

    0 for a rate of 0; NaN where the rate is not 0 and the periods in a year are unknown.

    Raises
    ------
    ConfigError
        A rate of -1 or less, or none at all.
    """
    if not -1.0 < risk_free < math.inf:
        raise ConfigError(
            f"risk_free must be a yearly rate above -1 (0.05 is five per cent), found {risk_free!r}"
        )
    if risk_free == 0.0:
        return 0.0
    return math.nan if periods_per_year is None else (1.0 + risk_free) ** (1 / periods_per_year) - 1


def excess_returns(returns: F64, risk_free: float, periods_per_year: float | None) -> F64:
    """Returns less those of cash, (n,) to (n,); the same array when the rate is 0."""
    cash = risk_free_per_period(risk_free, periods_per_year)
    return returns if cash == 0.0 else returns - cash


def total_return(equity: F64, initial: float) -> float:
    """Last equity over initial capital, less 1. NaN without bars."""
    return float(equity[-1]) / initial - 1.0 if equity.size else math.nan


def growth_rate(growth: float, years: float) -> float:
    """Yearly rate that compounds to `growth` (1.1 is a gain of a tenth) in `years`.

    -1 where nothing is left (growth of 0 or less); NaN for no time, or a rate beyond any float.
    """
    if math.isnan(growth) or not years > 0.0:
        return math.nan
    if growth <= 0.0:
        return -1.0
    try:
        return float(growth ** (1.0 / years) - 1.0)
    except OverflowError:
        return math.nan


def cagr(equity: F64, initial: float, *, periods_per_year: float | None) -> float:
    """Compound annual growth rate over the bars: (E_n / E_0)^(A/n) - 1.

    NaN without bars or when `periods_per_year` is None; -1 when the last equity is 0 or less.
    """
    if periods_per_year is None:
        return math.nan
    return growth_rate(1.0 + total_return(equity, initial), equity.size / periods_per_year)


def cagr_calendar(equity: F64, initial: float, close_time: I64, start_time: int | None) -> float:
    """Compound annual growth rate over the calendar, ACT/365.25.

    Parameters
    ----------
    equity, initial : see `returns_of`.
    close_time : int64 array of shape (n_bars,)
        Microseconds since 1970, UTC.
    start_time : int or None
        When the initial capital was put in: the open time of the first bar, same unit. None: the
        first close, which leaves the first bar's own span out.

    Returns
    -------
    float
        NaN when no time passes; -1 when the last equity is 0 or less.
    """
    if equity.size == 0:
        return math.nan
    start = int(close_time[0]) if start_time is None else start_time
    return growth_rate(
        1.0 + total_return(equity, initial), (int(close_time[-1]) - start) / US_PER_YEAR
    )


def volatility(returns: Returns, *, periods_per_year: float | None) -> float:
    """Annualised standard deviation of the returns: std(ddof 1) · √A.

    NaN with fewer than two returns or when `periods_per_year` is None.
    """
    return moments(returns).std * _root(periods_per_year)


def sharpe_ratio(excess: Returns, *, periods_per_year: float | None) -> float:
    """Annualised Sharpe ratio: mean / std(ddof 1) · √A of the excess returns.

    Parameters
    ----------
    excess : float64 array of shape (n,), or its Moments
        Return of each period less that of cash (`excess_returns`), as a fraction. No NaN.
    periods_per_year : float or None
        252 for daily equities, 8760 for hourly crypto. Never guessed; None gives NaN. With 1 the
        ratio is per period.

    Returns
    -------
    float
        Dimensionless; NaN with fewer than two returns or when they do not vary.

    References
    ----------
    Sharpe (1994), J. Portfolio Management 21(1), with the sample deviation (ddof=1).
    """
    m = moments(excess)
    return m.mean / m.std * _root(periods_per_year) if m.varies else math.nan


def downside_deviation(excess: Returns, *, periods_per_year: float | None) -> float:
    """Annualised root mean square of the negative excess returns over *all* n periods, times √A.

    NaN without returns or when `periods_per_year` is None. Sortino & van der Meer (1991).
    """
    m = moments(excess)
    return math.sqrt(m.down2 / m.n) * _root(periods_per_year) if m.n else math.nan


def sortino_ratio(excess: Returns, *, periods_per_year: float | None) -> float:
    """Annualised Sortino ratio: mean · A over the downside deviation.

    NaN with fewer than two returns, without one more negative than rounding makes it, or when
    `periods_per_year` is None.
    """
    m = moments(excess)
    risk = downside_deviation(m, periods_per_year=periods_per_year)
    if periods_per_year is None or m.n < 2 or not risk > ROUNDING * _root(periods_per_year):
        return math.nan
    return m.mean * periods_per_year / risk


def omega_ratio(excess: Returns) -> float:
    """Sum of the returns above the threshold over the sum of those below it.

    The threshold is 0 of the series given: subtract another one first. NaN without a loss or with
    fewer than two returns. Keating & Shadwick (2002).
    """
    m = moments(excess)
    return m.gains / m.losses if m.n >= 2 and m.losses > 0.0 else math.nan


def win_rate_bars(returns: Returns) -> float:
    """Share of the periods with a return other than 0 that gained. NaN when all are 0."""
    m = moments(returns)
    return m.up / (m.up + m.down) if m.up + m.down else math.nan


def skewness(returns: Returns) -> float:
    """Skewness m3 / m2^1.5 from biased moments; NaN when the returns do not vary."""
    m = moments(returns)
    return m.m3 / m.m2**1.5 if m.varies else math.nan


def kurtosis(returns: Returns) -> float:
    """Raw kurtosis m4 / m2² from biased moments, 3 for a normal; NaN when nothing varies."""
    m = moments(returns)
    return m.m4 / m.m2**2 if m.varies else math.nan


def calmar_ratio(growth: float, max_drawdown: float) -> float:
    """Compound annual growth over the size of the deepest drawdown; NaN when there is none.

    One that is no more than the rounding of a ratio is none. Young (1991), without its 36-month
    window.
    """
    return growth / -max_drawdown if max_drawdown < -ROUNDING else math.nan


def _root(periods_per_year: float | None) -> float:
    return math.nan if periods_per_year is None else math.sqrt(periods_per_year)
