"""The kill switch of a running session while two processes keep the cores busy."""

from __future__ import annotations

import multiprocessing
import os
import statistics
import tempfile
import time
from functools import partial
from pathlib import Path

from tests.bench.table import Row
from tests.live.test_crash import LIMITS, child, paper
from trade_research.live.journal import scan
from trade_research.live.latch import Latch

TRIALS = 100
BUSY = 2


def rows() -> list[Row]:
    """The table's rows."""
    busy = [multiprocessing.get_context("spawn").Process(target=spin) for _ in range(BUSY)]
    for process in busy:
        process.start()
    try:
        times = [trial() for _ in range(TRIALS)]
    finally:
        for process in busy:
            process.kill()
            process.join()
    latched, flat = (percentile_99([t[i] for t in times]) for i in range(2))
    return [
        Row("kill under load: latch on disk, p99", latched, 100.0, "limit", "ms", "≤ 100"),
        Row("kill under load: flat and on record, p99", flat, 1_000.0, "limit", "ms", "≤ 1000"),
    ]


def trial() -> tuple[float, float]:
    """Milliseconds from the word until the latch is on disk, and until the session ended flat."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        session = paper(folder, limits=LIMITS.but(max_orders_per_day=999))
        pid = child(partial(session.replay, speed=60.0 * 50.0))
        while not any(r["event"] == "fill" and r["position"] for r in scan(folder, [])):
            time.sleep(0.02)
        start = time.perf_counter()
        Latch(folder).set("bench", "measured")
        latched = time.perf_counter() - start
        os.waitpid(pid, 0)
        flat = time.perf_counter() - start
        assert [r["event"] for r in scan(folder)][-1] == "emergency_shutdown"
    return latched * 1e3, flat * 1e3


def percentile_99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[-1]


def spin() -> None:
    while True:
        sum(range(100_000))
