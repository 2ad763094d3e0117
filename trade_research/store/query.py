"""A question to the store as a value: which bars, of which version; and where a frame came from."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.errors import ConfigError
from trade_research.frames.adjust import adjust_bars
from trade_research.frames.calendars import Calendar, get_calendar
from trade_research.frames.intervals import DAY, Interval
from trade_research.frames.resample import resample
from trade_research.store.actions import ACTIONS
from trade_research.store.catalog import Source, find_source
from trade_research.store.funding import FUNDING
from trade_research.store.hashing import content_hash
from trade_research.store.layout import Name
from trade_research.store.rows import read_rows
from trade_research.store.times import Moment, micros, parse_moment, parse_span

if TYPE_CHECKING:
    import pyarrow as pa

ADJUSTMENTS = (None, "splits", "all")


@dataclass(frozen=True)
class Query:
    """Bars of one or more instruments in one interval: a frozen value that can be sent anywhere.

    The versions are fixed when the query is made, so `frame`, `verdicts` and `content_hash` agree
    and give the same tomorrow. Build it with `Store.query`.

    Attributes
    ----------
    names : tuple of str
        ``venue:SYMBOL@interval`` of each instrument, in the order asked for.
    start, end : datetime or None
        The span ``[start, end)`` of open times, UTC; None is open.
    sources : tuple of Source
        What is read: the stored interval and the version of each instrument.
    """

    root: str
    names: tuple[str, ...]
    venues: tuple[str, ...]
    symbols: tuple[str, ...]
    interval: Interval
    calendar: Calendar
    start: datetime | None
    end: datetime | None
    as_of: int | datetime | None
    adjust: str | None
    sources: tuple[Source, ...]

    @property
    def name(self) -> str:
        """The instruments' names, joined."""
        return ", ".join(self.names)

    @property
    def version(self) -> int | tuple[int, ...]:
        """The version of the data; one for each instrument where there are several."""
        versions = tuple(source.version for source in self.sources)
        return versions[0] if len(versions) == 1 else versions

    def frame(self) -> pl.DataFrame:
        """The bars, oldest first; with a `symbol` column where several instruments were asked for.

        Bars that the store does not have in this interval are resampled from the finest stored one
        that divides it; an unfinished last bar is left out. `provenance` knows the frame.
        """
        frames = [self._one(source) for source in self.sources]
        if len(frames) == 1:
            whole = frames[0]
        else:
            labels = _labels(self.venues, self.symbols)
            whole = pl.concat(
                [
                    frame.select(pl.lit(label).alias("symbol"), pl.all())
                    for label, frame in zip(labels, frames, strict=True)
                ],
                how="diagonal",
            )
        whole = whole.rechunk()  # contiguous for NumPy, and recognisable by `provenance`
        remember(whole, self)
        return whole

    def verdicts(self) -> pl.DataFrame:
        """What is known to be wrong with these bars; see `Store.verdicts`."""
        from trade_research.store.verdicts import query_verdicts

        return query_verdicts(self)

    @cached_property
    def content_hash(self) -> str:
        """SHA-256 of the logical content of `frame`, the same whatever the files look like."""
        return content_hash(self.frame())

    def funding(self) -> pl.DataFrame | None:
        """The funding rates stored for these instruments, with `symbol` as in `frame`.

        All that are stored, whatever the span; None where one of the instruments has none.
        """
        if not all(source.funding_version for source in self.sources):
            return None
        root, labels = Path(self.root), _labels(self.venues, self.symbols)
        return pl.concat(
            FUNDING.read(root, source.venue, source.symbol, source.funding_version).select(
                pl.lit(label).alias("symbol"), pl.all()
            )
            for label, source in zip(labels, self.sources, strict=True)
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The bars as record batches in time order, at flat memory; one instrument only."""
        from trade_research.store.stream import stream_bars

        return stream_bars(self)

    def _one(self, source: Source) -> pl.DataFrame:
        folder = source.folder(Path(self.root))
        manifest = source.manifest(Path(self.root))
        if source.interval == self.interval and self.adjust is None:
            first, last = span_us(self)
            return read_rows(folder, manifest, first, last)
        return self._made(source)

    def _made(self, source: Source) -> pl.DataFrame:
        """Resampled or adjusted bars: from all that the bars of the span depend on."""
        root = Path(self.root)
        raw = read_raw(self, source)
        bars = self._resampled(raw, source)
        if self.adjust is None or not bars.height:
            return bars
        actions = ACTIONS.read(root, source.venue, source.symbol, source.actions_version)
        # Prices are adjusted as of the last bar asked for: nothing later than it is used.
        raw = raw.filter(pl.col("close_time") <= bars["close_time"][-1])
        whole = self.adjust == "all"
        adjusted = adjust_bars(raw, actions, dividends=whole, calendar=source.calendar)
        return self._resampled(adjusted, source)

    def _resampled(self, raw: pl.DataFrame, source: Source) -> pl.DataFrame:
        if source.interval == self.interval:
            return clip(raw, self)
        bars = resample(
            raw,
            self.interval,
            source.calendar,
            complete_only=False,
            source_interval=source.interval,
        )
        # Unfinished is what ends after the stored bars do, wherever the span ends.
        return clip(bars.filter(pl.col("close_time") <= source.known_until), self)


def read_raw(query: Query, source: Source) -> pl.DataFrame:
    """The stored bars that the bars of the query's span are made of."""
    root = Path(query.root)
    first, last = widened(query, source)
    return read_rows(source.folder(root), source.manifest(root), first, last)


def make_query(
    root: Path,
    names: Sequence[Name],
    start: Moment | None,
    end: Moment | None,
    as_of: int | Moment | None,
    adjust: str | None,
) -> Query:
    """Resolve names to stored versions; see `Store.query`."""
    if adjust not in ADJUSTMENTS:
        raise ConfigError(
            f"adjust {adjust!r} is not known. Say 'splits', 'all', or None for raw prices."
        )
    if isinstance(as_of, int) and len(names) > 1:
        raise ConfigError(
            "as_of is a version number, which belongs to one dataset. "
            "Give a time for several instruments."
        )
    if not names:
        raise ConfigError("name at least one instrument, e.g. 'binance:BTC/USDT@1h'.")
    intervals = {name.interval.text for name in names}
    if len(intervals) > 1:
        raise ConfigError(
            f"a query has one interval, found {', '.join(sorted(intervals))}. Make one query each."
        )
    moment = as_of if as_of is None or isinstance(as_of, int) else parse_moment(as_of, "as_of")
    sources = tuple(find_source(root, name, moment) for name in names)
    first, last = parse_span(start, end)
    return Query(
        root=str(root),
        names=tuple(map(str, names)),
        venues=tuple(name.venue for name in names),
        symbols=tuple(name.symbol for name in names),
        interval=names[0].interval,
        calendar=_common([source.calendar for source in sources]),
        start=first,
        end=last,
        as_of=moment,
        adjust=adjust,
        sources=sources,
    )


def _common(calendars: Sequence[str]) -> Calendar:
    """The calendar of the whole: round the clock as soon as one instrument trades so."""
    return get_calendar("24/7" if "24/7" in calendars else calendars[0])


def _labels(venues: Sequence[str], symbols: Sequence[str]) -> tuple[str, ...]:
    """Symbols, with their venue before them where two venues have the same one."""
    return tuple(
        symbol if symbols.count(symbol) == 1 else f"{venue}:{symbol}"
        for venue, symbol in zip(venues, symbols, strict=True)
    )


def span_us(query: Query) -> tuple[int | None, int | None]:
    """Both ends of the query's span in microseconds."""
    return (
        None if query.start is None else micros(query.start),
        None if query.end is None else micros(query.end),
    )


def widened(query: Query, source: Source) -> tuple[int | None, int | None]:
    """The span of stored bars that the asked ones are made of.

    A bar that begins inside the span may end after it, and on a session calendar a bar's label may
    lie up to a day beside its first trade.
    """
    first, last = span_us(query)
    if source.interval == query.interval:
        return first, last
    reach = query.interval.us + (0 if source.calendar == "24/7" else 2 * DAY)
    return None if first is None else first - reach, None if last is None else last + reach


def clip(bars: pl.DataFrame, query: Query) -> pl.DataFrame:
    """Rows whose open time lies in the query's span."""
    if query.start is not None:
        bars = bars.filter(pl.col("open_time") >= query.start)
    if query.end is not None:
        bars = bars.filter(pl.col("open_time") < query.end)
    return bars


_known: dict[int, tuple[weakref.ref[pl.DataFrame], pl.DataFrame, Query]] = {}


def remember(frame: pl.DataFrame, query: Query) -> None:
    """Note that `frame` is what `query` gave, for as long as the frame lives."""
    key = id(frame)
    gone = weakref.ref(frame, lambda _: _known.pop(key, None))
    _known[key] = (gone, frame.clone(), query)


def provenance(frame: pl.DataFrame) -> Query | None:
    """The query that gave exactly this frame object; None for frames made otherwise.

    A frame that was changed in place (a column replaced, a value set, rows appended) is no longer
    what the query gave: None as well.
    """
    found = _known.get(id(frame))
    if found is None or found[0]() is not frame or not unchanged(frame, found[1]):
        return None
    return found[2]


def unchanged(frame: pl.DataFrame, given: pl.DataFrame) -> bool:
    """True while the columns still share their memory with those given: a change makes a copy."""
    if frame.columns != given.columns or frame.height != given.height:
        return False
    return all(_shared(a, b) for a, b in zip(frame, given, strict=True))


def _shared(a: pl.Series, b: pl.Series) -> bool:
    if a.dtype == pl.String:
        return a.equals(b)
    places = [[buffer and buffer.address for buffer in s.to_arrow().buffers()] for s in (a, b)]
    return a.dtype == b.dtype and places[0] == places[1]
