"""The ledger: every configuration ever tried on a dataset, so that luck can be discounted.

A trial is a strategy's source with its parameters and exits on one instrument and interval; trying
it again on an overlapping span, at other costs or on revised bars, adds nothing. The ledger is a
set that only grows: each record is a Parquet file of its own, written beside, flushed and renamed,
so a killed writer leaves all of a record or nothing, and writers need not know of each other.
Trials are made distinct when they are counted, so recording twice does no harm. Many small files
are merged into one, which is on the disk before they go.

    <root>/ledger/venue=…/symbol=…/interval=…/trials-<id>.parquet
"""

from __future__ import annotations

import io
import json
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.errors import SchemaError, StoreError
from trade_research.frames.intervals import Interval, parse_interval
from trade_research.store.catalog import find_venue
from trade_research.store.commit import flush_folder, make_folder, writing
from trade_research.store.layout import Name, instrument_folder, list_parts, local_root, split_name
from trade_research.store.times import Moment, parse_moment

if TYPE_CHECKING:
    from trade_research.store.query import Query

_TIME = pl.Datetime("us", "UTC")
IDENTITY = ("source", "params", "exits")
PLACE = ("venue", "symbol", "interval")
SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "strategy": pl.String,
    "source": pl.String,
    "params": pl.String,
    "exits": pl.String,
    "start": _TIME,
    "end": _TIME,
    "days": pl.Int64,
    "sharpe": pl.Float64,
    "kind": pl.String,
    "recorded": _TIME,
}
_MANY = 64  # small files of one dataset; one more and they are merged
_SMALL = 1 << 20  # bytes below which a file is small
_TRIES = 20


@dataclass(frozen=True)
class Trials:
    """How many distinct trials there were, and how far apart their results lie.

    Attributes
    ----------
    n : int
    variance : float or None
        Of their Sharpe ratios per day (ddof 1, not annualised); None with fewer than two that have
        one.
    """

    n: int
    variance: float | None


class Ledger:
    """The ledger of a store. Making one touches nothing.

    Parameters
    ----------
    root : path
        The store's folder.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self.root: Path = local_root(root)

    def __repr__(self) -> str:
        return f"Ledger({str(self.root)!r})"

    def record(self, trials: pl.DataFrame) -> None:
        """Add trials; all of one dataset's, or none, are there afterwards, whatever happens.

        Parameters
        ----------
        trials : DataFrame
            `venue`, `symbol`, `interval`, and the columns of `SCHEMA` less `recorded`; see
            `trials_of`. Times are UTC; `sharpe` is per day, null where undefined.

        Raises
        ------
        SchemaError
            A column is missing.
        StoreError
            The folder cannot be written.
        """
        missing = [name for name in (*PLACE, *SCHEMA) if name not in trials.columns]
        if missing := [name for name in missing if name != "recorded"]:
            raise SchemaError(f"trials lack the columns {', '.join(missing)}. See `trials_of`.")
        now = _repeated(pl.Series([datetime.now(UTC)], dtype=_TIME), trials.height)
        rows = trials.with_columns(recorded=now)
        parts = [rows] if rows.height == 1 else rows.partition_by(*PLACE, maintain_order=True)
        for part in parts:
            venue, symbol, interval = (part[name][0] for name in PLACE)
            folder = self._folder(venue, symbol, parse_interval(interval))
            if not folder.is_dir():
                make_folder(folder)
            _write(folder, part.select(pl.col(name).cast(kind) for name, kind in SCHEMA.items()))
            _merge_small(folder)

    def trials(
        self,
        venue: str,
        symbol: str,
        interval: str | Interval,
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> pl.DataFrame:
        """Distinct trials on a dataset whose span overlaps ``[start, end)``, oldest first.

        Of a trial that was recorded several times the latest is given. Columns as of `SCHEMA`.
        """
        return _distinct(self._overlapping(venue, symbol, interval, start, end).collect())

    def of(self, name: str, start: Moment | None = None, end: Moment | None = None) -> pl.DataFrame:
        """`trials` of a dataset by its name, ``venue:SYMBOL@interval``."""
        return self.trials(*self._place(name), start, end)

    def count(
        self,
        names: str | Sequence[str],
        start: Moment | None = None,
        end: Moment | None = None,
    ) -> Trials:
        """How many distinct trials there were on any of the datasets over a span.

        Parameters
        ----------
        names : str or sequence of str
            ``venue:SYMBOL@interval``.
        start, end : str, date or datetime, optional
            The span ``[start, end)``; trials that overlap it count.
        """
        found = pl.concat(
            self._overlapping(*self._place(name), start, end)
            for name in ([names] if isinstance(names, str) else names)
        )
        rows = found.select(*IDENTITY, "sharpe", "recorded").collect()
        rows = rows.sort("recorded", maintain_order=True)
        rows = rows.unique(IDENTITY, keep="last", maintain_order=False)
        # Summed in order of value, so that the order of files leaves no trace in the last bits.
        ratios = rows["sharpe"].drop_nulls().drop_nans().sort()
        variance = ratios.var() if len(ratios) >= 2 else None
        return Trials(rows.height, float(variance) if isinstance(variance, float) else None)

    def datasets(self) -> pl.DataFrame:
        """One row a dataset: venue, symbol, interval, trials, strategies, first and last record."""
        rows = []
        for name in self._names():
            found = self.trials(name.venue, name.symbol, name.interval)
            rows.append(
                {
                    "venue": name.venue,
                    "symbol": name.symbol,
                    "interval": name.interval.text,
                    "trials": found.height,
                    "strategies": found["source"].n_unique(),
                    "best_sharpe": found["sharpe"].max(),
                    "first": found["recorded"].min(),
                    "last": found["recorded"].max(),
                }
            )
        return pl.DataFrame(
            rows,
            dict.fromkeys(PLACE, pl.String)
            | {"trials": pl.Int64, "strategies": pl.Int64, "best_sharpe": pl.Float64}
            | {"first": _TIME, "last": _TIME},
        )

    def _overlapping(
        self,
        venue: str,
        symbol: str,
        interval: str | Interval,
        start: Moment | None,
        end: Moment | None,
    ) -> pl.LazyFrame:
        folder = self._folder(venue, symbol, parse_interval(interval))
        rows = _read(folder).lazy()
        if start is not None:
            rows = rows.filter(pl.col("end") > parse_moment(start, "start"))
        if end is not None:
            rows = rows.filter(pl.col("start") < parse_moment(end, "end"))
        return rows

    def _folder(self, venue: str, symbol: str, interval: Interval) -> Path:
        place = instrument_folder(self.root, "ledger", venue, symbol)
        return place / f"interval={interval.text}"

    def _place(self, name: str) -> tuple[str, str, Interval]:
        venue, symbol, interval = split_name(name)
        return find_venue(self.root, symbol, venue) if venue is None else venue, symbol, interval

    def _names(self) -> Iterator[Name]:
        for venue, place in list_parts(self.root / "ledger", "venue", "lower"):
            for symbol, folder in list_parts(place, "symbol"):
                for text, _ in list_parts(folder, "interval", "lower"):
                    yield Name(venue, symbol, parse_interval(text))


def trials_of(
    query: Query,
    *,
    start: datetime,
    end: datetime,
    strategy: str,
    source: str,
    params: pl.DataFrame,
    exits: pl.DataFrame,
    days: int | pl.Series,
    sharpe: pl.Series,
    kind: str,
) -> pl.DataFrame:
    """Configurations tried on a query, as `Ledger.record` takes them.

    Parameters
    ----------
    query : Query
        With several instruments, a trial counts on each.
    start, end : datetime
        First open and last close of the bars, UTC.
    strategy, source : str
        The strategy's name and `source_hash`.
    params : DataFrame
        One row a configuration, one column for **every** parameter of the strategy, those at their
        default too, as its declared type.
    exits : DataFrame
        Of the same height, a column for each field of `Exits`, or of one row for all; no columns:
        no exits.
    days : int or Series
        UTC days behind each Sharpe ratio.
    sharpe : Series of float
        Per day, not annualised; null where undefined.
    kind : str
        "backtest", "sweep" or "walk_forward".
    """
    n = len(sharpe)
    same = {"strategy": strategy, "source": source, "kind": kind, "interval": query.interval.text}
    columns = {name: _repeated(pl.Series([value]), n) for name, value in same.items()}
    columns |= {
        name: _repeated(pl.Series([time], dtype=_TIME), n)
        for name, time in (("start", start), ("end", end))
    }
    columns |= {
        "params": _repeated(as_json(params), n),
        "exits": _repeated(as_json(exits), n),
        "days": days if isinstance(days, pl.Series) else _repeated(pl.Series([days]), n),
        "sharpe": sharpe,
    }
    places = [
        pl.DataFrame(
            columns
            | {"venue": _repeated(pl.Series([venue]), n)}
            | {"symbol": _repeated(pl.Series([symbol]), n)}
        )
        for venue, symbol in zip(query.venues, query.symbols, strict=True)
    ]
    return places[0] if len(places) == 1 else pl.concat(places)


def as_json(table: pl.DataFrame) -> pl.Series:
    """Each row as one JSON object, names in order, nulls left out: the same values, the same text.

    Values are written as Python writes them. A table without columns is one empty text, as is a
    row of nulls.
    """
    if table.height <= 1:
        rows = table.to_dicts() or [{}]
        known = {name: rows[0][name] for name in sorted(rows[0]) if rows[0][name] is not None}
        return pl.Series([json.dumps(known) if known else ""])
    parts = [_texts(table[name]) for name in sorted(table.columns)]
    inner = pl.concat_str(pl.all(), separator=", ", ignore_nulls=True)
    return (
        pl.DataFrame(parts)
        .select(pl.when(inner == "").then(pl.lit("")).otherwise(pl.format("{{{}}}", inner)))
        .to_series()
    )


def _texts(column: pl.Series) -> pl.Series:
    """``"name": value`` of each value, null for null; each of few distinct ones written once."""
    key = f"{json.dumps(column.name)}: "
    known = column.unique()
    if 2 * len(known) < len(column):
        texts = pl.Series(
            [None if v is None else key + json.dumps(v) for v in known], dtype=pl.String
        )
        return column.replace_strict(known, texts, return_dtype=pl.String)
    if column.dtype.is_float() and column.is_finite().all():
        written: list[str | None] = [
            *map(float.__repr__, column.to_list())
        ]  # what json.dumps writes, sooner
    else:
        written = [None if v is None else json.dumps(v) for v in column]
    return (key + pl.Series(column.name, written, dtype=pl.String)).alias(column.name)


def _repeated(column: pl.Series, n: int) -> pl.Series:
    """One value `n` times; a column of that length as it is."""
    return column.new_from_index(0, n) if len(column) == 1 != n else column


def _write(folder: Path, rows: pl.DataFrame) -> Path:
    """A new file of the ledger, complete and on the disk when it has its name."""
    body = io.BytesIO()
    rows.write_parquet(body, compression="zstd")
    name = f"trials-{uuid.uuid4().hex}.parquet"
    beside = folder / f".{name}"
    with writing(folder):
        with beside.open("xb") as file:
            file.write(body.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, folder / name)
        flush_folder(folder)
    return folder / name


def _read(folder: Path) -> pl.DataFrame:
    """Every row; another process may merge files while they are read: then once more."""
    for _ in range(_TRIES):
        try:
            return _rows(_files(folder))
        except FileNotFoundError:
            continue
    raise StoreError(f"the ledger in {folder} changes while it is read. Try again.")


def _rows(files: Sequence[Path]) -> pl.DataFrame:
    empty = pl.DataFrame(schema=SCHEMA)
    try:
        return pl.concat([empty, *(pl.read_parquet(path.read_bytes()) for path in files)])
    except FileNotFoundError:
        raise
    except (OSError, pl.exceptions.PolarsError) as error:
        raise StoreError(
            f"the ledger in {files[0].parent} is damaged: {error}. Restore it from a backup: "
            "without it, trials cannot be counted."
        ) from error


def _files(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as entries:
            return sorted(Path(e.path) for e in entries if e.name.startswith("trials-"))
    except (FileNotFoundError, NotADirectoryError):
        return []


def _merge_small(folder: Path) -> None:
    """Where there are many small files, one file in their place.

    A file goes only after its rows are on the disk in the new one, so killed at any point nothing
    is lost; two processes that merge at once leave rows twice, which count once.
    """
    try:
        files = _files(folder)
        if len(files) <= _MANY:
            return
        small = [path for path in files if path.stat().st_size < _SMALL]
        if len(small) <= _MANY:
            return
        _write(folder, _rows(small).unique(maintain_order=True))
        for path in small:
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return  # another process is merging them


def _distinct(rows: pl.DataFrame) -> pl.DataFrame:
    rows = rows.sort("recorded", maintain_order=True)
    return rows.unique(IDENTITY, keep="last", maintain_order=True)
