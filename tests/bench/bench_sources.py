"""Market data in: bars of a loopback venue into the store, and the normaliser by value."""

from __future__ import annotations

import resource
import tempfile
import time
from datetime import UTC, datetime, timedelta

import numpy as np

from tests.bench.table import Row
from tests.sources.test_kill_fetch import NAME, START, klines
from tests.standins.binance import binance
from trade_research.indicators.normalise import METHODS, normalise
from trade_research.sources.fetch import fetch_bars
from trade_research.sources.registry import open_source
from trade_research.store.store import Store

BARS = 1_000_000
ORIGIN_NS = 116_000.0  # a z-score of the origin's normaliser


def rows() -> list[Row]:
    """Seconds of a million bars from a stand-in in this process, and nanoseconds a value."""
    return [*_fetch(), *_normaliser()]


def _fetch() -> list[Row]:
    made = []
    with binance({("BTCUSDT", "1m"): klines(BARS)}) as server:
        source = open_source("binance", to=server.at)
        source.symbols()
        for n in (BARS // 5, BARS):
            with tempfile.TemporaryDirectory() as folder:
                start = time.perf_counter()
                end = START + timedelta(minutes=n)
                done = fetch_bars(source, Store(folder), NAME, start=START, end=end)
                took = time.perf_counter() - start
                assert done.error is None
                assert end < datetime.now(UTC)
            megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
            work = f"fetch {n:,} bars over loopback; {megabytes:,.0f} MB at most so far"
            made.append(Row(work, took, None, "", "s", "1,000,000 in 20 s" if n == BARS else ""))
    return made


def _normaliser() -> list[Row]:
    x, made = np.random.default_rng(0).normal(size=1_000_000), []
    for method in METHODS:
        normalise(x[:2000], method, 720)
        start = time.process_time()
        normalise(x, method, 720)
        ns = (time.process_time() - start) * 1e3
        made.append(Row(f"normalise, {method}, 720 values", ns, ORIGIN_NS, "origin", "ns", "≤ 50"))
    return made
