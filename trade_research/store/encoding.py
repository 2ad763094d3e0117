"""Bars as Parquet: prices as whole ticks and volumes as whole lots wherever that loses nothing.

A column that is ``n / 10**d`` for whole numbers ``n``, bit for bit, is stored as those numbers with
DELTA_BINARY_PACKED under a name that says so (``open_ticks``); one that is not, as float64 under
its own name. Reading divides: ``n / 10**d`` rounds correctly in NumPy and DuckDB and so gives back
the very double that was written. (Polars and multiplication by ``10**-d`` do not.)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from trade_research.errors import StoreError

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
Columns = dict[str, npt.NDArray[Any]]
"""Bars as arrays: times as int64 microseconds, the rest as float64 where NaN is unknown."""

TIMES = ("open_time", "close_time")
PRICES = ("open", "high", "low", "close")
OPTIONAL = ("quote_volume", "trades")
VALUES = (*PRICES, "volume", *OPTIONAL)
TIME = pl.Datetime("us", "UTC")
ROW_GROUP = 65_536  # rows; a month of minutes touches one or two
MAX_DIGITS = 12
EXACT = 2.0**53  # whole numbers beyond are not all doubles


@dataclass(frozen=True)
class Code:
    """How one column is stored: whole numbers to be divided by ``10**digits``, or doubles."""

    digits: int | None
    wide: bool = False

    @property
    def text(self) -> str:
        """Short form kept in manifests: ``i32/2``, ``i64/6`` or ``f64``."""
        return "f64" if self.digits is None else f"i{64 if self.wide else 32}/{self.digits}"

    @classmethod
    def parse(cls, text: str) -> Code:
        """The code that `text` is the short form of."""
        if text == "f64":
            return cls(None)
        kind, _, digits = text.partition("/")
        return cls(int(digits), kind == "i64")


def stored_name(column: str, code: Code) -> str:
    """Name of the column inside the file; whole ticks and lots never pass for prices."""
    if code.digits is None or column == "trades":
        return column
    return f"{column}_{'ticks' if column in PRICES else 'lots'}"


def choose_code(values: F64) -> tuple[Code, I64 | None]:
    """The code that gives `values` back bit for bit, and the whole numbers it stores.

    NaN stands for unknown and is stored as null; a negative zero is stored as zero.
    """
    known = values[~np.isnan(values)]
    probe = known[:: max(1, known.size // 512)]
    for digits in range(MAX_DIGITS + 1):
        if _ticks(probe, digits) is None:
            continue
        whole = _ticks(known, digits)
        if whole is not None:
            wide = bool(whole.size and np.abs(whole).max() > np.iinfo(np.int32).max)
            full = np.zeros(values.size, np.int64)
            full[~np.isnan(values)] = whole
            return Code(digits, wide), full
    return Code(None), None


def _ticks(known: F64, digits: int) -> I64 | None:
    scale = 10.0**digits
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.rint(known * scale)
        same = bool(np.all(whole / scale == known) and np.all(np.abs(whole) <= EXACT))
    return whole.astype(np.int64) if same else None


def write_part(path: Path, columns: Columns) -> dict[str, Code]:
    """Write one file of bars, flush it to the disk and prove that it reads back bit for bit.

    Returns the code of each value column. The file is complete and on the disk on return.
    """
    arrays, fields, codes = [], [], {}
    for name in (n for n in (*TIMES, *VALUES) if n in columns):
        if name in TIMES:
            stored, series = name, pl.Series(columns[name]).cast(TIME)
        else:
            codes[name], series = _encode(columns[name])
            stored = stored_name(name, codes[name])
        arrays.append(series.to_arrow())
        fields.append(pa.field(stored, arrays[-1].type))
    schema = pa.schema(fields, metadata={"trade_research": _note(codes)})
    with path.open("xb") as file:
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file, **_options(schema))
        file.flush()
        os.fsync(file.fileno())
    _prove(path, columns, codes)
    return codes


def _encode(values: F64) -> tuple[Code, pl.Series]:
    code, whole = choose_code(values)
    if whole is None:
        return code, pl.Series(values).fill_nan(None)
    series = pl.Series(whole).cast(pl.Int64 if code.wide else pl.Int32)
    unknown = np.isnan(values)
    return code, series.set(pl.Series(unknown), None) if unknown.any() else series


def _options(schema: pa.Schema) -> dict[str, object]:
    """Measured (`tests/bench/bench_store.py`): packed deltas gain nothing from zstd, doubles do."""
    doubles = [f.name for f in schema if pa.types.is_floating(f.type)]
    return {
        "use_dictionary": False,
        "compression": {f.name: "zstd" if f.name in doubles else "none" for f in schema},
        "column_encoding": {
            f.name: "BYTE_STREAM_SPLIT" if f.name in doubles else "DELTA_BINARY_PACKED"
            for f in schema
        },
        "row_group_size": ROW_GROUP,
        "write_statistics": True,
    }


def _note(codes: Mapping[str, Code]) -> str:
    """What a reader who has only the file needs to know."""
    return json.dumps(
        {
            stored_name(name, code): f"{name} = {stored_name(name, code)} / 1e{code.digits}"
            for name, code in codes.items()
            if code.digits is not None
        }
        | {"times": "microseconds since 1970, UTC; close_time is when the bar became known"}
    )


def _prove(path: Path, columns: Columns, codes: Mapping[str, Code]) -> None:
    back = decode([read_table(path, codes)], [codes], list(columns))
    for name, values in columns.items():
        if not np.array_equal(values, back[name], equal_nan=name not in TIMES):
            raise StoreError(
                f"{path} does not read back as it was written (column {name!r}). Check the disk."
            )


def read_table(
    path: Path,
    codes: Mapping[str, Code],
    columns: Sequence[str] | None = None,
    start: int | None = None,
    end: int | None = None,
) -> pa.Table:
    """The stored columns of one file for ``start <= open_time < end`` (microseconds)."""
    with _open(path) as file:
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
    with _open(path) as file:
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


def _open(path: Path) -> pq.ParquetFile:
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
    with _open(path) as file:
        return file.schema_arrow.empty_table().select(_stored(codes, columns))


def as_micros(times: pa.ChunkedArray) -> I64:
    """A column of times as int64 microseconds."""
    return np.concatenate([np.empty(0, np.int64), *map(_numbers, times.chunks)])


def decode(
    tables: Sequence[pa.Table], codes: Sequence[Mapping[str, Code]], columns: Sequence[str]
) -> Columns:
    """The `columns` of consecutive tables, each with its own codes, as one set of arrays."""
    rows = np.cumsum([0] + [table.num_rows for table in tables])
    out: Columns = {}
    for name in columns:
        whole = np.empty(int(rows[-1]), np.int64 if name in TIMES else np.float64)
        for table, code, first, last in zip(tables, codes, rows[:-1], rows[1:], strict=True):
            _fill(whole[first:last], table, name, code.get(name))
        out[name] = whole
    return out


def _fill(out: npt.NDArray[Any], table: pa.Table, name: str, code: Code | None) -> None:
    if name not in TIMES and code is None:
        out[:] = np.nan
        return
    at = 0
    for chunk in table[name if code is None else stored_name(name, code)].chunks:
        values, place = _numbers(chunk), out[at : at + len(chunk)]
        at += len(chunk)
        if code is None or code.digits is None:
            place[:] = values
        else:
            np.divide(values, 10.0**code.digits, out=place)


def _numbers(chunk: pa.Array) -> npt.NDArray[Any]:
    """Values of one Arrow array, null as NaN. By way of Polars: pyarrow's own imports pandas."""
    series = pl.from_arrow(chunk)
    assert isinstance(series, pl.Series)
    return series.to_physical().to_numpy()


def to_frame(columns: Columns) -> pl.DataFrame:
    """Bars for users: UTC times, Float64 values, unknown ones null. Shares the arrays' memory."""
    series = []
    for name, values in columns.items():
        column = pl.Series(name, values)
        if name in TIMES:
            column = column.cast(TIME)
        elif name not in PRICES and np.isnan(values).any():
            column = column.fill_nan(None)
        series.append(column.cast(pl.Int64) if name == "trades" else column)
    return pl.DataFrame(series)


def from_frame(frame: pl.DataFrame) -> Columns:
    """The arrays of valid bars; null values become NaN, extra columns are left out."""
    out: Columns = {n: frame[n].to_physical().to_numpy() for n in TIMES}
    for name in (n for n in VALUES if n in frame.columns):
        out[name] = frame[name].cast(pl.Float64).to_numpy() + 0.0  # -0.0 becomes 0.0
    return out
