"""The one path in: pages of a source into the store; resumable, closed bars only, gaps asked again.

What is stored is always a run of whole pages: a fetch that is killed at any moment goes on where
the last commit ended. Pages overlap by one bar, which must be the same in both: that is how an
answer for another instrument, in another unit or out of date is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property

import numpy as np
import polars as pl

from trade_research.errors import (
    ConfigError,
    SourceError,
    SourceGoneError,
    SourceRefusedError,
    TradeResearchError,
)
from trade_research.frames.bars import BAR_COLUMNS
from trade_research.frames.calendars import Calendar, get_calendar
from trade_research.sources.http import Retry
from trade_research.sources.kept import Kept
from trade_research.sources.source import Source, check_overlap, closed_bars
from trade_research.store.layout import Name
from trade_research.store.store import Store

BEGINNING = datetime(2009, 1, 3, tzinfo=UTC)
CHUNK = 50_000  # bars of one commit
_CHANGED = 0.05  # of a stored price: more is another instrument or unit, not a revision
Progress = Callable[[int, int], None]


@dataclass
class Fetched:
    """What a fetch did to one dataset; `missing` counts bars that the calendar still expects.

    `error` is None where everything asked for was answered.
    """

    name: str
    source: str
    added: int = 0
    unchanged: int = 0
    revised: int = 0
    missing: int = 0
    first: datetime | None = None
    last: datetime | None = None
    notes: list[str] = field(default_factory=list)
    error: str | None = None


def fetch_bars(
    source: Source,
    store: Store,
    name: Name,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    retry: Retry | None = None,
    chunk: int = CHUNK,
    progress: Progress = lambda done, total: None,
    sleep: Callable[[float], None] = time.sleep,
) -> Fetched:
    """Bring the bars ``start <= open_time < end`` of one instrument into the store.

    Parameters
    ----------
    source : Source
    store : Store
    name : Name
        Venue, symbol and interval under which the bars are stored.
    start, end : datetime, optional
        UTC. Without `start` the fetch goes on from the last stored bar; `end` is by default now.
    retry : Retry, optional
    chunk : int
        Bars of one commit.
    progress : callable
        Called with bars done and bars expected.

    Returns
    -------
    Fetched
        Also where the source failed: `error` then says what, where and what to do, and what came
        before it is stored.

    Raises
    ------
    ConfigError
        Nothing is stored yet and no `start` was given, or the source has no such interval.
    """
    work = _Work(source, store, name, retry or Retry(), chunk, progress, sleep)
    try:
        work.run(start, end)
    except (SourceError, SourceRefusedError) as error:
        work.result.error = work.explain(error)
        if isinstance(error, SourceGoneError) and (stored := work.kept.span()):
            work.kept.remember([("ended", stored[1], None, str(error))], source.name)
    work.finish()
    return work.result


@dataclass
class _Work:
    source: Source
    store: Store
    name: Name
    retry: Retry
    chunk: int
    progress: Progress
    sleep: Callable[[float], None]
    buffer: list[pl.DataFrame] = field(default_factory=list)
    at: datetime = BEGINNING
    until: datetime = BEGINNING
    last: pl.DataFrame | None = None
    may_differ: float = 0.0
    ended: bool = False
    done: int = 0
    total: int = 0

    def __post_init__(self) -> None:
        self.result = Fetched(str(self.name), f"{self.source.name} ({self.source.client})")
        self.step = timedelta(microseconds=self.name.interval.us)
        self.kept = Kept(self.store, self.name)

    @cached_property
    def market(self) -> Calendar:
        """The calendar that the bars are stored with, else the one that the source says."""
        if (calendar := self.kept.calendar()) is not None:
            return get_calendar(calendar)
        found = self.retry.run(lambda: self.source.calendar(self.name.symbol), self.sleep)
        return get_calendar(found)

    def run(self, start: datetime | None, end: datetime | None) -> None:
        stored = self.kept.span()
        if start is None and stored is None:
            raise ConfigError(
                f"nothing is stored of {self.name} yet: say from when (--since 2020-01-01 or --all)"
            )
        begin = start or (stored[1] if stored else BEGINNING)
        # A bar whose time has not come yet is not asked for.
        self.at, self.until = begin, min(end or self.source.now(), self.source.now())
        end = self.until
        self.total = self.expected(begin, end)
        if stored is None:
            begin = self.listing(begin)
            self.walk(begin, end)
        else:
            if begin < stored[0] and not self.kept.known("listed", stored[0]):
                self.walk(begin, stored[0])
            self.walk(stored[1], end, self.kept.bar(stored[1]))
        self.flush()
        self.note_listing(start)
        self.fill_holes(start or BEGINNING, end)

    # One span, page by page.

    def walk(self, start: datetime, end: datetime, last: pl.DataFrame | None = None) -> None:
        """Ask for ``[start, end)``; `last` is a stored bar that the first page must agree with."""
        self.at, self.last, self.may_differ = start, last, _CHANGED
        empty = 0
        while self.expected(self.at if self.last is None else self.at + self.step, end):
            bars = self.retry.run(lambda: self.page(end), self.sleep)
            fresh = bars.filter(pl.col("open_time") > self.at) if self.last is not None else bars
            if not fresh.is_empty():
                empty, self.may_differ = 0, 0.0
                self.take(bars)
                self.last, self.at = fresh[-1:], fresh["open_time"][-1]
                if self.ended:
                    return
            elif self.source.windowed:
                self.at, self.last = self.at + self.step * self.source.page_bars, None
            elif empty:
                return  # nothing twice: there is nothing more
            else:
                empty += 1

    def page(self, end: datetime) -> pl.DataFrame:
        """Closed bars from `at` on; they must begin with `last`, if there is one."""
        page = self.source.page(self.name.symbol, self.name.interval, self.at, end)
        self.result.notes += [note for note in page.notes if note not in self.result.notes]
        if page.actions is not None and page.actions.height:
            self.store.write_actions(
                page.actions, venue=self.name.venue, symbol=self.name.symbol, source=self.origin()
            )
        self.ended = page.last
        now, step = self.source.now(), self.name.interval
        if page.rows.is_empty():
            return pl.DataFrame(schema=BAR_COLUMNS)
        bars = closed_bars(page.rows, step, self.market.name, self.at, end, now)
        if bars.is_empty() and (page.rows["open_time"] < _like(page.rows, self.at)).all():
            raise SourceError("the rows lie before the span that was asked for")
        if self.last is not None and not bars.is_empty():
            may_lack = bool(self.may_differ) or self.source.reach_bars is not None
            check_overlap(self.last, bars, self.may_differ, may_lack)
        return bars

    def take(self, bars: pl.DataFrame) -> None:
        """Keep the bars, and commit when there are enough."""
        self.buffer.append(bars)
        self.done += bars.height
        self.progress(self.done, max(self.total, self.done))
        if sum(frame.height for frame in self.buffer) >= self.chunk:
            self.flush()

    def flush(self) -> None:
        """Commit what was taken."""
        if not self.buffer:
            return
        frame = pl.concat(self.buffer).unique("open_time", keep="last").sort("open_time")
        self.buffer.clear()
        report = self.store.write_bars(
            frame,
            venue=self.name.venue,
            symbol=self.name.symbol,
            interval=self.name.interval,
            calendar=self.market.name,
            source=self.origin(),
        )
        self.result.added += report.added
        self.result.unchanged += report.unchanged
        self.result.revised += report.revised

    # What is missing.

    def fill_holes(self, start: datetime, end: datetime) -> None:
        """Ask again for holes, until two runs have found nothing in them; note what stays."""
        for first, last in self._joined(self.kept.holes(start, end)):
            self.walk(first, last)
        self.flush()
        self.kept.note_holes(start, end, self.source.name)

    def _joined(
        self, holes: list[tuple[datetime, datetime]]
    ) -> Iterator[tuple[datetime, datetime]]:
        """Holes that one page covers, as one span."""
        most = self.step * self.source.page_bars
        spans: list[list[datetime]] = []
        for first, last in holes:
            if spans and last - spans[-1][0] <= most:
                spans[-1][1] = last
            else:
                spans.append([first, last])
        yield from ((a, b) for a, b in spans)

    def expected(self, start: datetime, end: datetime) -> int:
        """Bars of ``[start, end)`` that the calendar expects and that have closed."""
        first, last, now = (_us(time) for time in (start, end, self.source.now()))
        step = self.name.interval.us
        if self.market.continuous:
            begin = -(-first // step) * step
            return max(0, (min(last - 1, now - step) - begin) // step + 1)
        sessions = self.market.sessions(np.array([first, max(first, last)]))
        opens = sessions.opens(self.name.interval)
        opens = opens[(opens >= first) & (opens < last)]
        return int((sessions.closes(opens, self.name.interval) <= now).sum())

    def listing(self, start: datetime) -> datetime:
        """`start`, or the first bar's time where the source can say that it is later."""
        ask = getattr(self.source, "listed", None)
        if ask is None:
            return start
        found = self.retry.run(lambda: ask(self.name.symbol, self.name.interval), self.sleep)
        return max(start, found) if found is not None else start

    def note_listing(self, start: datetime | None) -> None:
        """Remember where history begins, once earlier bars were asked for in vain."""
        span = self.kept.span()
        if start is None or span is None or span[0] <= start:
            return
        if not self.expected(start, span[0]):
            return
        reach = self.source.reach_bars
        if reach is not None:
            self.result.notes.append(
                f"{self.source.name} serves its last {reach} bars only: those before {span[0]:%F} "
                "cannot be had from it"
            )
        else:
            self.kept.remember([("listed", span[0], None, "")], self.source.name)

    # What to say.

    def origin(self) -> str:
        """Provenance kept with each version: who, by which client, when."""
        return f"{self.source.name} by {self.source.client} at {self.source.now():%FT%TZ}"

    def explain(self, error: TradeResearchError) -> str:
        """One line: source, symbol, span, what went wrong and what to do."""
        span = f"{self.at:%F %H:%M} to {self.until:%F %H:%M}"
        again = (
            "correct the name or the key"
            if isinstance(error, SourceRefusedError)
            else "run the same command again: it goes on from there"
        )
        return f"{self.source.name}: {self.name} from {span}: {error}. Stored up to it; {again}"

    def finish(self) -> None:
        """Commit what is left, and say what is there now."""
        self.flush()
        span = self.kept.span()
        if span is None:
            return
        self.result.first, self.result.last = span
        self.result.missing = int(self.kept.gaps()["rows"].sum())
        ahead = getattr(getattr(self.source, "http", None), "skew_s", 0.0)
        if abs(ahead) > 60:
            self.result.notes.append(
                f"this computer's clock is {ahead:+.0f} s off the source's: set it"
            )


def _like(rows: pl.DataFrame, time: datetime) -> date:
    """`time` as the rows label theirs: a date where they do."""
    return time.date() if rows.schema["open_time"] == pl.Date else time


def _us(time: datetime) -> int:
    return round(time.timestamp() * 1_000_000)
