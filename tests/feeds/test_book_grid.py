"""`BookGrid` under every fault: a row is the venue's book of its moment, or has no levels."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from tests.counts import count
from tests.frames.book_streams import Truth, as_book, make_truth, snapshot_of, venue_of
from trade_research.errors import ConfigError
from trade_research.feeds.book_grid import MS, BookGrid, BookRow
from trade_research.frames.rebuild import MessageLog, rebuild_books
from trade_research.kernels.book_sequence import LINKED, NEXT, OVERLAP

STEP, N = 100 * MS, 40
CROSSING = {"side": np.ones(1, np.int8), "price": np.full(1, 200.0), "size": np.ones(1)}
"""A bid above every ask: it cannot be right."""


def times_of(rng: np.random.Generator, n: int) -> list[int]:
    """When the venue sent each message, milliseconds apart, sometimes on the grid."""
    apart = rng.choice([20, 60, 100, 140, 300], n + 1) * MS
    return [int(t) for t in 1_700_000_000_000 * MS + np.cumsum(apart)]


def deliver(rng: np.random.Generator, grid: BookGrid, truth: Truth, times: list[int]) -> list:
    """Messages 1 … N with faults; a snapshot is of the venue's now, ahead of what has arrived."""
    rows: list[BookRow] = []
    aside = grid.sync.rule.how != NEXT
    number = 1
    if not aside:
        rows += grid.take(snapshot_of(truth.books[0], truth.ids[0]), times[0], times[0])

    def take(k: int, message=None) -> None:
        rows.extend(grid.take(message or truth.messages[k], times[k], times[k]))

    while number <= N:
        u = rng.random()
        if grid.sync.wants_snapshot and rng.random() < 0.4:
            # Stale ones, ones ahead of the stream, and none (the venue answered 500).
            at = min(max(number - 1 + int(rng.integers(-4, 4)), 0), N)
            if rng.random() < 0.7:
                rows += grid.take(snapshot_of(truth.books[at], truth.ids[at]), 0, times[number - 1])
                if rng.random() < 0.1:
                    rows += grid.lose("reconnect")  # in the middle of it
        elif not aside and not grid.sync.synced and u < 0.5:
            take(number - 1, snapshot_of(truth.books[number - 1], truth.ids[number - 1]))
        if u < 0.04:
            number += int(rng.integers(1, 4))  # lost
        elif u < 0.08:
            take(int(rng.integers(1, number + 1)))  # again
        elif u < 0.11 and number < N:
            take(number + 1)
            take(number)  # swapped
            number += 2
        elif u < 0.14:
            rows += grid.lose("reconnect" if u < 0.13 else "silence")
            number += int(rng.integers(0, 3))
        elif u < 0.16:
            take(number, replace(truth.messages[number], **CROSSING))
            number += 1
        else:
            take(number)
            number += 1
    return rows + grid.lose("reconnect")


@pytest.mark.parametrize("rule", [OVERLAP, LINKED, NEXT], ids=["binance", "futures", "next"])
def test_every_row_is_the_book_of_its_moment_or_has_none(rule: int) -> None:
    rng = np.random.default_rng(rule)
    known = lost = 0
    for _ in range(count(20_000) // 3 + 1):
        truth, times = make_truth(rng, rule, N), times_of(rng, N)
        grid = BookGrid(venue_of(rule), STEP, 20)
        last = 0
        for row in deliver(rng, grid, truth, times):
            assert row.time % STEP == 0
            assert row.time > last, "a moment comes once"
            last = row.time
            if row.is_known:
                number = int(np.searchsorted(times, row.time, side="right")) - 1
                assert as_book(row.levels) == truth.books[number]
                known += 1
            else:
                lost += 1
        spans = [(span.time, span.end_time) for span in grid.lost]
        assert all(start < end for start, end in spans)
        assert spans == sorted(spans)
    assert known > 500
    assert lost > 100


class Noted(BookGrid):
    """Writes down what it is told, as a log."""

    def __init__(self, rule: str) -> None:
        super().__init__(rule, STEP, 20)
        self.said: list[tuple] = []
        self.broke = False

    def take(self, message, time_ns, recv_ns):
        self.said.append((message, self.broke, time_ns))
        self.broke = False
        return super().take(message, time_ns, recv_ns)

    def lose(self, kind):
        self.broke = True
        return super().lose(kind)


def log_of(grid: Noted) -> MessageLog:
    messages, reset, time = zip(*grid.said, strict=True)
    joined = {
        name: np.concatenate([getattr(m, name) for m in messages])
        for name in ("side", "price", "size")
    }
    numbers = {name: np.array([getattr(m, name) for m in messages]) for name in NUMBERS}
    start = np.cumsum([0, *(m.price.size for m in messages)])
    when = np.maximum.accumulate(np.array(time))
    return MessageLog(
        rule=grid.sync.rule, reset=np.array(reset), time=when, recv=when, start=start, **joined,
        **numbers,
    )  # fmt: skip


NUMBERS = ("snapshot", "first", "last", "prev")


@pytest.mark.parametrize("rule", [OVERLAP, LINKED], ids=["binance", "futures"])
def test_a_log_read_later_gives_true_books_too(rule: int) -> None:
    rng, rows = np.random.default_rng(50 + rule), 0
    for _ in range(count(2_000) // 3 + 1):
        truth, times = make_truth(rng, rule, N), times_of(rng, N)
        grid = Noted(venue_of(rule))
        deliver(rng, grid, truth, times)
        books, _ = rebuild_books(log_of(grid), grid_ns=STEP, depth=20, received=False)
        for time, *levels in books.with_columns(pl.col("time").to_physical()).iter_rows():
            number = int(np.searchsorted(times, time, side="right")) - 1
            assert as_book(np.array(levels, float).reshape(4, 20)) == truth.books[number]
        rows += books.height
    assert rows > 500


def test_books_come_at_whole_milliseconds() -> None:
    with pytest.raises(ConfigError, match="whole millisecond"):
        BookGrid("binance", 1_500_000, 5)
