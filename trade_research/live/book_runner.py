"""The shell of a session over books: rows as they are proven."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trade_research.live.book_session import BookPiece, BookSession
from trade_research.live.runner import Feed, Runner


class BookRunner(Runner[BookPiece]):
    """`Runner` of a session over books; arguments as of that."""

    def __init__(self, session: BookSession, feed: Feed[BookPiece], *shell: Any) -> None:
        super().__init__(session, feed, *shell)
        self._books = session

    def _take(self, items: Sequence[BookPiece]) -> None:
        for piece in items:
            self._books.on_piece(piece)
            self._lag_ms = (self._clock.now_ns() - int(piece.market.time[-1])) / 1e6
