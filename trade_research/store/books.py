"""Books and trades of an instrument, a file a day: merged, judged, committed; read by levels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from trade_research.errors import AmbiguousNameError, MissingDataError, SchemaError, nearest
from trade_research.frames.book_verdicts import BOOK_VERDICT_SCHEMA, audit_books, mask_books
from trade_research.frames.books import check_books, check_trades, depth_of
from trade_research.frames.recording import Recording
from trade_research.store import merge
from trade_research.store.bars import WriteReport
from trade_research.store.book_files import iter_books_file, write_books_file
from trade_research.store.codes import Code
from trade_research.store.commit import (
    Draft,
    Manifest,
    Part,
    commit,
    make_folder,
    new_file,
    read_as_of,
    read_current,
    writing,
)
from trade_research.store.hashing import content_hash
from trade_research.store.layout import instrument_folder, list_parts
from trade_research.store.times import Moment, micros, moment, parse_span
from trade_research.store.trade_files import iter_trades_file, write_trades_file

Kind = Literal["books", "trades"]
_TURN = "_turn"  # which of several rows of one time
_ALL = 10**6
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
    return _write(root, "books", frame, verdicts, venue, symbol, source)


def write_trades(
    root: Path, trades: pl.DataFrame, venue: str, symbol: str, source: str = ""
) -> WriteReport:
    """Merge trades into those stored in one atomic commit; see `Store.write_trades`."""
    _check_frame(trades, "trades")
    check_trades(trades)
    none = pl.DataFrame(schema=BOOK_VERDICT_SCHEMA)
    return _write(root, "trades", trades, none, venue, symbol, source)


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
            yield from _rows(folder, part, kind, depth or _ALL, span)


def list_verdicts(
    root: Path, symbol: str, venue: str | None = None, *, as_of: int | Moment | None = None
) -> pl.DataFrame:
    """What is wrong with stored books; see `frames.audit_books`."""
    folder = instrument_folder(root, "books", _venue(root, "books", symbol, venue), symbol)
    manifest = read_as_of(folder, as_of)
    return (
        pl.DataFrame(schema=BOOK_VERDICT_SCHEMA)
        if manifest is None
        else _verdicts(folder, manifest)
    )


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
                    "days": len(manifest.parts),
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


def _write(
    root: Path,
    kind: Kind,
    frame: pl.DataFrame,
    verdicts: pl.DataFrame,
    venue: str,
    symbol: str,
    source: str,
) -> WriteReport:
    """One file for each day that `frame` touches, its stored rows merged with the new ones."""
    folder = instrument_folder(root, kind, venue, symbol)
    days = frame.with_columns(day=pl.col("time").dt.date()).partition_by(
        "day", as_dict=True, include_key=False, maintain_order=True
    )
    counts = merge.Counts()

    def build(base: Manifest | None) -> Draft | None:
        nonlocal counts
        begin = base or Manifest(venue, symbol, None, None, columns=(), parts=())
        kept = {part.period: part for part in begin.parts}
        counts = merge.Counts()
        written: list[Path] = []
        fresh: list[tuple[str, pl.DataFrame]] = []
        for (day,), rows in sorted(days.items()):
            period = f"date={day}"
            old = _day(folder, kept.get(period), kind)
            merged, found = _merged(old, rows)
            counts = merge.Counts(
                *(a + b for a, b in zip(_three(counts), _three(found), strict=True))
            )
            if found.added or found.revised:
                fresh.append((period, merged))
        if not fresh:
            return None
        make_folder(folder)
        try:
            with writing(folder):
                for period, rows in fresh:
                    kept[period] = _part(folder, period, rows, kind, written)
                names = dict.fromkeys((*begin.columns, *frame.columns))
                manifest = replace(
                    begin, parts=tuple(sorted(kept.values(), key=lambda part: part.start)),
                    columns=tuple(names), source=source or begin.source,
                )  # fmt: skip
                if kind == "books":
                    manifest = _judged(folder, manifest, base, frame, verdicts, written)
                return Draft(manifest, written)
        except BaseException:
            for path in written:
                path.unlink(missing_ok=True)
            raise

    if not frame.height:
        raise SchemaError(f"there are no {kind} to write for {venue}:{symbol}: the frame is empty.")
    published = commit(folder, build) or read_current(folder)
    assert published is not None
    return WriteReport(
        f"{venue}:{symbol} {kind}", published.version, *_three(counts), verdicts=verdicts
    )


def _three(counts: merge.Counts) -> tuple[int, int, int]:
    return counts.added, counts.unchanged, counts.revised


def _day(folder: Path, part: Part | None, kind: Kind) -> pl.DataFrame | None:
    if part is None:
        return None
    return pl.concat(list(_rows(folder, part, kind, _ALL, _Span(None, None))))


def _rows(folder: Path, part: Part, kind: Kind, depth: int, span: _Span) -> Iterator[pl.DataFrame]:
    codes: Mapping[str, Code] = part.decoders()
    if kind == "trades":
        return iter_trades_file(folder / part.path, codes, span.start, span.end)
    return iter_books_file(folder / part.path, codes, depth, span.start, span.end)


def _merged(old: pl.DataFrame | None, new: pl.DataFrame) -> tuple[pl.DataFrame, merge.Counts]:
    """Stored rows and new ones of a day; of rows of the same time and turn the new one counts."""
    if old is None:
        return new, merge.Counts(new.height, 0, 0)
    named = "trade_id" in old.columns and "trade_id" in new.columns
    keys = ["time", "trade_id"] if named else ["time", _TURN]
    both = [old, new] if named else [_turned(frame) for frame in (old, new)]
    kept = both[0].join(both[1].select(keys), on=keys, how="anti")
    again = both[1].join(both[0], on=keys, how="semi")
    same = again.join(
        both[0], on=[n for n in again.columns if n in both[0].columns], how="semi", nulls_equal=True
    )
    merged = pl.concat([kept, both[1]], how="diagonal").sort(keys, maintain_order=True)
    counts = merge.Counts(new.height - again.height, same.height, again.height - same.height)
    return merged.drop(_TURN, strict=False), counts


def _turned(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(pl.int_range(pl.len()).over("time").alias(_TURN))


def _part(folder: Path, period: str, rows: pl.DataFrame, kind: Kind, written: list[Path]) -> Part:
    place = folder / period
    make_folder(place)
    path = new_file(place, "part")
    written.append(path)
    codes = (write_books_file if kind == "books" else write_trades_file)(path, rows)
    time = rows["time"].to_physical()
    return Part(
        path=path.relative_to(folder).as_posix(),
        period=period,
        rows=rows.height,
        start=int(time[0]) // 1000,
        end=int(time[-1]) // 1000,
        close=int(time[-1]) // 1000,
        size=path.stat().st_size,
        hash=content_hash(rows),
        codes=tuple((name, code.text) for name, code in codes.items()),
    )


def _judged(
    folder: Path,
    manifest: Manifest,
    base: Manifest | None,
    frame: pl.DataFrame,
    verdicts: pl.DataFrame,
    written: list[Path],
) -> Manifest:
    """The version with its verdicts: those of the span just written replace what was said of it."""
    if base is not None and base.verdicts is not None:
        first, last = frame["time"][0], frame["time"][-1]
        old = _verdicts(folder, base)
        verdicts = pl.concat(
            [old.filter((pl.col("time") < first) | (pl.col("time") > last)), verdicts]
        ).sort("time", maintain_order=True)
    path = new_file(folder, "verdicts")
    written.append(path)
    merge.write_frame(path, verdicts)
    return replace(manifest, verdicts=path.name)


def _verdicts(folder: Path, manifest: Manifest) -> pl.DataFrame:
    assert manifest.verdicts is not None
    return pl.read_parquet((folder / manifest.verdicts).read_bytes())


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
