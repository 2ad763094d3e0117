"""Writing books and trades: rows that follow on are a new file, others meet the files they touch.

A day is one file or several that follow one another in time. So a recording is written as it grows
and a day may be larger than memory: nothing that a write does not touch is read.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import Literal

import numpy as np
import polars as pl

from trade_research.errors import SchemaError
from trade_research.store.bars import WriteReport
from trade_research.store.book_files import ROW_GROUP, iter_books_file, write_books_file
from trade_research.store.codes import Code
from trade_research.store.commit import Draft, Manifest, Part, commit, read_current
from trade_research.store.durable import make_folder, new_file, writing
from trade_research.store.hashing import content_hash
from trade_research.store.layout import instrument_folder
from trade_research.store.merge import write_frame
from trade_research.store.trade_files import iter_trades_file, write_trades_file

Kind = Literal["books", "trades"]
Counts = tuple[int, int, int]
"""Rows added, unchanged and revised."""
ALL_LEVELS = 10**6
SMALL_FILES = 16
"""So many files of less than a row group at the end of a day become one."""
_TURN = "_turn"  # which of several rows of one time


def write_rows(
    root: Path,
    kind: Kind,
    frame: pl.DataFrame,
    verdicts: pl.DataFrame,
    venue: str,
    symbol: str,
    source: str,
) -> WriteReport:
    """Merge valid rows into those stored, in one commit."""
    if not frame.height:
        raise SchemaError(f"there are no {kind} to write for {venue}:{symbol}: the frame is empty.")
    folder = instrument_folder(root, kind, venue, symbol)
    days = frame.with_columns(day=pl.col("time").dt.date()).partition_by(
        "day", as_dict=True, include_key=False, maintain_order=True
    )
    counts: Counts = (0, 0, 0)

    def build(base: Manifest | None) -> Draft | None:
        nonlocal counts
        begin = base or Manifest(venue, symbol, None, None, columns=(), parts=())
        written: list[Path] = []
        make_folder(folder)
        try:
            with writing(folder):
                parts, counts = _rewritten(folder, begin.parts, days, kind, written)
                manifest = replace(
                    begin, parts=parts, source=source or begin.source,
                    columns=tuple(dict.fromkeys((*begin.columns, *frame.columns))),
                )  # fmt: skip
                if kind == "books" and written:
                    manifest = _judged(folder, manifest, base, frame, verdicts, written)
            return Draft(manifest, written) if written else None
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise

    published = commit(folder, build) or read_current(folder)
    assert published is not None
    return WriteReport(
        f"{venue}:{symbol} {kind}", published.version, *counts, verdicts=verdicts
    )  # fmt: skip


def iter_part(
    folder: Path, part: Part, kind: Kind, depth: int, start: int | None, end: int | None
) -> Iterator[pl.DataFrame]:
    """Rows of one file with ``start <= time < end`` (nanoseconds), a row group at a time."""
    codes: Mapping[str, Code] = part.decoders()
    if kind == "trades":
        return iter_trades_file(folder / part.path, codes, start, end)
    return iter_books_file(folder / part.path, codes, depth, start, end)


def read_verdicts(folder: Path, manifest: Manifest) -> pl.DataFrame:
    """What is wrong with the books of a version."""
    assert manifest.verdicts is not None
    return pl.read_parquet((folder / manifest.verdicts).read_bytes())


def _rewritten(
    folder: Path,
    stored: Sequence[Part],
    days: Mapping[tuple[object, ...], pl.DataFrame],
    kind: Kind,
    written: list[Path],
) -> tuple[tuple[Part, ...], Counts]:
    """Files of the version with the rows of `days` in it, and what they did."""
    parts, counts = list(stored), np.zeros(3, np.int64)
    for (day,), rows in sorted(days.items()):
        period = f"date={day}"
        mine = [part for part in parts if part.period == period]
        met, merged, found = _joined(folder, mine, rows, kind)
        counts += found
        if found[0] or found[2]:
            parts = [part for part in parts if part not in met]
            parts.append(_part(folder, period, merged, kind, written))
    added, unchanged, revised = counts.tolist()
    return tuple(sorted(parts, key=lambda part: part.start)), (added, unchanged, revised)


def _joined(
    folder: Path, parts: Sequence[Part], rows: pl.DataFrame, kind: Kind
) -> tuple[list[Part], pl.DataFrame, Counts]:
    """Files of the day that the rows replace, all of their rows and the new ones, and counts."""
    first, last = (int(rows["time"].to_physical()[k]) // 1000 for k in (0, -1))
    met = [part for part in parts if part.end >= first and part.start <= last]
    if met:
        return met, *_merged(_stored(folder, met, kind), rows)
    counts = (rows.height, 0, 0)
    if parts and parts[-1].end < first:
        small = list(takewhile(lambda part: part.rows < ROW_GROUP, reversed(parts)))[::-1]
        if len(small) >= SMALL_FILES:
            return small, pl.concat([_stored(folder, small, kind), rows], how="diagonal"), counts
    return [], rows, counts


def _stored(folder: Path, parts: Sequence[Part], kind: Kind) -> pl.DataFrame:
    frames = [f for part in parts for f in iter_part(folder, part, kind, ALL_LEVELS, None, None)]
    return pl.concat(frames, how="diagonal")


def _merged(old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, Counts]:
    """Stored rows and new ones of a day; of rows of the same time and turn the new one counts."""
    named = "trade_id" in old.columns and "trade_id" in new.columns
    keys = ["time", "trade_id"] if named else ["time", _TURN]
    both = [old, new] if named else [_turned(frame) for frame in (old, new)]
    kept = both[0].join(both[1].select(keys), on=keys, how="anti")
    again = both[1].join(both[0], on=keys, how="semi")
    same = again.join(
        both[0], on=[n for n in again.columns if n in both[0].columns], how="semi", nulls_equal=True
    )
    merged = pl.concat([kept, both[1]], how="diagonal").sort(keys, maintain_order=True)
    counts = (new.height - again.height, same.height, again.height - same.height)
    return merged.drop(_TURN, strict=False), counts


def _turned(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.int_range(pl.len()).over("time").alias(_TURN))


def _part(folder: Path, period: str, rows: pl.DataFrame, kind: Kind, written: list[Path]) -> Part:
    place = folder / period
    make_folder(place)
    path = new_file(place, "part")
    written.append(path)
    codes = (write_books_file if kind == "books" else write_trades_file)(path, rows)
    time = rows["time"].to_physical()
    return Part(
        path=path.relative_to(folder).as_posix(),
        period=period,
        rows=rows.height,
        start=int(time[0]) // 1000,
        end=int(time[-1]) // 1000,
        close=int(time[-1]) // 1000,
        size=path.stat().st_size,
        hash=content_hash(rows),
        codes=tuple((name, code.text) for name, code in codes.items()),
    )


def _judged(
    folder: Path,
    manifest: Manifest,
    base: Manifest | None,
    frame: pl.DataFrame,
    verdicts: pl.DataFrame,
    written: list[Path],
) -> Manifest:
    """The version with its verdicts: those of the span just written replace what was said of it."""
    if base is not None and base.verdicts is not None:
        first, last = frame["time"][0], frame["time"][-1]
        old = read_verdicts(folder, base)
        verdicts = pl.concat(
            [old.filter((pl.col("time") < first) | (pl.col("time") > last)), verdicts]
        ).sort("time", maintain_order=True)
    path = new_file(folder, "verdicts")
    written.append(path)
    write_frame(path, verdicts)
    return replace(manifest, verdicts=path.name)
