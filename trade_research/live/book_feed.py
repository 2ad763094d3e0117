"""Books as they happen: what a venue says, recorded and proven; and stored ones at their pace."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext, suppress
from typing import Any

import numpy as np

from trade_research.errors import JournalError, SourceError
from trade_research.feeds.book_grid import BookRow
from trade_research.feeds.book_socket import BookSocket
from trade_research.feeds.recorder import BookRecorder
from trade_research.live.book_session import BookPiece
from trade_research.store.store import Store


class VenueBooks:
    """What a venue says of one instrument, into the store; its rows as soon as they are proven.

    Parameters
    ----------
    store, venue, symbol, depth, every_ns, flush_s, commit_s
        As of `BookRecorder`, which begins at once.
    **connection
        As of `BookSocket`, which is dialled at the first `poll`.
    """

    def __init__(
        self,
        store: Store,
        venue: str,
        symbol: str,
        *,
        every_ns: int,
        depth: int,
        flush_s: float,
        commit_s: float,
        **connection: Any,
    ) -> None:
        self.store, self._rows = store, list[BookRow]()
        self.recorder = BookRecorder(
            store, venue, symbol, every_ns=every_ns, depth=depth,
            flush_s=flush_s, commit_s=commit_s, on_rows=self._rows.extend,
        )  # fmt: skip
        self._name, self._connection = (venue, symbol), connection
        self._socket: BookSocket | None = None
        self._wrong: list[str] = []
        self._is_failed = False

    def poll(self, seconds: float) -> list[BookRow]:
        """Rows that were proven, waiting for so long at most.

        Raises
        ------
        SourceError
            The first connection failed. One that breaks later is made again.
        """
        if self._socket is None:
            self._socket = BookSocket(*self._name, **self._connection)
        for heard in self._socket.poll(seconds):
            self.recorder.hear(heard)
        self._socket.want_snapshot(self.recorder.wants_snapshot)
        self.recorder.tick()
        self._wrong += self._socket.troubles()
        if self._wrong and not self.recorder.status.messages:
            raise SourceError(f"{':'.join(self._name)} cannot be listened to: {self._wrong[0]}")
        rows = list(self._rows)
        self._rows.clear()
        return rows

    def flush(self) -> None:
        """Put all rows on the disk.

        Raises
        ------
        JournalError
            It does not take them.
        """
        try:
            self.recorder.flush()
        except OSError as error:
            self._is_failed = True
            raise JournalError(
                f"the recording of {':'.join(self._name)} cannot be written: {error}. Nothing is "
                "traded on books that are not on the disk"
            ) from error

    def troubles(self) -> list[str]:
        """What went wrong since the last call, a line each."""
        wrong, self._wrong = self._wrong, []
        return wrong

    def close(self) -> None:
        """The end: the book is unknown from here on, and all is in the store.

        What a disk that failed before does not take is said once.
        """
        try:
            if self._socket is not None:
                self._socket.close()
        finally:
            with suppress(OSError) if self._is_failed else nullcontext():
                self.recorder.close()


class LiveBooks:
    """`VenueBooks` as a session's feed.

    Parameters
    ----------
    venue : VenueBooks
    piece_of : callable
        Rows as what a session takes.
    is_over : callable
        Whether the session has gone on for long enough.
    """

    def __init__(
        self,
        venue: VenueBooks,
        piece_of: Callable[[Sequence[BookRow]], BookPiece],
        is_over: Callable[[], bool],
    ) -> None:
        self._venue, self._piece_of, self._is_over = venue, piece_of, is_over
        self.troubles, self.close = venue.troubles, venue.close

    def poll(self, seconds: float) -> list[BookPiece] | None:
        """Rows that were proven, as one piece, if there are any; None when it is over."""
        if self._is_over():
            return None
        rows = self._venue.poll(seconds)
        return [self._piece_of(rows)] if rows else []


class StoredBooks:
    """Stored books as a feed: each when its time has come, times `speed`.

    Parameters
    ----------
    pieces : iterable of BookPiece
    speed : float
        Seconds of the market in a second; 0 is as fast as rows are taken.
    """

    def __init__(self, pieces: Iterable[BookPiece], *, speed: float = 0.0) -> None:
        self._pieces, self._speed = iter(pieces), speed
        self._rest: BookPiece | None = None
        self._began: tuple[float, int] | None = None

    def poll(self, seconds: float) -> list[BookPiece] | None:
        """Rows whose time has come; None after the last."""
        if self._rest is None:
            self._rest = next(self._pieces, None)
        piece = self._rest
        if piece is None:
            return None
        due = piece.received.size if self._speed <= 0.0 else self._due(piece, seconds)
        self._rest = piece.part(due, piece.received.size) if due < piece.received.size else None
        return [piece.part(0, due)] if due else []

    def troubles(self) -> list[str]:
        """Nothing can go wrong."""
        return []

    def close(self) -> None:
        """Nothing is held."""

    def _due(self, piece: BookPiece, seconds: float) -> int:
        """How many rows have their time within so many seconds; waits for them."""
        now, times = time.monotonic(), piece.market.time
        if self._began is None:
            self._began = now, int(times[0])
        began, first = self._began
        wait = began + (int(times[0]) - first) / 1e9 / self._speed - now
        time.sleep(min(max(wait, 0.0), seconds))
        passed = (time.monotonic() - began) * self._speed * 1e9
        return int(np.searchsorted(times, first + int(passed), side="right"))
