"""Order books: bytes, reading few levels, features, replay, backtest, queues, update to signal.

hftbacktest needs another NumPy: name a Python that has it in TRADE_RESEARCH_HFTBACKTEST and it runs
on the same events as a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from pathlib import Path

import numba
import numpy as np
import polars as pl
import pyarrow.parquet as pq

import trade_research as tr
from tests.bench.table import Row, paired
from tests.counts import FULL
from trade_research.frames.booksync import BookMessage, BookSync
from trade_research.indicators.book import imbalance
from trade_research.kernels.book_ladder import DEPTH, TRADE, replay_imbalance
from trade_research.simulate.book_quotes import Quotes
from trade_research.simulate.book_quoting import BookEvents, simulate_quotes
from trade_research.sources.book_demo import demo_books
from trade_research.store.book_files import read_books_file, write_books_file
from trade_research.strategies.quoter import quoter

PEER = "hftbacktest ROI"


@quoter
def around(row, position, half: float = 0.5, skew: float = 0.1, most: float = 5.0):
    """One unit each side, leaning against the position: the shape of the peer's example."""
    mid = 0.5 * (row.bid + row.ask)
    bid, ask = mid - half - skew * position, mid + half - skew * position
    return Quotes(
        min(bid, row.bid) if position < most else np.nan, 1.0,
        max(ask, row.ask) if position > -most else np.nan, 1.0,
    )  # fmt: skip


def rows(events: int = 5_000_000 if FULL else 1_000_000) -> list[Row]:
    """All figures of design section 8 that concern books."""
    return [*_stored(), _imbalance(events), _strategy(), *_events(events), *_live()]


def _stored() -> list[Row]:
    books = demo_books(60).books
    with tempfile.TemporaryDirectory() as folder:
        ours, peer = Path(folder, "ours.parquet"), Path(folder, "peer.parquet")
        codes = write_books_file(ours, books)
        pq.write_table(books.to_arrow(), peer, compression="zstd")
        few, whole = paired(
            lambda: read_books_file(ours, codes, 5), lambda: read_books_file(ours, codes, 20)
        )
        _, theirs = paired(lambda: read_books_file(ours, codes, 20), lambda: pl.read_parquet(peer))
        size = [path.stat().st_size / 1e6 for path in (ours, peer)]
    return [
        Row("books: bytes", *size, "float64 zstd", "MB", ">= 2x"),
        Row("books: 5 of 20 levels", few * 1e3, whole * 1e3, "all 20", "ms", ">= 3x"),
        Row("books: all 20 levels", whole * 1e3, theirs * 1e3, "Polars, float64 zstd", "ms", "-"),
    ]


def _imbalance(n: int) -> Row:
    rng = np.random.default_rng(0)
    bids, asks = rng.random((n, 5)) + 0.1, rng.random((n, 5)) + 0.1
    ours, limit = paired(lambda: imbalance(bids, asks, 5), lambda: (bids.max(), asks.max()), 15)
    return Row(
        "books: depth-5 imbalance", ours / n * 1e9, limit / n * 1e9, "reading the columns",
        "ns/book", ">= 0.83x",
    )  # fmt: skip


def _strategy() -> Row:
    books = demo_books(60).books.select(
        "time", *(f"{s}_{k}" for s in ("bid_price", "bid_size", "ask_price", "ask_size")
                  for k in range(1, 6))
    )  # fmt: skip
    stamps = books["time"].to_physical()
    span = int(stamps[-1] - stamps[0]) + int(stamps[1] - stamps[0])
    copies = [
        books.with_columns((stamps + k * span).cast(books.schema["time"]).alias("time"))
        for k in range(28 if FULL else 7)
    ]
    long = pl.concat(copies).rechunk()
    s1 = tr.strategies.l2_imbalance
    best = 1e9
    for _ in range(4):
        start = time.perf_counter()
        tr.backtest(s1, long, account="margin", latency="50ms")
        best = min(best, time.perf_counter() - start)
    rate = long.height / best / 1e6
    return Row(
        f"books: S1 backtest, {long.height / 1e6:.2f}M books", 1 / rate, 1 / 0.021,
        "the original, 21,000/s", "µs/book", ">= 238x (5M/s)",
    )  # fmt: skip


def _events(n: int) -> list[Row]:
    made = _synthetic(n)
    out = np.empty(n)

    def replay() -> int:
        return replay_imbalance(
            made.kind, made.side, made.at, made.size, made.time, made.width, 100_000_000, 5, out
        )

    def quote() -> object:
        return simulate_quotes(
            around, made, costs=tr.Costs(fee_bps=0.0), lot=0.001, queue="back", latency="10ms",
            response="10ms", every="100ms",
        )  # fmt: skip

    ours, theirs = [1e9, 1e9], _peer(made)
    for which, call in enumerate((replay, quote)):
        call()
        for _ in range(4):
            start = time.perf_counter()
            call()
            ours[which] = min(ours[which], time.perf_counter() - start)
    work = ("books: feature replay of events", "books: market making in the queue")
    goals = (">= 5x (8x)", ">= 1x (3x)")
    return [
        Row(work[k], ours[k] / n * 1e9, None if theirs is None else theirs[k] / n * 1e9, PEER,
            "ns/event", goals[k])
        for k in range(2)
    ]  # fmt: skip


@numba.njit
def _draw(n, kind, side, at, size, time, seed):
    """Level changes around a mid that walks by ticks, a tenth of them trades, 1 ms apart."""
    np.random.seed(seed)  # noqa: NPY002
    mid, t = 500_000, 1_700_000_000_000_000_000
    for i in range(n):
        t += np.random.randint(100_000, 2_000_000)  # noqa: NPY002
        u, up = np.random.random(), np.random.random() < 0.5  # noqa: NPY002
        time[i] = t
        if u < 0.02:
            px = mid + 1 if up else mid - 1
            kind[i], side[i], at[i], size[i] = 1, -1 if up else 1, px, 0.0
            mid += 1 if up else -1
        elif u < 0.12:
            kind[i], side[i], at[i] = 2, 1 if up else -1, mid + 1 if up else mid - 1
            size[i] = np.random.randint(1, 50) * 0.001  # noqa: NPY002
        else:
            k = 1 + int(np.random.exponential(6.0))  # noqa: NPY002
            kind[i], side[i], at[i] = 1, 1 if up else -1, mid - k if up else mid + k
            size[i] = np.random.randint(1, 5000) * 0.001  # noqa: NPY002


def _synthetic(n: int) -> BookEvents:
    kind, side = np.empty(n, np.int8), np.empty(n, np.int8)
    at, size, when = np.empty(n, np.int64), np.empty(n), np.empty(n, np.int64)
    _draw(n, kind, side, at, size, when, 1)
    assert (DEPTH, TRADE) == (1, 2)
    base = int(at.min()) - 64
    width = int(at.max()) - base + 64
    return BookEvents(base, 0.1, width, kind, side, at - base, size, when, when + 5_000_000)


def _peer(made: BookEvents) -> tuple[float, float] | None:
    python = os.environ.get("TRADE_RESEARCH_HFTBACKTEST")
    if python is None:
        return None
    names = ["ev", "exch_ts", "local_ts", "px", "qty", "order_id", "ival", "fval"]
    kinds = ["<u8", "<i8", "<i8", "<f8", "<f8", "<u8", "<i8", "<f8"]
    events = np.zeros(made.time.size, np.dtype({"names": names, "formats": kinds}, align=True))
    side = np.where(made.side > 0, 1 << 29, 1 << 28).astype(np.uint64)
    events["ev"] = (1 << 31) | (1 << 30) | side | made.kind.astype(np.uint64)
    events["exch_ts"], events["local_ts"] = made.time, made.recv
    events["px"], events["qty"] = (made.base + made.at) / 10, made.size
    script = Path(__file__).with_name("hftbacktest_side.py")
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder, "e.npz"), data=events)
        done = subprocess.run(
            [python, str(script), str(Path(folder, "e.npz"))], capture_output=True, text=True,
            check=True,
        )  # fmt: skip
    first, second = map(float, done.stdout.split())
    return first, second


def _live() -> list[Row]:
    """A 40-level delta into a 1,000-level book and its depth-5 imbalance, one by one."""
    rng = np.random.default_rng(5)
    k = np.arange(1, 1001)
    side = np.repeat([1, -1], 1000).astype(np.int8)
    price = np.concatenate([60_000 - k * 0.1, 60_000 + k * 0.1]).round(1)
    sync = BookSync("kraken_futures")
    sync.on_message(BookMessage(True, side, price, np.ones(2000), 1, 1))
    taken = []
    for n in range(2, 4000):
        step = np.ceil(rng.exponential(15.0, 40))
        way = rng.choice([1, -1], 40).astype(np.int8)
        level = np.round(60_000 - way * step * 0.1, 1)
        delta = BookMessage(False, way, level, rng.integers(1, 99, 40) / 10, n, n)
        start = time.perf_counter_ns()
        sync.on_message(delta)
        top = sync.top(5)
        assert top is not None
        imbalance(top[1:2], top[3:4], 5)
        taken.append(time.perf_counter_ns() - start)
    late = np.array(taken[500:]) / 1e3
    return [
        Row(f"books: update to signal, p{p}", float(np.percentile(late, p)), peer, "the original",
            "µs", "p95, p99")
        for p, peer in ((50, 65.0), (95, None), (99, 116.0))
    ]  # fmt: skip


if __name__ == "__main__":
    from tests.bench.__main__ import line

    for row in rows():
        print(line(row))
