"""Rows of one version of a dataset: only the files and row groups that a span touches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from trade_research.store.commit import Manifest, Part
from trade_research.store.decoding import decode, iter_tables, read_table


def read_rows(
    folder: Path,
    manifest: Manifest,
    start: int | None = None,
    end: int | None = None,
    columns: Sequence[str] | None = None,
) -> pl.DataFrame:
    """Rows of a version with ``start <= open_time < end``, oldest first; perhaps none.

    Only the files and row groups that the span touches are read.
    """
    wanted = [n for n in manifest.columns if columns is None or n in columns]
    parts = _touched(manifest, start, end)
    codes = [part.decoders() for part in parts]
    tables = [
        read_table(folder / part.path, code, wanted, *_inside(part, start, end))
        for part, code in zip(parts, codes, strict=True)
    ]
    return decode(tables, codes, wanted)


def iter_rows(
    folder: Path, manifest: Manifest, start: int | None = None, end: int | None = None
) -> Iterator[pl.DataFrame]:
    """As `read_rows`, a row group at a time, so that memory stays flat."""
    for part in _touched(manifest, start, end):
        code = part.decoders()
        for table in iter_tables(folder / part.path, code, None, *_inside(part, start, end)):
            if table.num_rows:
                yield decode([table], [code], manifest.columns)


def _touched(manifest: Manifest, start: int | None, end: int | None) -> list[Part]:
    return [
        part
        for part in manifest.parts
        if (start is None or part.end >= start) and (end is None or part.start < end)
    ]


def _inside(part: Part, start: int | None, end: int | None) -> tuple[int | None, int | None]:
    """The span's ends that cut into the file; None where the file lies within."""
    return (
        start if start is not None and start > part.start else None,
        end if end is not None and end <= part.end else None,
    )
