"""Book messages, trades and snapshots of one instrument, as its venue sends them."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from typing import Any, NamedTuple

from trade_research.feeds.book_messages import BOOK_VENUES, SNAPSHOT_LEVELS
from trade_research.feeds.listener import Listener, drain, said

RETRY_S, MOST_S = 1.0, 30.0


class Heard(NamedTuple):
    """Something that was heard, and when, in nanoseconds: ``message``, ``snapshot`` or ``break``.

    `what` is the venue's own message or answer; of a break, ``reconnect`` or ``silence``.
    """

    recv: int
    kind: str
    what: Any


class BookSocket(Listener):
    """Changes of a book and market trades over a websocket, and snapshots when asked for.

    They come by REST; where the venue's stream begins with one, it is dialled again.

    Parameters
    ----------
    venue : str
        Of `BOOK_VENUES`.
    symbol : str
        As ccxt names it, e.g. ``BTC/USDT``.
    retry_s : float
        Rest between two snapshots; doubled up to half a minute while they do not help.
    **connection
        Of `Listener`: ``to, deadline_s, life_s, re_dial_s, session``.
    """

    def __init__(
        self, venue: str, symbol: str, *, retry_s: float = RETRY_S, **connection: Any
    ) -> None:
        self._venue, self._symbol, self._id = BOOK_VENUES[venue], symbol, ""
        self._things: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._asked, self._retry, self._tries, self._next = threading.Event(), retry_s, 0, 0.0
        self._fetching: asyncio.Task[None] | None = None
        super().__init__(self._venue.exchange, self._venue.kinds, **connection)

    def poll(self, seconds: float) -> list[Heard]:
        """What was heard, in order, waiting for so long at most."""
        return drain(self._things, seconds)

    def want_snapshot(self, wanted: bool) -> None:
        """Have a snapshot fetched, and again, ever more slowly, until it is wanted no more."""
        if wanted:
            self._asked.set()
        else:
            self._asked.clear()
            self._tries = 0

    async def _watch(self, exchange: Any) -> None:
        self._id = exchange.market(self._symbol)["id"]
        await asyncio.gather(
            exchange.watch_order_book_for_symbols([self._symbol]),
            exchange.watch_trades_for_symbols([self._symbol]),
        )

    def _hear(self, message: Any) -> bool:
        """Ours, all but errors: ccxt would ask for snapshots of its own and keep a second book."""
        if not isinstance(message, dict):
            return False
        event = message.get("data", message)
        if isinstance(event, dict) and event.get(self._venue.key) == self._id:
            self._things.put(Heard(time.time_ns(), "message", event))
        return "error" not in message and message.get("event") != "alert"

    def _broke(self, reason: str) -> None:
        if self._fetching is not None:
            self._fetching.cancel()
            self._fetching = None
        self._things.put(Heard(time.time_ns(), "break", reason))

    async def _now_and_then(self, exchange: Any) -> str:
        now = time.monotonic()
        if not self._asked.is_set() or now < self._next or self._fetching is not None:
            return ""
        self._asked.clear()
        self._tries += 1
        if not self._venue.snapshot:
            self._rested()
            return "reconnect"
        self._fetching = asyncio.create_task(self._fetch(exchange))
        return ""

    def _rested(self) -> None:
        """The next snapshot is asked for after a rest."""
        rest = min(self._retry * 2.0 ** min(self._tries - 1, 10), MOST_S)
        self._next = time.monotonic() + rest

    async def _fetch(self, exchange: Any) -> None:
        """One snapshot; what goes wrong is a trouble, and asked for again."""
        try:
            ask = getattr(exchange, self._venue.snapshot)
            answer = await ask({"symbol": self._id, "limit": SNAPSHOT_LEVELS})
            self._asked.clear()
            self._things.put(Heard(time.time_ns(), "snapshot", answer))
        except Exception as error:  # reported: without a snapshot there is no book
            self._troubles.put(f"snapshot: {said(error)}")
        finally:
            self._rested()
            self._fetching = None
