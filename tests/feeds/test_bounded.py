"""An exchange that answers without end by REST is cut off, over a real socket."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Iterator

import ccxt
import pytest
from aiohttp import web

from trade_research.feeds import bounded
from trade_research.feeds.listener import _hang_up, guarded

MB = 1 << 20


def endless() -> Iterator[bytes]:
    """A JSON text of 256 MB."""
    yield b'{"timezone":"UTC","serverTime":1,"symbols":["'
    for _ in range(256):
        yield b"x" * MB


def bomb() -> Iterator[bytes]:
    """The same, packed into a quarter of one."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    yield from (packer.compress(part) for part in endless())
    yield packer.flush()


class Answering:
    """A server whose every answer is these parts; `sent` counts bytes that it got rid of."""

    def __init__(self, parts: list[bytes] | None, packed: bool) -> None:
        self.parts, self.packed, self.sent, self.at = parts, packed, 0, ""

    async def __aenter__(self) -> Answering:
        app = web.Application()
        app.router.add_get("/{tail:.*}", self._answer)
        self.runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self.runner.setup()
        await web.TCPSite(self.runner, "127.0.0.1", 0).start()
        self.at = f"127.0.0.1:{self.runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.runner.cleanup()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        reply = web.StreamResponse(headers={"Content-Type": "application/json"})
        if self.packed:
            reply.headers["Content-Encoding"] = "gzip"
        await reply.prepare(request)
        try:
            for part in endless() if self.parts is None else self.parts:
                await reply.write(part)
                self.sent += len(part)
        except ConnectionError:
            pass
        return reply


def ask(parts: list[bytes] | None, *, packed: bool = False) -> tuple[BaseException, int]:
    """What an exchange of ours makes of it, and how much the server could send."""

    async def main() -> tuple[BaseException, int]:
        async with Answering(parts, packed) as server:
            exchange = guarded("binance", ["spot"], server.at, lambda _: None, lambda _: None)
            try:
                with pytest.raises(ccxt.BaseError) as error:
                    await exchange.load_markets()
            finally:
                await _hang_up(exchange)
            return error.value, server.sent

    return asyncio.run(main())


def test_an_answer_without_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 8 * MB)
    error, sent = ask(None)
    assert "an answer of over 8 MB" in str(error.__cause__)
    assert 8 * MB < sent < 32 * MB  # of 256; the rest of it lay in sockets


def test_a_packed_answer_counts_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "MOST_BYTES", 8 * MB)
    parts = list(bomb())
    assert sum(map(len, parts)) < MB
    tracemalloc.start()
    try:
        error, _ = ask(parts, packed=True)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "an answer of over 8 MB" in str(error.__cause__)
    assert peak < 64 * MB


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_that_fits_is_whole(packed: bool) -> None:
    text = b'{"code": -1003, "msg": "' + b"y" * 3 * MB + b' end"}'
    error, _ = ask([gzip.compress(text) if packed else text], packed=packed)
    assert "y end" in str(error)
