"""Binance's candle stream on loopback: real websockets, one-second bars, faults on demand."""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from aiohttp import WSMsgType, web

from tests.standins import recorded

SECOND = 1_000


def price(ms: int) -> float:
    """A price that anybody can work out from the time."""
    return 100.0 + (ms // SECOND) % 7


def candle(ms: int, symbol: str = "BTCUSDT", *, closed: bool = True) -> dict[str, Any]:
    """One message of the stream."""
    p = f"{price(ms) if closed else price(ms) + 0.5:.2f}"
    return {
        "e": "kline",
        "E": ms + SECOND,
        "s": symbol,
        "k": {"t": ms, "T": ms + SECOND - 1, "s": symbol, "i": "1s", "o": p, "c": p, "h": p}
        | {"l": p, "v": "5.0", "n": 3, "x": closed, "q": "500.0", "V": "2.0", "Q": "200.0"},
    }


def klines(query: dict[str, str]) -> list[list[Any]]:
    """The REST answer: the last bar is still forming, as the venue has it."""
    first, last = int(query["startTime"]), int(query["endTime"])
    now = time.time_ns() // 1_000_000
    start = -(-first // SECOND) * SECOND
    out = []
    for ms in range(start, min(last, now) + 1, SECOND):
        p = f"{price(ms):.2f}"
        out.append([ms, p, p, p, p, "5.0", ms + SECOND - 1, "500.0", 3, "2.0", "200.0", "0"])
    return out[:1000]


@lru_cache
def _info(kind: str) -> dict[str, Any]:
    whole = recorded.answer(f"binance/rest/{kind}_exchangeInfo_full.json.gz")["body"]
    few = [s for s in whole["symbols"] if s["symbol"] in ("BTCUSDT", "ETHUSDT")]
    return whole | {"symbols": few}


class Wire(bytes):
    """Put on the wire as it is: frame, head and all."""


class Candles:
    """A venue that pushes a candle a second; `plan` may replace or garble what is sent.

    `plan(ms, rng)` gives the texts to send for the bar that opened at `ms`; None closes the
    connection, the text "HALF" leaves it open without a word from then on, and "RESET" tears it
    down without a good-bye. Bytes are sent in a frame of their own. With `tls` it speaks TLS.
    """

    def __init__(
        self,
        plan: Callable[[int, random.Random], Sequence[str | bytes] | None] | None = None,
        seed: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.plan = plan or (lambda ms, _: [json.dumps(candle(ms))])
        self.rng, self.dials, self.subscribed = random.Random(seed), 0, 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.at, self._tls = "", tls

    def __enter__(self) -> Candles:
        self._thread.start()
        self._ready.wait(10.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10.0)
        self._loop.close()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._any)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.at = f"127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _any(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._push(request)
        if request.path.endswith("exchangeInfo"):
            return web.json_response(_info("usdm" if "fapi" in request.path else "spot"))
        if request.path.endswith("klines"):
            return web.json_response(klines(dict(request.query)))
        return web.json_response({}, status=404)

    async def _push(self, request: web.Request) -> web.StreamResponse:
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        self.dials += 1
        number = self.dials
        asked = await ws.receive()
        if asked.type is not WSMsgType.TEXT:
            return ws
        self.subscribed += 1
        await ws.send_json({"result": None, "id": json.loads(asked.data)["id"]})
        while not ws.closed and not self._stop.is_set():
            now = time.time_ns() // 1_000_000
            opened = now // SECOND * SECOND
            await asyncio.sleep((opened + SECOND - now) / 1_000)
            if self.dials > number:  # nobody is left on this one
                return ws
            texts = self.plan(opened, self.rng)
            if texts is None:
                await ws.close(code=1001)
                return ws
            for text in texts:
                if text == "HALF":
                    await self._stop.wait()
                    return ws
                if text == "RESET" and request.transport is not None:
                    request.transport.abort()
                    return ws
                if isinstance(text, Wire) and request.transport is not None:
                    request.transport.write(text)
                    continue
                try:
                    await (ws.send_bytes if isinstance(text, bytes) else ws.send_str)(text)
                except ConnectionResetError:  # the other side has had enough
                    return ws
        return ws


if __name__ == "__main__":  # in a process of its own, until nobody listens to it any more
    with Candles() as venue:
        sys.stdout.write(f"{venue.at}\n")
        sys.stdout.flush()
        sys.stdin.read()
