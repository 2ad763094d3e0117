"""`BookGrid`: books at fixed times out of a venue's messages, each proven, or said to be unknown.

A pure state machine in exchange time. The row of a moment is the book after all messages up to and
including then; it is handed out when the next message is seen to follow, so that none can be
missing. Where one is, or where the connection broke, the row has no levels: the book is unknown
from there to the first row after the venue's next snapshot. Recorder and live session use it alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trade_research.errors import ConfigError
from trade_research.frames.booksync import BookMessage, BookSync

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64

MS = 1_000_000


class BookRow(NamedTuple):
    """A book at one moment: times in nanoseconds, `levels` (4, depth), NaN where none is known.

    `recv_time` is when the last message in it was received.
    """

    time: int
    recv_time: int
    levels: F64

    @property
    def is_known(self) -> bool:
        """Whether there is a book at all."""
        return bool(np.isfinite(self.levels).any())

    @property
    def is_whole(self) -> bool:
        """Whether both sides have a level: a strategy may look at it."""
        return bool(np.isfinite(self.levels[[0, 2], 0]).all())


class Lost(NamedTuple):
    """A span ``[time, end_time)`` without a book, and why: the kinds of `frames.BOOK_KINDS`."""

    kind: str
    time: int
    end_time: int
    detail: str


_KINDS = {"crossed": "crossed", "not_finite": "not_finite", "silence": "stale"}


class BookGrid:
    """Books every so many nanoseconds.

    Parameters
    ----------
    rule : str
        Of `frames.booksync.RULES`.
    every_ns : int
        Whole milliseconds.
    depth : int
        Levels a side.
    last : int, optional
        Time of the last row that is stored: the book is unknown from there on.

    Attributes
    ----------
    lost : list of Lost
        Spans without a book that have ended, for the taker to clear.
    """

    def __init__(self, rule: str, every_ns: int, depth: int, last: int | None = None) -> None:
        if every_ns < MS or every_ns % MS:
            raise ConfigError(f"books come every whole millisecond at most, found {every_ns} ns")
        self.sync, self.lost = BookSync(rule), list[Lost]()
        self.gaps = self.resyncs = 0
        self._every, self._depth = every_ns, depth
        self._clock = self._recv = 0
        self._due: int | None = None  # next row's time; None: there is no book
        self._open: tuple[str, int, str] | None = None  # the span without a book we are in
        self._last = None if last is None else last // every_ns * every_ns
        if self._last is not None:
            self._open = ("gap", self._last + every_ns, "nothing was recorded")

    @property
    def clock(self) -> int:
        """The latest time that the venue has said."""
        return self._clock

    def begin(self) -> list[BookRow]:
        """The row that ends what is stored, if anything is: nothing is known from there on."""
        if self._open is None:
            return []
        self._last = self._open[1]
        return [self._nothing(self._last, self._last)]

    def take(self, message: BookMessage, time_ns: int, recv_ns: int) -> list[BookRow]:
        """One message in; the rows that it proves, and one without levels where the book is lost.

        A snapshot without a time of its own (0) was fetched aside: its book counts from the first
        message that joins on to it.
        """
        clock = max(self._clock, time_ns)
        proven = self._book() if self._due is not None and self._due < clock else None
        was, before = self.sync.synced, self._recv
        events = self.sync.on_message(message)
        self._clock, self._recv = clock, max(recv_ns, before)
        self.gaps += sum(event.kind == "gap" for event in events)
        if was and not self.sync.synced:
            return self._lose(events[-1].kind, events[-1].detail)
        rows = [] if proven is None else self._rows(proven, before)
        is_its = self.sync.synced and time_ns > 0 and self.sync.last_id == message.last
        if self._due is None and (is_its or self.sync.follows):
            self._found()
        return rows

    def lose(self, kind: str) -> list[BookRow]:
        """The connection broke ("reconnect") or fell silent ("silence"): the row that says so."""
        was = self.sync.synced
        event = (self.sync.on_silence if kind == "silence" else self.sync.on_reconnect)()[0]
        return self._lose(kind, event.detail) if was else []

    def _book(self) -> F64:
        top = self.sync.top(self._depth)
        assert top is not None
        return top

    def _rows(self, levels: F64, recv: int) -> list[BookRow]:
        """Rows up to the clock, all of the same book."""
        assert self._due is not None
        times = range(self._due, self._clock, self._every)
        self._due = times[-1] + self._every
        self._last = times[-1]
        return [BookRow(time, recv, levels) for time in times]

    def _lose(self, kind: str, detail: str) -> list[BookRow]:
        time, self._due = self._due, None
        if time is None:
            return []
        self._open = (_KINDS.get(kind, "gap"), time, detail)
        self._last = time
        return [self._nothing(time, max(self._recv, time))]

    def _nothing(self, time: int, recv: int) -> BookRow:
        return BookRow(time, recv, np.full((4, self._depth), np.nan))

    def _found(self) -> None:
        """A book again: the first row is the first moment that is neither past nor taken."""
        due = -(-self._clock // self._every) * self._every
        if self._last is not None:
            due = max(due, self._last + self._every)
        self._due, self.resyncs = due, self.resyncs + 1
        if self._open is not None:
            kind, time, detail = self._open
            self.lost.append(Lost(kind, time, due, detail))
            self._open = None
