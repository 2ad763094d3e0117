"""Plain files for other programs: ordinary prices, nothing of ours to know."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import polars as pl

from trade_research.errors import FormatError
from trade_research.store.durable import writing


def _write_csv(frame: pl.DataFrame, file: IO[bytes]) -> None:
    """As CSV; a text that a spreadsheet would run as a formula is told to be one by a quote."""
    text = pl.col(pl.String)
    told = pl.when(text.str.contains(r"^[=+\-@\t\r]")).then(pl.lit("'") + text)
    inert = frame.with_columns(told.otherwise(text).name.keep())
    inert.write_csv(file, datetime_format="%Y-%m-%dT%H:%M:%S%.fZ")


_WRITERS: Mapping[str, Callable[[pl.DataFrame, IO[bytes]], None]] = {
    ".parquet": lambda frame, file: frame.write_parquet(file),
    ".csv": _write_csv,
    ".jsonl": lambda frame, file: frame.write_ndjson(file),
    ".feather": lambda frame, file: frame.write_ipc(file, compression="lz4"),
}


def export(frame: pl.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write `frame` to `path` in the format of its ending, whole or not at all.

    Raises
    ------
    FormatError
        The ending is none of .parquet, .csv, .jsonl and .feather.
    StoreError
        The folder cannot be written to.
    """
    target = Path(path)
    write = _WRITERS.get(target.suffix.lower())
    if write is None:
        raise FormatError(
            f"{target.name!r} does not end in {', '.join(_WRITERS)}: the ending says what to write."
        )
    beside = target.with_name(f".{uuid.uuid4().hex}{target.suffix}")
    with writing(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            with beside.open("xb") as file:
                write(frame, file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
    return target
