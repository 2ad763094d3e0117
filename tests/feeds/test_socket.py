"""Bars over real websockets: each once and in order, whatever the venue does to the connection."""

from __future__ import annotations

import asyncio
import json
import random
import time
from typing import Any

import pytest

from tests.counts import count
from tests.data import needs_data
from tests.standins.candles import SECOND, Candles, candle, klines, price
from trade_research.errors import ConfigError
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Bar, Row
from trade_research.feeds.listener import guarded
from trade_research.feeds.schedule import Schedule
from trade_research.feeds.socket import Socket, bar_of
from trade_research.frames.intervals import parse_interval

NAMES = {"BTCUSDT": "BTC/USDT"}


def by_rest(symbol: str, start: int, end: int) -> list[Bar]:
    query = {"startTime": str(start // 1_000), "endTime": str(end // 1_000 - 1)}
    return closed(symbol, klines(query))


def closed(symbol: str, answer: list[list[Any]]) -> list[Bar]:
    """Bars of an answer of the venue, but for the forming one."""
    now = time.time_ns() // 1_000_000
    rows = [row for row in answer if row[6] < now]
    return [
        Bar(symbol, r[0] * 1_000, (r[6] + 1) * 1_000, *(float(x) for x in r[1:6])) for r in rows
    ]


def rows_of(venue: Candles, seconds: float, **options: Any) -> tuple[list[int], Socket]:
    """Open times, in ms, of the rows that come out of a socket and the bar clock behind it."""
    socket = Socket("binance", ["BTC/USDT"], "1s", by_rest, to=venue.at, **options)
    start = time.time_ns() // 1_000_000 // SECOND * SECOND
    bars = BarClock(
        ["BTC/USDT"],
        socket.backfill,
        schedule=Schedule("24/7", parse_interval("1s"), 0, 0),
        grace_us=500_000,
        last_open=(start - SECOND) * 1_000,
    )
    found: list[Row] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for bar in socket.poll(0.05):
            assert bars.take(bar) is None
        for item in bars.rows(time.time_ns()):
            assert isinstance(item, Row), item
            found.append(item)
    socket.close()
    assert [row.bars[3, 0] for row in found] == [price(row.open_time // 1_000) for row in found]
    opens = [row.open_time // 1_000 for row in found]
    assert opens == list(range(start, start + len(opens) * SECOND, SECOND))
    return opens, socket


@needs_data
def test_pushed_bars_come_each_once_and_the_forming_one_never() -> None:
    def plan(ms: int, rng: random.Random) -> list[str]:
        forming = json.dumps(candle(ms + SECOND, closed=False))
        return [json.dumps(candle(ms)), forming, json.dumps(candle(ms)), forming]

    with Candles(plan) as venue:
        opens, socket = rows_of(venue, 4.0)
    assert len(opens) >= 3
    assert socket.bad_frames == 0


@needs_data
def test_a_connection_that_breaks_is_dialled_again_and_nothing_is_missing() -> None:
    def plan(ms: int, rng: random.Random) -> list[str] | None:
        return None if rng.random() < 0.5 else [json.dumps(candle(ms))]

    with Candles(plan, seed=4) as venue:
        opens, socket = rows_of(venue, 7.0)
    assert len(opens) >= 5
    assert venue.dials >= 2
    assert socket.dials >= 2


@needs_data
def test_a_half_open_connection_is_found_out_by_the_deadline() -> None:
    def plan(ms: int, rng: random.Random) -> list[str]:
        return ["HALF"] if venue.dials == 1 else [json.dumps(candle(ms))]

    with Candles(plan) as venue:
        opens, socket = rows_of(venue, 10.0, deadline_s=1.5)
    assert venue.dials >= 2
    assert any("silent for" in text for text in socket.troubles())
    assert len(opens) >= 5


@needs_data
def test_a_connection_is_replaced_before_the_venue_ends_it() -> None:
    with Candles() as venue:
        opens, _ = rows_of(venue, 9.0, life_s=2.0)
    assert venue.dials >= 2
    assert len(opens) >= 4


def garbled(rng: random.Random) -> str:
    """A frame that was a candle, or looks like one."""
    text = json.dumps(candle(1_700_000_000_000, closed=rng.random() < 0.5))
    kind = rng.randrange(8)
    if kind == 0:
        return text[: rng.randrange(len(text))]
    if kind == 1:
        at = rng.randrange(len(text))
        return text[:at] + chr(rng.randrange(32, 127)) + text[at + 1 :]
    if kind == 2:
        message = json.loads(text)
        del message["k"][rng.choice(list(message["k"]))]
        return json.dumps(message)
    if kind == 3:
        message = json.loads(text)
        worst = [None, "", "NaN", -1, [], {}, "1e999", True, 10**400]
        message["k"][rng.choice(list(message["k"]))] = rng.choice(worst)
        return json.dumps(message)
    if kind == 4:
        return json.dumps([1, 2, 3])
    if kind == 5:
        return "[" * 5_000
    if kind == 6:
        return json.dumps({"e": "kline"})
    return json.dumps({"data": json.loads(text), "stream": "btcusdt@kline_1m"})


def test_no_frame_makes_the_listener_deaf() -> None:
    """Through ccxt's own receiving end, without a network: a good frame after each bad one."""
    heard: list[Any] = []
    bad: list[Exception] = []

    async def listen() -> None:
        exchange = guarded("binance", ["spot"], "127.0.0.1:9", heard.append, bad.append)
        client = exchange.client("ws://127.0.0.1:9/stream.binance.com:9443/ws/0")
        rng = random.Random(6)
        good = json.dumps(candle(1_700_000_000_000))
        for _ in range(count(100_000)):
            client.handle_text_or_binary_message(garbled(rng))
            before = len(heard)
            client.handle_text_or_binary_message(good)
            assert len(heard) == before + 1
        await exchange.close()

    asyncio.run(listen())
    assert bad


def test_no_frame_gives_a_bar_that_a_session_would_take_wrongly() -> None:
    rng, taken = random.Random(7), 0
    for _ in range(count(100_000)):
        try:
            message = json.loads(garbled(rng))
            bar = bar_of(message["k"], NAMES)
        except (KeyError, TypeError, ValueError, OverflowError, RecursionError):
            continue
        taken += 1
        assert bar.fault() or (bar.low <= bar.high and bar.open_time < bar.close_time)
    assert taken


def test_venues_without_candles_are_polled() -> None:
    with pytest.raises(ConfigError, match="its bars are polled"):
        Socket("kraken_futures", ["BTC/USD:USD"], "1m", by_rest)
