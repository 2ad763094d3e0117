"""What Binance says of a book, as it comes over the wire: changes, snapshots and market trades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from trade_research.frames.booksync import BookMessage

MS = 1_000_000


class Print(NamedTuple):
    """A market trade; times in nanoseconds, `side` of the aggressor."""

    time: int
    recv_time: int
    price: float
    size: float
    side: int
    trade_id: int


class BookVenue(NamedTuple):
    """How to listen to a venue: ccxt's name, its markets, the sequence rule, the REST route."""

    exchange: str
    kinds: list[str]
    rule: str
    snapshot: str


BOOK_VENUES = {
    "binance": BookVenue("binance", ["spot"], "binance", "public_get_depth"),
    "binance_usdm": BookVenue("binanceusdm", ["linear"], "binance_futures", "fapipublic_get_depth"),
}
SNAPSHOT_LEVELS = 1000


def book_message(event: Mapping[str, Any]) -> tuple[int, BookMessage]:
    """Exchange's time in nanoseconds, and the change of a ``depthUpdate``.

    Raises
    ------
    KeyError, TypeError, ValueError
        It is none.
    """
    side, price, size = _levels(event["b"], event["a"])
    first, last, prev = int(event["U"]), int(event["u"]), int(event.get("pu", -1))
    return int(event["E"]) * MS, BookMessage(False, side, price, size, first, last, prev)


def book_snapshot(answer: Mapping[str, Any]) -> BookMessage:
    """The book of a REST answer."""
    side, price, size = _levels(answer["bids"], answer["asks"])
    number = int(answer["lastUpdateId"])
    return BookMessage(True, side, price, size, number, number)


def print_of(event: Mapping[str, Any], recv: int) -> Print | None:
    """The market trade of a ``trade``; None for a transfer of the insurance fund."""
    if event.get("X", "MARKET") != "MARKET":
        return None
    price, size = float(event["p"]), float(event["q"])
    if not (0.0 < price < np.inf and 0.0 < size < np.inf):
        raise ValueError(f"a trade of {size} at {price}")
    return Print(int(event["T"]) * MS, recv, price, size, -1 if event["m"] else 1, int(event["t"]))


def _levels(bids: Sequence[Any], asks: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Side, price and size of levels, bids first."""
    table = np.array([*bids, *asks], dtype=np.float64).reshape(-1, 2)
    side = np.ones(len(table), np.int8)
    side[len(bids) :] = -1
    return side, np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])
