"""Closed bars as an exchange pushes them, through ccxt.pro, kept from its ways of falling silent.

ccxt.pro stops listening for good when one frame raises inside it, forgets whether a candle has
closed, and finds out about a dead connection after minutes. Here every frame is guarded, the flag
is read off the raw message, and silence past a deadline dials again.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trade_research.errors import ConfigError
from trade_research.feeds.bars import Bar

VENUES = {
    "binance": ("binance", ["spot"]),
    "binance_usdm": ("binanceusdm", ["linear"]),
}
DEADLINE_S = 10.0
LIFE_S = 23 * 3600.0
MAX_FRAME = 1_000_000
RE_DIAL_S = 1.0
HANG_UP_S = 1.0
Backfill = Callable[[str, int, int], Sequence[Bar]]


class Socket:
    """Candles of one venue over a websocket.

    Parameters
    ----------
    venue : str
        Of `VENUES`.
    symbols : sequence of str
        As ccxt names them, e.g. ``BTC/USDT``.
    interval : str
        As the venue names it, e.g. ``1m``.
    backfill : callable
        Closed bars by the venue's REST: what the socket missed.
    to : str
        ``127.0.0.1:port`` of a stand-in.
    deadline_s : float
        Silence after which the connection counts as dead.
    life_s : float
        Age at which a connection is replaced: Binance ends them after a day.

    Notes
    -----
    Runs an event loop in a thread of its own. A bar that comes twice is handed on twice, one that
    never comes is not: the session's bar clock makes the one out of two and asks for the other.
    """

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        interval: str,
        backfill: Backfill,
        *,
        to: str = "",
        deadline_s: float = DEADLINE_S,
        life_s: float = LIFE_S,
    ) -> None:
        if venue not in VENUES:
            raise ConfigError(
                f"{venue} pushes no candles that we take; its bars are polled. Sockets: "
                f"{', '.join(VENUES)}"
            )
        self._symbols, self._interval, self._to = tuple(symbols), interval, to
        self._deadline, self._life, self._fetch = deadline_s, life_s, backfill
        self._bars: queue.SimpleQueue[Bar] = queue.SimpleQueue()
        self._troubles: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._names: dict[str, str] = {}
        self._heard = time.monotonic()
        self.bad_frames = self.dials = 0
        self._over = threading.Event()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._main(*VENUES[venue])), name="socket", daemon=True
        )
        self._thread.start()

    def poll(self, seconds: float) -> list[Bar]:
        """Bars that have closed, waiting for so long at most."""
        found: list[Bar] = []
        try:
            found.append(self._bars.get(timeout=seconds))
            while True:
                found.append(self._bars.get_nowait())
        except queue.Empty:
            return found

    def backfill(self, symbol: str, start: int, end: int) -> Sequence[Bar]:
        """Closed bars with open times in [start, end), by REST."""
        return self._fetch(symbol, start, end)

    def troubles(self) -> list[str]:
        """What went wrong since the last call."""
        found: list[str] = []
        try:
            while True:
                found.append(self._troubles.get_nowait())
        except queue.Empty:
            return found

    def close(self) -> None:
        """Hang up."""
        self._over.set()
        self._thread.join(5.0)

    async def _main(self, name: str, kinds: list[str]) -> None:
        while not self._over.is_set():
            exchange = guarded(name, kinds, self._to, self._hear, self._bad)
            try:
                self.dials += 1
                await self._listen(exchange)
            except Exception as error:  # reported: a feed that dies silently is the worst of all
                self._troubles.put(f"socket: {type(error).__name__}: {error}"[:400])
            finally:
                await _hang_up(exchange)
            if not self._over.is_set():
                await asyncio.sleep(RE_DIAL_S)

    async def _listen(self, exchange: Any) -> None:
        """Until the connection is old, silent or lost; the caller dials again."""
        await exchange.load_markets()
        self._names = {exchange.market(symbol)["id"]: symbol for symbol in self._symbols}
        self._heard = born = time.monotonic()
        pairs = [[symbol, self._interval] for symbol in self._symbols]
        watching: asyncio.Future[Any] | None = None
        try:
            while not self._over.is_set():
                if watching is None or watching.done():
                    if watching is not None:
                        watching.result()
                    watching = asyncio.ensure_future(exchange.watch_ohlcv_for_symbols(pairs))
                await asyncio.wait([watching], timeout=0.1)
                now = time.monotonic()
                if now - self._heard > self._deadline:
                    self._troubles.put(f"socket: silent for {now - self._heard:.1f} s, dialling")
                    return
                if now - born > self._life:
                    return
        finally:
            if watching is not None:
                watching.cancel()
                await asyncio.gather(watching, return_exceptions=True)

    def _hear(self, message: Any) -> None:
        """Every message as it came; closed candles among them go on."""
        self._heard = time.monotonic()
        event = message.get("data", message) if isinstance(message, dict) else None
        candle = event.get("k") if isinstance(event, dict) else None
        if not isinstance(candle, dict) or candle.get("x") is not True:
            return
        if candle.get("i") != self._interval or candle.get("s") not in self._names:
            return
        self._bars.put(bar_of(candle, self._names))

    def _bad(self, error: Exception) -> None:
        self.bad_frames += 1
        if self.bad_frames & (self.bad_frames - 1) == 0:  # 1, 2, 4, 8, …: said, not flooded
            self._troubles.put(f"socket: {self.bad_frames} bad frames, {type(error).__name__}")


async def _hang_up(exchange: Any) -> None:
    """Close an exchange; one whose other side does not answer is left after a second."""
    session = exchange.session
    try:
        await asyncio.wait_for(exchange.close(), HANG_UP_S)
    except TimeoutError:
        if session is not None:
            await session.close()


def bar_of(candle: Mapping[str, Any], names: Mapping[str, str]) -> Bar:
    """A closed candle of Binance's stream; ``T`` is its last millisecond.

    Raises
    ------
    KeyError, TypeError, ValueError
        It is no candle.
    """
    prices = [float(candle[key]) for key in ("o", "h", "l", "c", "v")]
    opened, last = int(candle["t"]), int(candle["T"])
    return Bar(names[candle["s"]], opened * 1_000, (last + 1) * 1_000, *prices)


def guarded(
    name: str,
    kinds: list[str],
    to: str,
    hear: Callable[[Any], None],
    bad: Callable[[Exception], None],
) -> Any:
    """An exchange of ccxt.pro whose frames cannot make it deaf; `hear` gets each message first.

    It leans on two names that ccxt does not promise: ``client`` and
    ``handle_text_or_binary_message``. A test fails when they move.
    """
    import ccxt.pro

    class Guarded(getattr(ccxt.pro, name)):  # type: ignore[misc]  # a class known by its name
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
            hear(message)
            super().handle_message(client, message)

    exchange = Guarded(
        {
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
