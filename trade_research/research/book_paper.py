"""`BookPaper`: a paper session over books, started, or taken up where its journal ends.

Its journal and the recording of its books are its state: the books happen again to the same code,
and every record has to follow from them.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trade_research.errors import ConfigError
from trade_research.frames.durations import parse_duration
from trade_research.live.book_feed import LiveBooks, StoredBooks
from trade_research.live.book_runner import BookRunner
from trade_research.live.clock import Clock, SystemClock, VirtualClock
from trade_research.live.journal import Journal, scan
from trade_research.live.latch import Latch
from trade_research.live.runner import Ended, Feed
from trade_research.report.record import encode
from trade_research.research.book_rig import BookRig, proven_piece, stored_pieces
from trade_research.research.book_spans import last_seen, of_stream, recorded_books, spans_of
from trade_research.research.health import versions
from trade_research.research.paper import NAME, check_alive, check_same
from trade_research.research.record import open_books
from trade_research.settings.in_force import hash_in_force

if TYPE_CHECKING:
    import polars as pl

    from trade_research.feeds.book_grid import BookRow
    from trade_research.live.book_session import BookPiece
    from trade_research.research.books import BookSetup
    from trade_research.risk.limits import Limits
    from trade_research.store.books import BookStream
    from trade_research.store.store import Store
    from trade_research.strategies.strategy import Strategy

Look = Callable[[dict[str, Any]], None]


@dataclass(frozen=True)
class BookPaper:
    """All that a paper session over the books of one instrument is made of.

    Attributes
    ----------
    name : str
        Of the session.
    folder : Path
        Where its journal and its latch lie.
    strategy : Strategy
    params : mapping
        Bound.
    venue, symbol : str
    setup : BookSetup
        With one latency for all orders.
    limits : Limits, optional
        None weighs no order: for replays that must give the backtest.
    """

    name: str
    folder: Path
    strategy: Strategy
    params: Mapping[str, Any]
    venue: str
    symbol: str
    setup: BookSetup
    limits: Limits | None

    def __post_init__(self) -> None:
        if not NAME.fullmatch(self.name):
            raise ConfigError(
                f"no name of a session: {self.name!r}; use letters, digits, - and _, 64 at most"
            )

    def replay(
        self, books: BookStream, *, speed: float = 0.0, on_look: Look | None = None
    ) -> tuple[Ended, BookRig]:
        """Run over stored books as if they came now, `speed` times as fast as they did.

        Taken up again, it goes on with the book after the last on record, of the version of the
        store that it began with.
        """
        clock = VirtualClock()
        with Journal(self.folder, clock, self.name, is_daily=False) as journal:
            past = list(scan(self.folder)) if journal.seq else []
            if past and past[0].get("books"):
                books = replace(books, as_of=past[0]["books"].get("version"))
            pinned = books.pinned()
            self._check(past, about := {"is_live": False, "books": of_stream(pinned)})
            rig = BookRig(self, journal, past, clock.set)
            rig.relive(self._stored(pinned), to_the_end=False)
            for first in itertools.islice(self._stored(pinned), 0 if past else 1):
                clock.set(int(first.received[0]))
            self.begin(journal, past, about, rig)
            feed = StoredBooks(self._stored(pinned, rig.session.n_rows), speed=speed)
            return self._run(rig, feed, journal, clock, on_look), rig

    def live(
        self,
        *,
        store: Store | str | Path = "datasets",
        depth: int = 20,
        every: str | timedelta = "100ms",
        duration: str | timedelta | None = None,
        flush: str | timedelta = "1s",
        commit: str | timedelta = "10m",
        is_over: Callable[[], bool] = lambda: False,
        on_look: Look | None = None,
        **connection: Any,
    ) -> tuple[Ended, BookRig]:
        """Run on what the venue says, recorded into the store as it comes, until `is_over`.

        Other arguments as of `record_books`. What a row leads to is on record only after the row is
        on the disk; so a session that was killed finds all of the books that it acted on.
        """
        ends = None if duration is None else time.monotonic() + parse_duration(duration) / 1e9
        clock = SystemClock()
        with Journal(self.folder, clock, self.name) as journal, ExitStack() as stack:
            past = list(scan(self.folder)) if journal.seq else []
            books = {"venue": self.venue, "symbol": self.symbol, "depth": depth}
            books["every_ns"] = parse_duration(every)
            self._check(past, about := {"is_live": True, "books": books})
            venue = open_books(
                self.venue, self.symbol, store=store, depth=depth, every=every, flush=flush,
                commit=commit, **connection,
            )  # fmt: skip
            stack.callback(venue.close)
            stored = venue.recorder.status.committed
            rig = BookRig(self, journal, past, lambda _: venue.flush())
            if past:
                spans = spans_of(past, last_seen(venue.store, self.venue, self.symbol, past))
                found = recorded_books(venue.store, self.venue, self.symbol, depth, spans)
                rig.relive(self._stored(found), to_the_end=True)
            self.begin(journal, past, about, rig, after_us=stored // 1_000)

            def piece_of(rows: Sequence[BookRow]) -> BookPiece:
                return proven_piece(self.strategy, self.symbol, rows, clock.now_ns())

            stack.pop_all()
            feed = LiveBooks(venue, piece_of, lambda: is_over() or _is_past(ends))
            return self._run(rig, feed, journal, clock, on_look), rig

    @property
    def settings(self) -> dict[str, Any]:
        """What a restart has to find unchanged, as the journal's first record has it."""
        return {
            "mode": "paper books",
            "strategy": self.strategy.name,
            "source_hash": self.strategy.source_hash,
            "params": dict(self.params),
            "setup": encode(asdict(self.setup), {}),
            "limits": None if self.limits is None else encode(asdict(self.limits), {}),
            "versions": versions(),
        }

    def _check(self, past: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
        check_alive(self.name, Latch(self.folder))
        check_same(self.name, past, self.settings | dict(about))

    def begin(
        self,
        journal: Journal,
        past: Sequence[Mapping[str, Any]],
        about: Mapping[str, Any],
        rig: BookRig,
        **where: int,
    ) -> None:
        """The first record, or the one that says that the session goes on."""
        if not past:
            journal.append("session_start", **self.settings, **about, **where, **hash_in_force())
            return
        journal.append(
            "recovered", records=len(past), bytes=journal.recovered_bytes,
            until_us=rig.session.last_open, **where, **hash_in_force(),
        )  # fmt: skip

    def _run(
        self,
        rig: BookRig,
        feed: Feed[BookPiece],
        journal: Journal,
        clock: Clock,
        on_look: Look | None,
    ) -> Ended:
        latch = Latch(self.folder)
        return BookRunner(rig.go_on(latch), feed, journal, latch, clock, on_look).run()

    def _stored(self, books: Iterable[pl.DataFrame], first: int = 0) -> Iterator[BookPiece]:
        return stored_pieces(self.strategy, self.symbol, books, first)


def _is_past(ends: float | None) -> bool:
    return ends is not None and time.monotonic() >= ends
