"""Order books, book updates and trades: the schemas, the ways into them and their checks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.errors import SchemaError, nearest
from trade_research.frames.columns import columns
from trade_research.kernels.book_check import (
    BAD_PRICE,
    BAD_SIZE,
    UNORDERED,
    UNPAIRED,
    first_fault,
)

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64

NANO: pl.DataType = pl.Datetime("ns", "UTC")
SIDES = ("bid_price", "bid_size", "ask_price", "ask_size")
TRADE_COLUMNS = pl.Schema(
    {
        "time": NANO,
        "recv_time": NANO,
        "price": pl.Float64(),
        "size": pl.Float64(),
        "side": pl.Int8(),
        "trade_id": pl.Int64(),
    }
)
"""Market prints; `side` is the aggressor's: 1 bought, -1 sold, 0 unknown."""

UPDATE_COLUMNS = pl.Schema(
    {
        "time": NANO,
        "recv_time": NANO,
        "update_id": pl.Int64(),
        "event": pl.Enum(["snapshot", "update", "gap"]),
        "side": pl.Int8(),
        "price": pl.Float64(),
        "size": pl.Float64(),
    }
)
"""Changes of a book: one row a level, `side` 1 bid and -1 ask, `size` 0 removes it.

The rows of one message share `update_id`. A ``gap`` row has no level: the book is unknown from
there to the next snapshot.
"""

_FAULTS = {
    BAD_PRICE: ("price", "above 0"),
    BAD_SIZE: ("size", "above 0"),
    UNPAIRED: ("size", "there with both price and size"),
    UNORDERED: ("price", "best first, without holes"),
}
_OPTIONAL = frozenset({"recv_time", "trade_id"})
_AGGRESSOR = {"buy": 1, "b": 1, "bid": 1, "sell": -1, "s": -1, "ask": -1}


def level_names(depth: int, sides: Iterable[str] = SIDES) -> list[str]:
    """Columns of the wide layout, side by side: ``bid_price_1 … bid_price_k, bid_size_1 …``."""
    return [f"{side}_{level}" for side in sides for level in range(1, depth + 1)]


def depth_of(frame: pl.DataFrame | Iterable[str]) -> int:
    """Levels of each side that all four sides of a frame of books have; 0 where it holds none."""
    names = set(frame.columns if isinstance(frame, pl.DataFrame) else frame)
    depth = 0
    while all(f"{side}_{depth + 1}" in names for side in SIDES):
        depth += 1
    return depth


def to_books(frame: pl.DataFrame, depth: int | None = None) -> pl.DataFrame:
    """Bring snapshots into the wide layout and check them; nothing is sorted, filled or dropped.

    Parameters
    ----------
    frame : polars.DataFrame
        With ``time`` (or ``ts``), perhaps ``recv_time`` (or ``recv_ts``), and levels as
        ``bid_price_1 …``, as ``bid_px_0 …``, or as lists ``bid_price``/``bid_px``, best first;
        sizes as ``bid_size`` or ``bid_sz``, asks alike. Times without a zone are UTC.
    depth : int, optional
        Levels to keep; all when left out.

    Returns
    -------
    polars.DataFrame
        ``time, [recv_time], bid_price_1 …, bid_size_1 …, ask_price_1 …, ask_size_1 …``; levels that
        are not there are null.

    Raises
    ------
    SchemaError
        See `check_books`.
    """
    frame = frame.rename(
        {old: new for old, new in (("ts", "time"), ("recv_ts", "recv_time")) if old in frame}
    )
    _need(frame, ["time"], "books")
    sides = {side: _levels(frame, side, depth) for side in SIDES}
    kept = min(len(levels) for levels in sides.values())
    if kept == 0:
        raise SchemaError(
            f"books need levels like 'bid_price_1', found {', '.join(frame.columns[:8])}…: "
            f"{nearest('bid_price_1', frame.columns)}"
        )
    times = [utc_nanos(frame[n]) for n in ("time", "recv_time") if n in frame.columns]
    levels = [
        series.cast(pl.Float64).fill_nan(None).alias(f"{side}_{k}")
        for side in SIDES
        for k, series in enumerate(sides[side][:kept], 1)
    ]
    books = pl.DataFrame([*times, *levels])
    check_books(books)
    return books


def check_books(frame: pl.DataFrame) -> None:
    """Raise unless `frame` is a valid table of books: see `book_arrays`."""
    book_arrays(frame)


def book_arrays(frame: pl.DataFrame) -> dict[str, F64]:
    """The four sides of a valid table of books as arrays, (n, k) each, NaN where no level is.

    Crossed and one-sided books are verdicts of `audit_books`, not errors.

    Raises
    ------
    SchemaError
        A column is missing or of another type; times step back; a price or size is not above 0;
        levels are not best first; a level is there although the one before is not.
    """
    depth = depth_of(frame)
    _need(frame, ["time", *level_names(max(depth, 1))], "books")
    _check_times(frame, "books")
    schema = frame.schema
    wrong = [n for n in level_names(depth) if schema[n] != pl.Float64]
    if wrong:
        raise SchemaError(
            f"column {wrong[0]!r} is {schema[wrong[0]]}, not Float64: bring it in with to_books()"
        )
    arrays = {side: values[:, :depth] for side, values in columns(frame, SIDES).items()}
    for side, sign in (("bid", -1), ("ask", 1)):
        prices, sizes = arrays[f"{side}_price"], arrays[f"{side}_size"]
        row, level, fault = first_fault(prices, sizes, sign)
        if fault:
            what, must = _FAULTS[fault]
            found = (sizes if what == "size" else prices)[row, level]
            raise SchemaError(
                f"'{side}_{what}_{level + 1}' is {found:g} at row {row} ({frame['time'][row]}): "
                f"levels must be {must}. Correct or remove that row"
            )
    return arrays


def to_trades(frame: pl.DataFrame) -> pl.DataFrame:
    """Bring market trades into the schema and check them; nothing is sorted, filled or dropped.

    Parameters
    ----------
    frame : polars.DataFrame
        ``time`` (or ``ts``), ``price``, ``size`` (or ``amount``, ``qty``), and who was the
        aggressor: ``side`` (1/-1, "buy"/"sell", "bid"/"ask") or ``buyer_is_maker``; 0 where the
        table does not say. Optional ``recv_time`` and ``trade_id``.

    Raises
    ------
    SchemaError
        A column is missing, times step back, or a price or size is not above 0.
    """
    other = {
        "ts": "time",
        "recv_ts": "recv_time",
        "amount": "size",
        "qty": "size",
        "id": "trade_id",
    }
    frame = frame.rename(
        {
            old: new
            for old, new in other.items()
            if old in frame.columns and new not in frame.columns
        }
    )
    _need(frame, ["time", "price", "size"], "trades")
    made = [utc_nanos(frame["time"])]
    if "recv_time" in frame.columns:
        made.append(utc_nanos(frame["recv_time"]))
    made += [frame["price"].cast(pl.Float64), frame["size"].cast(pl.Float64), _aggressor(frame)]
    if "trade_id" in frame.columns:
        made.append(frame["trade_id"].cast(pl.Int64))
    trades = pl.DataFrame(made)
    check_trades(trades)
    return trades


def check_trades(frame: pl.DataFrame) -> None:
    """Raise SchemaError unless `frame` is a valid table of trades, oldest first."""
    _need(frame, [n for n in TRADE_COLUMNS if n not in _OPTIONAL], "trades")
    _check_times(frame, "trades")
    for name, kind in TRADE_COLUMNS.items():
        if name in frame.columns and frame.schema[name] != kind:
            raise SchemaError(
                f"column {name!r} is {frame.schema[name]}, not {kind}: bring it in with to_trades()"
            )
    for name in ("price", "size"):
        column = frame[name]
        row = _first(~((column > 0) & column.is_finite()).fill_null(False))
        if row is not None:
            raise SchemaError(
                f"{name!r} of a trade is {column[row]} at row {row}: it must be a number above 0"
            )


def utc_nanos(column: pl.Series) -> pl.Series:
    """A column of times in nanoseconds, UTC; without a zone it is taken as UTC."""
    kind = column.dtype
    if not isinstance(kind, pl.Datetime):
        raise SchemaError(
            f"column {column.name!r} is {kind}, not a time: cast it to Datetime in UTC first"
        )
    column = column.cast(pl.Datetime("ns", kind.time_zone))
    if kind.time_zone is None:
        return column.dt.replace_time_zone("UTC")
    return column.dt.convert_time_zone("UTC")


def _levels(frame: pl.DataFrame, side: str, depth: int | None) -> list[pl.Series]:
    """Levels of a side, best first, from any of the layouts."""
    short = side.replace("_price", "_px").replace("_size", "_sz")
    names = set(frame.columns)
    for name in (side, short):
        if name in names and isinstance(frame.schema[name], pl.List | pl.Array):
            lists = frame[name].cast(pl.List(pl.Float64))
            n = depth or max(lists.list.len().to_list(), default=0)
            return [lists.list.get(k, null_on_oob=True) for k in range(n)]
    for name, first in ((side, 1), (short, 0), (side, 0), (short, 1)):
        if f"{name}_{first}" in names:
            found: list[pl.Series] = []
            while f"{name}_{first + len(found)}" in names and len(found) != depth:
                found.append(frame[f"{name}_{first + len(found)}"])
            return found
    return []


def _aggressor(frame: pl.DataFrame) -> pl.Series:
    if "side" in frame.columns:
        side = frame["side"]
        if side.dtype == pl.String or isinstance(side.dtype, pl.Enum | pl.Categorical):
            words = side.cast(pl.String).str.to_lowercase()
            return words.replace_strict(_AGGRESSOR, default=0, return_dtype=pl.Int8)
        return side.cast(pl.Int8)
    if "buyer_is_maker" in frame.columns:
        maker = frame["buyer_is_maker"].cast(pl.Int8)
        return (1 - 2 * maker).fill_null(0).cast(pl.Int8).alias("side")
    return pl.Series("side", np.zeros(frame.height, np.int8))


def _need(frame: pl.DataFrame, names: Iterable[str], what: str) -> None:
    for name in names:
        if name not in frame.columns:
            raise SchemaError(
                f"{what} need the column {name!r}, found {', '.join(frame.columns[:12]) or 'none'}:"
                f" {nearest(name, frame.columns)}"
            )


def _check_times(frame: pl.DataFrame, what: str) -> None:
    if frame.schema["time"] != NANO:
        raise SchemaError(
            f"column 'time' of {what} is {frame.schema['time']}, not {NANO}: bring them in with "
            f"to_{what}()"
        )
    times = frame["time"]
    row = _first(times.is_null())
    if row is not None:
        raise SchemaError(f"column 'time' of {what} is null at row {row}: fill or remove that row")
    row = _first((times.to_physical().diff() < 0).fill_null(False))
    if row is not None:
        raise SchemaError(
            f"{what} are out of order at row {row}: {times[row]} follows {times[row - 1]}. "
            "Sort by 'time' before writing."
        )


def _first(mask: pl.Series) -> int | None:
    """Row of the first True, if any."""
    return mask.arg_max() if mask.any() else None
