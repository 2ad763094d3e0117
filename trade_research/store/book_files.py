"""One Parquet file of books: whole ticks and lots, small, read level by level, proven when written.

Columns are ``time``, ``recv_time`` where known, and for each level ``bid_step_k``,
``bid_change_k``, ``ask_step_k``, ``ask_change_k``: see `kernels.book_codec`. Prices or sizes that
are no decimals keep the whole file in doubles, ``bid_price_1 …``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from trade_research.errors import StoreError
from trade_research.frames.books import SIDES, depth_of, level_names
from trade_research.frames.columns import columns
from trade_research.kernels.book_codec import REACH, decode_side, encode_side
from trade_research.store.codes import F64, I64, Code, choose_code
from trade_research.store.decoding import open_file

ROW_GROUP = 65_536  # rows: nearly two hours at ten a second
_TIMES = ("time", "recv_time")
_NS = pa.timestamp("ns", tz="UTC")


def write_books_file(path: Path, books: pl.DataFrame) -> dict[str, Code]:
    """Write one file of valid books, flush it, and prove that it reads back bit for bit."""
    depth = depth_of(books)
    arrays = columns(books, SIDES)
    codes, whole = _whole(arrays)
    table: dict[str, pa.Array] = {
        name: books[name].to_arrow() for name in _TIMES if name in books.columns
    }
    if whole is None:
        table |= {name: books[name].to_arrow() for name in level_names(depth)}
    else:
        for side, sign in (("bid", -1), ("ask", 1)):
            steps, changes = _encoded(whole[f"{side}_price"], whole[f"{side}_size"], sign)
            for what, numbers in (("step", steps), ("change", changes)):
                for k in range(depth):
                    table[f"{side}_{what}_{k + 1}"] = _narrow(numbers[:, k])
    schema = pa.schema(
        [pa.field(name, array.type) for name, array in table.items()], metadata=_note(codes)
    )
    with path.open("xb") as file:
        written = pa.Table.from_arrays(list(table.values()), schema=schema)
        pq.write_table(written, file, **_options(schema))
        file.flush()
        os.fsync(file.fileno())
    back = read_books_file(path, codes, depth)
    if not back.equals(books.select(back.columns), null_equal=True):
        raise StoreError(f"{path} does not read back as it was written. Check the disk.")
    return codes


def read_books_file(
    path: Path,
    codes: Mapping[str, Code],
    depth: int,
    start: int | None = None,
    end: int | None = None,
) -> pl.DataFrame:
    """Books of one file with ``start <= time < end`` (nanoseconds), `depth` levels or fewer."""
    frames = list(iter_books_file(path, codes, depth, start, end))
    if frames:
        return pl.concat(frames)
    with open_file(path) as file:
        kept = min(depth, _depth(file))
        times = [name for name in _TIMES if name in file.schema_arrow.names]
    kinds = {n: pl.Datetime("ns", "UTC") for n in times} | dict.fromkeys(
        level_names(kept), pl.Float64
    )
    return pl.DataFrame(schema=kinds)


def iter_books_file(
    path: Path,
    codes: Mapping[str, Code],
    depth: int,
    start: int | None = None,
    end: int | None = None,
) -> Iterator[pl.DataFrame]:
    """As `read_books_file`, a row group at a time."""
    with open_file(path) as file:
        stored = _depth(file)
        kept = min(depth, stored)
        exact = codes["bid_price"].digits is not None
        names = _stored_names(file, kept, stored, exact)
        for group in range(file.num_row_groups):
            span = file.metadata.row_group(group).column(0).statistics
            if (end is not None and span.min_raw >= end) or (
                start is not None and span.max_raw < start
            ):
                continue
            frame = _decoded(file.read_row_group(group, names), codes, kept, exact)
            if start is not None or end is not None:
                time = frame["time"].to_physical().to_numpy()
                first = 0 if start is None else int(np.searchsorted(time, start))
                last = time.size if end is None else int(np.searchsorted(time, end))
                frame = frame[first:last]
            if frame.height:
                yield frame


def _whole(arrays: Mapping[str, F64]) -> tuple[dict[str, Code], dict[str, I64] | None]:
    """Ticks and lots of all sides with one code for prices and one for sizes; None: doubles."""
    codes: dict[str, Code] = {}
    whole: dict[str, I64] = {}
    for what in ("price", "size"):
        both = np.concatenate([arrays[f"bid_{what}"].ravel(), arrays[f"ask_{what}"].ravel()])
        code, numbers = choose_code(both)
        for at, side in enumerate(("bid", "ask")):
            codes[f"{side}_{what}"] = code
            if numbers is not None:
                shape = arrays[f"{side}_{what}"].shape
                whole[f"{side}_{what}"] = numbers.reshape(2, *shape)[at]
    if len(whole) < 4:
        return dict.fromkeys(SIDES, Code(None)), None
    return codes, whole


def _encoded(ticks: I64, lots: I64, sign: int) -> tuple[I64, I64]:
    steps, changes = np.empty_like(ticks), np.empty_like(ticks)
    for first in range(0, len(ticks), ROW_GROUP):  # each row group can be read by itself
        part = slice(first, first + ROW_GROUP)
        encode_side(ticks[part], lots[part], sign, steps[part], changes[part])
    return steps, changes


def _narrow(numbers: I64) -> pa.Array:
    small = np.iinfo(np.int32)
    fits = not numbers.size or (numbers.min() >= small.min and numbers.max() <= small.max)
    return pl.Series(numbers).cast(pl.Int32 if fits else pl.Int64).to_arrow()


def _options(schema: pa.Schema) -> dict[str, object]:
    """Measured on recorded books: steps gain from split bytes, changed sizes from plain ones."""
    kinds = {}
    for field in schema:
        if field.name in _TIMES:
            kinds[field.name] = "DELTA_BINARY_PACKED"
        else:
            kinds[field.name] = "PLAIN" if "_change_" in field.name else "BYTE_STREAM_SPLIT"
    return {
        "use_dictionary": False,
        "compression": "zstd",
        "column_encoding": kinds,
        "row_group_size": ROW_GROUP,
        "write_statistics": ["time"],
    }


def _note(codes: Mapping[str, Code]) -> dict[str, str]:
    """What a reader who has only the file needs to know."""
    price, size = codes["bid_price"].digits, codes["bid_size"].digits
    if price is None:
        return {"trade_research": json.dumps({"levels": "prices and sizes as they are"})}
    said = {
        "step_1": f"best price in ticks of 1e-{price}; 0: no level",
        "step_k": "ticks from level k-1 to level k, away from the best; 0: no level",
        "change_k": f"size in lots of 1e-{size}; 0: as the same price held in the row above, "
        f"looked for among the levels up to {REACH} of its group; a row group begins afresh",
    }
    return {"trade_research": json.dumps(said)}


def _depth(file: pq.ParquetFile) -> int:
    names = file.schema_arrow.names
    return sum(name.startswith(("bid_step_", "bid_price_")) for name in names)


def _stored_names(file: pq.ParquetFile, kept: int, stored: int, exact: bool) -> list[str]:
    times = [name for name in _TIMES if name in file.schema_arrow.names]
    if not exact:
        return times + level_names(kept)
    reach = next((r for r in REACH if kept <= r <= stored), stored)
    kinds = ("bid_step", "bid_change", "ask_step", "ask_change")
    return times + level_names(reach, kinds)


def _decoded(table: pa.Table, codes: Mapping[str, Code], kept: int, exact: bool) -> pl.DataFrame:
    frame = pl.from_arrow(table)
    assert isinstance(frame, pl.DataFrame)
    if not exact:
        return frame
    reach = sum(name.startswith("bid_step_") for name in frame.columns)
    made = [frame[name] for name in _TIMES if name in frame.columns]
    for side, sign in (("bid", -1), ("ask", 1)):
        steps, changes = (
            np.stack([frame[f"{side}_{what}_{k}"].to_numpy() for k in range(1, reach + 1)])
            for what in ("step", "change")
        )
        price, size = np.empty(steps.shape), np.empty(steps.shape)
        tick, lot = (10.0 ** (codes[f"{side}_{what}"].digits or 0) for what in ("price", "size"))
        decode_side(steps, changes, sign, tick, lot, price, size)
        whole = (steps[:kept] != 0).all(axis=1)
        for what, values in (("price", price), ("size", size)):
            for k in range(kept):
                level = pl.Series(f"{side}_{what}_{k + 1}", values[k])
                made.append(level if whole[k] else level.fill_nan(None))
    return pl.DataFrame(made).select(
        *(name for name in _TIMES if name in frame.columns), *level_names(kept)
    )
