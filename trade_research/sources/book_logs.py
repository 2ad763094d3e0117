"""Raw message logs of venues into `MessageLog` and trades: Binance, Bybit, Bitstamp."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from trade_research.errors import FormatError
from trade_research.frames.books import TRADE_COLUMNS, to_trades
from trade_research.frames.booksync import RULES, SequenceRule
from trade_research.frames.rebuild import MessageLog

_MS = 1_000_000
_PAIRS = pl.List(pl.List(pl.String))
_BOOK = pl.Struct(dict.fromkeys(("E", "U", "u", "pu"), pl.Int64) | {"b": _PAIRS, "a": _PAIRS})
_SNAPSHOT = pl.Struct({"lastUpdateId": pl.Int64, "E": pl.Int64, "bids": _PAIRS, "asks": _PAIRS})
_TRADE = pl.Struct(
    {"T": pl.Int64, "t": pl.Int64, "p": pl.String, "q": pl.String, "m": pl.Boolean, "X": pl.String}
)


def read_binance(lines: pl.Series) -> tuple[MessageLog, pl.DataFrame]:
    """Combined streams as received, ``<receiver's ns> <json>`` a line, with REST snapshots."""
    rows = (
        lines.str.splitn(" ", 2)
        .struct.rename_fields(["recv", "text"])
        .struct.unnest()
        .with_columns(pl.col("recv").cast(pl.Int64, strict=False))
        .with_row_index("row")
    )
    if rows["recv"].null_count():
        row = rows["recv"].is_null().arg_max()
        raise FormatError(f"line {row} does not begin with the receiver's nanoseconds")
    updates = _decoded(rows, '"depthUpdate"', pl.Struct({"data": _BOOK}), "data")
    snapshots = _decoded(rows, '"lastUpdateId"', _SNAPSHOT, None)
    trades = _decoded(rows, '"e":"trade"', pl.Struct({"data": _TRADE}), "data")
    rule = RULES["binance" if updates["pu"].null_count() else "binance_futures"]
    messages = pl.concat(
        [
            updates.select(
                "row", "recv", "b", "a", time=pl.col("E") * _MS, first="U", last="u",
                prev=pl.col("pu").fill_null(-1), snapshot=pl.lit(False),
            ),
            snapshots.select(
                "row", "recv", b="bids", a="asks", time=pl.col("E") * _MS, first="lastUpdateId",
                last="lastUpdateId", prev=pl.lit(-1, pl.Int64), snapshot=pl.lit(True),
            ),
        ],
        how="diagonal",
    )  # fmt: skip
    return _log(messages.sort("row"), rule), _binance_trades(trades)


def read_bybit(lines: pl.Series) -> tuple[MessageLog, pl.DataFrame]:
    """Bybit's archive: a snapshot, then deltas, numbered by ``data.u``; 1 is a fresh start."""
    kind = pl.Struct(
        {
            "type": pl.String,
            "ts": pl.Int64,
            "cts": pl.Int64,
            "data": pl.Struct({"b": _PAIRS, "a": _PAIRS, "u": pl.Int64}),
        }
    )
    rows = lines.str.json_decode(kind).struct.unnest().unnest("data").with_row_index("row")
    messages = rows.select(
        "row", "b", "a", first="u", last="u", prev=pl.lit(-1, pl.Int64),
        recv=pl.col("ts") * _MS, time=pl.coalesce("cts", "ts") * _MS,
        snapshot=pl.col("type") == "snapshot",
    )  # fmt: skip
    restart = (messages["snapshot"] & (messages["last"] == 1)).to_numpy()
    return _log(messages, RULES["bybit"], restart), pl.DataFrame(schema=TRADE_COLUMNS)


_ORDER = pl.Struct(
    {"price": pl.String, "amount": pl.String, "id": pl.Int64, "order_type": pl.Int64}
)
_PRINT = pl.Struct({"price": pl.Float64, "amount": pl.Float64, "id": pl.Int64})
_LOTS = 100_000_000  # Bitstamp's sizes have eight decimals


def read_bitstamp(lines: pl.Series) -> tuple[MessageLog, pl.DataFrame]:
    """Bitstamp's events order by order: ``<ms> order_created|changed|deleted|trade <json>``.

    Orders of before the recording are unknown until they change; levels may lack them.
    """
    rows = lines.str.splitn(" ", 3).struct.rename_fields(["ms", "kind", "text"]).struct.unnest()
    rows = rows.with_columns(time=pl.col("ms").cast(pl.Int64) * _MS)
    trades = rows.filter(pl.col("kind") == "trade").with_columns(
        pl.col("text").str.json_decode(_PRINT)
    )
    printed = trades.unnest("text").with_columns(pl.col("time").cast(pl.Datetime("ns", "UTC")))
    return order_log(_orders(rows)), to_trades(printed)


def _orders(rows: pl.DataFrame) -> pl.DataFrame:
    """``time, action, side, order_id, price, lots`` of every event of an order."""
    events = rows.filter(
        pl.col("kind").str.starts_with("order_") & (pl.col("kind") != "order_book")
    )
    decoded = events.with_columns(pl.col("text").str.json_decode(_ORDER)).unnest("text")
    return decoded.select(
        "time",
        action=pl.col("kind").str.strip_prefix("order_"),
        side=(1 - 2 * pl.col("order_type")).cast(pl.Int8),
        order_id="id",
        price=pl.col("price").cast(pl.Float64),
        lots=(pl.col("amount").cast(pl.Float64) * _LOTS).round().cast(pl.Int64),
    )


def order_log(events: pl.DataFrame) -> MessageLog:
    """Events order by order as changes of levels, each to the sum of the orders then in it.

    Parameters
    ----------
    events : polars.DataFrame
        ``time`` (int64 nanoseconds), ``action`` (created, changed, deleted), ``side``,
        ``order_id``, ``price``, ``lots``, in the order they happened. Sums are of whole lots.
    """
    gone = pl.col("action") == "deleted"
    # Nothing follows a deletion, and an order that was never seen created may have left before.
    buried = gone.cast(pl.Int32).cum_sum().over("order_id") - gone.cast(pl.Int32) > 0
    here = pl.when(gone).then(0).otherwise("lots")
    held = (
        events.with_row_index("row")
        .filter(~buried)
        .with_columns(held=here)
        .with_columns(pl.col("held", "price", "side").shift(1).over("order_id").name.prefix("old_"))
    )
    added = held.select("row", "time", "side", "price", change="held").filter(pl.col("change") != 0)
    taken = held.filter(pl.col("old_held") > 0).select(
        "row", "time", side="old_side", price="old_price", change=-pl.col("old_held")
    )
    levels = (
        pl.concat([taken, added])
        .sort("row", maintain_order=True)
        .with_columns(total=pl.col("change").cum_sum().over("side", "price"))
        .group_by("row", "side", "price", maintain_order=True)
        .last()
    )
    n = levels.height + 1  # the first message is an empty book
    time = np.concatenate([levels["time"][:1].to_numpy(), levels["time"].to_numpy()])
    ids = np.arange(n)
    return MessageLog(
        rule=RULES["bitstamp"],
        snapshot=ids == 0,
        reset=np.zeros(n, bool),
        first=ids,
        last=ids,
        prev=ids - 1,
        time=time,
        recv=time,
        start=np.maximum(np.arange(-1, n), 0),
        side=levels["side"].to_numpy(),
        price=levels["price"].to_numpy(),
        size=levels["total"].to_numpy() / _LOTS,
    )


def _decoded(rows: pl.DataFrame, mark: str, kind: pl.Struct, inner: str | None) -> pl.DataFrame:
    """Rows whose text holds `mark`, their JSON as columns."""
    found = rows.filter(pl.col("text").str.contains(mark, literal=True))
    decoded = found.with_columns(pl.col("text").str.json_decode(kind)).unnest("text")
    return decoded if inner is None else decoded.unnest(inner)


def _binance_trades(trades: pl.DataFrame) -> pl.DataFrame:
    # Futures print transfers of the insurance fund too ("NA"); they are no market trades.
    market = trades.filter(pl.col("X").is_null() | (pl.col("X") == "MARKET"))
    return to_trades(
        market.select(
            time=(pl.col("T") * _MS).cast(pl.Datetime("ns", "UTC")),
            recv_time=pl.col("recv").cast(pl.Datetime("ns", "UTC")),
            price=pl.col("p").cast(pl.Float64),
            size=pl.col("q").cast(pl.Float64),
            buyer_is_maker="m",
            trade_id="t",
        ).sort("time", maintain_order=True)
    )


def _log(
    messages: pl.DataFrame, rule: SequenceRule, restart: np.ndarray | None = None
) -> MessageLog:
    """Messages with level lists `b` and `a` as one log; levels are texts, best first."""
    sides = []
    for name, sign in (("b", 1), ("a", -1)):
        flat = messages.select(pl.int_range(pl.len()).alias("m"), level=name).explode("level")
        flat = flat.filter(pl.col("level").is_not_null())
        sides.append(
            flat.select(
                "m",
                side=pl.lit(sign, pl.Int8),
                price=pl.col("level").list.get(0).cast(pl.Float64),
                size=pl.col("level").list.get(1).cast(pl.Float64),
            )
        )
    levels = pl.concat(sides).sort("m", maintain_order=True)
    n = messages.height
    counts = np.bincount(levels["m"].to_numpy(), minlength=n)
    recv = messages["recv"].to_numpy()
    return MessageLog(
        rule=rule,
        snapshot=messages["snapshot"].to_numpy(),
        reset=np.zeros(n, bool) if restart is None else restart,
        first=messages["first"].to_numpy(),
        last=messages["last"].to_numpy(),
        prev=messages["prev"].to_numpy(),
        time=_times(messages["time"], recv),
        recv=recv,
        start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        side=levels["side"].to_numpy(),
        price=levels["price"].to_numpy(),
        size=levels["size"].to_numpy(),
    )


def _times(time: pl.Series, recv: np.ndarray) -> np.ndarray:
    """Exchange times; a message without one takes that of the message before it."""
    filled = time.forward_fill().backward_fill()
    return recv if filled.null_count() else filled.to_numpy()


def join_logs(logs: Sequence[MessageLog]) -> MessageLog:
    """Logs of consecutive files as one: the messages run on where the files do."""
    if len(logs) == 1:
        return logs[0]
    offsets = np.cumsum([0, *(log.price.size for log in logs)])
    start = [log.start[:-1] + at for log, at in zip(logs, offsets[:-1], strict=True)]
    named = {
        name: np.concatenate([getattr(log, name) for log in logs])
        for name in (
            "snapshot", "reset", "first", "last", "prev", "time", "recv", "side", "price", "size",
        )
    }  # fmt: skip
    return MessageLog(rule=logs[0].rule, start=np.concatenate([*start, offsets[-1:]]), **named)
