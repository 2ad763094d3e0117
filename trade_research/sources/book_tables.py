"""Recorded books in tables: wide and list Parquet, CSV of vendors, JSON lines, event arrays."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import polars as pl

from trade_research.errors import FormatError
from trade_research.frames.books import TRADE_COLUMNS, to_books, to_trades
from trade_research.frames.booksync import RULES
from trade_research.frames.rebuild import MessageLog

_NO_TRADES = pl.DataFrame(schema=TRADE_COLUMNS)
_PAIRS = pl.List(pl.List(pl.Float64))

# Event types of hftbacktest's arrays, the low byte of `ev`, and its flags.
_DEPTH, _TRADE, _CLEAR, _SNAPSHOT = 1, 2, 3, 4
_BUY, _SELL, _EXCHANGE = 1 << 29, 1 << 28, 1 << 31


def read_snapshots(table: pl.DataFrame, depth: int | None) -> pl.DataFrame:
    """Snapshots in a wide or list layout."""
    return to_books(table, depth)


def read_gemini(table: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The CSV of seconds: ``time_seconds, bid_price_bid_size, ask_price_ask_size``, or trades."""
    time = (pl.col("time_seconds").cast(pl.Float64) * 1e3).round().cast(pl.Int64) * 1_000_000
    stamped = table.with_columns(time=time.cast(pl.Datetime("ns", "UTC")))
    if "price" in table.columns:
        maker = (pl.col("is_buyer_maker").cast(pl.Int64) == 1).alias("buyer_is_maker")
        numbers = pl.col("price", "size").cast(pl.Float64)
        return pl.DataFrame(), to_trades(stamped.with_columns(maker, numbers))
    sides = [
        pl.col(f"{side}_price_{side}_size")
        .str.split("|")
        .list.eval(pl.element().str.split("_").list.get(which).cast(pl.Float64))
        .alias(f"{side}_{what}")
        for side in ("bid", "ask")
        for which, what in enumerate(("price", "size"))
    ]
    return to_books(stamped.select("time", *sides)), _NO_TRADES


def read_jsonl(lines: pl.Series, depth: int | None) -> pl.DataFrame:
    """Snapshots a line: ``timestamp`` (receiver's, UTC), ``exchange_timestamp``, bids, asks."""
    kind = pl.Struct(
        {
            "timestamp": pl.String,
            "exchange_timestamp": pl.Int64,
            "bids": _PAIRS,
            "asks": _PAIRS,
        }
    )
    rows = lines.str.json_decode(kind).struct.unnest()
    recv = pl.col("timestamp").str.to_datetime(time_unit="ns", time_zone="UTC")
    exchange = (pl.col("exchange_timestamp") * 1_000_000).cast(pl.Datetime("ns", "UTC"))
    sides = [
        pl.col(f"{side}s").list.eval(pl.element().list.get(which)).alias(f"{side}_{what}")
        for side in ("bid", "ask")
        for which, what in enumerate(("price", "size"))
    ]
    frame = rows.select(recv.alias("recv_time"), exchange.fill_null(recv).alias("time"), *sides)
    return to_books(frame, depth)


def read_tardis(table: pl.DataFrame) -> tuple[MessageLog | None, pl.DataFrame, pl.DataFrame]:
    """Vendor CSV: ``incremental_book_L2``, ``book_snapshot_*`` or ``trades``; stamps in µs.

    Returns a log, or books, and trades; what the file does not hold is None or empty.
    """
    stamps = table.with_columns(
        time=(pl.col("timestamp").cast(pl.Int64) * 1000),
        recv=(pl.col("local_timestamp").cast(pl.Int64) * 1000),
    )
    if "is_snapshot" in table.columns:
        return _tardis_log(stamps), pl.DataFrame(), _NO_TRADES
    timed = stamps.with_columns(
        pl.col("time").cast(pl.Datetime("ns", "UTC")),
        recv_time=pl.col("recv").cast(pl.Datetime("ns", "UTC")),
    )
    if "bids[0].price" in table.columns:
        levels = [
            pl.col(name).cast(pl.Float64).alias(f"{side[:3]}_{what}_{int(level) + 1}")
            for name in table.columns
            if "[" in name
            for side, level, what in [_tardis_level(name)]
        ]
        return None, to_books(timed.select("time", "recv_time", *levels)), _NO_TRADES
    numbers = pl.col("price", "amount").cast(pl.Float64)
    ids = pl.col("id").cast(pl.Int64, strict=False).alias("trade_id")
    trades = timed.with_columns(numbers, ids).drop("id")
    return None, pl.DataFrame(), to_trades(trades.sort("time", maintain_order=True))


def _tardis_level(name: str) -> tuple[str, str, str]:
    side, _, rest = name.partition("[")
    level, _, what = rest.partition("].")
    return side, level, "price" if what == "price" else "size"


def _tardis_log(rows: pl.DataFrame) -> MessageLog:
    """Rows of one receive time are one message; a first snapshot row opens a new book."""
    snap = rows["is_snapshot"].cast(pl.String).str.to_lowercase().is_in(["true", "1"])
    whole = snap.to_numpy()
    recv = rows["recv"].to_numpy()
    new = np.concatenate([[True], (np.diff(recv) != 0) | (np.diff(whole.astype(np.int8)) != 0)])
    # Consecutive receive times inside one snapshot belong together.
    new[1:] &= ~(whole[1:] & whole[:-1] & (np.diff(recv) < 1_000_000))
    at = np.flatnonzero(new)
    sides = (2 * (rows["side"] == "bid").cast(pl.Int8) - 1).to_numpy()
    return _unnumbered(
        whole[at], rows["time"].to_numpy()[at], recv[at], np.append(at, len(recv)), sides,
        rows["price"].cast(pl.Float64).to_numpy(), rows["amount"].cast(pl.Float64).to_numpy(),
    )  # fmt: skip


def read_npz(data: bytes) -> tuple[MessageLog, pl.DataFrame]:
    """hftbacktest's event array, in ``.npz``: depth changes, snapshots, clears and trades."""
    with np.load(BytesIO(data), allow_pickle=False) as archive:
        name = "data" if "data" in archive.files else archive.files[0]
        events = archive[name]
    if events.dtype.names is None or not {"ev", "exch_ts", "px", "qty"} <= set(events.dtype.names):
        raise FormatError(f"the array {name!r} has no fields ev, exch_ts, local_ts, px and qty")
    kind = (events["ev"] & 0xFF).astype(np.int64)
    seen = (events["ev"] & _EXCHANGE) != 0
    side = np.where(events["ev"] & _BUY, 1, np.where(events["ev"] & _SELL, -1, 0)).astype(np.int8)
    prints = events[seen & (kind == _TRADE)]
    trades = to_trades(
        pl.DataFrame(
            {
                "time": pl.Series(prints["exch_ts"].copy()).cast(pl.Datetime("ns", "UTC")),
                "recv_time": pl.Series(prints["local_ts"].copy()).cast(pl.Datetime("ns", "UTC")),
                "price": prints["px"].copy(),
                "size": prints["qty"].copy(),
                "side": side[seen & (kind == _TRADE)],
            }
        )
    )
    book = seen & ((kind == _DEPTH) | (kind == _SNAPSHOT))
    rows, what = events[book], kind[book]
    at = (
        np.flatnonzero(
            np.concatenate([[True], (np.diff(rows["exch_ts"]) != 0) | (np.diff(what) != 0)])
        )
        if rows.size
        else np.empty(0, np.int64)
    )
    whole = what[at] == _SNAPSHOT
    if at.size and not whole.any():
        whole[0] = True  # no snapshot at all: the book begins empty
    log = _unnumbered(
        whole, rows["exch_ts"][at], rows["local_ts"][at], np.append(at, rows.size), side[book],
        rows["px"].copy(), rows["qty"].copy(),
    )  # fmt: skip
    return log, trades


def _unnumbered(
    snapshot: np.ndarray,
    time: np.ndarray,
    recv: np.ndarray,
    start: np.ndarray,
    side: np.ndarray,
    price: np.ndarray,
    size: np.ndarray,
) -> MessageLog:
    """A log of messages without ids: what the vendor dropped cannot be seen."""
    n = snapshot.size
    ids = np.arange(n)
    return MessageLog(
        rule=RULES["bitstamp"], snapshot=snapshot, reset=np.zeros(n, bool), first=ids, last=ids,
        prev=ids - 1, time=np.ascontiguousarray(time), recv=np.ascontiguousarray(recv),
        start=start.astype(np.int64), side=side, price=price, size=size,
    )  # fmt: skip
