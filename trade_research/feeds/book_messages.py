"""What venues say of a book, as it comes over the wire: changes, snapshots and market trades."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

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


class Change(NamedTuple):
    """A change of a book, or a whole one, and the exchange's time of it in nanoseconds."""

    time: int
    message: BookMessage


class BookVenue(NamedTuple):
    """How to listen to a venue.

    `exchange` is ccxt's name, `kinds` its markets, `rule` of `frames.booksync.RULES`, `key` where a
    message names its instrument, `read` what a message says, and `snapshot` the REST route of
    whole books; where there is none, the stream begins with one.
    """

    exchange: str
    kinds: list[str]
    rule: str
    key: str
    read: Callable[[Mapping[str, Any], int], Change | Print | None]
    snapshot: str = ""


def of_binance(event: Mapping[str, Any], recv: int) -> Change | Print | None:
    """A ``depthUpdate`` or a ``trade``; None for a transfer of the insurance fund, and the rest.

    Raises
    ------
    KeyError, TypeError, ValueError
        It is not what it says.
    """
    kind = event.get("e")
    if kind == "trade" and event.get("X", "MARKET") == "MARKET":
        side = -1 if event["m"] else 1
        return _print(event["T"], recv, event["p"], event["q"], side, int(event["t"]))
    if kind != "depthUpdate":
        return None
    side, price, size = _levels(event["b"], event["a"])
    first, last, prev = int(event["U"]), int(event["u"]), int(event.get("pu", -1))
    return Change(int(event["E"]) * MS, BookMessage(False, side, price, size, first, last, prev))


def book_snapshot(answer: Mapping[str, Any]) -> BookMessage:
    """The book of a REST answer."""
    side, price, size = _levels(answer["bids"], answer["asks"])
    number = int(answer["lastUpdateId"])
    return BookMessage(True, side, price, size, number, number)


def of_kraken_futures(event: Mapping[str, Any], recv: int) -> Change | Print | None:
    """A ``book_snapshot``, a ``book`` of one level, or a ``trade``; None for the rest."""
    kind = event.get("feed")
    if kind == "trade":
        side = 1 if event["side"] == "buy" else -1
        number = UUID(event["uid"]).int >> 65  # the 63 bits that fit
        return _print(event["time"], recv, event["price"], event["qty"], side, number)
    if kind == "book_snapshot":
        both = ([[x["price"], x["qty"]] for x in event[name]] for name in ("bids", "asks"))
        levels = _levels(*both)
    elif kind == "book":
        one = [[event["price"], event["qty"]]]
        levels = _levels(one, []) if event["side"] == "buy" else _levels([], one)
    else:
        return None
    number = int(event["seq"])
    message = BookMessage(kind == "book_snapshot", *levels, number, number)
    return Change(int(event["timestamp"]) * MS, message)


def _print(time_ms: Any, recv: int, price: Any, size: Any, side: int, trade_id: int) -> Print:
    """A market trade, its numbers checked."""
    at, units = float(price), float(size)
    if not (0.0 < at < np.inf and 0.0 < units < np.inf):
        raise ValueError(f"a trade of {units} at {at}")
    return Print(int(time_ms) * MS, recv, at, units, side, trade_id)


def _levels(bids: Sequence[Any], asks: Sequence[Any]) -> tuple[Any, Any, Any]:
    """Side, price and size of levels, bids first."""
    table = np.array([*bids, *asks], dtype=np.float64).reshape(-1, 2)
    side = np.ones(len(table), np.int8)
    side[len(bids) :] = -1
    return side, np.ascontiguousarray(table[:, 0]), np.ascontiguousarray(table[:, 1])


BOOK_VENUES = {
    "binance": BookVenue("binance", ["spot"], "binance", "s", of_binance, "public_get_depth"),
    "binance_usdm": BookVenue(
        "binanceusdm", ["linear"], "binance_futures", "s", of_binance, "fapipublic_get_depth"
    ),
    "kraken_futures": BookVenue(
        "krakenfutures", ["swap"], "kraken_futures", "product_id", of_kraken_futures
    ),
}
SNAPSHOT_LEVELS = 1000
