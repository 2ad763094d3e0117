"""A screen over 100 stored symbols, and the record of a run's signals."""

from __future__ import annotations

import tempfile
from statistics import median
from time import perf_counter

from tests.bench.table import Row
from tests.frames.make import grid, walk

SYMBOLS, BARS = 100, 2_000
RULE = "rsi(close, 14) < 30 and close > sma(close, 200)"


def rows() -> list[Row]:
    """Milliseconds of one call, everything read from disk."""
    import trade_research as tr

    found = []
    with tempfile.TemporaryDirectory() as folder:
        store = tr.Store(folder)
        for k in range(SYMBOLS):
            bars = walk(grid(BARS, "1d", "2015-01-01"), "1d", seed=k)
            store.write_bars(bars, venue="made", symbol=f"S{k}", interval="1d", calendar="24/7")
        for name, options in (("one rule", {"where": RULE}), ("breakout", {"preset": "breakout"})):
            tr.screen(store, **options)
            times = []
            for _ in range(5):
                start = perf_counter()
                tr.screen(store, as_of="2019-06-01", **options)
                times.append(perf_counter() - start)
            work = f"screen, {name}, {SYMBOLS} symbols × {BARS:,} bars"
            found.append(Row(work, median(times) * 1e3, None, "", "ms", "≤ 1,000"))
    run = tr.backtest(
        tr.strategies.ma_crossover, walk(grid(100_000), seed=1), calendar="24/7", fast=5
    )
    for work, call in (("track", tr.track), ("fingerprints", tr.fingerprints)):
        call(run)
        start = perf_counter()
        call(run)
        spent = (perf_counter() - start) * 1e3
        found.append(
            Row(f"{work}, 100k bars, {run.trades.height:,} trades", spent, None, "", "ms", "")
        )
    return found
