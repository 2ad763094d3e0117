"""Bars in any order become rows in theirs, or an event says why not."""

from __future__ import annotations

import random

import pytest

from tests.counts import count
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Bar, Row, Skipped, Warned
from trade_research.feeds.schedule import Schedule
from trade_research.frames.intervals import parse_interval

MINUTE = 60_000_000
ROUND = Schedule("24/7", parse_interval("1m"), 0, 0)


def bar(minute: int, symbol: str = "A", close: float = 10.0) -> Bar:
    return Bar(symbol, minute * MINUTE, (minute + 1) * MINUTE, 10.0, 11.0, 9.0, close, 1.0)


def clock(have: list[Bar], symbols: tuple[str, ...] = ("A",), last: int = 0) -> BarClock:
    def backfill(symbol: str, start: int, end: int) -> list[Bar]:
        return [b for b in have if b.symbol == symbol and start <= b.open_time < end]

    return BarClock(symbols, backfill, schedule=ROUND, last_open=last * MINUTE)


def at(minute: float) -> int:
    """Nanoseconds of a moment."""
    return int(minute * MINUTE) * 1_000


def minutes(items: list[Row | Skipped]) -> list[object]:
    return [
        item.open_time // MINUTE
        if isinstance(item, Row)
        else (item.symbol, item.open_time // MINUTE, item.end_time // MINUTE)
        for item in items
    ]


def test_a_complete_row_goes_at_once_and_a_repeat_is_counted() -> None:
    bars = clock([])
    assert bars.take(bar(1)) is None
    assert minutes(list(bars.rows(at(2)))) == [1]
    assert bars.take(bar(1)) is None
    assert list(bars.rows(at(2))) == []
    assert bars.duplicates == 1


def test_a_later_bar_makes_the_clock_ask_for_the_ones_before() -> None:
    bars = clock([bar(1), bar(2)])
    bars.take(bar(3))
    assert minutes(list(bars.rows(at(4)))) == [1, 2, 3]


def test_a_hole_that_nobody_can_fill_is_one_event() -> None:
    bars = clock([])
    bars.take(bar(5))
    assert minutes(list(bars.rows(at(6)))) == [("", 1, 5), 5]


def test_a_bar_that_is_overdue_is_asked_for_and_not_asked_again_at_once() -> None:
    have = [bar(1)]
    asked: list[tuple[int, int]] = []

    def backfill(symbol: str, start: int, end: int) -> list[Bar]:
        asked.append((start // MINUTE, end // MINUTE))
        return [b for b in have if start <= b.open_time < end]

    bars = BarClock(("A",), backfill, schedule=ROUND, last_open=0)
    assert minutes(list(bars.rows(at(2.01)))) == []  # the grace of two seconds is not over
    assert minutes(list(bars.rows(at(2.05)))) == [1]
    assert list(bars.rows(at(3.05))) == []
    vain = len(asked)
    assert list(bars.rows(at(3.06))) == []
    assert len(asked) == vain
    have.append(bar(2))
    assert minutes(list(bars.rows(at(3.2)))) == [2]


def test_a_symbol_that_stays_away_is_waited_for_and_then_absent() -> None:
    bars = clock([], symbols=("A", "B"))
    bars.take(bar(1))
    assert list(bars.rows(at(2.0))) == []
    found = list(bars.rows(at(2.04)))
    assert minutes(found) == [("B", 1, 1), 1]
    assert isinstance(found[1], Row)
    assert found[1].bars[3].tolist()[0] == 10.0
    late = bars.take(bar(1, "B"))
    assert isinstance(late, Warned)
    assert late.kind == "late"


def test_a_revision_is_reported_and_never_released() -> None:
    bars = clock([])
    bars.take(bar(1))
    list(bars.rows(at(2)))
    found = bars.take(bar(1, close=10.5))
    assert isinstance(found, Warned)
    assert found.kind == "revision"
    assert list(bars.rows(at(2))) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"close": float("nan")},
        {"close": float("inf")},
        {"open": 0.0},
        {"low": -1.0},
        {"high": 8.0},
        {"volume": -1.0},
        {"close_time": 0},
        {"symbol": "B"},
    ],
)
def test_impossible_bars_are_not_taken(changes: dict[str, object]) -> None:
    bars = clock([])
    found = bars.take(bar(1)._replace(**changes))
    assert isinstance(found, Warned)
    assert found.kind == "bad"
    assert list(bars.rows(at(1.5))) == []


@pytest.mark.parametrize("seed", range(count(400)))
def test_any_delivery_gives_every_bar_once_in_order_or_says_why_not(seed: int) -> None:
    """Doubled, swapped by up to five places, dropped for good or for a while, revised."""
    rng = random.Random(seed)
    symbols = ("A", "B")[: 1 + seed % 2]
    truth = {
        (minute, s): bar(minute, s, close=9.0 + rng.random() * 2)
        for minute in range(1, 60)
        for s in symbols
        if rng.random() > 0.05
    }
    sent = []
    for (minute, _), one in truth.items():
        if rng.random() < 0.05:
            continue
        when = minute + 1 + rng.choice([0.0, 0.0, rng.uniform(0, 5)])
        sent.append((when, one))
        if rng.random() < 0.3:
            sent.append((when + rng.uniform(0, 5), one))
        if rng.random() < 0.05:
            sent.append((when + rng.uniform(5, 9), one._replace(close=10.9)))
    bars = clock(list(truth.values()), symbols)
    rows: list[Row] = []
    skipped: list[Skipped] = []
    warned: list[Warned] = []
    for when, one in [*sorted(sent, key=lambda x: x[0]), (80.0, None)]:
        if one is not None:
            found = bars.take(one)
            if found is not None:
                warned.append(found)
        for item in bars.rows(at(when)):
            (rows if isinstance(item, Row) else skipped).append(item)  # type: ignore[arg-type]
    opens = [row.open_time for row in rows]
    assert opens == sorted(set(opens))
    got = {
        (row.open_time // MINUTE, s): row.bars[3, i]
        for row in rows
        for i, s in enumerate(symbols)
        if row.bars[3, i] == row.bars[3, i]
    }
    assert got == {key: one.close for key, one in truth.items()}
    assert {w.kind for w in warned} <= {"revision"}
    absent = {(s.open_time // MINUTE, s.symbol) for s in skipped if s.symbol}
    assert absent == {(m, s) for m in {m for m, _ in truth} for s in symbols if (m, s) not in truth}


@pytest.mark.parametrize(
    ("minute", "shift", "word"),
    [
        (9_000_000, 0, "follows no other"),  # a far future would leave every row before it out
        (30, 0, "follows no other"),
        (2, 1_000, "no bar of this interval"),
        (-9, 0, "no longer, known"),  # 1969
        (0, 0, "no longer, known"),
    ],
)
def test_bars_out_of_place_put_no_row_out_of_step(minute: int, shift: int, word: str) -> None:
    bars = clock([])
    bars.take(bar(1), at(2))
    assert minutes(list(bars.rows(at(2)))) == [1]
    odd = bar(minute)
    odd = odd._replace(open_time=odd.open_time + shift, close_time=odd.close_time + shift)
    found = bars.take(odd, at(3.01))
    assert isinstance(found, Warned)
    assert word in found.reason
    assert bars.take(bar(2), at(3.01)) is None
    assert minutes(list(bars.rows(at(3.01)))) == [2]


def test_the_next_bar_is_taken_whatever_the_clock_says() -> None:
    bars = clock([])
    for minute in (1, 2, 3):
        assert bars.take(bar(minute), at(-60)) is None  # an hour behind
    assert minutes(list(bars.rows(at(-60)))) == [1, 2, 3]
