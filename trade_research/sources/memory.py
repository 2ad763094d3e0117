"""A table in memory as a raw table: pandas, Arrow, DuckDB, or Polars with names of its own."""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, runtime_checkable

import polars as pl

from trade_research.errors import FormatError
from trade_research.sources.tables import Raw

WHERE = "the frame"


@runtime_checkable
class Streamed(Protocol):
    """Whatever hands out its columns as an Arrow stream: pandas, pyarrow, DuckDB, Polars."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Table: TypeAlias = Streamed | pl.LazyFrame


def raw_of(table: Table) -> Raw:
    """A table in memory as a raw table; of pandas the index of times is a column.

    Raises
    ------
    FormatError
        Its columns are of several symbols, or hold what no table does.
    """
    if isinstance(table, pl.LazyFrame):
        table = table.collect()
    try:
        frame = pl.DataFrame(_without_index(table) if hasattr(table, "reset_index") else table)
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise FormatError(f"{WHERE} is no table of plain columns: {error}") from error
    return Raw(frame, True, "frame", WHERE)


def _without_index(frame: Any) -> Any:
    frame = _one_level(frame) if hasattr(frame, "columns") else frame.to_frame()
    index = frame.index
    if any(name is not None for name in index.names):
        return frame.reset_index(drop=any(name in frame.columns for name in index.names))
    return frame.reset_index(names="ts") if index.dtype.kind == "M" else frame


def _one_level(frame: Any) -> Any:
    """Columns named by price and symbol, as yfinance gives them, by price alone."""
    columns = frame.columns
    if columns.nlevels == 1:
        return frame
    by_price = {str(name).lower() for name in columns.get_level_values(0)} >= {"open", "close"}
    level = 1 if by_price else 0
    symbols = columns.get_level_values(level).unique()
    if len(symbols) > 1:
        raise FormatError(
            f"{WHERE} holds {len(symbols)} symbols: choose one with "
            f"frame.xs({symbols[0]!r}, axis=1, level={level})"
        )
    return frame.droplevel(level, axis=1)
