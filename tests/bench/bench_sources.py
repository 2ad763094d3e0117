"""Market data in: bars of a loopback venue into the store, and the normaliser by value."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np

from tests.bench.table import Row
from tests.sources.fetcher import measure_fetch
from tests.sources.test_kill_fetch import klines
from tests.standins.binance import binance
from trade_research.indicators.normalise import METHODS, normalise

BARS = 1_000_000
ORIGIN_NS = 116_000.0  # a z-score of the origin's normaliser


def rows() -> list[Row]:
    """Seconds of a million bars into another process, its memory, and nanoseconds a value."""
    return [*_fetch(), *_normaliser()]


def _fetch() -> list[Row]:
    made = []
    with binance({("BTCUSDT", "1m"): klines(BARS)}) as server:
        for n in (BARS // 5, BARS):
            with tempfile.TemporaryDirectory() as folder:
                took, peak = measure_fetch(Path(folder), server.at, n)
            work = f"fetch {n:,} bars over loopback; {peak:,.0f} MB at most"
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
