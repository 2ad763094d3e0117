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
import os
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from trade_research.errors import SchemaError, StoreError
from trade_research.frames.intervals import Interval, parse_interval
from trade_research.store.catalog import find_venue
from trade_research.store.durable import flush_folder, make_folder, writing
from trade_research.store.layout import Name, instrument_folder, list_parts, local_root, split_name
from trade_research.store.times import Moment, parse_moment
from trade_research.store.trials import IDENTITY, PLACE, SCHEMA, TIME, repeated

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
        now = repeated(pl.Series([datetime.now(UTC)], dtype=TIME), trials.height)
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
            | {"first": TIME, "last": TIME},
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
