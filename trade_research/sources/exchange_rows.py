"""What ccxt answers, as frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import polars as pl

from trade_research.errors import DataError, SourceError
from trade_research.frames.bars import TIME
from trade_research.frames.funding import to_funding
from trade_research.sources.http import shown
from trade_research.sources.times import read_times

OHLCV = {name: i for i, name in enumerate(("open", "high", "low", "close", "volume"), 1)}
"""Places of the values in a row of ccxt's own."""
KLINE = OHLCV | {"quote_volume": 7, "trades": 8}
"""Places of the values in a row of Binance's family."""
_MARKETS = pl.Schema(
    {
        "symbol": pl.String(),
        "id": pl.String(),
        "active": pl.Boolean(),
        "base": pl.String(),
        "quote": pl.String(),
        "kind": pl.String(),
        "listed": pl.Int64(),
    }
)
_TRADES = pl.Schema(
    {
        "time": pl.Int64(),
        "price": pl.Float64(),
        "size": pl.Float64(),
        "buyer_is_maker": pl.Boolean(),
        "trade_id": pl.String(),
    }
)


def of_bars(name: str, rows: Any, places: Mapping[str, int]) -> pl.DataFrame:
    """Bars of rows whose first value is the time; SourceError where they are none."""
    least = max(places.values()) + 1
    if not isinstance(rows, list) or any(not isinstance(r, list) or len(r) < least for r in rows):
        raise SourceError(f"{name} answered {shown(str(rows), 60) or 'nothing'}")
    if not rows:
        return pl.DataFrame(schema={"open_time": TIME, **dict.fromkeys(OHLCV, pl.Float64)})
    columns = list(zip(*rows, strict=False))
    try:
        stamps = pl.Series("open_time", list(columns[0]), pl.Int64)
        times, _ = read_times(stamps, None, labels=False)
        return pl.DataFrame([times, *(_numbers(n, columns[i]) for n, i in places.items())])
    except (DataError, pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise SourceError(f"a row is no bar: {shown(str(error), 120)}") from None


def of_markets(markets: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Every market: symbol, the exchange's own id, whether it trades, base, quote, kind."""
    rows = [
        {
            "symbol": _sane(m["symbol"]),
            "id": _sane(m["id"]),
            "active": m.get("active") is not False,
            "base": _sane(m["base"]),
            "quote": _sane(m["quote"]),
            "kind": m["type"],
            "listed": m.get("created"),
        }
        for m in markets
    ]
    frame = pl.DataFrame(rows, schema=_MARKETS).drop_nulls(["symbol", "id"])
    return frame.with_columns((pl.col("listed") * 1000).cast(TIME)).sort("symbol")


def of_trades(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Trades: ``time, price, size, buyer_is_maker, trade_id``."""
    found = [
        {
            "time": t["timestamp"] * 1000,
            "price": float(t["price"]),
            "size": float(t["amount"]),
            "buyer_is_maker": t["side"] == "sell",
            "trade_id": str(t["id"]),
        }
        for t in rows
    ]
    return pl.DataFrame(found, schema=_TRADES).with_columns(pl.col("time").cast(TIME))


def of_book(found: Mapping[str, Any], depth: int, now: datetime) -> pl.DataFrame:
    """A book, one row of the wide layout."""
    row: dict[str, Any] = {"time": now}
    for side, name in (("bids", "bid"), ("asks", "ask")):
        for level, (price, size, *_) in enumerate(found[side][:depth], 1):
            row |= {f"{name}_price_{level}": price, f"{name}_size_{level}": size}
    return pl.DataFrame([row]).with_columns(pl.col("time").cast(TIME))


def of_funding(rows: list[tuple[int, float]], end: datetime) -> pl.DataFrame:
    """Rates by milliseconds, before `end`, in the schema of `frames.to_funding`."""
    schema = {"time": pl.Int64, "funding_rate": pl.Float64}
    frame = pl.DataFrame(rows, schema=schema, orient="row").unique("time")
    timed = frame.with_columns((pl.col("time") * 1000).cast(TIME))
    return to_funding(timed.filter(pl.col("time") < end))


def _numbers(name: str, values: Any) -> pl.Series:
    kind = pl.Int64 if name == "trades" else pl.Float64
    if isinstance(values[0], str):
        return pl.Series(name, list(values), pl.String).cast(kind)
    return pl.Series(name, list(values), kind)


def _sane(text: Any) -> str | None:
    """A name of the exchange's; None for one that no honest exchange would give."""
    plain = isinstance(text, str) and 0 < len(text) <= 64 and text.isprintable()
    return text if plain and ".." not in text and "<" not in text else None
