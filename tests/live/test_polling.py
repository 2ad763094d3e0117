"""A paper session on a venue over real sockets: every closed bar once, in order, faults healed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import trade_research as tr
from tests.live.test_crash import LIMITS, paper
from tests.standins.binance import binance, hourly
from trade_research.frames.intervals import parse_interval
from trade_research.live.journal import scan
from trade_research.live.runner import Ended
from trade_research.research.data import read_data
from trade_research.research.feeds import Polling
from trade_research.sources.registry import open_source

SECOND_MS = 1_000


def price(ms: int) -> float:
    """A price that anybody can work out from the time."""
    return 100.0 + (ms // SECOND_MS) % 7


def kline(ms: int) -> list[Any]:
    p = f"{price(ms):.2f}"
    return [ms, p, p, p, p, "5.0", ms + SECOND_MS - 1, "500.0", 3, "2.0", "200.0", "0"]


def klines(request: Any) -> object:
    """One-second bars around the clock; the last one is still forming, as venues send it."""
    first, last = int(request.query["startTime"]), int(request.query["endTime"])
    now = time.time_ns() // 1_000_000
    start = -(-first // SECOND_MS) * SECOND_MS
    return [kline(ms) for ms in range(start, min(last, now) + 1, SECOND_MS)][:1000]


class For(Polling):
    """A feed that ends after some seconds."""

    def __init__(self, source: Any, seconds: float) -> None:
        super().__init__({"BTC/USDT": (source, "BTC/USDT")}, parse_interval("1s"))
        self._end = time.monotonic() + seconds

    def poll(self, seconds: float) -> Any:
        return None if time.monotonic() > self._end else super().poll(seconds)


@pytest.fixture
def venue() -> Any:
    with binance({("BTCUSDT", "1h"): hourly()}) as standin:
        standin.routes["api.binance.com/api/v3/klines"] = klines
        yield standin


def recent(seconds: int) -> pl.DataFrame:
    now = time.time_ns() // 1_000_000 // SECOND_MS * SECOND_MS
    rows = [kline(now - i * SECOND_MS) for i in range(seconds, 0, -1)]
    frame = pl.DataFrame(
        {
            "ts": [r[0] * 1_000 for r in rows],
            **{
                n: [float(r[i]) for r in rows]
                for i, n in enumerate(("open", "high", "low", "close", "volume"), 1)
            },
        }
    ).with_columns(pl.col("ts").cast(pl.Datetime("us", "UTC")))
    return tr.frames.to_bars(frame, "1s", symbol="BTC/USDT")


@pytest.mark.parametrize("fault", ["none", "refuses", "garbage"])
def test_every_closed_bar_once_and_in_order(tmp_path: Path, venue: Any, fault: str) -> None:
    calls = [0]

    def broken(handler: Any, request: Any, body: bytes) -> bool:
        calls[0] += 1
        if fault == "none" or calls[0] % 3 or "klines" not in request.path:
            return False
        status, text = (503, b"{}") if fault == "refuses" else (200, b"<html>")
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)
        return True

    venue.fault = broken
    bars = recent(40)
    session = paper(
        tmp_path, data=read_data(bars, "24/7"), limits=LIMITS.but(max_orders_per_minute=60)
    )
    source = open_source("binance", to=venue.at)
    ended = session.live(lambda _: For(source, 5.0))
    assert ended == Ended("stopped", "the feed ends")
    records = list(scan(tmp_path))
    got = [r["bar"] for r in records if r["event"] == "bar_received"]
    opens = [b["open_us"] // 1_000 for b in got]
    first = int(bars["open_time"].to_physical()[-1]) // 1_000 + SECOND_MS
    assert opens == list(range(first, first + len(opens) * SECOND_MS, SECOND_MS))
    assert len(opens) >= 1 + (fault == "none")
    assert [b["close"] for b in got] == [price(ms) for ms in opens]
    # No bar before its close and the grace after it.
    late = [r["received_ns"] - r["bar"]["close_us"] * 1_000 for r in records if "received_ns" in r]
    assert min(late) >= 2_000_000_000
    assert "bar_skipped" not in {r["event"] for r in records}
