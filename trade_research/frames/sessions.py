"""Sessions of a calendar as arrays: opens, closes and breaks, looked up or from a rule."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError, nearest
from trade_research.frames.calendars import Calendar
from trade_research.frames.intervals import DAY, WEEK, Interval

if TYPE_CHECKING:
    from trade_research.kernels.jit import I64

_MONDAY = 4  # days from the epoch to its first Monday


@dataclass(frozen=True)
class Sessions:
    """Continuous parts of consecutive sessions, oldest first; times int64 microseconds UTC.

    `date` is the day number of the session that a part belongs to, `open` and `close` its ends.
    """

    zone: str
    date: I64
    open: I64
    close: I64

    def date_at(self, times: I64) -> I64:
        """Day number of the session running at each time, else of the next one to close."""
        i = np.searchsorted(self.close, times, side="right")
        found: I64 = self.date[np.minimum(i, self.date.size - 1)]
        return found

    def opens(self, interval: Interval) -> I64:
        """Opens of all bars of `interval`: labels for daily and weekly ones."""
        if interval.us == DAY:
            return np.unique(self.date) * DAY
        if interval.us == WEEK:
            return np.unique(_monday(self.date)) * DAY
        counts = -((self.open - self.close) // interval.us)
        first = np.repeat(self.open, counts)
        within = np.arange(first.size) - np.repeat(np.cumsum(counts) - counts, counts)
        opens: I64 = first + within * interval.us
        return opens

    def closes(self, opens: I64, interval: Interval) -> I64:
        """Close of each bar; see `Calendar.close_times`."""
        if not interval.is_daily:
            part = self._part(opens)
            end = opens + interval.us
            return np.where(part >= 0, np.minimum(end, self.close[part]), end)
        day = opens // DAY
        first = _monday(day) if interval.us == WEEK else day
        last = first + interval.us // DAY
        i = np.searchsorted(self.date, last) - 1
        found = (i >= 0) & (self.date[i] >= first)
        return np.where(found, self.close[i], _local_midnight(last, self.zone))

    def first_open(self, labels: I64) -> I64:
        """Open of the first session at or after each label."""
        i = np.searchsorted(self.date, labels // DAY)
        return self.open[np.minimum(i, self.date.size - 1)]

    def buckets(self, opens: I64, source: Interval, target: Interval) -> tuple[I64, I64]:
        """Bar of `target` around each bar of `source`; see `Calendar.buckets`."""
        if source.is_daily:
            day = opens // DAY
            inside = (
                np.isin(_monday(day), _monday(self.date))
                if source.us == WEEK
                else np.isin(day, self.date)
            )
        else:
            part = self._part(opens)
            inside, day = part >= 0, self.date[part]
            if not target.is_daily:
                begin = self.open[part]
                start = begin + (opens - begin) // target.us * target.us
                return _where(inside, start, np.minimum(start + target.us, self.close[part]))
        label = (_monday(day) if target.us == WEEK else day) * DAY
        return _where(inside, label, self.closes(label, target))

    def _part(self, times: I64) -> I64:
        """Index of the part running at each time, -1 where none is."""
        i = np.searchsorted(self.open, times, side="right") - 1
        return np.where((i >= 0) & (times < self.close[i]), i, -1)


def _where(inside: Any, start: I64, close: I64) -> tuple[I64, I64]:
    return np.where(inside, start, -1), np.where(inside, close, -1)


def _monday(day: I64) -> I64:
    return (day - _MONDAY) // 7 * 7 + _MONDAY


def _local_midnight(day: I64, zone: str) -> I64:
    """The moment at which each day begins in the zone, int64 microseconds UTC."""
    local = pl.Series(day * DAY).cast(pl.Datetime("us"))
    aware = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return aware.to_physical().fill_null(pl.Series(day * DAY)).to_numpy()


def sessions_of(calendar: Calendar, first_year: int, last_year: int) -> Sessions:
    """Sessions of whole years and a month around them."""
    if calendar.name == "24/5":
        return _currency_week(first_year, last_year)
    return _exchange_sessions(calendar.name, calendar.zone, first_year, last_year)


@lru_cache(maxsize=8)
def _currency_week(first_year: int, last_year: int) -> Sessions:
    """Monday to Friday, each from 17:00 New York of the day before to 17:00."""
    day = _days(first_year - 1, 12), _days(last_year + 1, 2)
    days = np.arange(*day)
    days = days[(days - _MONDAY) % 7 < 5]
    zone = "America/New_York"

    def at_five(which: I64) -> I64:
        local = pl.Series(which * DAY + 17 * DAY // 24).cast(pl.Datetime("us"))
        return local.dt.replace_time_zone(zone).to_physical().to_numpy()

    return Sessions(zone, days, at_five(days - 1), at_five(days))


@lru_cache(maxsize=16)
def _exchange_sessions(name: str, zone: str, first_year: int, last_year: int) -> Sessions:
    """Sessions as exchange_calendars knows them; its default start, 20 years ago, is never used."""
    kind = type(_look_up(name))
    start = np.datetime64(f"{first_year - 1}-12-01")
    end = np.datetime64(f"{last_year + 1}-01-31")
    lowest, highest = kind.bound_min(), kind.bound_max()
    start = start if lowest is None else max(start, lowest.to_datetime64().astype("M8[D]"))
    end = end if highest is None else min(end, highest.to_datetime64().astype("M8[D]"))
    if not start < end:
        raise ConfigError(
            f"calendar {name!r} knows no sessions in {first_year}–{last_year}; use '24/7' or '24/5'"
        )
    table = _look_up(name, start=str(start), end=str(end)).schedule
    date = table.index.to_numpy().astype("M8[D]").astype(np.int64)
    part = {column: _microseconds(table[column]) for column in table.columns}
    lunch = part["break_start"] != np.iinfo(np.int64).min
    if not lunch.any():
        return Sessions(zone, date, part["open"], part["close"])
    morning_end = np.where(lunch, part["break_start"], part["close"])
    dates = np.concatenate([date, date[lunch]])
    opens = np.concatenate([part["open"], part["break_end"][lunch]])
    closes = np.concatenate([morning_end, part["close"][lunch]])
    order = np.argsort(opens, kind="stable")
    return Sessions(zone, dates[order], opens[order], closes[order])


def _look_up(name: str, **span: str) -> Any:
    import exchange_calendars

    with warnings.catch_warnings():
        # It calls what pandas 3.1 deprecates; not the business of our users.
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            return exchange_calendars.get_calendar(name, **span)
        except ValueError as error:
            raise ConfigError(
                f"exchange_calendars cannot give the sessions of {name!r} ({str(error)[:60]}…): "
                "use '24/7' or '24/5'"
            ) from error


def exchange_calendar(name: str) -> Calendar:
    """Facts of an exchange, from its sessions of ten past years (2015 to 2024)."""
    import exchange_calendars

    known = exchange_calendars.get_calendar_names(include_aliases=True)
    if name not in known:
        raise ConfigError(
            f"no calendar is called {name!r}: use '24/7', '24/5' or a code of exchange_calendars "
            f"({nearest(name, known) if name.upper()[:1] == 'X' else 'like XNYS, XLON, XTKS'})"
        )
    zone = str(_look_up(name).tz)
    decade = _exchange_sessions(name, zone, 2015, 2024)
    inside = (decade.date >= _days(2015, 1)) & (decade.date < _days(2025, 1))
    days, index, parts = np.unique(decade.date[inside], return_index=True, return_counts=True)
    regular = parts == np.bincount(parts).argmax()
    lengths = (decade.close - decade.open)[inside] / 60e6
    usual = np.array(
        [lengths[i : i + n] for i, n in zip(index[regular], parts[regular], strict=True)]
    )
    parts_usual = tuple(np.median(usual, axis=0).tolist())
    local = pl.Series(decade.open[inside]).cast(pl.Datetime("us", "UTC")).dt.convert_time_zone(zone)
    overnight = bool((local.dt.date().cast(pl.Int32).to_numpy() < decade.date[inside]).any())
    return Calendar(name, zone, round(days.size / 10), parts_usual, overnight)


def _days(year: int, month: int) -> int:
    return int(np.datetime64(f"{year}-{month:02d}-01", "D").astype(int))


def _microseconds(column: Any) -> I64:
    """A pandas column of UTC times as int64 microseconds; NaT stays the lowest integer."""
    times: I64 = column.dt.tz_convert(None).to_numpy().astype("M8[us]").astype(np.int64)
    return times
