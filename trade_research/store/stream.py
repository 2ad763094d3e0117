"""Bars of one instrument in record batches, in time order, at flat memory; and as a lazy frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa

from trade_research.errors import ConfigError
from trade_research.frames.resample import resample
from trade_research.store.catalog import Source
from trade_research.store.rows import iter_rows

if TYPE_CHECKING:
    from trade_research.store.query import Query


def stream_bars(query: Query) -> Iterator[pa.RecordBatch]:
    """The query's bars, a row group (65,536 stored rows) at a time; see `Query.batches`."""
    for frame in stream_frames(query):
        yield from frame.to_arrow().to_batches()


def stream_frames(query: Query) -> Iterator[pl.DataFrame]:
    """As `stream_bars`, in Polars frames."""
    from trade_research.store.query import clip

    if len(query.sources) != 1:
        raise ConfigError(
            f"batches are of one instrument, found {query.name}. Ask for one at a time."
        )
    if query.adjust is not None:
        raise ConfigError("adjusted prices depend on the last bar and cannot stream. Use frame().")
    source = query.sources[0]
    frames = _stored(query, source)
    for frame in frames if source.interval == query.interval else _longer(frames, query, source):
        bars = clip(frame, query)
        if bars.height:
            yield bars


def _stored(query: Query, source: Source) -> Iterator[pl.DataFrame]:
    from trade_research.store.query import widened

    root = Path(query.root)
    span = widened(query, source)
    yield from iter_rows(source.folder(root), source.manifest(root), *span)


def _longer(frames: Iterator[pl.DataFrame], query: Query, source: Source) -> Iterator[pl.DataFrame]:
    """Resample piece by piece: each piece's last bar waits for the rows that may belong to it."""
    rest: pl.DataFrame | None = None
    for frame in frames:
        rest = frame if rest is None else pl.concat([rest, frame])
        bars = _made(rest, query, source)
        if bars.height > 1:
            yield bars[:-1]
            rest = rest.filter(pl.col("close_time") > bars["close_time"][-2])
    if rest is not None:
        bars = _made(rest, query, source)
        yield bars.filter(pl.col("close_time") <= source.known_until)


def _made(rows: pl.DataFrame, query: Query, source: Source) -> pl.DataFrame:
    return resample(
        rows,
        query.interval,
        source.calendar,
        complete_only=False,
        source_interval=source.interval,
    )


def scan_bars(query: Query) -> pl.LazyFrame:
    """The query's bars as a LazyFrame; filters and columns are applied to each piece it reads."""
    from polars.io.plugins import register_io_source

    def pieces(
        with_columns: list[str] | None,
        predicate: pl.Expr | None,
        n_rows: int | None,
        batch_size: int | None,
    ) -> Iterator[pl.DataFrame]:
        del batch_size
        left = n_rows
        for frame in [query.frame()] if query.adjust else stream_frames(query):
            piece = frame if left is None else frame.head(left)
            left = None if left is None else left - piece.height
            if predicate is not None:
                piece = piece.filter(predicate)
            yield piece if with_columns is None else piece.select(with_columns)
            if left == 0:
                return

    return register_io_source(pieces, schema=_schema(query), is_pure=True)


def _schema(query: Query) -> pl.Schema:
    source = query.sources[0]
    names = source.manifest(Path(query.root)).columns
    times = {"open_time": pl.Datetime("us", "UTC"), "close_time": pl.Datetime("us", "UTC")}
    return pl.Schema(
        times | {n: pl.Int64() if n == "trades" else pl.Float64() for n in names if n not in times}
    )
