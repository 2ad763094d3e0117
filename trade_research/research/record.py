"""`record_books`: a venue's order book and trades into the store, as they happen."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

from trade_research.errors import ConfigError, nearest
from trade_research.feeds.book_messages import BOOK_VENUES
from trade_research.feeds.recorder import RecordStatus
from trade_research.frames.durations import parse_duration
from trade_research.live.book_feed import VenueBooks
from trade_research.store.store import Store

Look = Callable[[RecordStatus, list[str]], bool]
POLL_S = 0.2


def record_books(
    venue: str,
    symbol: str,
    *,
    store: Store | str | Path = "datasets",
    depth: int = 20,
    every: str | timedelta = "100ms",
    duration: str | timedelta | None = None,
    flush: str | timedelta = "10s",
    commit: str | timedelta = "10m",
    on_look: Look | None = None,
    **connection: Any,
) -> RecordStatus:
    """Record the order book and the trades of one instrument, live.

    A row is the book after all messages up to and including its time, on the venue's clock; it is
    written when the next message is seen to follow, so that every stored book is the venue's own.
    Where a message is missing or the connection broke, a row without levels and a ``gap`` verdict
    say that the book is unknown. Killed at any moment, a recording loses what came after its last
    flush; started again it goes on, and the time in between is marked.

    Parameters
    ----------
    venue, symbol : str
        ``binance``, ``binance_usdm``, ``kraken_futures``; the symbol as ccxt names it.
    store : Store or path
    depth : int
        Levels a side.
    every : str or timedelta
        Between two rows, whole milliseconds.
    duration : str or timedelta, optional
        How long; until `on_look` ends it or Ctrl-C when left out.
    flush, commit : str or timedelta
        Between two flushes to the disk, and two commits, from which on readers see the rows.
    on_look : callable, optional
        Called some times a second with the status and what went wrong since; True ends it.
    **connection
        Of `feeds.book_socket.BookSocket`.

    Returns
    -------
    RecordStatus
        Counts, and up to when books are in the store.

    Raises
    ------
    ConfigError, StoreError
        The venue is not known; another process records the same.
    SourceError
        The first connection failed. One that breaks later is made again.

    Examples
    --------
    >>> tr.record_books("binance", "BTC/USDT", duration="30m")   # doctest: +SKIP
    """
    ends = None if duration is None else time.monotonic() + parse_duration(duration) / 1e9
    books = open_books(
        venue, symbol, store=store, depth=depth, every=every, flush=flush, commit=commit,
        **connection,
    )  # fmt: skip
    with closing(books):
        while ends is None or time.monotonic() < ends:
            books.poll(POLL_S)
            if on_look is not None and on_look(books.recorder.status, books.troubles()):
                break
    return books.recorder.status


def open_books(
    venue: str,
    symbol: str,
    *,
    store: Store | str | Path,
    depth: int,
    every: str | timedelta,
    flush: str | timedelta,
    commit: str | timedelta,
    **connection: Any,
) -> VenueBooks:
    """A recording that has begun and listens when it is polled; arguments as of `record_books`."""
    if isinstance(depth, bool) or not isinstance(depth, int) or not 1 <= depth <= 1000:
        raise ConfigError(f"depth must be 1 to 1000 levels, found {depth!r}")
    if venue not in BOOK_VENUES:
        raise ConfigError(f"books of {venue!r} are not listened to: {nearest(venue, BOOK_VENUES)}")
    target = store if isinstance(store, Store) else Store(store)
    step, flushes, commits = (parse_duration(span) for span in (every, flush, commit))
    return VenueBooks(
        target, venue, symbol, every_ns=step, depth=depth,
        flush_s=flushes / 1e9, commit_s=commits / 1e9, **connection,
    )  # fmt: skip
