"""`BookRecorder`: what a venue says of a book, through `BookGrid`, into the store.

Rows go to a journal on the disk at every flush and into the store at every commit. Killed at any
moment it loses what came after the last flush; started again, it brings the journal into the store
and marks the time in between as a gap.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from trade_research.feeds.book_grid import BookGrid, BookRow, Lost
from trade_research.feeds.book_journal import BookJournal, Held
from trade_research.feeds.book_messages import (
    BOOK_VENUES,
    MS,
    Print,
    book_snapshot,
)
from trade_research.feeds.book_socket import Heard
from trade_research.frames.book_verdicts import BOOK_VERDICT_SCHEMA, audit_books, verdict_rows
from trade_research.frames.books import NANO, TRADE_COLUMNS, level_names
from trade_research.frames.booksync import BookMessage
from trade_research.frames.recording import Recording
from trade_research.store.books import stored_until
from trade_research.store.layout import instrument_folder
from trade_research.store.store import Store

ENDLESS = 2**62


@dataclass(frozen=True)
class RecordStatus:
    """How a recording stands.

    Attributes
    ----------
    messages, rows, trades, gaps, losses, resyncs, bad : int
        Heard and made since the start; `losses` counts every time that the book was lost.
    lag_ms : float
        From the exchange's clock to ours, of the last message.
    flushed, committed : int
        Time of the last row on the disk, and of the last one in the store, nanoseconds; what is
        later than `flushed` would be lost to a crash.
    synced : bool
        Whether there is a book now.
    """

    messages: int = 0
    rows: int = 0
    trades: int = 0
    gaps: int = 0
    losses: int = 0
    resyncs: int = 0
    bad: int = 0
    lag_ms: float = 0.0
    flushed: int = 0
    committed: int = 0
    synced: bool = False


class BookRecorder:
    """Records one instrument.

    Parameters
    ----------
    store : Store
    venue, symbol : str
        `venue` is one of `feeds.book_messages.BOOK_VENUES`.
    every_ns : int
        Between two rows, whole milliseconds of the exchange's time.
    depth : int
        Levels a side.
    flush_s, commit_s : float
        Between two flushes to the journal, and two commits to the store.
    on_rows : callable
        Given every row as soon as it is proven.

    Raises
    ------
    StoreError
        Another process records the same.
    """

    def __init__(
        self,
        store: Store,
        venue: str,
        symbol: str,
        *,
        every_ns: int = 100 * MS,
        depth: int = 20,
        flush_s: float = 10.0,
        commit_s: float = 600.0,
        on_rows: Callable[[list[BookRow]], None] = lambda rows: None,
    ) -> None:
        self._store, self._name = store, {"venue": venue, "symbol": symbol}
        folder = instrument_folder(store.root, "recordings", venue, symbol)
        self._journal, self._depth = BookJournal(folder / "journal.jsonl"), depth
        self._flush_s, self._commit_s, self._on_rows = flush_s, commit_s, on_rows
        self._held, self._fresh = self._journal.read(), Held.nothing()
        self._messages = self._rows = self._trades = self._bad = self._losses = 0
        self._lag = 0.0
        self._commit()
        last = stored_until(store.root, venue, symbol)
        self._flushed = self._committed = last or 0
        self._read = BOOK_VENUES[venue].read
        self._grid = BookGrid(BOOK_VENUES[venue].rule, every_ns, depth, last)
        self._take(self._grid.begin())
        compile_kernels()
        self._flush_at = time.monotonic() + flush_s
        self._commit_at = time.monotonic() + commit_s

    @property
    def wants_snapshot(self) -> bool:
        """Whether messages wait for a snapshot."""
        return self._grid.sync.wants_snapshot

    @property
    def status(self) -> RecordStatus:
        """How it stands now."""
        return RecordStatus(
            self._messages, self._rows, self._trades, self._grid.gaps, self._losses,
            self._grid.resyncs, self._bad, self._lag, self._flushed, self._committed,
            self._grid.sync.synced,
        )  # fmt: skip

    def hear(self, heard: Heard) -> None:
        """One thing that was heard; what cannot be read is counted and left out."""
        if heard.kind == "break":
            self._take(self._grid.lose(heard.what))
            return
        self._messages += 1
        try:
            if heard.kind == "snapshot":
                self._take(self._grid.take(book_snapshot(heard.what), 0, heard.recv))
                return
            found = self._read(heard.what, heard.recv)
            if isinstance(found, Print):
                self._fresh.prints.append(found)
            elif found is not None:
                self._lag = (heard.recv - found.time) / MS
                self._take(self._grid.take(found.message, found.time, heard.recv))
        except (KeyError, TypeError, ValueError, OverflowError):
            self._bad += 1

    def tick(self) -> None:
        """Flush and commit when it is time."""
        now = time.monotonic()
        if now >= self._flush_at:
            self.flush()
            self._flush_at = now + self._flush_s
        if now >= self._commit_at:
            self.commit()
            self._commit_at = now + self._commit_s

    def flush(self) -> None:
        """Put all rows on the disk."""
        fresh, held = self._fresh, self._held
        self._journal.note(*fresh)
        self._journal.flush()
        held.rows.extend(fresh.rows)
        held.lost.extend(fresh.lost)
        held.prints.extend(fresh.prints)
        self._rows += len(fresh.rows)
        self._trades += len(fresh.prints)
        if fresh.rows:
            self._flushed = fresh.rows[-1].time
        self._fresh = Held.nothing()

    def commit(self) -> None:
        """Put all rows into the store."""
        self.flush()
        self._commit()
        self._committed = self._flushed

    def close(self) -> None:
        """The end: the last row says that nothing is known any more, and all is in the store."""
        try:
            self._take(self._grid.lose("reconnect"))
            self.commit()
        finally:
            self._journal.close()

    def _take(self, rows: list[BookRow]) -> None:
        self._fresh.rows.extend(rows)
        self._losses += sum(not row.is_known for row in rows)
        self._fresh.lost.extend(self._grid.lost)
        self._grid.lost.clear()
        if rows:
            self._on_rows(rows)

    def _commit(self) -> None:
        """Rows and trades held so far; writing the same again after a crash changes nothing."""
        rows, lost, prints = self._held
        if rows:
            found = recording_of(rows, lost)
            self._store.write_books(found, **self._name, source="recorder")
        if prints:
            self._store.write_trades(trades_of(prints), **self._name, source="recorder")
        self._held = Held.nothing() if rows else Held([], lost, [])
        self._journal.clear()


def compile_kernels() -> None:
    """Take a message in now: the first one takes seconds, and must not do so in the stream."""
    grid = BookGrid("kraken_futures", MS, 1)
    side, price = np.array([1, -1], np.int8), np.array([1.0, 2.0])
    for number in (1, 2):
        grid.take(BookMessage(number == 1, side, price, price, number, number), number * MS, 0)


def books_of(rows: Sequence[BookRow]) -> pl.DataFrame:
    """Rows as books in the wide layout."""
    depth = max(row.levels.shape[1] for row in rows)
    table = np.full((len(rows), 4, depth), np.nan)
    for at, row in enumerate(rows):
        table[at, :, : row.levels.shape[1]] = row.levels
    levels = pl.DataFrame(table.reshape(len(rows), -1), schema=level_names(depth))
    times = {
        name: pl.Series([getattr(row, name) for row in rows], dtype=pl.Int64).cast(NANO)
        for name in ("time", "recv_time")
    }
    return pl.DataFrame(times).hstack(levels.fill_nan(None))


def recording_of(rows: list[BookRow], lost: list[Lost]) -> Recording:
    """Rows as books, with what is wrong with them."""
    books = books_of(rows)
    spans = [
        verdict_rows(kind, np.array([start]), np.array([end]), np.array([1]), [detail])
        for kind, start, end, detail in lost
    ]
    gone = pl.concat(spans) if spans else pl.DataFrame(schema=BOOK_VERDICT_SCHEMA)
    known = books.filter([row.is_known for row in rows])
    return Recording(books, audit_books(known, gone, deadline_ns=ENDLESS), format="recorder")


def trades_of(prints: list[Print]) -> pl.DataFrame:
    """Market trades as a table, each once."""
    frame = pl.DataFrame(
        prints,
        schema=["time", "recv_time", "price", "size", "side", "trade_id"],
        orient="row",
    )
    unique = frame.cast(dict(TRADE_COLUMNS)).unique("trade_id", keep="first", maintain_order=True)  # type: ignore[arg-type]
    return unique.sort("time", maintain_order=True)
