"""Bars into one dataset: check them, merge them with what is stored, commit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from trade_research.errors import ConfigError, SchemaError, nearest
from trade_research.frames.bars import to_bars
from trade_research.frames.calendars import get_calendar
from trade_research.frames.intervals import Interval
from trade_research.store import merge
from trade_research.store.codes import TIMES, VALUES
from trade_research.store.commit import Draft, Manifest, Part, commit
from trade_research.store.durable import make_folder, new_file, writing
from trade_research.store.encoding import write_part
from trade_research.store.hashing import content_hash
from trade_research.store.judge import judge, read_verdicts
from trade_research.store.layout import Name, bars_folder
from trade_research.venues import VENUES, calendar_of

_HOUR = 3_600_000_000


@dataclass(frozen=True)
class WriteReport:
    """What a write changed: bars added, found unchanged, and revised; and what is wrong with them.

    `verdicts` covers the span that was written; `version` is the version that now holds the data,
    the old one where nothing changed.
    """

    name: str
    version: int
    added: int
    unchanged: int
    revised: int
    verdicts: pl.DataFrame


def write_bars(
    root: Path, frame: pl.DataFrame, name: Name, *, calendar: str | None = None, source: str = ""
) -> WriteReport:
    """Merge `frame` into the dataset `name` in one atomic commit; see `Store.write_bars`."""
    folder = bars_folder(root, name.venue, name.symbol, name.interval)
    counts = merge.Counts()
    stored: list[Manifest | None] = []

    def build(base: Manifest | None) -> Draft | None:
        nonlocal counts
        stored[:] = [base]
        chosen = _calendar(name, calendar, base)
        fresh = _checked(frame, name, chosen)
        begin = base or _first(name, chosen)
        changes = merge.plan(folder, begin, fresh, _periods(fresh, name.interval))
        counts = changes.counts
        if not (counts.added or counts.revised):
            return None
        make_folder(folder)
        written: list[Path] = []
        try:
            with writing(folder):
                return Draft(_write(folder, begin, changes, source, written), written)
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise

    published = commit(folder, build) or stored[0]
    if published is None:
        raise SchemaError(f"there are no bars to write for {name}: the frame is empty.")
    return WriteReport(
        str(name),
        published.version,
        counts.added,
        counts.unchanged,
        counts.revised,
        _between(read_verdicts(folder, published), counts.start, counts.end),
    )


def _calendar(name: Name, asked: str | None, base: Manifest | None) -> str:
    if base is not None and base.calendar is not None:
        if asked is not None and get_calendar(asked).name != base.calendar:
            raise ConfigError(
                f"{name} is stored with the calendar {base.calendar!r}, not {asked!r}. "
                "Leave the calendar out, or store under another venue."
            )
        return base.calendar
    chosen = asked or calendar_of(name.venue)
    if chosen is None:
        raise ConfigError(
            f"the calendar of venue {name.venue!r} is not known ({nearest(name.venue, VENUES)}). "
            "Say calendar='24/7', '24/5' or an exchange's code such as 'XNYS'."
        )
    return get_calendar(chosen).name


def _checked(frame: pl.DataFrame, name: Name, calendar: str) -> merge.Columns:
    if not isinstance(frame, pl.DataFrame):
        raise SchemaError(
            f"bars are a polars DataFrame, found {type(frame).__name__}. Convert it first: "
            "tr.read_bars(frame)."
        )
    if "symbol" in frame.columns:
        found = frame["symbol"].unique().to_list()
        if any(symbol != name.symbol for symbol in found):
            raise SchemaError(
                f"the frame's column 'symbol' holds {', '.join(sorted(map(repr, found))[:5])}, "
                f"not only {name.symbol!r}. Write one instrument at a time."
            )
        frame = frame.drop("symbol")
    return merge.from_frame(to_bars(frame, name.interval, calendar))


def _first(name: Name, calendar: str) -> Manifest:
    return Manifest(name.venue, name.symbol, name.interval.text, calendar, columns=(), parts=())


def _periods(fresh: merge.Columns, interval: Interval) -> list[merge.Period]:
    """Rows of `fresh` by file: a file a year below an hour, else one file for all of time."""
    times = fresh["open_time"]
    if interval.us >= _HOUR:
        return [merge.Period("", 0, times.size)] if times.size else []
    years = times.view("datetime64[us]").astype("datetime64[Y]").astype(np.int64) + 1970
    edges = np.flatnonzero(np.diff(years)) + 1
    bounds = [0, *edges.tolist(), times.size] if times.size else []
    return [merge.Period(f"year={years[first]}", first, last) for first, last in pairwise(bounds)]


def _write(
    folder: Path, base: Manifest, changes: merge.Plan, source: str, written: list[Path]
) -> Manifest:
    """Write the new files of the plan; what they replace is left out of the manifest."""
    parts = list(changes.kept)
    for period, columns in changes.rewritten:
        place = folder / period if period else folder
        make_folder(place)
        path = new_file(place, "part")
        written.append(path)
        bars = merge.to_frame(columns)
        codes = write_part(path, bars)
        parts.append(
            Part(
                path=path.relative_to(folder).as_posix(),
                period=period,
                rows=columns["open_time"].size,
                start=int(columns["open_time"][0]),
                end=int(columns["open_time"][-1]),
                close=int(columns["close_time"][-1]),
                size=path.stat().st_size,
                hash=content_hash(bars),
                codes=tuple((name, code.text) for name, code in codes.items()),
            )
        )
    parts.sort(key=lambda part: part.start)
    names = (*TIMES, *(n for n in VALUES if n in changes.columns))
    manifest = replace(base, parts=tuple(parts), columns=names, source=source or base.source)
    revisions = merge.write_revisions(folder, changes, base.version + 1, written)
    verdicts = new_file(folder, "verdicts")
    written.append(verdicts)
    merge.write_frame(verdicts, judge(folder, manifest, base, changes.counts.changed_from))
    return replace(manifest, verdicts=verdicts.name, revisions=(*base.revisions, *revisions))


def _between(verdicts: pl.DataFrame, start: int, end: int) -> pl.DataFrame:
    return verdicts.filter(
        pl.col("open_time").to_physical() < end, pl.col("end_time").to_physical() > start
    )
