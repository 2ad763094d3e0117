"""Splits and dividends of an instrument, versioned like its bars."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import polars as pl

from trade_research.errors import SchemaError
from trade_research.frames.adjust import ACTION_SCHEMA as SCHEMA
from trade_research.frames.adjust import check_actions
from trade_research.store import merge
from trade_research.store.commit import (
    Draft,
    Manifest,
    Part,
    commit,
    make_folder,
    new_file,
    read_as_of,
    read_current,
    read_version,
    writing,
)
from trade_research.store.hashing import content_hash
from trade_research.store.layout import instrument_folder
from trade_research.store.times import micros, parse_moment

_KEY = ["ex_date", "kind"]


def actions_folder(root: Path, venue: str, symbol: str) -> Path:
    """Folder of an instrument's actions."""
    return instrument_folder(root, "actions", venue, symbol)


def actions_version(root: Path, venue: str, symbol: str, as_of: datetime | None = None) -> int:
    """Version of an instrument's actions as of a time; 0 where none is stored."""
    manifest = read_as_of(actions_folder(root, venue, symbol), as_of)
    return 0 if manifest is None else manifest.version


def read_actions(root: Path, venue: str, symbol: str, version: int | None = None) -> pl.DataFrame:
    """Actions of an instrument, by date; perhaps none. `version` None is the newest."""
    folder = actions_folder(root, venue, symbol)
    if version == 0:
        return pl.DataFrame(schema=SCHEMA)
    manifest = read_current(folder) if version is None else read_version(folder, version)
    return pl.DataFrame(schema=SCHEMA) if manifest is None else _read(folder, manifest)


def write_actions(
    root: Path, frame: pl.DataFrame, venue: str, symbol: str, source: str = ""
) -> tuple[Manifest | None, merge.Counts]:
    """Merge `frame` into the stored actions in one commit; see `Store.write_actions`.

    Returns the newest version (None when there is none and nothing was given) and what changed.
    """
    fresh = _checked(frame)
    folder = actions_folder(root, venue, symbol)
    counts = merge.Counts()

    def build(base: Manifest | None) -> Draft | None:
        nonlocal counts
        stored = pl.DataFrame(schema=SCHEMA) if base is None else _read(folder, base)
        counts = _count(stored, fresh)
        if not (counts.added or counts.revised):
            return None
        begin = base or Manifest(venue, symbol, None, None, columns=tuple(SCHEMA), parts=())
        merged = pl.concat([stored.join(fresh, on=_KEY, how="anti"), fresh]).sort(_KEY)
        make_folder(folder)
        path = new_file(folder, "part")
        with writing(folder):
            merge.write_frame(path, merged)
        part = Part(
            path=path.name,
            period="",
            rows=merged.height,
            start=_micros(merged["ex_date"][0]),
            end=_micros(merged["ex_date"][-1]),
            close=_micros(merged["ex_date"][-1]),
            size=path.stat().st_size,
            hash=content_hash(merged),
        )
        return Draft(replace(begin, parts=(part,), source=source or begin.source), [path])

    return commit(folder, build) or read_current(folder), counts


def _checked(frame: pl.DataFrame) -> pl.DataFrame:
    missing = [name for name in SCHEMA if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"actions lack the column {missing[0]!r}; they need ex_date, kind and value, "
            f"found {', '.join(frame.columns) or 'none'}."
        )
    try:
        frame = frame.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items())
    except pl.exceptions.InvalidOperationError as error:
        what = str(error).splitlines()[0]
        raise SchemaError(f"actions hold values of the wrong type: {what}.") from error
    check_actions(frame)
    twice = frame.filter(pl.struct(_KEY).is_duplicated())
    if twice.height:
        kind, day = twice["kind"][0], twice["ex_date"][0]
        raise SchemaError(f"actions hold more than one {kind} on {day}. Add them up to one row.")
    return frame.sort(_KEY)


def _count(stored: pl.DataFrame, fresh: pl.DataFrame) -> merge.Counts:
    both = fresh.join(stored, on=_KEY, how="inner", suffix="_old")
    same = both.filter(pl.col("value") == pl.col("value_old")).height
    return merge.Counts(fresh.height - both.height, same, both.height - same)


def _read(folder: Path, manifest: Manifest) -> pl.DataFrame:
    return pl.read_parquet((folder / manifest.parts[0].path).read_bytes())


def _micros(day: date) -> int:
    return micros(parse_moment(day, "ex_date"))
