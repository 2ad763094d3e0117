"""Books piece by piece: the same bits as all of them at once, for any size of a piece."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import FULL
from trade_research.errors import ConfigError, StrategyError
from trade_research.frames.books import depth_of, level_names
from trade_research.research.book_stream import backtest_stream
from trade_research.research.books import BookSetup
from trade_research.sources.book_demo import demo_books
from trade_research.store.books import recut

S1 = tr.strategies.l2_imbalance
SETTINGS = {
    "account": "margin", "latency": "250ms", "costs": tr.Costs(fee_bps=0.5),
    "exits": tr.Exits(stop=0.0004, take_profit=0.0003, max_hold="30s", cooldown="2s"),
}  # fmt: skip


@pytest.fixture(scope="module")
def books() -> pl.DataFrame:
    """Six minutes over a midnight, with holes of all lengths."""
    frame = demo_books(6).books
    late = pl.duration(hours=23, minutes=57, time_unit="ns")
    midnight = pl.col("time").first().dt.truncate("1d")
    frame = frame.with_columns(time=pl.col("time") - pl.col("time").first() + midnight + late)
    rng = np.random.default_rng(3)
    hole = np.zeros(frame.height, bool)
    for length in (1, 2, 3, 10, 40, 300):
        for first in rng.integers(0, frame.height - length, 4):
            hole[first : first + length] = True
    levels = level_names(depth_of(frame))
    seen = pl.Series(~hole)
    return frame.with_columns(pl.when(seen).then(pl.col(levels))).drop("recv_time", strict=False)


@pytest.mark.parametrize("rows", [1, 97, 1_000, None])
def test_a_stream_gives_the_bits_of_the_whole(
    tmp_path: Path, books: pl.DataFrame, rows: int | None
) -> None:
    books = books if rows != 1 else books.tail(700)
    store = tr.Store(tmp_path)
    for piece in recut([books], 900):
        store.write_books(piece, venue="v", symbol="X")
    whole = tr.backtest(S1, store.books("X", depth=5), **SETTINGS)
    found = tr.backtest(S1, store.book_stream("X", depth=5, rows=rows), **SETTINGS)
    assert found.orders.equals(whole.orders, null_equal=True)
    assert found.trades.equals(whole.trades, null_equal=True)
    assert found.metrics == whole.metrics
    assert rows == 1 or found.metrics["trades"] > 5
    kept = whole.equity.join(found.equity, on="time", how="semi")
    assert kept["equity"].to_list() == found.equity["equity"].to_list()


@tr.strategy(warmup=1)
def since_the_start(bid_price, ask_price):
    """Long on every other known book, counted from the first: no piece can know."""
    out, seen = np.zeros(bid_price.shape[0]), 0
    for t in range(bid_price.shape[0]):
        seen += bid_price[t, 0] == bid_price[t, 0]
        out[t] = seen % 2
    return out


def test_a_strategy_that_looks_back_too_far_is_refused(books: pl.DataFrame) -> None:
    setup = BookSetup.of(since_the_start, account="margin")
    with pytest.raises(StrategyError, match="looks back further than 101 books"):
        backtest_stream(since_the_start, recut([books], 500), setup=setup, look_back=101)
    recorded = BookSetup.of(S1, latency=np.zeros(10, np.int64))
    with pytest.raises(ConfigError, match="one latency for all"):
        backtest_stream(S1, [books], setup=recorded)


DAY = """
import sys
import polars as pl
from trade_research.research.book_stream import backtest_stream
from trade_research.research.books import BookSetup
from trade_research.sources.book_demo import demo_books
from trade_research.store.books import recut
import trade_research as tr

rows = int(sys.argv[1])
hour = demo_books(20).books.drop("recv_time", strict=False)
times = hour["time"].to_physical()
span = 86_400_000_000_000 // (rows // hour.height + 1)
passed = (times - times[0]) * (span / (times[-1] - times[0] + 1))
squeezed = passed.floor().cast(pl.Int64) + times[0]

def day():
    for k in range(rows // hour.height + 1):
        left = min(rows - k * hour.height, hour.height)
        stamps = pl.Series("time", squeezed + k * span).cast(hour.schema["time"])
        yield hour.with_columns(stamps)[:left]

s1 = tr.strategies.l2_imbalance
costs = tr.Costs(fee_bps=0.01)
setup = BookSetup.of(s1, account="margin", latency="5ms", costs=costs)
for pieces in (500, 371):
    run = backtest_stream(s1, recut(day(), rows // pieces), setup=setup)
    print(run.rows, sorted(run.metrics.items()))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads the memory's high mark")
def test_a_day_larger_than_memory_runs_flat_with_the_same_bits() -> None:
    rows = 100_000_000 if FULL else 60_000
    done = subprocess.run(
        [sys.executable, "-c", DAY, str(rows)], capture_output=True, text=True, check=True
    )
    first, second, peak = done.stdout.splitlines()
    assert first == second
    assert first.startswith(f"{rows} ")
    assert int(peak) < 4_000_000  # kB; 100M books of 20 levels are 64 GB
