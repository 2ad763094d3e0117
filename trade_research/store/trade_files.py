"""One Parquet file of market trades: whole ticks and lots, packed deltas, proven when written."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trade_research.errors import StoreError
from trade_research.frames.books import TRADE_COLUMNS
from trade_research.store.codes import Code, choose_code
from trade_research.store.decoding import open_file

ROW_GROUP = 131_072
_VALUES = {"price": "price_ticks", "size": "size_lots"}


def write_trades_file(path: Path, trades: pl.DataFrame) -> dict[str, Code]:
    """Write one file of valid trades, flush it, and prove that it reads back bit for bit."""
    codes, made = {}, []
    for series in trades:
        if series.name in _VALUES:
            code, whole = choose_code(series.to_numpy())
            codes[series.name] = code
            if whole is not None:
                kind = pl.Int64 if code.wide else pl.Int32
                series = pl.Series(_VALUES[series.name], whole).cast(kind)
        made.append(series)
    table = pl.DataFrame(made).to_arrow()
    kinds = {f.name: _encoding(f) for f in table.schema}
    with path.open("xb") as file:
        pq.write_table(
            table, file, use_dictionary=False, compression="zstd", column_encoding=kinds,
            row_group_size=ROW_GROUP, write_statistics=["time"],
        )  # fmt: skip
        file.flush()
        os.fsync(file.fileno())
    frames = list(iter_trades_file(path, codes))
    if not pl.concat(frames).equals(trades, null_equal=True):
        raise StoreError(f"{path} does not read back as it was written. Check the disk.")
    return codes


def iter_trades_file(
    path: Path, codes: Mapping[str, Code], start: int | None = None, end: int | None = None
) -> Iterator[pl.DataFrame]:
    """Trades of one file with ``start <= time < end`` (nanoseconds), a row group at a time."""
    with open_file(path) as file:
        for group in range(file.num_row_groups):
            span = file.metadata.row_group(group).column(0).statistics
            if (end is not None and span.min_raw >= end) or (
                start is not None and span.max_raw < start
            ):
                continue
            frame = _decoded(file.read_row_group(group), codes)
            time = frame["time"].to_physical().to_numpy()
            first = 0 if start is None else int(np.searchsorted(time, start))
            last = time.size if end is None else int(np.searchsorted(time, end))
            if last > first:
                yield frame[first:last]


def _decoded(table: pa.Table, codes: Mapping[str, Code]) -> pl.DataFrame:
    arrays = {}
    for name in table.column_names:
        arrays[name] = table[name]
        for value, stored in _VALUES.items():
            if name == stored:
                scale = pl.Series([10.0 ** (codes[value].digits or 0)]).to_arrow()[0]
                del arrays[name]
                arrays[value] = pc.divide(table[name].cast(pa.float64()), scale)
    frame = pl.from_arrow(pa.table(arrays))
    assert isinstance(frame, pl.DataFrame)
    return frame.select(name for name in TRADE_COLUMNS if name in frame.columns)


def _encoding(field: pa.Field) -> str:
    if pa.types.is_floating(field.type):
        return "BYTE_STREAM_SPLIT"
    return "PLAIN" if field.name in ("side", "size_lots") else "DELTA_BINARY_PACKED"
