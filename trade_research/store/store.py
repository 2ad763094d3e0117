"""The store: one folder of market data, written atomically, read exactly."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.frames.intervals import Interval, parse_interval
from trade_research.store import bars, catalog, stream, verdicts
from trade_research.store.bars import WriteReport
from trade_research.store.book_shelf import BookShelf
from trade_research.store.export import export
from trade_research.store.layout import Name, local_root, split_name
from trade_research.store.query import Query, make_query
from trade_research.store.side_shelf import SideShelf
from trade_research.store.times import Moment, parse_moment
from trade_research.store.vacuum import VacuumReport, vacuum

if TYPE_CHECKING:
    import pyarrow as pa

    from trade_research.store.ledger import Ledger
    from trade_research.store.sql import Reader


class Store(BookShelf, SideShelf):
    """Bars, books and trades on disk under `root`.

    Making a Store touches nothing; the first write makes the folder.

    Parameters
    ----------
    root : path
        A folder of this computer.
    """

    def __init__(self, root: str | os.PathLike[str] = "datasets") -> None:
        self.root: Path = local_root(root)

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

    def _repr_html_(self) -> str:
        from trade_research.store.page import card

        return card(self.root)

    def write_bars(
        self,
        frame: pl.DataFrame,
        *,
        venue: str,
        symbol: str,
        interval: str | Interval,
        calendar: str | None = None,
        source: str = "",
    ) -> WriteReport:
        """Add bars to what is stored, in one commit that happens entirely or not at all.

        Writing the same bars again changes nothing. A bar that differs from the stored one is a
        revision: the new value counts from this version on, the old one stays readable by `as_of`
        and is listed by `revisions`. Every version is judged (`verdicts`); nothing is repaired.

        Parameters
        ----------
        frame : DataFrame
            Bars in the schema of `frames.to_bars`, oldest first: ``open_time`` or ``ts``, open,
            high, low, close, volume; optional quote_volume and trades. Columns that are left out
            keep what is stored.
        venue, symbol : str
            Any names; they are encoded before they become folders.
        interval : str
            ``1m``, ``4h``, ``1d``…
        calendar : str, optional
            ``24/7``, ``24/5`` or an exchange's code; by default the venue's.
        source : str, optional
            Where the bars came from, kept with the version.

        Raises
        ------
        SchemaError, BarOrderError
            The frame is not valid bars; nothing is written.
        ConfigError
            A name that cannot be stored, or a venue whose calendar is unknown.
        StoreError
            The folder cannot be written to, or what is stored is damaged.
        """
        name = Name(venue, symbol, parse_interval(interval))
        return bars.write_bars(self.root, frame, name, calendar=calendar, source=source)

    def query(
        self,
        names: str | Sequence[str],
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        as_of: int | Moment | None = None,
        adjust: str | None = None,
    ) -> Query:
        """Bars as a frozen value, its versions fixed now.

        Parameters
        ----------
        names : str or sequence of str
            ``venue:SYMBOL@interval``; the venue may be left out where only one has the symbol.
        start, end : str, date or datetime, optional
            The span ``[start, end)`` of open times, UTC.
        as_of : int, str, date or datetime, optional
            A version's number, or a time: the data as they were then.
        adjust : {"splits", "all"}, optional
            Adjust for splits, or for splits and dividends, known and gone ex by `as_of`.

        Raises
        ------
        MissingDataError, AmbiguousNameError, ConfigError
        """
        texts = [names] if isinstance(names, str) else list(names)
        return make_query(
            self.root, [self._name(text) for text in texts], start, end, as_of, adjust
        )

    def bars(
        self,
        symbol: str,
        interval: str | Interval,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        venue: str | None = None,
        as_of: int | Moment | None = None,
        adjust: str | None = None,
    ) -> pl.DataFrame:
        """Bars of one instrument, ``start <= open_time < end`` (UTC), oldest first; perhaps none.

        Resampled from the finest stored interval that divides the one asked for, where that is not
        stored itself. See `query` for the arguments.
        """
        return self._one(symbol, interval, start, end, venue, as_of, adjust).frame()

    def scan_bars(
        self,
        symbol: str,
        interval: str | Interval,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        venue: str | None = None,
        as_of: int | Moment | None = None,
        adjust: str | None = None,
    ) -> pl.LazyFrame:
        """`bars` as a LazyFrame that reads when collected, piece by piece."""
        return stream.scan_bars(self._one(symbol, interval, start, end, venue, as_of, adjust))

    def batches(
        self,
        symbol: str,
        interval: str | Interval,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        venue: str | None = None,
        as_of: int | Moment | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """`bars` as Arrow record batches in time order, for data larger than memory.

        ``interval="books"`` or ``"trades"`` streams those instead; see also `book_batches`.
        """
        if interval == "books":
            return self.book_batches(symbol, start, end, venue=venue, as_of=as_of)
        if interval == "trades":
            return self.book_batches(symbol, start, end, kind="trades", venue=venue, as_of=as_of)
        return self._one(symbol, interval, start, end, venue, as_of, None).batches()

    def sql(
        self, text: str, params: Sequence[object] | Mapping[str, object] | None = None
    ) -> pl.DataFrame:
        """Rows of one SELECT in DuckDB's SQL over the newest versions; nothing can be changed.

        The view `bars` has the columns venue, symbol, interval, open_time, close_time, open, high,
        low, close, volume, quote_volume and trades, with ordinary prices. Filters on venue, symbol
        and interval open only the files they leave. The view `books` has venue, symbol, date, time,
        recv_time, bid_price_1, bid_size_1, ask_price_1, ask_size_1, mid, spread, microprice and
        imbalance_1; the view `trades` price, size, side and trade_id; filter on date.

        Parameters
        ----------
        text : str
            Exactly one SELECT; values as ``?`` or ``$name``.
        params : sequence or mapping, optional
            Values bound to them.

        Raises
        ------
        QueryError
            Anything but one SELECT, an error in it, or an attempt to read other files.
        """
        return self._reader.run(text, params)

    @cached_property
    def _reader(self) -> Reader:
        from trade_research.store.sql import Reader

        return Reader(self.root)

    @property
    def ledger(self) -> Ledger:
        """Every configuration ever tried on these data: `count`, `trials`, `datasets`."""
        from trade_research.store.ledger import Ledger

        return Ledger(self.root)

    def catalog(self) -> pl.DataFrame:
        """One row for each dataset of bars: what it is, its span, rows, version and size.

        `start` and `end` are the first and the last open time.
        """
        return catalog.list_catalog(self.root)

    def verdicts(
        self,
        symbol: str | None = None,
        interval: str | Interval | None = None,
        venue: str | None = None,
    ) -> pl.DataFrame:
        """What is wrong with stored bars: `instrument` and the columns of `frames.audit`.

        Parameters
        ----------
        symbol : str, optional
            A symbol, or a whole name like ``binance:BTC/USDT@1m``; all when left out.
        """
        return verdicts.list_verdicts(self.root, *self._filter(symbol, interval, venue))

    def revisions(
        self,
        symbol: str | None = None,
        interval: str | Interval | None = None,
        venue: str | None = None,
    ) -> pl.DataFrame:
        """Stored values that a later write changed, oldest first.

        Columns: instrument, open_time, column, old, new, recorded (when), version (which brought
        the new value). Arguments as of `verdicts`.
        """
        return verdicts.list_revisions(self.root, *self._filter(symbol, interval, venue))

    def export(self, bars: pl.DataFrame | Query | str, path: str | os.PathLike[str]) -> Path:
        """Write bars to a plain .parquet, .csv or .feather file, whole or not at all.

        `bars` is a frame, a query, or a name like ``binance:BTC/USDT@1h``.
        """
        if isinstance(bars, str):
            bars = self.query(bars)
        return export(bars.frame() if isinstance(bars, Query) else bars, path)

    def vacuum(self, before: Moment | None = None) -> VacuumReport:
        """Remove files that no version names, and versions that were replaced before `before`.

        Without `before` all versions stay. The newest version always stays, and whatever was
        replaced or written within the last hour, since somebody may be reading or writing it.
        """
        moment = None if before is None else parse_moment(before, "before")
        return vacuum(self.root, moment)

    def _one(
        self,
        symbol: str,
        interval: str | Interval,
        start: Moment | None,
        end: Moment | None,
        venue: str | None,
        as_of: int | Moment | None,
        adjust: str | None,
    ) -> Query:
        step = parse_interval(interval)
        name = Name(catalog.find_venue(self.root, symbol, venue), symbol, step)
        return make_query(self.root, [name], start, end, as_of, adjust)

    def _name(self, text: str) -> Name:
        venue, symbol, interval = split_name(text)
        return Name(catalog.find_venue(self.root, symbol, venue), symbol, interval)

    def _filter(
        self, symbol: str | None, interval: str | Interval | None, venue: str | None
    ) -> tuple[str | None, str | None, str | None]:
        """Symbol, interval and venue to look for; a whole name is taken apart. All must exist."""
        if symbol is not None and interval is None and "@" in symbol:
            venue_named, symbol, step = split_name(symbol)
            venue, interval = venue or venue_named, step
        if symbol is not None:
            catalog.find_symbol(self.root, symbol, venue)
        return symbol, None if interval is None else parse_interval(interval).text, venue
