"""The parts of a sweep's results: in memory while they are few, else one file each in a folder.

A part is written whole or not at all and its number says which configurations it holds, so a
sweep that was ended in the middle goes on where it stood, and no part is counted twice.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from trade_research.errors import ConfigError, StoreError

MOST_IN_MEMORY = 2_000_000
"""Configurations whose results are kept in memory."""

_SHEET = "sweep.json"


class Parts:
    """Results by part number.

    Parameters
    ----------
    identity : callable
        Gives what the sweep is: in a folder that holds another one nothing is done.
    folder : Path, optional
        Where to keep the parts; a part that is there already is not made again.
    expected : int
        Configurations to come at most; more than `MOST_IN_MEMORY` go to a temporary folder.
    """

    def __init__(
        self, identity: Callable[[], Mapping[str, Any]], folder: Path | None, expected: int
    ) -> None:
        self._tables: dict[int, pl.DataFrame] = {}
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if folder is None and expected > MOST_IN_MEMORY:
            self._temporary = tempfile.TemporaryDirectory(prefix="trade-research-sweep-")
            folder = Path(self._temporary.name)
        self.folder = folder
        self._known: set[int] = set()
        if folder is not None:
            _open(folder, identity())
            self._known = {int(p.stem.removeprefix("part-")) for p in folder.glob("part-*.parquet")}

    def __contains__(self, number: int) -> bool:
        return number in self._tables or number in self._known

    def add(self, number: int, table: pl.DataFrame) -> None:
        """Keep a part."""
        if self.folder is None:
            self._tables[number] = table
            return
        _whole(self._path(number), table.write_parquet)
        self._known.add(number)

    def part(self, number: int) -> pl.DataFrame:
        """One part."""
        if self.folder is None:
            return self._tables[number]
        return pl.read_parquet(self._path(number))

    def scan(self) -> pl.LazyFrame:
        """All of it, in order of the parts, read when collected."""
        if self.folder is None:
            return pl.concat(self._tables[n] for n in sorted(self._tables)).lazy()
        return pl.concat(pl.scan_parquet(self._path(n)) for n in sorted(self._known))

    @property
    def is_empty(self) -> bool:
        """Whether there is no part yet."""
        return not (self._tables or self._known)

    def _path(self, number: int) -> Path:
        assert self.folder is not None
        return self.folder / f"part-{number:07}.parquet"


def _open(folder: Path, identity: Mapping[str, Any]) -> None:
    """Make the folder this sweep's, or check that it is."""
    sheet = folder / _SHEET
    text = json.dumps(identity, indent=1, sort_keys=True, default=str)
    try:
        if sheet.exists():
            known = json.loads(sheet.read_text(encoding="utf-8"))
            mine = json.loads(text)
            for name in sorted(mine.keys() | known.keys()):
                if known.get(name) != mine.get(name):
                    raise ConfigError(
                        f"resume={str(folder)!r} holds another sweep: its {name} differs. Name "
                        "another folder, or the one of this sweep."
                    )
            return
        folder.mkdir(parents=True, exist_ok=True)
        if any(not path.name.startswith(".") for path in folder.iterdir()):
            raise ConfigError(
                f"resume={str(folder)!r} is a folder of something else. Name a new or an empty one."
            )
        _whole(sheet, lambda place: place.write_text(text, encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StoreError(f"cannot use {str(folder)!r} to resume from: {error}") from error


def _whole(target: Path, write: Callable[[Path], Any]) -> None:
    """Write a file beside its place and move it there: it is there whole or not at all."""
    beside = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        write(beside)
        beside.replace(target)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise StoreError(f"cannot write {str(target)!r}: {error}") from error
