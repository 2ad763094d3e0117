"""Listening to an exchange through ccxt.pro, kept from its ways of falling silent.

ccxt.pro stops listening for good when one frame raises inside it and finds out about a dead
connection after minutes. Here every frame is guarded and silence past a deadline dials again.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

DEADLINE_S = 10.0
LIFE_S = 23 * 3600.0
MAX_FRAME = 1_000_000
RE_DIAL_S = 1.0
HANG_UP_S = 1.0
T = TypeVar("T")


class Listener:
    """One connection to one venue, in a thread with an event loop of its own.

    What is listened to is said by `_watch`, what becomes of a message by `_hear`.

    Parameters
    ----------
    exchange : str
        ccxt's name.
    kinds : list of str
        Of markets to load.
    to : str
        ``127.0.0.1:port`` of a stand-in.
    deadline_s : float
        Silence after which the connection counts as dead.
    life_s : float
        Age at which a connection is replaced: Binance ends them after a day.
    re_dial_s : float
        Rest between two connections.
    session : callable, optional
        Makes the aiohttp session of a connection, where ccxt's own will not do: a proxy, or a
        stand-in that answers for the venue's own addresses. Closed with the connection.
    """

    def __init__(
        self,
        exchange: str,
        kinds: list[str],
        *,
        to: str = "",
        deadline_s: float = DEADLINE_S,
        life_s: float = LIFE_S,
        re_dial_s: float = RE_DIAL_S,
        session: Callable[[], Any] | None = None,
    ) -> None:
        self._session = session or (lambda: None)
        self._to, self._deadline, self._life, self._rest = to, deadline_s, life_s, re_dial_s
        self._troubles: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._heard = time.monotonic()
        self.bad_frames = self.dials = 0
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(exchange, kinds)), name="socket", daemon=True
        )
        self._thread.start()

    def troubles(self) -> list[str]:
        """What went wrong since the last call."""
        return drain(self._troubles)

    def close(self) -> None:
        """Hang up."""
        self._over.set()
        self._thread.join(5.0)

    async def _watch(self, exchange: Any) -> None:
        """Subscribe, and wait for the next message."""
        raise NotImplementedError

    def _hear(self, message: Any) -> bool:
        """One message as it came; whether it is ours alone, and ccxt need not see it."""
        raise NotImplementedError

    def _broke(self, reason: str) -> None:
        """A connection is over."""

    async def _now_and_then(self, exchange: Any) -> str:
        """Ten times a second while connected; a reason ends the connection, and it is dialled."""
        return ""

    async def _main(self, name: str, kinds: list[str]) -> None:
        while not self._over.is_set():
            exchange = guarded(name, kinds, self._to, self._note, self._bad, self._session())
            reason = "reconnect"
            try:
                self.dials += 1
                reason = await self._listen(exchange)
            except Exception as error:  # reported: a feed that dies silently is the worst of all
                self._troubles.put(f"socket: {said(error)}")
            finally:
                self._broke(reason)
                await _hang_up(exchange)
            if not self._over.is_set():
                await asyncio.sleep(self._rest)

    async def _listen(self, exchange: Any) -> str:
        """Until the connection is old, silent or lost, and why; the caller dials again."""
        await exchange.load_markets()
        self._heard = born = time.monotonic()
        watching: asyncio.Future[Any] | None = None
        try:
            while not self._over.is_set():
                if watching is None or watching.done():
                    if watching is not None:
                        watching.result()
                    watching = asyncio.ensure_future(self._watch(exchange))
                await asyncio.wait([watching], timeout=0.1)
                if reason := await self._now_and_then(exchange):
                    return reason
                now = time.monotonic()
                if now - self._heard > self._deadline:
                    self._troubles.put(f"socket: silent for {now - self._heard:.1f} s, dialling")
                    return "silence"
                if now - born > self._life:
                    break
            return "reconnect"
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    def _note(self, message: Any) -> bool:
        self._heard = time.monotonic()
        return self._hear(message)

    def _bad(self, error: Exception) -> None:
        self.bad_frames += 1
        if self.bad_frames & (self.bad_frames - 1) == 0:  # 1, 2, 4, 8, …: said, not flooded
            self._troubles.put(f"socket: {self.bad_frames} bad frames, {type(error).__name__}")


def drain(waiting: queue.SimpleQueue[T], seconds: float = 0.0) -> list[T]:
    """All that is in a queue, waiting for the first for so long at most."""
    found: list[T] = []
    try:
        found.append(waiting.get(timeout=seconds) if seconds > 0.0 else waiting.get_nowait())
        while True:
            found.append(waiting.get_nowait())
    except queue.Empty:
        return found


def said(error: BaseException) -> str:
    """An error and what it came of; ccxt's own text names the address and not what is wrong."""
    cause = "" if error.__cause__ is None else f": {error.__cause__}"
    return f"{type(error).__name__}: {error}{cause}"[:400]


async def _hang_up(exchange: Any) -> None:
    """Close an exchange; one whose other side does not answer is left after a second."""
    session = exchange.session
    try:
        with suppress(TimeoutError):
            await asyncio.wait_for(exchange.close(), HANG_UP_S)
    finally:
        if session is not None:
            await session.close()
            exchange.session = None  # or ccxt warns of an exchange that nobody closed


def guarded(
    name: str,
    kinds: list[str],
    to: str,
    hear: Callable[[Any], bool],
    bad: Callable[[Exception], None],
    session: Any = None,
) -> Any:
    """An exchange of ccxt.pro whose frames cannot make it deaf; `hear` gets each message first.

    ccxt does not see one of which `hear` says that it is its own.

    It leans on names that nobody promises, ``client`` and ``handle_text_or_binary_message`` of ccxt
    and ``_response_class`` of aiohttp's session. A test fails when they move.
    """
    import ccxt.pro

    from trade_research.feeds.bounded import Bounded

    class Guarded(getattr(ccxt.pro, name)):  # type: ignore[misc]  # a class known by its name
        def open(self, lazy: bool = False) -> None:
            super().open(lazy)
            self.session._response_class = Bounded

        def client(self, url: str) -> Any:
            client = super().client(url)
            if not getattr(client, "is_guarded", False):
                inner = client.handle_text_or_binary_message

                def safe(data: Any) -> None:
                    try:
                        if len(data) > MAX_FRAME:
                            raise ValueError("a frame beyond the limit")
                        inner(data)
                    except Exception as error:  # counted: one frame must not end the listening
                        bad(error)

                client.handle_text_or_binary_message = safe
                client.is_guarded = True
            return client

        def handle_message(self, client: Any, message: Any) -> None:
            if not hear(message):
                super().handle_message(client, message)

    exchange = Guarded(
        ({} if session is None else {"session": session})
        | {
            "enableRateLimit": False,
            "options": {
                "fetchCurrencies": False,
                "fetchMargins": False,
                "fetchMarkets": {"types": kinds},
            },
        }
    )
    if to:
        exchange.urls["api"] = redirected(exchange.urls["api"], to)
    return exchange


def redirected(node: Any, to: str) -> Any:
    """Addresses below `to`, each host the first part of its path."""
    if isinstance(node, dict):
        return {key: redirected(value, to) for key, value in node.items()}
    if isinstance(node, str) and "://" in node:
        scheme, rest = node.split("://", 1)
        return f"{'ws' if scheme.startswith('ws') else 'http'}://{to}/{rest}"
    return node
