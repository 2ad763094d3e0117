"""A million configurations over five years of real days, and ten million through the same room.

Run ``python -m tests.bench.bench_million 3`` for as many million, a line for each that is done.
"""

from __future__ import annotations

import sys
import threading
import time

import numpy as np
import polars as pl

import trade_research as tr
from tests.bench.bench_sweep import used
from tests.bench.table import Row
from tests.data import SHARED, shared


def days() -> pl.DataFrame:
    """Bitcoin's days of 2020 to 2024."""
    table = pl.read_parquet(shared("ohlcv/binance_spot_1d_10symbols.parquet"))
    mine = pl.col("symbol").eq("BTCUSDT") & pl.col("ts").dt.year().is_between(2020, 2024)
    table = table.filter(mine).sort("ts").rename({"ts": "open_time"})
    end = pl.col("open_time").dt.offset_by("1d").alias("close_time")
    return table.select("open_time", end, "open", "high", "low", "close", "volume")


def million(times: int = 1) -> tr.Sweep:
    """100 fast × 100 slow averages × 100 stops, `times` bands as well."""
    stops = np.linspace(0.005, 0.25, 100).tolist()
    bands = np.linspace(0.0, 0.01, times).tolist()
    return tr.sweep(
        tr.strategies.ma_crossover,
        days(),
        fast=range(2, 102),
        slow=range(104, 304, 2),
        stop=stops,
        band=bands,
        calendar="24/7",
        progress=False,
    )


def watch(every: float = 5.0) -> threading.Event:
    """Print memory now and then until the event is set."""
    done = threading.Event()

    def look() -> None:
        begun = time.perf_counter()
        while not done.wait(every):
            print(f"{time.perf_counter() - begun:7.0f} s  peak {used():.3f} GiB", flush=True)

    threading.Thread(target=look, daemon=True).start()
    return done


def rows() -> list[Row]:
    """The million, and peak memory of this process."""
    if SHARED is None:
        return []
    begun, cpu = time.perf_counter(), time.process_time()
    found = million()
    wall, work = time.perf_counter() - begun, time.process_time() - cpu
    best = found.top(1)["sharpe"].item()
    name = f"{found.size:,} configurations × {days().height:,} days"
    return [
        Row(f"{name} (best Sharpe {best:.3f})", wall, None, "", "s", "≤ 60"),
        Row(f"{name}, both processors", work, None, "", "s CPU", ""),
        Row(f"{name}, peak memory", used(), None, "", "GiB", "≤ 2"),
    ]


if __name__ == "__main__":
    done = watch()
    begun = time.perf_counter()
    found = million(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    done.set()
    print(f"{found.size:,} in {time.perf_counter() - begun:.1f} s, peak {used():.3f} GiB")
