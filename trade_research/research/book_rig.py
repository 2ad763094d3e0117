"""A session over books on its journal: as new, or lived again as its records have it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.brokers.books import PaperBookBroker
from trade_research.errors import SessionError
from trade_research.feeds.recorder import books_of
from trade_research.frames.books import SIDES
from trade_research.live.book_recovery import RetoldBookDecider, RetoldBooks, relive_books
from trade_research.live.book_session import BookPiece, BookSession, Keeper
from trade_research.live.deciders import WithDeadline
from trade_research.live.recovery import Retold
from trade_research.research.book_stream import BookStreamBacktest, BookWindow, Kept
from trade_research.research.books import market_of
from trade_research.research.paper import DEADLINE_S
from trade_research.simulate.book_run import BookMarket
from trade_research.store.books import recut

if TYPE_CHECKING:
    from collections.abc import Iterator

    import polars as pl

    from trade_research.feeds.book_grid import BookRow
    from trade_research.kernels.jit import F64
    from trade_research.live.journal import Journal
    from trade_research.live.latch import Latch
    from trade_research.research.book_paper import BookPaper
    from trade_research.strategies.strategy import Strategy

PIECE = 4_096


class BookRig:
    """The session of a `BookPaper`.

    Parameters
    ----------
    paper : BookPaper
    journal : Journal, optional
        None for a session that is only looked at.
    past : sequence of records
        All that the journal holds.
    before : callable
        Called before each record with the time of the row that it is of, nanoseconds.
    keeper : Keeper, optional
        Of the account's curve; a few points a minute when left out.
    """

    def __init__(
        self,
        paper: BookPaper,
        journal: Journal | None,
        past: Sequence[Mapping[str, Any]],
        before: Callable[[int], object] = lambda now_ns: None,
        keeper: Keeper | None = None,
    ) -> None:
        self._paper, self._past, self._before = paper, past, before
        setup = paper.setup
        self._retold, self._kept = Retold(journal, past), Kept(setup.cash)
        self._decider = Windowed(BookWindow(paper.strategy, **paper.params))
        self._broker = PaperBookBroker(
            paper.symbol, setup.rules_of_the_game, setup.cash, setup.latency_ns
        )
        self.session = BookSession(
            paper.name, RetoldBookDecider(self._decider, self._retold), self._broker,
            self._record, keeper or self._kept,
            limits=paper.limits, cash=setup.cash, may_trade=self._retold.may_trade,
        )  # fmt: skip
        self.session.seen_at = RetoldBooks(self._retold).seen_at

    def relive(self, pieces: Iterable[BookPiece], *, to_the_end: bool) -> None:
        """As `relive_books`."""
        relive_books(self.session, self._retold, self._past, pieces, to_the_end=to_the_end)

    def go_on(self, latch: Latch | None = None) -> BookSession:
        """The session as it is from here on, no longer told what happened.

        With a latch it trades while that is not set, and its strategy has a deadline.
        """
        session = self.session
        session.seen_at = lambda _, received: received
        session.book_decider, session.may_trade = self._decider, lambda: True
        if latch is not None:
            session.book_decider = WithDeadline(self._decider, DEADLINE_S, lambda: latch.is_set)
            session.may_trade = lambda: not latch.is_set
        return session

    @property
    def orders(self) -> F64:
        """All orders so far, as rows of the simulator's table."""
        return self._broker.table

    def result(self) -> BookStreamBacktest:
        """The account's run so far.

        Raises
        ------
        SessionError
            It has seen no books.
        """
        paper, rows = self._paper, self.session.n_rows
        if not rows:
            raise SessionError(f"session {paper.name!r} has seen no books yet")
        found = self._kept.result(paper.symbol, self._broker.table)
        return BookStreamBacktest(paper.strategy, paper.params, paper.setup, found, rows, rows)

    def _record(self, event: str, **fields: Any) -> None:
        self._before(self.session.now_ns)
        self._retold(event, **fields)


class Windowed:
    """Decides on the books seen last, as a backtest over the stream of them does."""

    def __init__(self, window: BookWindow) -> None:
        self._window = window

    def see(self, piece: BookPiece) -> None:
        """The rows join those that the strategy sees."""
        self._window.forget()
        self._window.see(piece.market, piece.inputs)

    def decide(self, piece: BookPiece) -> tuple[F64, Mapping[str, F64]]:
        """Targets and the other columns at the rows seen last."""
        first, found = self._window.first, self._window.decide()
        return found.target[first:], {name: x[first:] for name, x in found.extras.items()}


def stored_pieces(
    strategy: Strategy, symbol: str, frames: Iterable[pl.DataFrame], first: int = 0
) -> Iterator[BookPiece]:
    """Stored books from row `first` on, each received when it was, or at its own time."""
    for frame in recut(frames, PIECE):
        skipped = min(first, frame.height)
        first -= skipped
        if skipped == frame.height:
            continue
        market, inputs = market_of(strategy, frame[skipped:], symbol)
        received = market.time
        if "recv_time" in frame.columns:
            told = frame["recv_time"][skipped:].to_physical().fill_null(0).to_numpy()
            received = np.maximum(received, told)
        yield BookPiece(market, inputs, received)


def proven_piece(
    strategy: Strategy, symbol: str, rows: Sequence[BookRow], now_ns: int
) -> BookPiece:
    """Rows as they were proven, as the store will mask them: no levels where a side is missing."""
    whole = [x if x.is_whole else x._replace(levels=np.full_like(x.levels, np.nan)) for x in rows]
    received = np.full(len(rows), now_ns)
    names = {name: col.name for name, col in strategy.inputs.items()}
    if not set(names.values()) <= set(SIDES):
        return BookPiece(*market_of(strategy, books_of(whole), symbol), received)
    time = np.array([row.time for row in whole])
    sides = np.ascontiguousarray(np.stack([row.levels for row in whole], axis=1))
    arrays = dict(zip(SIDES, sides, strict=True))
    inputs = {name: arrays[side] for name, side in names.items()}
    return BookPiece(BookMarket(symbol, time, **arrays), inputs, received)
