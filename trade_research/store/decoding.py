"""Bars out of Parquet files: exact prices, only the row groups that a span touches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trade_research.errors import StoreError
from trade_research.store.codes import I64, TIMES, Code, stored_name

_UTC = pa.timestamp("us", tz="UTC")


def read_table(
    path: Path,
    codes: Mapping[str, Code],
    columns: Sequence[str] | None = None,
    start: int | None = None,
    end: int | None = None,
) -> pa.Table:
    """The stored columns of one file for ``start <= open_time < end`` (microseconds)."""
    with open_file(path) as file:
        tables = list(_groups(file, codes, columns, start, end))
    return pa.concat_tables(tables) if tables else _nothing(path, codes, columns)


def iter_tables(
    path: Path,
    codes: Mapping[str, Code],
    columns: Sequence[str] | None = None,
    start: int | None = None,
    end: int | None = None,
) -> Iterator[pa.Table]:
    """As `read_table`, one row group at a time."""
    with open_file(path) as file:
        for group in _wanted(file, start, end):
            yield _trim(file.read_row_group(group, _stored(codes, columns)), start, end)


def _groups(
    file: pq.ParquetFile,
    codes: Mapping[str, Code],
    columns: Sequence[str] | None,
    start: int | None,
    end: int | None,
) -> Iterator[pa.Table]:
    wanted = _wanted(file, start, end)
    if len(wanted) == file.num_row_groups:
        yield _trim(file.read(_stored(codes, columns)), start, end)
    elif wanted:
        yield _trim(file.read_row_groups(wanted, _stored(codes, columns)), start, end)


def open_file(path: Path) -> pq.ParquetFile:
    """The Parquet file at `path`, or one line on why it cannot be read."""
    try:
        return pq.ParquetFile(path)
    except FileNotFoundError as error:
        raise StoreError(
            f"{path} is gone although a version of the data names it: was it vacuumed?"
        ) from error
    except (OSError, pa.ArrowInvalid) as error:
        raise StoreError(
            f"{path} is not a readable Parquet file ({error}). Restore it from a backup."
        ) from error


def _stored(codes: Mapping[str, Code], columns: Sequence[str] | None) -> list[str]:
    values = [stored_name(n, c) for n, c in codes.items() if columns is None or n in columns]
    times = [n for n in TIMES if columns is None or n in columns or n == "open_time"]
    return times + values


def _wanted(file: pq.ParquetFile, start: int | None, end: int | None) -> list[int]:
    every = range(file.num_row_groups)
    if start is None and end is None:
        return list(every)
    low, high = start if start is not None else -(2**63), end if end is not None else 2**63
    spans = [file.metadata.row_group(g).column(0).statistics for g in every]
    return [g for g in every if spans[g].max_raw >= low and spans[g].min_raw < high]


def _trim(table: pa.Table, start: int | None, end: int | None) -> pa.Table:
    if start is None and end is None:
        return table
    times = as_micros(table["open_time"])
    first = 0 if start is None else int(np.searchsorted(times, start))
    last = times.size if end is None else int(np.searchsorted(times, end))
    return table.slice(first, max(0, last - first))


def _nothing(path: Path, codes: Mapping[str, Code], columns: Sequence[str] | None) -> pa.Table:
    with open_file(path) as file:
        return file.schema_arrow.empty_table().select(_stored(codes, columns))


def as_micros(times: pa.ChunkedArray) -> I64:
    """A column of times as int64 microseconds. By way of Polars: pyarrow's own imports pandas."""
    series = pl.from_arrow(times)
    assert isinstance(series, pl.Series)
    return np.asarray(series.to_physical().to_numpy(), dtype=np.int64)


def decode(
    tables: Sequence[pa.Table], codes: Sequence[Mapping[str, Code]], columns: Sequence[str]
) -> pl.DataFrame:
    """The `columns` of consecutive tables, each with its own codes, as one frame of bars.

    A column that a table lacks is unknown there: null.
    """
    arrays = [_column(tables, [code.get(name) for code in codes], name) for name in columns]
    frame = pl.from_arrow(pa.Table.from_arrays(arrays, names=list(columns)))
    assert isinstance(frame, pl.DataFrame)
    return frame


def _kind(name: str) -> pa.DataType:
    if name in TIMES:
        return _UTC
    return pa.int64() if name == "trades" else pa.float64()


def _column(tables: Sequence[pa.Table], codes: Sequence[Code | None], name: str) -> pa.Array:
    """One column as one array; pieces of the same code are joined while they are still small."""
    if len(set(codes)) > 1:
        pairs = zip(tables, codes, strict=True)
        return pa.concat_arrays([_column([table], [code], name) for table, code in pairs])
    code = codes[0] if codes else None
    if code is None and name not in TIMES:
        return pa.nulls(sum(table.num_rows for table in tables), _kind(name))
    stored = name if code is None else stored_name(name, code)
    chunks = [chunk for table in tables for chunk in table[stored].chunks]
    whole = pa.concat_arrays(chunks) if chunks else pa.nulls(0, _kind(name))
    if code is None or not code.digits or name == "trades":
        return whole.cast(_kind(name))
    # pa.scalar would import pandas, 0.3 s.
    scale = pl.Series([10.0**code.digits]).to_arrow()[0]
    return pc.divide(whole.cast(pa.float64()), scale)
