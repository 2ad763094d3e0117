"""The hash of what a table says, however it is stored."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl

_NO_INTEGER = np.iinfo(np.int64).min


def content_hash(frame: pl.DataFrame) -> str:
    """SHA-256 of a table's logical content: names, kinds and values of its columns, in order.

    The same for bars from a query, from a file or made by hand; chunking, file layout and the
    platform leave no trace. Null and NaN are the same (unknown), as are 0.0 and -0.0. Hashed are,
    after the number of rows, for each column its name, its kind and its values: times as int64
    microseconds, numbers as doubles, texts as the int64 lengths of all and then their bytes, all
    little-endian.

    Returns
    -------
    str
        64 hexadecimal digits.
    """
    digest = hashlib.sha256(f"rows {frame.height}\n".encode())
    for column in frame:
        kind, data = _canonical(column)
        digest.update(f"{len(column.name.encode())} {column.name} {kind}\n".encode())
        digest.update(data)
    return digest.hexdigest()


def _canonical(column: pl.Series) -> tuple[str, bytes | memoryview]:
    """Kind and little-endian bytes of a column."""
    if isinstance(column.dtype, pl.Datetime):
        column = column.dt.cast_time_unit("us").to_physical()
        return "time", _integers(column)
    if column.dtype == pl.Date:
        return "date", _integers(column.to_physical())
    if column.dtype.is_integer() or column.dtype == pl.Boolean:
        return "integer", _integers(column)
    if column.dtype.is_numeric():
        values = column.cast(pl.Float64).to_numpy() + 0.0
        values[np.isnan(values)] = np.nan
        return "number", np.ascontiguousarray(values, "<f8").data.cast("B")
    text = column.cast(pl.String)
    whole = text.fill_null("").str.join("").item()
    return "text", bytes(_integers(text.str.len_bytes(), -1)) + whole.encode()


def _integers(column: pl.Series, missing: int = _NO_INTEGER) -> memoryview:
    values = column.cast(pl.Int64).fill_null(missing).to_numpy()
    return np.ascontiguousarray(values, "<i8").data.cast("B")
