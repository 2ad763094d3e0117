"""A session over books after a restart: the stored books happen again, and lead to its records."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trade_research.errors import SessionError
from trade_research.kernels.jit import F64
from trade_research.live.book_session import BookDecider, BookPiece, BookSession
from trade_research.live.recovery import SHELL, Retold

# Words from outside, which no book leads to; their records say after how many books they came.
WORDS = frozenset({"kill", "risk_release", "shutdown"})


class RetoldBooks:
    """What a session over books is told while it is lived again; afterwards nothing is on record.

    Parameters
    ----------
    retold : Retold
    """

    def __init__(self, retold: Retold) -> None:
        self._retold = retold

    def seen_at(self, order_id: str, received: int) -> int | None:
        """When the row of an order's decision was seen; None: it was refused as the one before."""
        if not self._retold.past:
            return received
        head = self._retold.past[0]
        if head["event"] != "signal_generated" or head["signal"]["id"] != order_id:
            return None
        seen: int = head["received_ns"]
        return seen


class RetoldBookDecider:
    """Gives the errors on record again, which nothing else would: a time-out, a lost worker."""

    def __init__(self, decider: BookDecider, retold: Retold) -> None:
        self._decider, self._retold = decider, retold

    def see(self, piece: BookPiece) -> None:
        """As the other sees it."""
        self._decider.see(piece)

    def decide(self, piece: BookPiece) -> tuple[F64, Mapping[str, F64]]:
        """As the other decides, or as it failed."""
        found = self._decider.decide(piece)
        if self._retold.is_next("strategy_error", bar=piece.fields):
            raise SessionError("as recorded")
        return found


def relive_books(
    session: BookSession,
    retold: Retold,
    past: Iterable[Mapping[str, Any]],
    pieces: Iterable[BookPiece],
    *,
    to_the_end: bool,
) -> None:
    """Let everything on record happen again to a new session.

    Parameters
    ----------
    session : BookSession
        As new, writing to `retold`.
    retold : Retold
    past : iterable of records
    pieces : iterable of BookPiece
        The books that it saw, from its first on.
    to_the_end : bool
        Whether the books after the last record were seen too.

    Raises
    ------
    SessionError
        The session says something that is not on record, or the books are not what they were.
    """
    for piece in cut(pieces, _edges(past)):
        _hear(session, retold)
        if not retold.past and not to_the_end:
            return
        session.on_piece(piece)
    _hear(session, retold)
    if retold.past:
        record = retold.past[0]
        raise SessionError(
            f"record {record['seq']} of the journal is {record['event']} after {record['rows']:,} "
            f"books; the {session.n_rows:,} that are stored do not lead to it"
        )


def cut(pieces: Iterable[BookPiece], edges: Iterable[int]) -> Iterator[BookPiece]:
    """The same rows, with a new piece after so many from the first; edges ascend."""
    waiting, seen = iter(edges), 0
    edge = next(waiting, None)
    for piece in pieces:
        begin, n = 0, piece.received.size
        while edge is not None and edge < seen + n:
            if edge - seen > begin:
                yield piece.part(begin, edge - seen)
                begin = edge - seen
            edge = next(waiting, None)
        yield piece.part(begin, n)
        seen += n


def _edges(past: Iterable[Mapping[str, Any]]) -> list[int]:
    """Where words came, where an error's rows begin and end, and where the records end."""
    edges, last = set[int](), 0
    for record in past:
        if record["event"] in SHELL:
            continue
        last = record["rows"]
        if record["event"] in WORDS:
            edges.add(last)
        elif record["event"] == "strategy_error":
            edges |= {last, last + record["bar"]["books"]}
    return sorted(edges | {last + 1})


def _hear(session: BookSession, retold: Retold) -> None:
    """Words that came after so many books."""
    while retold.past and retold.past[0]["event"] in WORDS:
        record = retold.past[0]
        if record["rows"] != session.n_rows:
            return
        if record["event"] == "kill":
            session.kill(record["by"], record["reason"])
        elif record["event"] == "risk_release":
            session.release(record["by"])
        elif record["digest"] == session.digest:
            retold.past.popleft()
        else:
            raise SessionError(
                f"the {session.n_rows:,} books up to record {record['seq']} are not those that the "
                "session saw: the store was changed since"
            )
