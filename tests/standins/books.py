"""A venue's depth and trade streams on loopback, in compressed time, with faults on demand.

The market is made beforehand: `Market` knows every message and the book after each. The venue's
clock runs while somebody listens to its depth stream, and jumps whenever somebody dials: what was
sent in between is lost.
"""

from __future__ import annotations

import asyncio
import json
import random
import threading
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

import numpy as np
from aiohttp import WSMsgType, web

from tests.standins.book_dialects import Binance

START_MS = 1_709_251_200_000  # 2024-03-01
LEVELS = 30


class Market:
    """Messages of a made-up book, a tenth of a second apart on average, and trades beside them."""

    def __init__(self, seed: int, n: int, start_ms: int = START_MS) -> None:
        rng = random.Random(seed)
        self.rng, self.mid = rng, 50_000
        self.sides: tuple[dict[int, int], dict[int, int]] = ({}, {})
        for k in range(1, LEVELS + 1):
            self.sides[0][self.mid - k], self.sides[1][self.mid + k] = k, k
        self.times, self.ids, self.tops = [start_ms], [1_000], [self._top()]
        self.messages: list[list[dict[str, Any]]] = [[]]
        self.snapshots = {0: self._snapshot()}
        time_ms, last = start_ms, 1_000
        for number in range(1, n + 1):
            time_ms += rng.choice((40, 100, 100, 100, 160))
            first, last, before = last + 1, last + 1 + rng.randrange(4), last
            levels = self._step()
            book = {"e": "depthUpdate", "E": time_ms, "s": "BTCUSDT", "U": first, "u": last}
            said = [book | {"pu": before} | levels]
            if rng.random() < 0.3:
                said.append(self._trade(time_ms, number))
            self.messages.append(said)
            self.times.append(time_ms)
            self.ids.append(last)
            self.tops.append(self._top())
            self.snapshots[number] = self._snapshot()

    def at(self, time_ms: int) -> int:
        """Number of the last message up to a time."""
        return bisect_right(self.times, time_ms) - 1

    def top(self, time_ms: int, depth: int) -> np.ndarray:
        """The book at a time, (4, depth)."""
        found = self.tops[self.at(time_ms)]
        return np.array([side[:depth] for side in found])

    def _step(self) -> dict[str, Any]:
        """A few levels changed; every now and then the mid moves by a tick."""
        changed: tuple[dict[int, int], dict[int, int]] = ({}, {})
        if self.rng.random() < 0.2:
            up = self.rng.random() < 0.5
            self.mid += 1 if up else -1
            # The level that the mid stands on now goes, the worst of its side comes instead; the
            # other side gets a new best one, and its worst goes.
            gone, far = self.mid, self.mid + (LEVELS if up else -LEVELS)
            best, worst = (self.mid - 1, self.mid - LEVELS - 1)
            if not up:
                best, worst = self.mid + 1, self.mid + LEVELS + 1
            one = 1 if up else 0
            changed[one][gone], changed[one][far] = 0, self.rng.randrange(1, 99)
            changed[1 - one][worst], changed[1 - one][best] = 0, self.rng.randrange(1, 99)
        for which in (0, 1):
            for _ in range(self.rng.randrange(3)):
                price = self.mid + (1 if which else -1) * self.rng.randrange(1, LEVELS + 1)
                changed[which][price] = self.rng.randrange(1, 99)
            for price, size in changed[which].items():
                if size:
                    self.sides[which][price] = size
                else:
                    self.sides[which].pop(price, None)
        return {name: _texts(side) for name, side in zip("ba", changed, strict=True)}

    def _trade(self, time_ms: int, number: int) -> dict[str, Any]:
        price = f"{self.mid / 10:.1f}"
        trade = {"e": "trade", "E": time_ms, "T": time_ms, "s": "BTCUSDT", "t": number}
        return trade | {"p": price, "q": "0.003", "m": number % 2 == 0, "X": "MARKET"}

    def _sorted(self) -> list[list[tuple[int, int]]]:
        return [sorted(self.sides[0].items())[::-1], sorted(self.sides[1].items())]

    def _top(self) -> list[list[float]]:
        bids, asks = self._sorted()
        found = []
        for side in (bids, asks):
            found += [[p / 10 for p, _ in side[:20]], [s / 1000 for _, s in side[:20]]]
        return found

    def _snapshot(self) -> dict[str, Any]:
        bids, asks = (_texts(dict(side)) for side in self._sorted())
        last = self.ids[-1] if hasattr(self, "ids") else 1_000
        return {"lastUpdateId": last, "bids": bids, "asks": asks}


def _texts(side: dict[int, int]) -> list[list[str]]:
    return [[f"{p / 10:.1f}", f"{s / 1000:.3f}"] for p, s in side.items()]


Plan = Callable[[int, random.Random], str]


class Venue:
    """The streams and the REST snapshots of a market.

    `plan(number, rng)` says what becomes of message `number`: "" it is sent; "lose", "twice",
    "swap" (after the next one), "garble", "close" (the connection ends). `snapshot(tries, rng)`
    says what becomes of a request: "", "old" (a minute ago) or "error" (500).
    """

    def __init__(
        self, market: Market, *, per_tick: int = 1, plan: Plan | None = None,
        snapshot: Plan | None = None, seed: int = 0, dialect: Binance | None = None,
    ) -> None:  # fmt: skip
        self.dialect = dialect or Binance()
        self.market, self.per_tick, self.number, self._depths = market, per_tick, 0, 0
        self.plan, self.snapshot = plan or (lambda *_: ""), snapshot or (lambda *_: "")
        self.rng, self.faults, self.tries = random.Random(seed), dict[str, int](), 0
        self._loop, self._ready = asyncio.new_event_loop(), threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.at = ""

    def __enter__(self) -> Venue:
        self._thread.start()
        self._ready.wait(10.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10.0)
        self._loop.close()

    @property
    def is_over(self) -> bool:
        """Whether the market has nothing more to say."""
        return self.number == len(self.market.messages) - 1

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._run())

    async def _run(self) -> None:
        self._stop = asyncio.Event()
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._any)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.at = f"127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        ticking = asyncio.ensure_future(self._tick())
        await self._stop.wait()
        ticking.cancel()
        await runner.cleanup()

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(0.005)
            if self._depths:
                self._jump(self.per_tick)

    def _jump(self, by: int) -> None:
        self.number = min(self.number + by, len(self.market.messages) - 1)

    async def _any(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._push(request)
        if (told := self.dialect.rest(request.path)) is not None:
            return web.json_response(told)
        if not request.path.endswith("depth"):
            return web.json_response({}, status=404)
        self.tries += 1
        fault = self.snapshot(self.tries, self.rng)
        self._count(fault)
        if fault == "error":
            return web.json_response({"msg": "internal"}, status=500)
        number = max(self.number - 600, 0) if fault == "old" else self.number
        return web.json_response(self.market.snapshots[number])

    async def _push(self, request: web.Request) -> web.StreamResponse:
        """One connection: depth, trades, or both."""
        ws = web.WebSocketResponse(autoping=False)
        await ws.prepare(request)
        streams: set[str] = set()
        asking = asyncio.ensure_future(self._listen(ws, streams))
        number, opens = -1, True
        try:
            while not ws.closed and not self._stop.is_set():
                await asyncio.sleep(0.002)
                if number < 0 and streams:
                    number = self.number
                if opens and "depth" in streams:
                    opens, number = False, self.number
                    for message in self.dialect.opening(self.market, number):
                        await ws.send_json(message)
                while 0 <= number < self.number and not ws.closed:
                    number += 1
                    await self._send(ws, number, streams)
        except ConnectionError:
            pass
        finally:
            asking.cancel()
            self._depths -= "depth" in streams
        return ws

    async def _listen(self, ws: web.WebSocketResponse, streams: set[str]) -> None:
        async for asked in ws:
            if asked.type is WSMsgType.TEXT:
                said = json.loads(asked.data)
                asked_for = self.dialect.streams(said)
                if "depth" in asked_for:
                    self._depths += 1
                    self._jump(self.rng.randrange(60))
                streams.update(asked_for)
                await ws.send_json(self.dialect.answer(said))

    async def _send(self, ws: web.WebSocketResponse, number: int, streams: set[str]) -> None:
        if "trade" in streams:
            for message in self.dialect.trades(self.market, number):
                await ws.send_json(message)
        if "depth" not in streams:
            return
        said = self.dialect.books(self.market, number)
        fault = self.plan(number, self.rng) if said else ""
        self._count(fault)
        for k, message in enumerate(said):
            await self._say(ws, number, message, fault if k == 0 else "")

    async def _say(
        self, ws: web.WebSocketResponse, number: int, message: dict[str, Any], fault: str
    ) -> None:
        text = json.dumps(message)
        if fault == "close":
            await ws.close(code=1001)
        elif fault == "garble":
            await ws.send_str(text[: len(text) // 2])
        elif fault == "swap" and number + 1 < len(self.market.messages):
            for other in self.dialect.books(self.market, number + 1)[:1]:
                await ws.send_json(other)
            await ws.send_str(text)
        elif fault != "lose" and not ws.closed:
            for _ in range(2 if fault == "twice" else 1):
                await ws.send_str(text)

    def _count(self, fault: str) -> None:
        if fault:
            self.faults[fault] = self.faults.get(fault, 0) + 1
