"""Order books and trades out of recordings: raw logs of venues, vendors' tables, other tools."""

from __future__ import annotations

import gzip
import lzma
import zipfile
from collections.abc import Sequence
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.errors import ConfigError, FormatError, MissingDataError, nearest
from trade_research.frames.book_verdicts import audit_books
from trade_research.frames.books import TRADE_COLUMNS, depth_of
from trade_research.frames.durations import parse_duration
from trade_research.frames.recording import Recording
from trade_research.sources import book_logs, book_tables

if TYPE_CHECKING:
    from trade_research.frames.rebuild import MessageLog

FORMATS = {
    "binance": "combined WebSocket streams as received, `<ns> <json>` a line, spot and futures",
    "bitstamp": "order-by-order events, `<ms> <kind> <json>` a line",
    "bybit": "the venue's archive: a snapshot and deltas as JSON lines",
    "gemini": "CSV of seconds, `price_size` joined; market depth or trades",
    "jsonl": "snapshots as JSON lines: timestamp, exchange_timestamp, bids, asks",
    "hftbacktest": "event array in .npz",
    "parquet": "snapshots, wide (bid_px_0 … or bid_price_1 …) or lists (bid_px)",
    "tardis": "vendor CSV: incremental_book_L2, book_snapshot_*, trades",
}
_LOGS = {
    "binance": book_logs.read_binance,
    "bitstamp": book_logs.read_bitstamp,
    "bybit": book_logs.read_bybit,
}


def read_books(
    path: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,
    every: str | timedelta | None = "100ms",
    depth: int = 20,
) -> Recording:
    """Books, trades and verdicts of one instrument from a recording.

    Parameters
    ----------
    path : path or sequence of paths
        Files that follow one another; .gz, .xz and .zip are opened.
    format : str, optional
        One of ``binance, bitstamp, bybit, gemini, hftbacktest, jsonl, parquet, tardis``; told from
        the file when left out.
    every : str, timedelta or None
        For logs of changes: a row at each multiple of this, the book after all messages up to and
        including then; None gives a row after each message. Snapshots are taken as they are.
    depth : int
        Levels a side.

    Returns
    -------
    Recording
        `books` in the wide layout, `verdicts`, `trades`.

    Raises
    ------
    MissingDataError
        No such file.
    FormatError, SchemaError
        The file is not one we read, or its values are no books.

    Examples
    --------
    >>> found = tr.read_books("binance_usdm_BTCUSDT_20240808.gz", every="100ms")  # doctest: +SKIP
    >>> found.books, found.verdicts, found.trades                                 # doctest: +SKIP
    """
    paths = [Path(path)] if isinstance(path, str | Path) else [Path(p) for p in path]
    if not paths:
        raise ConfigError("read_books needs at least one file, found none")
    if isinstance(depth, bool) or not isinstance(depth, int) or depth < 1:
        raise ConfigError(f"depth must be a whole number of levels from 1 on, found {depth!r}")
    grid = 0 if every is None else parse_duration(every)
    contents = [_content(p) for p in paths]
    kind = format or _detect(*contents[0], paths[0])
    if kind not in FORMATS:
        raise FormatError(f"{kind!r} is no format of books: {nearest(kind, FORMATS)}")
    try:
        return _read(contents, kind, grid, depth)
    except (pl.exceptions.PolarsError, ValueError, KeyError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise FormatError(f"{paths[0]} is not readable as {kind}: {first}") from error


def _read(contents: list[tuple[bytes, str]], kind: str, grid: int, depth: int) -> Recording:
    logs: list[MessageLog] = []
    tables: list[pl.DataFrame] = []
    trades: list[pl.DataFrame] = []
    for data, name in contents:
        log, books, prints = _one(data, name, kind, depth)
        logs += [log] if log is not None else []
        tables += [books] if books.width else []
        trades += [prints] if prints.height else []
    lost = None
    if logs:
        from trade_research.frames.rebuild import rebuild_books

        joined = book_logs.join_logs(logs)
        found, lost = rebuild_books(joined, grid_ns=grid, depth=depth)
        tables.append(_trimmed(found))
    books = pl.concat(tables) if tables else pl.DataFrame()
    verdicts = audit_books(books, lost) if books.width else audit_books(pl.DataFrame())
    prints = pl.concat(trades, how="diagonal") if trades else pl.DataFrame(schema=TRADE_COLUMNS)
    return Recording(books, verdicts, prints, kind)


def _one(
    data: bytes, name: str, kind: str, depth: int
) -> tuple[MessageLog | None, pl.DataFrame, pl.DataFrame]:
    """A log or books, and trades, of one file."""
    none = pl.DataFrame()
    if kind in _LOGS:
        log, trades = _LOGS[kind](_lines(data))
        return log, none, trades
    if kind == "hftbacktest":
        log, trades = book_tables.read_npz(data)
        return log, none, trades
    if kind == "jsonl":
        return None, book_tables.read_jsonl(_lines(data), depth), none
    if kind == "parquet":
        table = _table(data, name)
        if "price" in table.columns:
            from trade_research.frames.books import to_trades

            return None, none, to_trades(table)
        return None, book_tables.read_snapshots(table, depth), none
    table = pl.read_csv(data, infer_schema=False)
    if kind == "gemini":
        return None, *book_tables.read_gemini(table)
    return book_tables.read_tardis(table)


def _trimmed(books: pl.DataFrame) -> pl.DataFrame:
    """Without levels that no row has."""
    depth = depth_of(books)
    while (
        depth > 1
        and books[f"bid_price_{depth}"].null_count() == books.height
        and (books[f"ask_price_{depth}"].null_count() == books.height)
    ):
        books = books.drop(f"{side}_{depth}" for side in ("bid_price", "bid_size", "ask_price",
                                                          "ask_size"))  # fmt: skip
        depth -= 1
    return books


def _lines(data: bytes) -> pl.Series:
    try:
        return pl.Series("text", data.decode().splitlines(), pl.String)
    except UnicodeDecodeError as error:
        raise FormatError(f"the file is not text: {error.reason} at byte {error.start}") from error


def _table(data: bytes, name: str) -> pl.DataFrame:
    feather = Path(name).suffix.lower() in (".feather", ".arrow", ".ipc")
    return pl.read_ipc(BytesIO(data)) if feather else pl.read_parquet(BytesIO(data))


def _content(path: Path) -> tuple[bytes, str]:
    """The bytes of a file, and its name, behind the containers around it."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise MissingDataError(f"there is no file {path}") from None
    except OSError as error:
        raise FormatError(f"{path} cannot be read: {error.strerror}") from error
    suffix, inner = path.suffix.lower(), path.name[: -len(path.suffix)]
    try:
        if suffix == ".gz":
            return gzip.decompress(data), inner
        if suffix == ".xz":
            return lzma.decompress(data), inner
        if suffix == ".zip":
            with zipfile.ZipFile(BytesIO(data)) as archive:
                names = [n for n in archive.namelist() if not n.endswith("/")]
                if len(names) != 1:
                    raise FormatError(f"{path} holds {len(names)} files: unpack the one you want")
                return archive.read(names[0]), names[0]
    except (OSError, EOFError, lzma.LZMAError, zipfile.BadZipFile) as error:
        raise FormatError(f"{path} is damaged: {error}. Download it again") from error
    return data, path.name


def _detect(data: bytes, name: str, path: Path) -> str:
    """The format of a file, from its name and its first line."""
    suffix = Path(name).suffix.lower()
    if suffix == ".npz":
        return "hftbacktest"
    if suffix in (".parquet", ".feather", ".arrow", ".ipc"):
        return "parquet"
    head = data[:4000].split(b"\n", 1)[0]
    for kind, marks in (
        ("gemini", (b"time_seconds,",)),
        ("tardis", (b"exchange,symbol,timestamp",)),
        ("bybit", (b'"topic":"orderbook', b'"topic": "orderbook')),
        ("jsonl", (b'"exchange_timestamp"',)),
        ("bitstamp", (b" order_created ", b" order_deleted ", b" order_changed ", b" trade ")),
        ("binance", (b'"stream"', b'"lastUpdateId"')),
    ):
        if any(mark in head for mark in marks):
            return kind
    raise FormatError(
        f"the format of {path} is not known from its first line. Say which: format= one of "
        f"{', '.join(FORMATS)}."
    )
