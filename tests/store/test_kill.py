"""kill -9 at random moments of an ingest: every read sees exactly the old or the new version."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime

import polars as pl
import pytest

from tests.counts import count
from tests.store.make import VALUES, minutes, same
from trade_research.store import Store

WHERE = {"venue": "binance", "symbol": "BTC/USDT", "interval": "1m"}
ROWS = 120_000  # three months: the ingest takes long enough to be hit in every phase

# Each round revises everything that is stored: all prices one step higher.
WRITER = """
import sys
from tests.store.test_kill import WHERE, generation
from trade_research.store import Store
store = Store(sys.argv[1])
first = int(sys.argv[2])
frames = [generation(g) for g in range(first, first + 4)]
store.bars("BTC/USDT", "1m")
print("ready", flush=True)
for frame in frames:
    store.write_bars(frame, **WHERE)
print("done", flush=True)
"""


def generation(g: int) -> pl.DataFrame:
    """The bars of round `g`: all prices `g` ticks higher, over the turn of a year."""
    frame = minutes(ROWS, datetime(2020, 11, 20, tzinfo=UTC))
    ticks = {name: (frame[name].to_numpy() * 100).round() for name in VALUES[:4]}
    return frame.with_columns(pl.Series(name, (n + g) / 100) for name, n in ticks.items())


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_writer_leaves_the_old_or_the_new_version(tmp_path):
    store = Store(tmp_path)
    store.write_bars(generation(0), **WHERE)
    rng, seen, killed = random.Random(1), 0, 0
    while killed < count(100):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(seen + 1)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 1.0))
        writer.send_signal(signal.SIGKILL)
        killed += writer.wait() == -signal.SIGKILL
        writer.stdout.close()
        bars = store.bars("BTC/USDT", "1m")
        found = round((bars["close"][0] - generation(0)["close"][0]) * 100)
        assert seen <= found <= seen + 4
        assert same(bars, generation(found))
        assert store.sql("select count(*) n from bars")["n"][0] == ROWS
        seen = found
    assert store.write_bars(generation(seen + 1), **WHERE).revised == ROWS
