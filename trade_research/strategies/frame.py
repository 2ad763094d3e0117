"""From bar frames to a strategy's arrays, and from its targets back to rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import MissingColumnError, nearest
from trade_research.frames.columns import columns
from trade_research.kernels.jit import F64
from trade_research.strategies.declare import Col

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy

KEYS = ("symbol", "open_time", "close_time")


def arrays_of(
    inputs: Mapping[str, Col], base: pl.DataFrame, whole: pl.DataFrame, calendar: str
) -> dict[str, F64]:
    """Arrays for the declared inputs of one symbol's rows `base` of the frame `whole`."""
    plain = [c.name for c in inputs.values() if c.plain]
    found = columns(base, plain) if plain else {}
    return {
        name: found[col.name] if col.plain else joined(col, base, whole, calendar)
        for name, col in inputs.items()
    }


def joined(col: Col, base: pl.DataFrame, whole: pl.DataFrame, calendar: str) -> F64:
    """A column of another interval or symbol, or a late one, as known at each close of `base`."""
    from trade_research.frames.align import align
    from trade_research.frames.resample import resample

    other = base if col.symbol is None else _rows_of(whole, col.symbol)
    if col.interval is not None:
        other = resample(other, col.interval, calendar)
    columns(other, [col.name])
    joined = align(base.select("close_time"), other, [col.name], suffix="_other", lag=col.lag)
    return columns(joined, [f"{col.name}_other"])[f"{col.name}_other"]


def _rows_of(whole: pl.DataFrame, symbol: str) -> pl.DataFrame:
    held = whole["symbol"].unique().to_list() if "symbol" in whole.columns else []
    if symbol not in held:
        raise MissingColumnError(
            f"the strategy reads symbol {symbol!r}, which the frame does not hold; "
            f"{nearest(symbol, held)}"
        )
    return whole.filter(pl.col("symbol") == symbol)


def targets_of(
    strategy: Strategy, frame: pl.DataFrame, calendar: str, params: dict[str, Any]
) -> pl.DataFrame:
    """Rows of `frame` with their targets; each symbol is evaluated on its own rows."""
    keys = [name for name in KEYS if name in frame.columns]
    if "symbol" not in frame.columns or frame["symbol"].n_unique() == 1:
        parts = [(np.arange(frame.height), frame)]
    else:
        numbered = frame.with_row_index("_row")
        parts = [
            (rows["_row"].to_numpy(), rows.drop("_row"))
            for rows in numbered.partition_by("symbol", maintain_order=True)
        ]
    found: dict[str, F64] = {"target": np.full(frame.height, np.nan)}
    for rows, part in parts:
        given = arrays_of(strategy.inputs, part, frame, calendar)
        result = strategy.compute(given, **params)
        for name, values in {"target": result.target, **result.extras}.items():
            found.setdefault(name, np.full(frame.height, np.nan))[rows] = values
    return frame.select(keys).with_columns(pl.Series(n, v) for n, v in found.items())
