"""Order books and trades of a store: what `Store` offers for them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import polars as pl

from trade_research.store import books
from trade_research.store.bars import WriteReport
from trade_research.store.books import BookStream
from trade_research.store.times import Moment

if TYPE_CHECKING:
    import pyarrow as pa

    from trade_research.frames.recording import Recording


class BookShelf:
    """Writing and reading books and trades below `root`."""

    root: Path

    def write_books(
        self, frame: pl.DataFrame | Recording, *, venue: str, symbol: str, source: str = ""
    ) -> WriteReport:
        """Add order books, a file a day, in one commit that happens entirely or not at all.

        Prices and sizes come back bit for bit. Writing the same again changes nothing; of rows of
        the same time the new ones count. Verdicts of a `Recording` are kept with it, those of a
        frame are made by `frames.audit_books`.

        Parameters
        ----------
        frame : DataFrame or Recording
            Books in the wide layout of `frames.to_books`, or what `read_books` returns.
        venue, symbol : str
        source : str, optional
            Where they came from, kept with the version.

        Raises
        ------
        SchemaError
            The frame is not valid books; nothing is written.
        """
        return books.write_books(self.root, frame, venue, symbol, source)

    def write_trades(
        self, frame: pl.DataFrame, *, venue: str, symbol: str, source: str = ""
    ) -> WriteReport:
        """Add market trades, a file a day; those with a known ``trade_id`` count once.

        Parameters
        ----------
        frame : DataFrame
            In the schema of `frames.to_trades`.
        """
        return books.write_trades(self.root, frame, venue, symbol, source)

    def books(
        self,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        depth: int | None = None,
        venue: str | None = None,
        masked: bool = True,
        as_of: int | Moment | None = None,
    ) -> pl.DataFrame:
        """Order books of one instrument, ``start <= time < end`` (UTC), oldest first.

        Parameters
        ----------
        depth : int, optional
            Levels a side; fewer are cheaper to read (best at 1, 5 and 20). All when left out.
        masked : bool
            Levels are null where the book was crossed, one-sided, stale or lost; see
            `book_verdicts`.

        Raises
        ------
        MissingDataError, AmbiguousNameError, ConfigError
        """
        return books.read_books(
            self.root, symbol, start, end, depth=depth, venue=venue, masked=masked, as_of=as_of
        )

    def trades(
        self,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        venue: str | None = None,
        as_of: int | Moment | None = None,
    ) -> pl.DataFrame:
        """Market trades of one instrument, ``start <= time < end`` (UTC), oldest first."""
        return books.read_trades(self.root, symbol, start, end, venue=venue, as_of=as_of)

    def book_batches(
        self,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        kind: Literal["books", "trades"] = "books",
        depth: int | None = None,
        venue: str | None = None,
        as_of: int | Moment | None = None,
    ) -> Iterator[pa.RecordBatch]:
        """`books` (unmasked) or `trades` as Arrow record batches, for days larger than memory."""
        for frame in books.iter_stored(
            self.root, kind, symbol, start, end, depth=depth, venue=venue, as_of=as_of
        ):
            yield from frame.to_arrow().to_batches()

    def book_stream(
        self,
        symbol: str,
        start: Moment | None = None,
        end: Moment | None = None,
        *,
        depth: int | None = None,
        venue: str | None = None,
        masked: bool = True,
        as_of: int | Moment | None = None,
        rows: int | None = None,
    ) -> BookStream:
        """`books` piece by piece, for days larger than memory: `tr.backtest` runs over it.

        The numbers of a run are the same for any number of `rows` a piece.
        """
        return BookStream(self.root, symbol, start, end, depth, venue, masked, as_of, rows)

    def book_verdicts(self, symbol: str, venue: str | None = None) -> pl.DataFrame:
        """What is wrong with stored books: the columns of `frames.audit_books`."""
        return books.list_verdicts(self.root, symbol, venue)

    def book_catalog(self) -> pl.DataFrame:
        """One row for each instrument's books and trades: span, rows, depth, version and size."""
        return books.list_book_catalog(self.root)
