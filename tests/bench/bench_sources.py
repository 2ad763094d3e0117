"""Market data in: bars of a loopback venue into the store, and the normaliser by value."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from tests.bench.table import Row
from tests.sources.fetcher import measure_fetch
from tests.sources.test_kill_fetch import klines
from tests.standins.binance import binance
from trade_research.indicators.normalise import METHODS, normalise
from trade_research.indicators.statistics import rolling_median

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
        ns = _ns(partial(normalise, x, method, 720), x.size)
        made.append(Row(f"normalise, {method}, 720 values", ns, ORIGIN_NS, "origin", "ns", "≤ 50"))
    rolling_median(x[:2000], 720)
    windows = pd.Series(x).rolling(720)
    for name, ours, theirs in (
        ("percentile rank", lambda: normalise(x, "percentile", 720), windows.rank),
        ("median and MAD, pandas the median", lambda: rolling_median(x, 720), windows.median),
    ):
        row = Row(f"{name}, 720 values", _ns(ours, x.size), _ns(theirs, x.size), "pandas", "ns", "")
        made.append(row)
    return made


def _ns(work: Callable[[], object], count: int) -> float:
    """Nanoseconds of this process a value."""
    start = time.process_time()
    work()
    return (time.process_time() - start) * 1e9 / count
