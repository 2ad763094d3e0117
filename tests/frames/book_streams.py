"""Streams of book messages with the faults of real connections, and the books they should give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trade_research.frames.booksync import BookMessage
from trade_research.kernels.book_sequence import LINKED, NEXT, OVERLAP

Book = tuple[tuple[tuple[float, float], ...], tuple[tuple[float, float], ...]]


@dataclass(frozen=True)
class Truth:
    """Messages without faults, numbered from 1, and the book after each; 0 is the first book."""

    messages: list[BookMessage]
    books: list[Book]
    ids: list[int]

    def at(self, update_id: int) -> int:
        """Number of the message after which the book stands at `update_id`."""
        return int(np.searchsorted(self.ids, update_id, side="right")) - 1


@dataclass(frozen=True)
class Arrival:
    """What reaches the consumer: message `number`, a snapshot of the book after it, or a break."""

    kind: str
    number: int


def make_truth(rng: np.random.Generator, rule: int, n: int) -> Truth:
    """Seven prices a side that change at random, eleven that do not; ids as the rule has them.

    So a side has 12 to 18 levels, none of the depths at which venues cut a snapshot.
    """
    still = range(8, 19)
    bids = {100.0 - k: float(rng.integers(1, 9)) for k in (1, 2, 3, *still)}
    asks = {100.0 + k: float(rng.integers(1, 9)) for k in (1, 2, 3, *still)}
    books, messages = [_book(bids, asks)], [snapshot_of(_book(bids, asks), 100)]
    ids, last = [100], 100
    for _ in range(n):
        levels = []
        for _ in range(rng.integers(1, 4)):
            side = 1 if rng.random() < 0.5 else -1
            table = bids if side > 0 else asks
            price = 100.0 - side * float(rng.integers(1, 8))
            size = 0.0 if rng.random() < 0.4 and len(table) > 12 else float(rng.integers(1, 99))
            levels.append((side, price, size))
            if size:
                table[price] = size
            else:
                table.pop(price, None)
        skip = int(rng.integers(0, 3)) if rule == LINKED else 0
        width = int(rng.integers(0, 4)) if rule in (OVERLAP, LINKED) else 0
        first = last + 1 + skip
        messages.append(_update(levels, first, first + width, last))
        last = first + width
        ids.append(last)
        books.append(_book(bids, asks))
    return Truth(messages, books, ids)


def make_arrivals(rng: np.random.Generator, n: int) -> list[Arrival]:
    """The messages 1 … n with gaps, repeats, swaps, stale and fresh snapshots and reconnects."""
    found, number = [Arrival("snapshot", 0)], 1
    while number <= n:
        u = rng.random()
        if u < 0.04:
            number += int(rng.integers(1, 4))  # lost
        elif u < 0.08:
            found.append(Arrival("update", int(rng.integers(1, number + 1))))  # again
        elif u < 0.11 and number < n:
            found += [Arrival("update", number + 1), Arrival("update", number)]  # swapped
            number += 2
        elif u < 0.14:
            found.append(Arrival("snapshot", int(rng.integers(0, number))))  # late
        elif u < 0.16:
            found.append(Arrival("reconnect", number))
            number += int(rng.integers(0, 3))
        elif u < 0.24:
            found.append(Arrival("snapshot", number - 1))  # as the book stands
        else:
            found.append(Arrival("update", number))
            number += 1
    return found


def snapshot_of(book: Book, update_id: int) -> BookMessage:
    """A snapshot message of a book."""
    levels = [(1, p, s) for p, s in book[0]] + [(-1, p, s) for p, s in book[1]]
    return _message(levels, True, update_id, update_id, -1)


def as_book(top: np.ndarray) -> Book:
    """Levels of `BookSync.top`, (4, depth), as a book."""
    return tuple(
        tuple(
            (float(p), float(s))
            for p, s in zip(top[row], top[row + 1], strict=True)
            if not np.isnan(p)
        )
        for row in (0, 2)
    )


def venue_of(rule: int) -> str:
    return {OVERLAP: "binance", LINKED: "binance_futures", NEXT: "kraken_futures"}[rule]


def _update(
    levels: list[tuple[int, float, float]], first: int, last: int, prev: int
) -> BookMessage:
    return _message(levels, False, first, last, prev)


def _message(
    levels: list[tuple[int, float, float]], snapshot: bool, first: int, last: int, prev: int
) -> BookMessage:
    table = np.array(levels, float).reshape(-1, 3)
    side = table[:, 0].astype(np.int8)
    price, size = (np.ascontiguousarray(table[:, k]) for k in (1, 2))
    return BookMessage(snapshot, side, price, size, first, last, prev)


def _book(bids: dict[float, float], asks: dict[float, float]) -> Book:
    return tuple(sorted(bids.items(), reverse=True)), tuple(sorted(asks.items()))
