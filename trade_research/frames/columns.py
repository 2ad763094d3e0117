"""The one door from Polars to NumPy: contiguous float64 columns, null as NaN."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.errors import MissingColumnError, SchemaError, nearest

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64


def columns(frame: pl.DataFrame, names: Iterable[str]) -> dict[str, F64]:
    """Columns of a frame as the arrays that kernels and strategies read.

    Parameters
    ----------
    frame : polars.DataFrame of n rows
    names : iterable of str
        Column names. A name that is not a column but has the columns ``name_1 … name_k`` (a book
        side such as ``bid_size``) gives them side by side.

    Returns
    -------
    dict of str to float64 array, (n,) or (n, k)
        C-contiguous, null as NaN; times as microseconds since 1970. The arrays may be read-only
        views of the frame: copy before writing.

    Raises
    ------
    MissingColumnError
        The frame has neither the column nor its levels; names the nearest one.
    SchemaError
        The column holds text or another kind that is no number.
    """
    return {name: _column(frame, name) for name in names}


def _column(frame: pl.DataFrame, name: str) -> F64:
    if name in frame.columns:
        return _floats(frame.get_column(name))
    levels: list[F64] = []
    while f"{name}_{len(levels) + 1}" in frame.columns:
        levels.append(_floats(frame.get_column(f"{name}_{len(levels) + 1}")))
    if not levels:
        raise MissingColumnError(
            f"the frame has no column {name!r}: {nearest(name, frame.columns)}"
        )
    return np.ascontiguousarray(np.column_stack(levels))


def _floats(column: pl.Series) -> F64:
    kind = column.dtype
    if not (kind.is_numeric() or kind.is_temporal() or kind == pl.Boolean or kind == pl.Null):
        raise SchemaError(
            f"column {column.name!r} holds {kind}, not numbers: cast it or leave it out"
        )
    if isinstance(kind, pl.Datetime | pl.Date):
        column = column.cast(pl.Datetime("us")).to_physical()
    values = column.cast(pl.Float64)
    if values.null_count():
        values = values.fill_null(float("nan"))
    return np.ascontiguousarray(values.rechunk().to_numpy())
