"""The store: one folder of market data, written atomically, read exactly."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.frames.intervals import Interval, parse_interval
from trade_research.store import bars, catalog
from trade_research.store.bars import WriteReport
from trade_research.store.layout import Name, local_root, split_name
from trade_research.store.query import Query, make_query
from trade_research.store.times import Moment

if TYPE_CHECKING:
    pass


class Store:
    """Bars on disk under `root`. Making a Store touches nothing; the first write makes the folder.

    Parameters
    ----------
    root : path
        A folder of this computer.
    """

    def __init__(self, root: str | os.PathLike[str] = "datasets") -> None:
        self.root: Path = local_root(root)

    def __repr__(self) -> str:
        return f"Store({str(self.root)!r})"

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

    def catalog(self) -> pl.DataFrame:
        """One row for each dataset of bars: what it is, its span, rows, version and size."""
        return catalog.list_catalog(self.root)

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
        place = catalog.find_venue(self.root, symbol, venue)
        name = Name(place, symbol, parse_interval(interval))
        return make_query(self.root, [name], start, end, as_of, adjust)

    def _name(self, text: str) -> Name:
        venue, symbol, interval = split_name(text)
        return Name(catalog.find_venue(self.root, symbol, venue), symbol, interval)
