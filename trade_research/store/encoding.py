"""One Parquet file of bars: written, flushed, and read back before it counts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from trade_research.errors import StoreError
from trade_research.store.codes import F64, TIMES, VALUES, Code, choose_code, stored_name
from trade_research.store.decoding import decode, read_table

ROW_GROUP = 65_536  # rows; a month of minutes touches one or two


def write_part(path: Path, bars: pl.DataFrame) -> dict[str, Code]:
    """Write one file of bars, flush it to the disk and prove that it reads back bit for bit.

    `bars` are valid, unknown values null. Returns the code of each value column. The file is
    complete and on the disk on return.
    """
    arrays, fields, codes = [], [], {}
    for name in (n for n in (*TIMES, *VALUES) if n in bars.columns):
        stored, series = name, bars[name]
        if name not in TIMES:
            codes[name], series = _encode(series.cast(pl.Float64).to_numpy())
            stored = stored_name(name, codes[name])
        arrays.append(series.to_arrow())
        fields.append(pa.field(stored, arrays[-1].type))
    schema = pa.schema(fields, metadata={"trade_research": _note(codes)})
    with path.open("xb") as file:
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), file, **_options(schema))
        file.flush()
        os.fsync(file.fileno())
    _prove(path, bars, codes)
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


def _prove(path: Path, bars: pl.DataFrame, codes: Mapping[str, Code]) -> None:
    back = decode([read_table(path, codes)], [codes], bars.columns)
    for column in bars:
        if not column.equals(back[column.name], null_equal=True):
            raise StoreError(
                f"{path} does not read back as it was written (column {column.name!r}). "
                "Check the disk."
            )
