"""Which stored books a session saw, told by its journal and by what the recorder left."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.live.recovery import SHELL
from trade_research.store.books import stored_until
from trade_research.store.times import Moment, moment, parse_moment

if TYPE_CHECKING:
    from trade_research.store.books import BookStream
    from trade_research.store.store import Store

RESTARTED = "nothing was recorded"  # what `BookGrid` says of the time before a recorder's start


def of_stream(books: BookStream) -> dict[str, Any]:
    """Stored books as the first record of a session over them has them."""
    return {
        "venue": books.venue,
        "symbol": books.symbol,
        "start": _iso(books.start),
        "end": _iso(books.end),
        "depth": books.depth,
        "version": books.as_of,
        "hash": books.content_hash,
    }


def _iso(when: Moment | None) -> str | None:
    return None if when is None else parse_moment(when, "start").isoformat()


def spans_of(past: Sequence[Mapping[str, Any]], last: int) -> list[tuple[int, int]]:
    """Spans (after, until] of the books that a live session saw, microseconds; `last` is the end.

    It is told by the journal: between a stop and the next start others may have recorded.
    """
    after, spans = past[0]["after_us"], []
    for record in past[1:]:
        if record["event"] == "recovered":
            spans.append((after, record["until_us"]))
            after = record["after_us"]
    return [*spans, (after, last)]


def last_seen(store: Store, venue: str, symbol: str, past: Sequence[Mapping[str, Any]]) -> int:
    """The last stored book that a session saw before it ended, microseconds.

    After a stop that is on record. A session that was killed saw all that it recorded: up to where
    a recorder was started the next time.
    """
    for record in reversed(past):
        if record["event"] == "shutdown":
            until: int = record["until_us"]
            return until
        if record["event"] not in SHELL or record["event"] == "recovered":
            break
    after: int = next(r["after_us"] for r in reversed(past) if "after_us" in r)
    stored = stored_until(store.root, venue, symbol)
    if stored is None:
        return after
    every = past[0]["books"]["every_ns"]
    begun = after * 1_000 // every * every + every  # where the recorder of this session was started
    started = store.book_verdicts(symbol, venue).filter(pl.col("detail") == RESTARTED)["time"]
    others = [t for t in started.to_physical().to_list() if t > begun]
    return min(others, default=stored + 1_000) // 1_000 - 1


def recorded_books(
    store: Store, venue: str, symbol: str, depth: int, spans: Sequence[tuple[int, int]]
) -> Iterator[pl.DataFrame]:
    """The stored books of spans (after, until], microseconds."""
    for after, until in spans:
        if until > after:
            start, end = moment(after + 1), moment(until + 1)
            yield from store.book_stream(symbol, start, end, depth=depth, venue=venue)
