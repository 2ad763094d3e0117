"""Closed bars as an exchange pushes them.

ccxt forgets whether a candle has closed: the flag is read off the raw message.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trade_research.errors import ConfigError
from trade_research.feeds.bars import Bar
from trade_research.feeds.listener import Listener, drain

VENUES = {
    "binance": ("binance", ["spot"]),
    "binance_usdm": ("binanceusdm", ["linear"]),
}
Backfill = Callable[[str, int, int], Sequence[Bar]]


class Socket(Listener):
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
    **connection
        Of `Listener`: ``to, deadline_s, life_s, re_dial_s, session``.

    Notes
    -----
    A bar that comes twice is handed on twice, one that never comes is not: the session's bar clock
    makes the one out of two and asks for the other.
    """

    def __init__(
        self,
        venue: str,
        symbols: Sequence[str],
        interval: str,
        backfill: Backfill,
        **connection: Any,
    ) -> None:
        if venue not in VENUES:
            raise ConfigError(
                f"{venue} pushes no candles that we take; its bars are polled. Sockets: "
                f"{', '.join(VENUES)}"
            )
        self._pairs = [[symbol, interval] for symbol in symbols]
        self._interval, self._fetch = interval, backfill
        self._bars: queue.SimpleQueue[Bar] = queue.SimpleQueue()
        self._names: dict[str, str] = {}
        super().__init__(*VENUES[venue], **connection)

    def poll(self, seconds: float) -> list[Bar]:
        """Bars that have closed, waiting for so long at most."""
        return drain(self._bars, seconds)

    def backfill(self, symbol: str, start: int, end: int) -> Sequence[Bar]:
        """Closed bars with open times in [start, end), by REST."""
        return self._fetch(symbol, start, end)

    async def _watch(self, exchange: Any) -> None:
        self._names = {exchange.market(symbol)["id"]: symbol for symbol, _ in self._pairs}
        await exchange.watch_ohlcv_for_symbols(self._pairs)

    def _hear(self, message: Any) -> bool:
        """Closed candles go on; ccxt sees all of them."""
        event = message.get("data", message) if isinstance(message, dict) else None
        candle = event.get("k") if isinstance(event, dict) else None
        if (
            isinstance(candle, dict)
            and candle.get("x") is True
            and candle.get("i") == self._interval
            and candle.get("s") in self._names
        ):
            self._bars.put(bar_of(candle, self._names))
        return False


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
