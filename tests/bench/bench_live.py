"""Live: a journal record, a decision on a year of minutes, bar to order on disk, many symbols.

Peers are the limits that the design sets, in the same unit; "origin" is the figure of the engine
these systems come from, on the same kind of machine.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

import trade_research as tr
from tests.bench.table import Row
from trade_research.brokers.paper import PaperBroker
from trade_research.feeds.bars import Row as Bars
from trade_research.feeds.schedule import Schedule
from trade_research.frames.calendars import get_calendar
from trade_research.frames.intervals import parse_interval
from trade_research.live.clock import SystemClock
from trade_research.live.deciders import Growing, History, WithDeadline
from trade_research.live.journal import Journal
from trade_research.live.latch import Latch
from trade_research.live.session import Session
from trade_research.research.evaluator import evaluator
from trade_research.risk.limits import Limits
from trade_research.simulate.costs import Costs

MINUTE = 60_000_000
YEAR = 525_600
BAR = {
    "symbol": "BTC/USDT",
    "timestamp": 1_700_000_000_000,
    "open": 60_000.12,
    "high": 60_010.5,
    "low": 59_990.1,
    "close": 60_001.2,
    "volume": 12.345,
    "gap_flag": False,
    "zero_vol_flag": False,
}


def rows() -> list[Row]:
    """The table's rows."""
    return [append(), *decisions(), to_disk(), symbols(), latch()]


def append() -> Row:
    """One record without a sync: of those it makes, a few are followed by one."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), SystemClock(), "b")
        seconds = each(lambda: journal.append("bar_received", bar=BAR), 20_000)
        journal.close()
    return Row("journal append, no sync", seconds * 1e6, 37.0, "origin", "µs", "≤ 15")


def decisions() -> list[Row]:
    """The last of a year of minutes, as a session takes it: the whole history, every bar."""
    made = []
    for strategy in (tr.strategies.ma_crossover, tr.strategies.macd):
        decider = Growing(year(("A",)), of(strategy))
        seconds = each(lambda d=decider: d.decide(last()), 60)
        made.append(
            Row(
                f"decision on {YEAR:,} minutes, {strategy.name}",
                seconds * 1e3,
                10.0,
                "limit",
                "ms",
                "≤ 10",
            )
        )
    return made


def to_disk() -> Row:
    """A bar received until its order's intent is on the disk, 95th percentile."""
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), SystemClock(), "b")
        history = year(("A",))
        session = one(history, ("A",), journal)
        # A wish of every bar: the target flips with its number.
        session.decider = WithDeadline(
            Flipping(Growing(history, of(tr.strategies.ma_crossover))), 5.0
        )
        times = []
        for i in range(200):
            row = bars(YEAR + i, 1)
            start = time.perf_counter()
            session.on_row(row)
            times.append(time.perf_counter() - start)
        assert session.n_rows == 200
        journal.close()
    p95 = statistics.quantiles(times[20:], n=20)[-1]
    return Row(
        "bar received → order on disk, p95, a year held", p95 * 1e3, 30.0, "limit", "ms", "≤ 30"
    )


def symbols() -> Row:
    """200 symbols, a month of minutes held: share of a core that one bar a minute takes."""
    names = tuple(f"S{i}" for i in range(200))
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), SystemClock(), "b")
        history = year(names, 43_200)
        session = one(history, names, journal)
        session.decider = Growing(history, of(tr.strategies.ma_crossover))
        times = []
        for i in range(8):
            row = bars(43_200 + i, 200)
            start = time.process_time()
            session.on_row(row)
            times.append(time.process_time() - start)
        journal.close()
    share = statistics.median(times) / 60.0
    return Row("200 symbols a minute, share of one core", share * 100, 20.0, "limit", "%", "< 20")


def latch() -> Row:
    """The latch set and on the disk, 99th percentile."""
    times = []
    for _ in range(200):
        with tempfile.TemporaryDirectory() as folder:
            found = Latch(Path(folder))
            start = time.perf_counter()
            found.set("bench", "measured")
            times.append(time.perf_counter() - start)
    p99 = statistics.quantiles(times, n=100)[-1]
    return Row("kill latch on disk, p99", p99 * 1e3, 100.0, "limit", "ms", "≤ 100")


class Flipping:
    """Evaluates as it should, then wants the other side."""

    def __init__(self, inner: Growing) -> None:
        self.inner, self.n = inner, 0

    def see(self, row: Bars) -> None:
        self.inner.see(row)

    def decide(self, row: Bars):
        self.inner.decide(row)
        self.n += 1
        return np.array([float(self.n % 2)]), {}


def one(history: History, names: tuple[str, ...], journal: Journal) -> Session:
    limits = Limits.of_cash(1e6).but(
        max_orders_per_minute=100_000, max_orders_per_day=100_000, max_lateness_s=1e12
    )
    return Session(
        "b",
        Growing(history, of(tr.strategies.ma_crossover)),
        PaperBroker(names, costs=Costs(), cash=1e6),
        journal.append,
        limits=limits,
        cash=1e6,
        schedule=Schedule("24/7", parse_interval("1m"), 0, 0),
    )


def of(strategy: tr.Strategy):
    return evaluator(
        strategy, strategy.bind(), interval=parse_interval("1m"), calendar=get_calendar("24/7")
    )


def year(names: tuple[str, ...], n: int = YEAR) -> History:
    history, rng = History(names), np.random.default_rng(0)
    walk = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 5e-4, (n, len(names))), axis=0))
    for i in range(n):
        p = walk[i]
        history.add(Bars(i * MINUTE, (i + 1) * MINUTE, 0, np.stack([p, p, p, p, p])))
    return history


def bars(i: int, n: int) -> Bars:
    p = np.full(n, 100.0 + i % 7)
    return Bars(i * MINUTE, (i + 1) * MINUTE, (i + 1) * MINUTE * 1_000, np.stack([p, p, p, p, p]))


def last() -> Bars:
    return bars(YEAR, 1)


def each(call: Callable[[], object], n: int) -> float:
    """Median seconds of a call."""
    call()
    times = []
    for _ in range(n):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)
