"""What a recorder holds between two commits, on the disk: a line of JSON a row, flushed together.

A flush is durable when it returns; whoever is killed before it loses what came since the last one.
A line that was torn by that is left out.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from trade_research.errors import StoreError
from trade_research.feeds.book_grid import BookRow, Lost
from trade_research.feeds.book_messages import Print
from trade_research.store.durable import flush_folder, make_folder


class Held(NamedTuple):
    """Rows, spans without a book and trades, each in the order they came."""

    rows: list[BookRow]
    lost: list[Lost]
    prints: list[Print]

    @classmethod
    def nothing(cls) -> Held:
        """No rows at all."""
        return cls([], [], [])


class BookJournal:
    """The journal of one instrument's recording; one process may hold it.

    Parameters
    ----------
    path : Path
        The file; its folder is made.

    Raises
    ------
    StoreError
        Another process records there.
    """

    def __init__(self, path: Path) -> None:
        make_folder(path.parent)
        self._path, self._lines = path, list[str]()
        self._file = path.open("ab")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            self._file.close()
            raise StoreError(
                f"another process records into {path}. Stop it first, or choose another store."
            ) from None
        flush_folder(path.parent)

    def note(self, rows: Iterable[BookRow], lost: Iterable[Lost], prints: Iterable[Print]) -> None:
        """Remember rows until the next flush."""
        for row in rows:
            levels = [x if x == x else None for x in row.levels.ravel().tolist()]
            self._lines.append(json.dumps(["row", row.time, row.recv_time, levels]))
        self._lines += [json.dumps(["lost", *span]) for span in lost]
        self._lines += [json.dumps(["trade", *one]) for one in prints]

    def flush(self) -> None:
        """Put what was noted on the disk."""
        if not self._lines:
            return
        self._file.write(("\n".join(self._lines) + "\n").encode())
        self._lines.clear()
        self._file.flush()
        os.fsync(self._file.fileno())

    def read(self) -> Held:
        """What was flushed and not yet cleared."""
        held = Held.nothing()
        for line in self._path.read_bytes().split(b"\n"):
            with contextlib.suppress(ValueError):  # a torn line is the last, and never was flushed
                _take(json.loads(line), held)
        return held

    def clear(self) -> None:
        """Forget all of it: it is in the store."""
        self._file.truncate(0)
        os.fsync(self._file.fileno())

    def close(self) -> None:
        """Let another process record."""
        self._file.close()


def _take(line: list[object], held: Held) -> None:
    kind, *values = line
    if kind == "row":
        time, recv, levels = values
        table = np.array(levels, np.float64).reshape(4, -1)
        held.rows.append(BookRow(time, recv, table))  # type: ignore[arg-type]
    elif kind == "lost":
        held.lost.append(Lost(*values))  # type: ignore[arg-type]
    else:
        held.prints.append(Print(*values))  # type: ignore[arg-type]
