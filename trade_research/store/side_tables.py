"""Small tables beside an instrument's bars (actions, funding): one file, versioned like bars."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from trade_research.store import merge
from trade_research.store.commit import (
    Draft,
    Manifest,
    Part,
    commit,
    read_as_of,
    read_current,
    read_version,
)
from trade_research.store.durable import make_folder, new_file, writing
from trade_research.store.hashing import content_hash
from trade_research.store.layout import instrument_folder


@dataclass(frozen=True)
class SideTable:
    """One kind of table.

    Attributes
    ----------
    name : str
        Its folder below the root.
    schema : mapping of str to polars type
    key : list of str
        Columns that name a row, the first of them its time.
    checked : callable
        A user's frame to the schema, each key once, or SchemaError.
    """

    name: str
    schema: Mapping[str, Any]
    key: list[str]
    checked: Callable[[pl.DataFrame], pl.DataFrame]

    def folder(self, root: Path, venue: str, symbol: str) -> Path:
        """Folder of an instrument's table."""
        return instrument_folder(root, self.name, venue, symbol)

    def version(self, root: Path, venue: str, symbol: str, as_of: datetime | None = None) -> int:
        """Version as of a time; 0 where none is stored."""
        manifest = read_as_of(self.folder(root, venue, symbol), as_of)
        return 0 if manifest is None else manifest.version

    def read(self, root: Path, venue: str, symbol: str, version: int | None = None) -> pl.DataFrame:
        """The rows of an instrument, by key; perhaps none. `version` None is the newest."""
        folder = self.folder(root, venue, symbol)
        if version == 0:
            return pl.DataFrame(schema=self.schema)
        manifest = read_current(folder) if version is None else read_version(folder, version)
        return pl.DataFrame(schema=self.schema) if manifest is None else _read(folder, manifest)

    def write(
        self, root: Path, frame: pl.DataFrame, venue: str, symbol: str, source: str = ""
    ) -> tuple[Manifest | None, merge.Counts]:
        """Merge `frame` into the stored rows in one commit.

        Returns the newest version (None when there is none and nothing was given) and what changed.
        """
        fresh = self.checked(frame).sort(self.key)
        folder = self.folder(root, venue, symbol)
        counts = merge.Counts()

        def build(base: Manifest | None) -> Draft | None:
            nonlocal counts
            stored = pl.DataFrame(schema=self.schema) if base is None else _read(folder, base)
            counts = self._count(stored, fresh)
            if not (counts.added or counts.revised):
                return None
            begin = base or Manifest(venue, symbol, None, None, tuple(self.schema), parts=())
            merged = pl.concat([stored.join(fresh, on=self.key, how="anti"), fresh])
            merged = merged.sort(self.key)
            make_folder(folder)
            path = new_file(folder, "part")
            with writing(folder):
                merge.write_frame(path, merged)
            times = merged[self.key[0]].cast(pl.Datetime("us")).to_physical()
            part = Part(
                path=path.name,
                period="",
                rows=merged.height,
                start=int(times[0]),
                end=int(times[-1]),
                close=int(times[-1]),
                size=path.stat().st_size,
                hash=content_hash(merged),
            )
            return Draft(replace(begin, parts=(part,), source=source or begin.source), [path])

        return commit(folder, build) or read_current(folder), counts

    def _count(self, stored: pl.DataFrame, fresh: pl.DataFrame) -> merge.Counts:
        both = fresh.join(stored, on=self.key, how="inner", suffix="_old")
        values = [name for name in self.schema if name not in self.key]
        same = both.filter(
            pl.all_horizontal(pl.col(n).eq_missing(pl.col(f"{n}_old")) for n in values)
        ).height
        return merge.Counts(fresh.height - both.height, same, both.height - same)


def _read(folder: Path, manifest: Manifest) -> pl.DataFrame:
    return pl.read_parquet((folder / manifest.parts[0].path).read_bytes())
