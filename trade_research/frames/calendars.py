"""When a market trades: around the clock, the currency week, or an exchange's sessions."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.frames.intervals import DAY, MINUTE, WEEK, Interval, parse_interval

if TYPE_CHECKING:
    from trade_research.frames.sessions import Sessions
    from trade_research.kernels.jit import B8, I64

_MONDAY = 4 * DAY  # 1970-01-05 was the first Monday of the epoch
_TIME: pl.DataType = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Calendar:
    """One trading calendar; made by `get_calendar`.

    Attributes
    ----------
    name : str
        ``"24/7"``, ``"24/5"`` (the currency week, Sunday 17:00 to Friday 17:00 New York) or a code
        of exchange_calendars such as ``"XNYS"``.
    zone : str
        IANA zone in which a session's date is read.
    sessions_per_year : float
        365 for 24/7, 260 for 24/5, 252 for the New York exchanges.
    parts : tuple of float
        Minutes of each continuous part of a regular session (two where there is a lunch break).
    overnight : bool
        True where a session opens on the date before its own.
    """

    name: str
    zone: str
    sessions_per_year: float
    parts: tuple[float, ...]
    overnight: bool = False

    def __str__(self) -> str:
        return self.name

    @property
    def continuous(self) -> bool:
        """True for 24/7: a bar's place follows from arithmetic alone."""
        return self.name == "24/7"

    def periods_per_year(self, interval: str | Interval) -> float:
        """Bars of `interval` in a year: bars of a session times sessions of a year.

        252 for daily and 252·26 for 15-minute bars of XNYS; 365·24 for hourly 24/7 bars. A last bar
        cut short by the close counts as one bar.
        """
        step = parse_interval(interval)
        if self.continuous:
            return 365 * DAY / step.us
        if step.is_daily:
            self.check_interval(step)
            return self.sessions_per_year if step.us == DAY else 52.0
        return self.sessions_per_year * sum(
            math.ceil(part * MINUTE / step.us) for part in self.parts
        )

    def check_interval(self, interval: Interval) -> None:
        """Raise ConfigError where the calendar has no such bars (``2d`` of sessions)."""
        if not self.continuous and interval.is_daily and interval.us not in (DAY, WEEK):
            raise ConfigError(
                f"calendar {self.name!r} has bars of 1d, 1w or less than a day, "
                f"not {interval.text!r}"
            )

    def close_times(self, open_time: pl.Series, interval: str | Interval) -> pl.Series:
        """When each bar became known, from its open time.

        Parameters
        ----------
        open_time : Series of Datetime("us", "UTC")
            Bar opens; daily and weekly bars of sessions by their label, the date at 00:00.
        interval : str or Interval
            Length of the bars.

        Returns
        -------
        Series of Datetime("us", "UTC")
            ``open + interval``, cut at the session's close; for daily bars the close of the session
            (of the week's last session), daylight saving and early closes included. A label without
            a session gets the end of its day (week) in the calendar's zone.
        """
        step = parse_interval(interval)
        opens = open_time.to_physical().to_numpy()
        return pl.Series("close_time", self.closes(opens, step)).cast(_TIME)

    def closes(self, opens: I64, interval: Interval) -> I64:
        """`close_times` on int64 microseconds."""
        if self.continuous or not opens.size:
            return opens + interval.us
        self.check_interval(interval)
        return self.sessions(opens).closes(opens, interval)

    def session_dates(self, close_time: pl.Series) -> pl.Series:
        """Date of the session of each close time (a close at midnight ends the day before).

        Parameters
        ----------
        close_time : Series of Datetime("us", "UTC")

        Returns
        -------
        Series of Date
        """
        last = close_time.dt.offset_by("-1us")
        if self.continuous:
            return last.dt.date().alias("session_date")
        if self.overnight and close_time.len():
            times = last.to_physical().to_numpy()
            days = self.sessions(times).date_at(times)
            return pl.Series("session_date", days.astype(np.int32)).cast(pl.Date)
        return last.dt.convert_time_zone(self.zone).dt.date().alias("session_date")

    def buckets(self, opens: I64, source: Interval, target: Interval) -> tuple[I64, I64]:
        """Open and close of the `target` bar around each `source` bar, int64 microseconds.

        A bar outside of the calendar's sessions belongs to none: both are -1.
        """
        if self.continuous:
            anchor = _MONDAY if target.us % WEEK == 0 else 0
            start = (opens - anchor) // target.us * target.us + anchor
            return start, start + target.us
        self.check_interval(target)
        return self.sessions(opens).buckets(opens, source, target)

    def count(self, start: I64, end: I64, interval: Interval) -> I64:
        """Number of bars that open in each ``[start, end)``, int64 microseconds.

        For 24/7 the bars are counted from `start` itself, on the grid or not.
        """
        if self.continuous or not start.size:
            whole: I64 = (end - start) // interval.us
            return np.maximum(whole, 0)
        known = self.sessions(np.concatenate([start, end])).opens(interval)
        inside: I64 = np.searchsorted(known, end) - np.searchsorted(known, start)
        return np.maximum(inside, 0)

    def span(self, bucket: I64, close: I64, target: Interval) -> tuple[I64, I64]:
        """First and last moment of trading inside bars that `buckets` gave."""
        if self.continuous or not target.is_daily:
            return bucket, close
        return self.sessions(bucket).first_open(bucket), close

    def is_open(self, opens: I64, interval: Interval) -> B8:
        """True where a bar of `interval` that opens then lies inside a session."""
        if self.continuous or not opens.size:
            return np.ones(opens.size, np.bool_)
        return self.buckets(opens, interval, interval)[0] >= 0

    def sessions(self, times: I64) -> Sessions:
        """The sessions around `times` (whole years, a month to spare on both sides)."""
        from trade_research.frames.sessions import sessions_of

        years = times[[times.argmin(), times.argmax()]].astype("M8[us]").astype("M8[Y]").astype(int)
        return sessions_of(self, int(years[0]) + 1970, int(years[1]) + 1970)


_FACTS = {
    "24/7": Calendar("24/7", "UTC", 365.0, (1440.0,)),
    "24/5": Calendar("24/5", "America/New_York", 260.0, (1440.0,), overnight=True),
    # The two New York exchanges inline: exchange_calendars costs the import of pandas.
    "XNYS": Calendar("XNYS", "America/New_York", 252.0, (390.0,)),
    "XNAS": Calendar("XNAS", "America/New_York", 252.0, (390.0,)),
}


@lru_cache
def get_calendar(name: str | Calendar) -> Calendar:
    """The calendar of that name.

    Parameters
    ----------
    name : str or Calendar
        ``"24/7"``, ``"24/5"``, or a code of exchange_calendars (``"XNYS"``, ``"XLON"``…).

    Raises
    ------
    ConfigError
        No calendar has that name.
    """
    if isinstance(name, Calendar):
        return name
    if name in _FACTS:
        return _FACTS[name]
    if not isinstance(name, str):
        raise ConfigError(f"{name!r} is not a calendar: write '24/7', '24/5' or a code like 'XNYS'")
    from trade_research.frames.sessions import exchange_calendar

    return exchange_calendar(name)
