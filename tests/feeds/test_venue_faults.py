"""A venue at its worst, over real sockets: every bar once and in order, or an event that says why.

One session meets the faults of the list one second after the other: connections that end, frames
that are none, candles that cannot be, and deliveries out of order.
"""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.counts import FULL, count
from tests.data import needs_data
from tests.feeds.test_socket import by_rest
from tests.standins.candles import SECOND, Candles, candle, price
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Row, Skipped, Warned
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
    venue: Candles, is_enough: Callable[[], bool], **options: Any
) -> tuple[list[Row], list[Warned], Socket]:
    """Rows and warnings until it is enough; given up after minutes."""
    socket = Socket("binance", ["BTC/USDT"], "1s", by_rest, to=venue.at, **options)
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
    while time.monotonic() < end and not is_enough():
        for bar in socket.poll(0.05):
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
        rows, warned, socket = run(venue, lambda: len(seen) > turns * len(FAULTS), re_dial_s=0.2)
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
