"""Days, months and years of an equity curve, by the session dates of its calendar."""

from __future__ import annotations

import math
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from trade_research.kernels.jit import F64
from trade_research.metrics.returns import returns_of

Dates: TypeAlias = npt.NDArray[np.datetime64]


def daily_equity(equity: F64, session_dates: npt.NDArray[Any]) -> tuple[Dates, F64]:
    """Last equity of each session.

    Parameters
    ----------
    equity : float64 array of shape (n_bars,)
        Marked at each close, in money.
    session_dates : datetime64[D] array of shape (n_bars,)
        Session each bar belongs to by the calendar (not the calendar day of its close in UTC),
        never decreasing.

    Returns
    -------
    tuple of arrays of shape (n_days,)
        Dates, and equity at the last close of each.
    """
    dates = np.asarray(session_dates, "datetime64[D]")
    if dates.size == 0:
        return dates, np.empty(0)
    last = np.flatnonzero(np.append(dates[1:] != dates[:-1], True))
    return dates[last], equity[last]


def period_returns(
    dates: Dates, equity: F64, initial: float, unit: Literal["W", "M", "Y"]
) -> tuple[Dates, F64]:
    """Compounded return of each week, month or year that has a session.

    Parameters
    ----------
    dates, equity : arrays of shape (n_days,)
        As `daily_equity` gives them.
    initial : float
        Capital before the first day.
    unit : "W", "M" or "Y"
        Week from Monday, calendar month or calendar year of the session date.

    Returns
    -------
    tuple of arrays of shape (n_periods,)
        Periods as datetime64 of that unit, and fractions. The first and the last may be partial.
    """
    # NumPy's weeks begin on the Thursday of 1970-01-01.
    begins = dates + np.timedelta64(3, "D") if unit == "W" else dates
    periods = begins.astype(f"datetime64[{unit}]")
    if periods.size == 0:
        return periods, np.empty(0)
    last = np.flatnonzero(np.append(periods[1:] != periods[:-1], True))
    return periods[last], returns_of(equity[last], initial)


def month_table(
    dates: Dates, equity: F64, initial: float
) -> tuple[npt.NDArray[np.int64], F64, F64]:
    """Returns by calendar month, a row a year: what a report prints as its calendar.

    Returns
    -------
    years : int64 array of shape (n_years,)
        Every year from the first to the last.
    months : float64 array of shape (n_years, 12)
        Fractions; NaN where a month has no session.
    totals : float64 array of shape (n_years,)
        Return of the whole year; NaN where a year has no session.
    """
    months, by_month = period_returns(dates, equity, initial, "M")
    years, by_year = period_returns(dates, equity, initial, "Y")
    if not years.size:
        return np.empty(0, np.int64), np.empty((0, 12)), np.empty(0)
    number = years.astype(np.int64) + 1970
    rows = np.arange(number[0], number[-1] + 1)
    table, totals = np.full((rows.size, 12), np.nan), np.full(rows.size, np.nan)
    at = months.astype(np.int64)
    table[at // 12 + 1970 - rows[0], at % 12] = by_month
    totals[number - rows[0]] = by_year
    return rows, table, totals


def best_year_share(dates: Dates, equity: F64, initial: float) -> float:
    """Money made in the best calendar year over the money made in all.

    NaN without days or when nothing was made in all. Above 1 where other years lost.
    """
    if equity.size == 0 or not equity[-1] > initial:
        return math.nan
    years = dates.astype("datetime64[Y]")
    last = np.flatnonzero(np.append(years[1:] != years[:-1], True))
    made = np.diff(np.append(initial, equity[last]))
    return float(made.max() / (equity[-1] - initial))
