"""New rows against stored ones: what is added, what is the same, what is a revision."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from trade_research.store.codes import I64, TIME, TIMES, VALUES
from trade_research.store.commit import Manifest, Part
from trade_research.store.decoding import decode, read_table
from trade_research.store.durable import new_file

B8 = npt.NDArray[np.bool_]
Columns = dict[str, npt.NDArray[Any]]
"""Bars as arrays: times as int64 microseconds, the rest as float64 where NaN is unknown."""

_MANY_PARTS = 16  # small files in a row; one more is merged with them
_LARGE = 1 << 18  # rows of a file that is only written anew when rows inside of it change
REVISION_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "open_time": pl.Datetime("us", "UTC"),
    "column": pl.String,
    "old": pl.Float64,
    "new": pl.Float64,
    "recorded": pl.Datetime("us", "UTC"),
    "version": pl.Int64,
}


@dataclass(frozen=True)
class Period:
    """Rows ``[first, last)`` of the new columns, all of which belong into the folder `name`."""

    name: str
    first: int
    last: int


@dataclass
class Counts:
    """Bars of a write by what they did, and the span ``[start, end)`` that they cover, in us."""

    added: int = 0
    unchanged: int = 0
    revised: int = 0
    start: int = 0
    end: int = 0
    changed_from: int = 2**62

    def note(self, times: I64) -> None:
        """Remember the first of the open times that were added or revised."""
        if times.size:
            self.changed_from = min(self.changed_from, int(times[0]))


@dataclass
class Plan:
    """Parts that stay, and the columns of new files by period; the revisions among them."""

    kept: list[Part]
    columns: set[str]
    rewritten: list[tuple[str, Columns]] = field(default_factory=list)
    revisions: list[pl.DataFrame] = field(default_factory=list)
    counts: Counts = field(default_factory=Counts)


def from_frame(bars: pl.DataFrame) -> Columns:
    """The arrays of valid bars: null becomes NaN and -0.0 becomes 0.0; other columns are left."""
    out: Columns = {name: bars[name].to_physical().to_numpy() for name in TIMES}
    for name in (n for n in VALUES if n in bars.columns):
        out[name] = bars[name].cast(pl.Float64).to_numpy() + 0.0
    return out


def to_frame(columns: Columns) -> pl.DataFrame:
    """Bars of the arrays: UTC times, Float64 values, unknown ones null."""
    frame = pl.DataFrame([pl.Series(name, values) for name, values in columns.items()])
    known = [name for name in columns if name not in TIMES]
    return frame.with_columns(
        pl.col(*TIMES).cast(TIME), pl.col(*known).fill_nan(None)
    ).with_columns(pl.col("^trades$").cast(pl.Int64))


def plan(folder: Path, base: Manifest, fresh: Columns, periods: Sequence[Period]) -> Plan:
    """What to write so that `base` also says what `fresh` says.

    Rows beside all stored files of their period become a file of their own; stored files that they
    overlap are replaced by the merged rows, but only where something differs. Many small files in a
    row become one.
    """
    times = fresh["open_time"]
    result = Plan(list(base.parts), set(base.columns) | set(fresh))
    if times.size:
        result.counts.start, result.counts.end = int(times[0]), int(fresh["close_time"][-1])
    for period in periods:
        rows = {name: values[period.first : period.last] for name, values in fresh.items()}
        mine = [part for part in base.parts if part.period == period.name]
        first, last = int(rows["open_time"][0]), int(rows["open_time"][-1])
        touched = [part for part in mine if part.end >= first and part.start <= last]
        crowd = _small_beside(mine, first)
        crowded = len(crowd) >= _MANY_PARTS
        if crowded:
            touched = [part for part in mine if part in touched or part in crowd]
        stored = _read(folder, touched)
        known, revised = _compare(stored, rows, result)
        if known.all() and not revised:
            continue
        if stored is None or not (crowded or revised or _lie_inside(rows, known, stored)):
            merged = {name: values[~known] for name, values in rows.items()}
        else:
            merged = _woven(stored, rows, known)
            result.kept = [part for part in result.kept if part not in touched]
        result.rewritten.append((period.name, merged))
    return result


def _small_beside(mine: Sequence[Part], time: int) -> list[Part]:
    """The files around `time` that no large one parts from it."""
    ordered = sorted(mine, key=lambda part: part.start)
    before = takewhile(_is_small, [part for part in reversed(ordered) if part.start < time])
    after = takewhile(_is_small, [part for part in ordered if part.start >= time])
    return [*before, *after]


def _is_small(part: Part) -> bool:
    return part.rows < _LARGE


def _lie_inside(new: Columns, known: B8, stored: Columns) -> bool:
    """Whether rows that are not known lie between stored ones, or on both sides of them."""
    added, times = new["open_time"][~known], stored["open_time"]
    return bool(added[0] < times[-1] and added[-1] > times[0])


def _read(folder: Path, parts: Iterable[Part]) -> Columns | None:
    ordered = sorted(parts, key=lambda part: part.start)
    if not ordered:
        return None
    codes = [part.decoders() for part in ordered]
    names = [*TIMES, *(n for n in VALUES if any(n in code for code in codes))]
    tables = [read_table(folder / p.path, c) for p, c in zip(ordered, codes, strict=True)]
    return from_frame(decode(tables, codes, names))


def _compare(stored: Columns | None, new: Columns, result: Plan) -> tuple[B8, bool]:
    """Which of the new rows are stored already, and whether any of those differs."""
    counts, times = result.counts, new["open_time"]
    known = np.zeros(times.size, bool)
    revised = known[:0]
    if stored is not None:
        at = _places(stored, times)
        known = stored["open_time"][at] == times
        revised = _revisions(stored, new, at[known], np.flatnonzero(known), result)
        counts.note(times[known][revised])
    counts.note(times[~known])
    counts.added += int((~known).sum())
    counts.revised += int(revised.sum())
    counts.unchanged += int(known.sum() - revised.sum())
    return known, bool(revised.any())


def _places(stored: Columns, times: I64) -> I64:
    """Row of each time among the stored ones, or the one after it; the last for what follows."""
    places = np.searchsorted(stored["open_time"], times)
    return np.minimum(places, stored["open_time"].size - 1)


def _revisions(stored: Columns, new: Columns, old_rows: I64, new_rows: I64, result: Plan) -> B8:
    """Which of the rows that both have differ in a column that the new ones bring."""
    revised = np.zeros(old_rows.size, bool)
    for name in new:
        if name == "open_time":
            continue
        after = new[name][new_rows]
        before = stored[name][old_rows] if name in stored else np.full(after.size, np.nan)
        differs = (before != after) & ~(_unknown(before) & _unknown(after))
        revised |= differs
        if differs.any():
            result.revisions.append(
                _revision_rows(name, stored["open_time"][old_rows], before, after, differs)
            )
    return revised


def _unknown(values: npt.NDArray[np.generic]) -> B8:
    return np.isnan(values) if values.dtype.kind == "f" else np.zeros(values.size, bool)


def _revision_rows(
    name: str,
    times: npt.NDArray[np.generic],
    before: npt.NDArray[np.generic],
    after: npt.NDArray[np.generic],
    differs: B8,
) -> pl.DataFrame:
    """One row a changed value; times as microseconds since 1970."""
    return pl.DataFrame(
        {
            "open_time": times[differs],
            "column": [name] * int(differs.sum()),
            "old": before[differs].astype(np.float64),
            "new": after[differs].astype(np.float64),
        }
    ).with_columns(pl.col("old", "new").fill_nan(None))


def _woven(stored: Columns, new: Columns, known: B8) -> Columns:
    """All rows in time order: the new ones win, columns they lack keep what was stored."""
    at = _places(stored, new["open_time"])[known]
    kept = np.ones(stored["open_time"].size, bool)
    kept[at] = False
    times = np.concatenate([stored["open_time"][kept], new["open_time"]])
    order = np.argsort(times, kind="stable")
    out: Columns = {}
    for name in (n for n in (*TIMES, *VALUES) if n in stored or n in new):
        old = stored[name] if name in stored else np.full(kept.size, np.nan)
        if name in new:
            fresh = new[name]
        else:
            fresh = np.full(known.size, np.nan)
            fresh[known] = old[at]
        out[name] = np.concatenate([old[kept], fresh])[order]
    return out


def write_revisions(
    folder: Path, changes: Plan, version: int, written: list[Path]
) -> tuple[str, ...]:
    """Keep the plan's revisions in a file of the dataset; its name, or nothing without any."""
    if not changes.revisions:
        return ()
    now = pl.lit(datetime.now(UTC)).cast(pl.Datetime("us", "UTC"))
    rows = pl.concat(changes.revisions).with_columns(
        pl.col("open_time").cast(pl.Datetime("us")).dt.replace_time_zone("UTC"),
        recorded=now,
        version=pl.lit(version, pl.Int64),
    )
    path = new_file(folder, "revisions")
    written.append(path)
    write_frame(path, rows.sort("open_time", "column").select(*REVISION_SCHEMA))
    return (path.name,)


def read_revisions(folder: Path, manifest: Manifest) -> pl.DataFrame:
    """Every revision up to this version, oldest first."""
    frames = [pl.read_parquet((folder / name).read_bytes()) for name in manifest.revisions]
    return pl.concat([pl.DataFrame(schema=REVISION_SCHEMA), *frames])


def write_frame(path: Path, frame: pl.DataFrame) -> None:
    """Write a small table and flush it to the disk."""
    with path.open("xb") as file:
        frame.write_parquet(file)
        file.flush()
        os.fsync(file.fileno())
