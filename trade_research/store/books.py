"""Books and trades of an instrument: written by day, read by levels, with what is wrong of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import polars as pl

from trade_research.errors import AmbiguousNameError, MissingDataError, SchemaError, nearest
from trade_research.frames.book_verdicts import BOOK_VERDICT_SCHEMA, audit_books, mask_books
from trade_research.frames.books import check_books, check_trades, depth_of
from trade_research.frames.recording import Recording
from trade_research.store.bars import WriteReport
from trade_research.store.book_writes import (
    ALL_LEVELS,
    Kind,
    iter_part,
    read_verdicts,
    write_rows,
)
from trade_research.store.commit import Manifest, Part, read_as_of, read_current
from trade_research.store.layout import instrument_folder, list_parts
from trade_research.store.times import Moment, micros, moment, parse_span

CATALOG_SCHEMA = pl.Schema(
    {
        "kind": pl.String(),
        "venue": pl.String(),
        "symbol": pl.String(),
        "rows": pl.Int64(),
        "depth": pl.Int64(),
        "days": pl.Int64(),
        "start": pl.Datetime("us", "UTC"),
        "end": pl.Datetime("us", "UTC"),
        "version": pl.Int64(),
        "bytes": pl.Int64(),
        "source": pl.String(),
    }
)


@dataclass(frozen=True)
class _Span:
    """Nanoseconds ``[start, end)``; None is open."""

    start: int | None
    end: int | None

    @classmethod
    def of(cls, start: Moment | None, end: Moment | None) -> _Span:
        first, last = parse_span(start, end)
        return cls(
            None if first is None else micros(first) * 1000,
            None if last is None else micros(last) * 1000,
        )

    def touches(self, part: Part) -> bool:
        """Whether a file may hold rows of the span."""
        return (self.start is None or part.end >= self.start // 1000) and (
            self.end is None or part.start * 1000 < self.end
        )


def write_books(
    root: Path, books: pl.DataFrame | Recording, venue: str, symbol: str, source: str = ""
) -> WriteReport:
    """Merge books into those stored in one atomic commit; see `Store.write_books`."""
    frame = books.books if isinstance(books, Recording) else books
    _check_frame(frame, "books")
    check_books(frame)
    verdicts = books.verdicts if isinstance(books, Recording) else audit_books(frame)
    return write_rows(root, "books", frame, verdicts, venue, symbol, source)


def write_trades(
    root: Path, trades: pl.DataFrame, venue: str, symbol: str, source: str = ""
) -> WriteReport:
    """Merge trades into those stored in one atomic commit; see `Store.write_trades`."""
    _check_frame(trades, "trades")
    check_trades(trades)
    none = pl.DataFrame(schema=BOOK_VERDICT_SCHEMA)
    return write_rows(root, "trades", trades, none, venue, symbol, source)


def read_books(
    root: Path,
    symbol: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    depth: int | None = None,
    venue: str | None = None,
    masked: bool = True,
    as_of: int | Moment | None = None,
) -> pl.DataFrame:
    """Stored books of a span; see `Store.books`."""
    frames = list(
        iter_stored(root, "books", symbol, start, end, depth=depth, venue=venue, as_of=as_of)
    )
    if not frames:
        return pl.DataFrame(schema={"time": pl.Datetime("ns", "UTC")})
    books = pl.concat(frames, how="diagonal")
    if not masked:
        return books
    return mask_books(books, list_verdicts(root, symbol, venue, as_of=as_of))


def read_trades(
    root: Path,
    symbol: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    venue: str | None = None,
    as_of: int | Moment | None = None,
) -> pl.DataFrame:
    """Stored trades of a span; see `Store.trades`."""
    frames = list(iter_stored(root, "trades", symbol, start, end, venue=venue, as_of=as_of))
    if not frames:
        return pl.DataFrame(schema={"time": pl.Datetime("ns", "UTC")})
    return pl.concat(frames, how="diagonal")


@dataclass(frozen=True)
class BookStream:
    """Stored books of a span, read piece by piece as often as it is gone through.

    Attributes
    ----------
    rows : int, optional
        Of a piece; as they are stored, 65,536 at most, when None.
    """

    root: Path
    symbol: str
    start: Moment | None = None
    end: Moment | None = None
    depth: int | None = None
    venue: str | None = None
    masked: bool = True
    as_of: int | Moment | None = None
    rows: int | None = None

    def pinned(self) -> BookStream:
        """The same books, whatever is stored from now on: of the venue and version of now."""
        venue = _venue(self.root, "books", self.symbol, self.venue)
        return replace(self, venue=venue, as_of=self._manifest(venue).version)

    @property
    def content_hash(self) -> str:
        """BLAKE2b of the files of the version that is read."""
        venue = _venue(self.root, "books", self.symbol, self.venue)
        parts = "".join(part.hash for part in self._manifest(venue).parts)
        return blake2b(parts.encode(), digest_size=16).hexdigest()

    def _manifest(self, venue: str) -> Manifest:
        found = read_as_of(instrument_folder(self.root, "books", venue, self.symbol), self.as_of)
        if found is None:
            raise MissingDataError(f"no books of {venue}:{self.symbol} as of {self.as_of}")
        return found

    def __iter__(self) -> Iterator[pl.DataFrame]:
        frames = iter_stored(
            self.root, "books", self.symbol, self.start, self.end,
            depth=self.depth, venue=self.venue, as_of=self.as_of,
        )  # fmt: skip
        if self.rows is not None:
            frames = recut(frames, self.rows)
        if not self.masked:
            return frames
        verdicts = list_verdicts(self.root, self.symbol, self.venue, as_of=self.as_of)
        return (mask_books(frame, verdicts) for frame in frames)


def recut(frames: Iterable[pl.DataFrame], rows: int) -> Iterator[pl.DataFrame]:
    """The same rows in pieces of so many."""
    rest: list[pl.DataFrame] = []
    for frame in frames:
        rest.append(frame)
        if sum(part.height for part in rest) >= rows:
            whole = pl.concat(rest, how="diagonal")
            cut = whole.height // rows * rows
            yield from (whole[at : at + rows] for at in range(0, cut, rows))
            rest = [whole[cut:]]
    if any(part.height for part in rest):
        yield pl.concat(rest, how="diagonal")


def iter_stored(
    root: Path,
    kind: Kind,
    symbol: str,
    start: Moment | None = None,
    end: Moment | None = None,
    *,
    depth: int | None = None,
    venue: str | None = None,
    as_of: int | Moment | None = None,
) -> Iterator[pl.DataFrame]:
    """Stored rows of a span in time order, a row group at a time, so that memory stays flat."""
    span = _Span.of(start, end)
    folder = instrument_folder(root, kind, _venue(root, kind, symbol, venue), symbol)
    manifest = read_as_of(folder, as_of)
    for part in manifest.parts if manifest is not None else ():
        if span.touches(part):
            yield from iter_part(folder, part, kind, depth or ALL_LEVELS, span.start, span.end)


def list_verdicts(
    root: Path, symbol: str, venue: str | None = None, *, as_of: int | Moment | None = None
) -> pl.DataFrame:
    """What is wrong with stored books; see `frames.audit_books`."""
    folder = instrument_folder(root, "books", _venue(root, "books", symbol, venue), symbol)
    manifest = read_as_of(folder, as_of)
    return (
        pl.DataFrame(schema=BOOK_VERDICT_SCHEMA)
        if manifest is None
        else read_verdicts(folder, manifest)
    )


def stored_until(root: Path, venue: str, symbol: str) -> int | None:
    """Time of the last stored book, nanoseconds to a microsecond; None: there is none."""
    manifest = read_current(instrument_folder(root, "books", venue, symbol))
    return manifest.parts[-1].end * 1000 if manifest is not None and manifest.parts else None


def list_book_catalog(root: Path) -> pl.DataFrame:
    """One row for each instrument's books and trades."""
    rows = []
    for kind in ("books", "trades"):
        for venue, symbol, folder in list_instruments(root, kind):
            manifest = read_current(folder)
            if manifest is None or not manifest.parts:
                continue
            levels = sum(name.startswith("bid_price_") for name in manifest.columns)
            rows.append(
                {
                    "kind": kind,
                    "venue": venue,
                    "symbol": symbol,
                    "rows": manifest.rows,
                    "depth": levels or None,
                    "days": len({part.period for part in manifest.parts}),
                    "start": moment(manifest.parts[0].start),
                    "end": moment(manifest.parts[-1].end),
                    "version": manifest.version,
                    "bytes": sum(part.size for part in manifest.parts),
                    "source": manifest.source,
                }
            )
    return pl.DataFrame(rows, schema=CATALOG_SCHEMA)


def list_instruments(root: Path, kind: str) -> Iterator[tuple[str, str, Path]]:
    """Venue, symbol and folder of every instrument that has stored books or trades."""
    for venue, place in list_parts(root / kind, "venue", "lower"):
        for symbol, folder in list_parts(place, "symbol"):
            yield venue, symbol, folder


def _venue(root: Path, kind: str, symbol: str, venue: str | None) -> str:
    """`venue`, or the only venue that has the symbol; a name may be ``venue:SYMBOL`` nowhere."""
    having = [v for v, s, _ in list_instruments(root, kind) if s == symbol and venue in (None, v)]
    if not having:
        known = {f"{v}:{s}" for v, s, _ in list_instruments(root, kind)}
        asked = symbol if venue is None else f"{venue}:{symbol}"
        raise MissingDataError(
            f"no {kind} of {asked!r} are stored in {root}: {nearest(asked, known)}"
        )
    if len(having) > 1:
        raise AmbiguousNameError(
            f"{kind} of {symbol!r} are stored for the venues {', '.join(having)}. "
            f"Say which: venue={having[0]!r}."
        )
    return having[0]


def _check_frame(frame: object, what: str) -> None:
    if not isinstance(frame, pl.DataFrame):
        raise SchemaError(f"{what} are a polars DataFrame, found {type(frame).__name__}.")
    if what == "books" and not depth_of(frame):
        raise SchemaError("the frame holds no levels: bring it in with frames.to_books()")
