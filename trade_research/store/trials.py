"""Trials as rows: what makes one, and configurations that were tried on a query made into them."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from trade_research.store.query import Query

TIME = pl.Datetime("us", "UTC")
IDENTITY = ("source", "params", "exits")
PLACE = ("venue", "symbol", "interval")
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "strategy": pl.String,
    "source": pl.String,
    "params": pl.String,
    "exits": pl.String,
    "start": TIME,
    "end": TIME,
    "days": pl.Int64,
    "sharpe": pl.Float64,
    "kind": pl.String,
    "recorded": TIME,
}


def trials_of(
    query: Query,
    *,
    start: datetime,
    end: datetime,
    strategy: str,
    source: str,
    params: pl.DataFrame,
    exits: pl.DataFrame,
    days: int | pl.Series,
    sharpe: pl.Series,
    kind: str,
) -> pl.DataFrame:
    """Configurations tried on a query, as `Ledger.record` takes them.

    Parameters
    ----------
    query : Query
        With several instruments, a trial counts on each.
    start, end : datetime
        First open and last close of the bars, UTC.
    strategy, source : str
        The strategy's name and `source_hash`.
    params : DataFrame
        One row a configuration, one column for **every** parameter of the strategy, those at their
        default too, as its declared type.
    exits : DataFrame
        Of the same height, a column for each field of `Exits`, or of one row for all; no columns:
        no exits.
    days : int or Series
        UTC days behind each Sharpe ratio.
    sharpe : Series of float
        Per day, not annualised; null where undefined.
    kind : str
        "backtest", "sweep" or "walk_forward".
    """
    n = len(sharpe)
    same = {"strategy": strategy, "source": source, "kind": kind, "interval": query.interval.text}
    columns = {name: repeated(pl.Series([value]), n) for name, value in same.items()}
    columns |= {
        name: repeated(pl.Series([time], dtype=TIME), n)
        for name, time in (("start", start), ("end", end))
    }
    columns |= {
        "params": repeated(as_json(params), n),
        "exits": repeated(as_json(exits), n),
        "days": days if isinstance(days, pl.Series) else repeated(pl.Series([days]), n),
        "sharpe": sharpe,
    }
    places = [
        pl.DataFrame(
            columns
            | {"venue": repeated(pl.Series([venue]), n)}
            | {"symbol": repeated(pl.Series([symbol]), n)}
        )
        for venue, symbol in zip(query.venues, query.symbols, strict=True)
    ]
    return places[0] if len(places) == 1 else pl.concat(places)


def as_json(table: pl.DataFrame) -> pl.Series:
    """Each row as one JSON object, names in order, nulls left out: the same values, the same text.

    Values are written as Python writes them. A table without columns is one empty text, as is a
    row of nulls.
    """
    if table.height <= 1:
        rows = table.to_dicts() or [{}]
        known = {name: rows[0][name] for name in sorted(rows[0]) if rows[0][name] is not None}
        return pl.Series([json.dumps(known) if known else ""])
    parts = [_texts(table[name]) for name in sorted(table.columns)]
    inner = pl.concat_str(pl.all(), separator=", ", ignore_nulls=True)
    return (
        pl.DataFrame(parts)
        .select(pl.when(inner == "").then(pl.lit("")).otherwise(pl.format("{{{}}}", inner)))
        .to_series()
    )


def _texts(column: pl.Series) -> pl.Series:
    """``"name": value`` of each value, null for null; each of few distinct ones written once."""
    key = f"{json.dumps(column.name)}: "
    known = column.unique()
    if 2 * len(known) < len(column):
        texts = pl.Series(
            [None if v is None else key + json.dumps(v) for v in known], dtype=pl.String
        )
        return column.replace_strict(known, texts, return_dtype=pl.String)
    if column.dtype.is_float() and column.is_finite().all():
        written: list[str | None] = [
            *map(float.__repr__, column.to_list())
        ]  # what json.dumps writes, sooner
    else:
        written = [None if v is None else json.dumps(v) for v in column]
    return (key + pl.Series(column.name, written, dtype=pl.String)).alias(column.name)


def repeated(column: pl.Series, n: int) -> pl.Series:
    """One value `n` times; a column of that length as it is."""
    return column.new_from_index(0, n) if len(column) == 1 != n else column
