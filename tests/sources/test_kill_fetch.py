"""kill -9 during a fetch at random moments, and again: the store ends as the uninterrupted one."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from datetime import timedelta

import numpy as np
import pytest

from tests.counts import count
from tests.data import needs_data
from tests.sources.fetcher import NAME, START, measure_fetch, start_fetch
from tests.standins.binance import binance
from trade_research.sources.fetch import fetch_bars
from trade_research.sources.registry import open_source
from trade_research.store.store import Store

BARS = count(500_000)
END = START + timedelta(minutes=BARS)


def klines(n: int) -> list[list[object]]:
    """A walk in cents, with two holes."""
    rng = np.random.default_rng(5)
    close = 6_000_000 + np.cumsum(rng.integers(-500, 501, n))
    first = int(START.timestamp()) * 1000
    rows = [
        [
            *(first + 60_000 * i, f"{c / 100:.2f}", f"{c / 100 + 3:.2f}", f"{c / 100 - 3:.2f}"),
            *(f"{c / 100:.2f}", f"{1 + i % 97}.5", 0, f"{i % 89}.25", i % 31, "0", "0", "0"),
        ]
        for i, c in enumerate(close.tolist())
    ]
    return rows[: n // 3] + rows[n // 3 + 7 : n // 2] + rows[n // 2 + 400 :]


@needs_data
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_fetch_ends_as_the_uninterrupted_one(tmp_path):
    rng, killed = random.Random(3), 0
    with binance({("BTCUSDT", "1m"): klines(BARS)}) as server:
        whole = Store(tmp_path / "whole")
        source = open_source("binance", to=server.at)
        began = time.monotonic()
        done = fetch_bars(source, whole, NAME, start=START, end=END)
        took = time.monotonic() - began
        assert (done.missing, done.error) == (407, None)
        truth = whole.bars("BTC/USDT", "1m")
        while killed < count(50):
            # A new store each time one was finished: later kills need something left to do.
            store = Store(tmp_path / f"killed-{killed}")
            finished = False
            while not finished:
                fetcher = start_fetch(store.root, server.at, BARS, max(1000, BARS // 40))
                if killed < count(50):
                    time.sleep(rng.uniform(0.0, max(0.3, took / 2)))
                    fetcher.send_signal(signal.SIGKILL)
                    killed += fetcher.wait() == -signal.SIGKILL
                finished = bool(fetcher.communicate()[0])
            assert store.bars("BTC/USDT", "1m").equals(truth)
            assert store.revisions().is_empty()


@needs_data
@pytest.mark.full
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of memory from /proc")
def test_memory_does_not_grow_with_the_span(tmp_path):
    with binance({("BTCUSDT", "1m"): klines(1_000_000)}) as server:
        _, few = measure_fetch(tmp_path / "few", server.at, 200_000)
        _, many = measure_fetch(tmp_path / "many", server.at, 1_000_000)
    assert many < 1.1 * few
