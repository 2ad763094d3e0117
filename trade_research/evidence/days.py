"""What evidence rests on: the returns of days, of the run and of its benchmark."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from trade_research.kernels.jit import F64, I64
from trade_research.metrics.moments import Moments
from trade_research.metrics.periods import Dates
from trade_research.metrics.returns import returns_of, risk_free_per_period

_DAY = 86_400_000_000


@dataclass(frozen=True, eq=False)
class Days:
    """A run by day, and where its days end among its bars.

    Attributes
    ----------
    dates : datetime64[D] array of shape (n_days,)
        Sessions of the calendar.
    equity : float64 array of shape (n_days,)
        At the last close of each, money.
    rows : int64 array of shape (n_days,)
        Bar of that close.
    initial : float
        Capital before the first day.
    per_year : float or None
        Days in a year by the calendar; None leaves what is annualised undefined.
    cash : float
        Return of cash a day, a fraction.
    benchmark : float64 array of shape (n_days,), or None
        Returns of the benchmark on the same days, fractions.
    """

    dates: Dates
    equity: F64
    rows: I64
    initial: float
    per_year: float | None
    cash: float = 0.0
    benchmark: F64 | None = None

    @property
    def n(self) -> int:
        return self.dates.size

    @cached_property
    def returns(self) -> F64:
        """Simple return of each day, (n_days,)."""
        return returns_of(self.equity, self.initial)

    @cached_property
    def excess(self) -> Moments:
        """Returns less those of cash, with their sums."""
        return Moments(self.returns if self.cash == 0.0 else self.returns - self.cash)

    @cached_property
    def logs(self) -> F64:
        """Log growth of each day, (n_days,); -inf where everything was lost."""
        return log_growth(self.returns)

    @property
    def years(self) -> float:
        """Length of the run by the calendar; NaN without one."""
        return self.n / self.per_year if self.per_year else np.nan


def days_of(
    equity: F64,
    initial: float,
    session_dates: npt.NDArray[Any],
    *,
    per_year: float | None,
    risk_free: float = 0.0,
    benchmark: F64 | None = None,
    benchmark_initial: float | None = None,
) -> Days:
    """Days of an equity curve.

    Parameters
    ----------
    equity : float64 array of shape (n_bars,)
        Marked at each close, money. No NaN.
    initial : float
        Capital before the first bar, above 0.
    session_dates : datetime64[D] array of shape (n_bars,)
        Session of each bar by the calendar, never decreasing.
    per_year : float or None
        Sessions in a year.
    risk_free : float
        Rate of cash a year, a fraction.
    benchmark : float64 array of shape (n_bars,), optional
        Equity of the benchmark at the same closes, from `benchmark_initial` (the run's capital
        where left out).
    """
    dates = np.asarray(session_dates, "datetime64[D]")
    rows = np.flatnonzero(np.append(dates[1:] != dates[:-1], True)[: dates.size])
    cash = risk_free_per_period(risk_free, per_year)
    beside = None
    if benchmark is not None:
        beside = returns_of(benchmark[rows], benchmark_initial or initial)
    return Days(
        dates[rows], equity[rows], rows, initial, per_year, 0.0 if cash != cash else cash, beside
    )


def utc_day_rows(close_time: I64) -> I64:
    """The last bar of each UTC day that has one, (n_days,).

    A bar that closes at midnight belongs to the day that ends. `close_time` are microseconds,
    increasing.
    """
    if not close_time.size:
        return np.empty(0, np.int64)
    first, last = (int(time) - 1 for time in close_time[[0, -1]])
    ends = np.arange(first // _DAY + 1, last // _DAY + 2) * _DAY
    rows = np.searchsorted(close_time, ends, side="right") - 1
    own: I64 = rows[np.append(True, rows[1:] != rows[:-1])]
    return own


def log_growth(returns: F64) -> F64:
    """Log of 1 + r; -inf for a loss of everything, or of more."""
    with np.errstate(divide="ignore"):
        return np.log1p(np.maximum(returns, -1.0))
