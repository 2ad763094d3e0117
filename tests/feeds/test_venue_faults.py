"""A venue at its worst, over real sockets: every bar once and in order, or an event that says why.

One session meets the faults of the list one second after the other: connections that end, frames
that are none, candles that cannot be, and deliveries out of order.
"""

from __future__ import annotations

import json
import random
import re
import signal
import subprocess
import sys
import time
import tracemalloc
import urllib.request
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.counts import FULL, count
from tests.data import needs_data
from tests.feeds.test_socket import by_rest, closed
from tests.standins.candles import SECOND, Candles, Wire, candle, price
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Bar, Row, Skipped, Warned
from trade_research.feeds.schedule import Schedule
from trade_research.feeds.socket import Socket
from trade_research.frames.intervals import parse_interval

Frames = Sequence[str | bytes] | None


def good(ms: int, **changes: Any) -> str:
    message = candle(ms)
    message["k"] |= changes
    return json.dumps(message)


def malformed(ms: int) -> Frames:
    """F14: none of these is a candle; the good one comes after all of them."""
    text = good(ms)
    return [
        *(text[:40], "[1, 2, 3]", "null", "{}", "[" * 5_000, '{"e": "kline"}', "\x00\xff", "NaN"),
        *(b"\x80\x81\xfe", b"{\x00", text[:-1].encode(), json.dumps({"e": "kline", "k": None})),
        *(good(ms, t="x"), good(ms, o=None), good(ms, h=[]), good(ms, v={})),
        text,
    ]


def impossible(ms: int) -> Frames:
    """F15, F16: candles, but not of this world, this market or this time."""
    return [
        *(good(ms, c="NaN"), good(ms, l="-1"), good(ms, h="1", l="999"), good(ms, c="")),
        *(good(ms, o="1e999"), good(ms, v="-5"), good(ms, i="1m"), good(ms, s="DOGEUSDT")),
        good(ms, t=0, T=999),
        good(ms, t=ms + 86_400_000, T=ms + 86_400_999),
        good(ms, t=ms + 7, T=ms + 1_006),
        good(ms),
    ]


def revised(ms: int) -> Frames:
    """F16: once more, and then with another price, after it was handed on."""
    changed = good(ms - SECOND, c="55.5", l="55.5")
    return [good(ms - SECOND), good(ms), changed]


FAULTS: list[Callable[[int], Frames]] = [
    lambda ms: [good(ms)],
    malformed,
    impossible,
    revised,
    lambda ms: [],  # never sent
    lambda ms: [good(ms), good(ms - SECOND)],  # out of order
    lambda ms: [json.dumps({"e": "serverShutdown"}), good(ms)],
    lambda ms: None,  # closed in order
    lambda ms: ["RESET"],
    lambda ms: [good(ms)],
    lambda ms: ["x" * 20_000_000, good(ms)],  # F14: a frame of 20 MB
    lambda ms: [good(ms)],
]


def run(
    to: str,
    is_enough: Callable[[Sequence[Bar]], bool],
    backfill: Callable[[str, int, int], list[Bar]] = by_rest,
    **options: Any,
) -> tuple[list[Row], list[Warned], Socket]:
    """Rows and warnings until what was pushed is enough; given up after minutes."""
    socket = Socket("binance", ["BTC/USDT"], "1s", backfill, to=to, **options)
    pushed: list[Bar] = []
    start = time.time_ns() // 1_000_000 // SECOND * SECOND
    schedule = Schedule("24/7", parse_interval("1s"), 0, 0)
    bars = BarClock(
        ["BTC/USDT"],
        socket.backfill,
        schedule=schedule,
        grace_us=500_000,
        last_open=(start - SECOND) * 1_000,
    )
    rows: list[Row] = []
    warned: list[Warned] = []
    end = time.monotonic() + 300.0
    while time.monotonic() < end and not is_enough(pushed):
        for bar in socket.poll(0.05):
            pushed.append(bar)
            found = bars.take(bar, time.time_ns())
            warned += [] if found is None else [found]
        for item in bars.rows(time.time_ns()):
            assert not isinstance(item, Skipped), item
            rows.append(item)
    socket.close()
    opens = [row.open_time // 1_000 for row in rows]
    assert opens == list(range(start, start + len(opens) * SECOND, SECOND))
    assert [row.bars[3, 0] for row in rows] == [price(ms) for ms in opens]
    return rows, warned, socket


@needs_data
def test_every_bar_comes_once_and_in_order_through_all_faults() -> None:
    seen: list[int] = []
    turns = 5 if FULL else 1

    def plan(ms: int, rng: random.Random) -> Frames:
        seen.append(ms)
        return FAULTS[(len(seen) - 1) % len(FAULTS)](ms)

    with Candles(plan) as venue:
        rows, warned, socket = run(
            venue.at, lambda _: len(seen) > turns * len(FAULTS), re_dial_s=0.2
        )
    assert len(rows) >= turns * len(FAULTS)
    assert venue.dials >= 3
    assert socket.bad_frames > 10
    kinds = {w.kind for w in warned}
    assert {"bad", "revision"} <= kinds
    reasons = " ".join(w.reason for w in warned)
    for word in ("not all positive", "follows no other", "where no bar", "is under low", "known"):
        assert word in reasons, word


@needs_data
def test_a_dead_connection_is_found_within_the_deadline_and_a_second() -> None:
    """Every connection says one candle and then nothing more, open as ever."""
    rounds, deadline = count(100), 1.2

    def plan(ms: int, rng: random.Random) -> Frames:
        return [good(ms), "HALF"]

    found: list[float] = []
    with Candles(plan) as venue:
        socket = Socket(
            "binance", ["BTC/USDT"], "1s", by_rest,
            to=venue.at, deadline_s=deadline, re_dial_s=0.0,
        )  # fmt: skip
        end = time.monotonic() + 8.0 * rounds
        while len(found) < rounds and time.monotonic() < end:
            socket.poll(0.1)
            for text in socket.troubles():
                silent = re.search(r"silent for ([0-9.]+) s", text)
                assert silent, text
                found.append(float(silent[1]))
        socket.close()
    assert len(found) >= rounds
    assert all(deadline <= seconds + 0.051 and seconds <= deadline + 1.0 for seconds in found)


@needs_data
def test_a_venue_that_is_stopped_is_found_out_and_every_bar_comes_once() -> None:
    """F13: its process is stopped: connections are still taken, and nobody answers."""
    deadline, paused, woken = 1.5, 0.0, 0.0
    command = [sys.executable, "-m", "tests.standins.candles"]
    root, pipe = Path(__file__).parents[2], subprocess.PIPE
    with subprocess.Popen(command, cwd=root, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            assert process.stdout is not None
            at = process.stdout.readline().strip()
            assert at

            def by_venue(symbol: str, start: int, end: int) -> list[Bar]:
                query = {"startTime": start // 1_000, "endTime": end // 1_000 - 1}
                url = f"http://{at}/klines?{urlencode(query)}"
                try:
                    patience = 0.2 if paused and not woken else 10.0
                    with urllib.request.urlopen(url, timeout=patience) as answer:
                        return closed(symbol, json.load(answer))
                except OSError:
                    return []

            def is_enough(pushed: Sequence[Bar]) -> bool:
                nonlocal paused, woken
                if not paused and len(pushed) >= 2:
                    process.send_signal(signal.SIGSTOP)
                    paused = time.time()
                if paused and not woken and time.time() > paused + deadline + 1.5:
                    process.send_signal(signal.SIGCONT)
                    woken = time.time()
                return bool(woken) and pushed[-1].open_time > (woken + 1.0) * 1e6

            rows, _, socket = run(at, is_enough, by_venue, deadline_s=deadline, re_dial_s=0.2)
        finally:
            process.kill()
    troubles = socket.troubles()
    found = re.search(r"silent for ([0-9.]+) s", troubles[0])
    assert found, troubles
    assert deadline <= float(found[1]) + 0.051
    assert float(found[1]) <= deadline + 1.0
    assert rows[-1].open_time > woken * 1e6
    assert sum(paused * 1e6 < row.close_time < woken * 1e6 for row in rows) >= 2


def bomb(megabytes: int) -> Wire:
    """One compressed frame of so many MB, each of them a kilobyte on the wire."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = deflate.compress(bytes(1 << 20)) + deflate.flush(zlib.Z_FULL_FLUSH)
    body = (block * megabytes)[:-4]  # a full flush forgets what was before, so blocks repeat
    return Wire(b"\xc1\x7f" + len(body).to_bytes(8, "big") + body)


@needs_data
def test_a_bomb_is_refused_before_it_is_in_memory() -> None:
    """F14: 1 GiB in one compressed frame, 8 MB in another, and one that says it has 20 MB."""
    huge = Wire(b"\x81\x7f" + (20_000_000).to_bytes(8, "big") + b"x" * 100_000)
    bombs: dict[tuple[int, int], str | bytes] = {
        (1, 2): bomb(1_024),  # the second frame of the first connection
        (2, 2): "x" * 8_000_000,
        (2, 3): huge,
    }
    sent: Counter[int] = Counter()

    def plan(ms: int, rng: random.Random) -> Frames:
        sent[venue.dials] += 1
        frame = bombs.get((venue.dials, sent[venue.dials]))
        if not tracemalloc.is_tracing() and frame:
            tracemalloc.start()
        return [good(ms) if frame is None else frame]

    try:
        with Candles(plan) as venue:
            rows, _, socket = run(
                venue.at, lambda _: sent[3] > 1 or sent.total() > 30, re_dial_s=0.2
            )
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert len(rows) >= 5
    assert peak < 64 << 20
    troubles = " ".join(socket.troubles())
    assert "Decompressed message exceeds size limit" in troubles
    assert "Message size 20000000 exceeds limit" in troubles
    assert (socket.bad_frames, venue.dials) == (1, 3)
