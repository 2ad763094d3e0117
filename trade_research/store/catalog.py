"""What is stored: venues, instruments, intervals; and from which of them a question is answered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from trade_research.errors import AmbiguousNameError, ConfigError, MissingDataError, nearest
from trade_research.frames.intervals import Interval, parse_interval
from trade_research.store.actions import ACTIONS
from trade_research.store.commit import (
    Manifest,
    has_version,
    read_as_of,
    read_current,
    read_version,
)
from trade_research.store.funding import FUNDING
from trade_research.store.layout import Name, bars_folder, instrument_folder, list_parts
from trade_research.store.times import moment

_FEW = 12  # names that an error may list
_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "venue": pl.String,
    "symbol": pl.String,
    "interval": pl.String,
    "calendar": pl.String,
    "rows": pl.Int64,
    "start": pl.Datetime("us", "UTC"),
    "end": pl.Datetime("us", "UTC"),
    "version": pl.Int64,
    "written": pl.Datetime("us", "UTC"),
    "bytes": pl.Int64,
    "source": pl.String,
}


@dataclass(frozen=True)
class Source:
    """One stored version that a query reads; `known_until` is when its last bar closed."""

    venue: str
    symbol: str
    interval: Interval
    calendar: str
    version: int
    actions_version: int
    known_until: datetime
    funding_version: int = 0

    def folder(self, root: Path) -> Path:
        """Folder of the dataset."""
        return bars_folder(root, self.venue, self.symbol, self.interval)

    def manifest(self, root: Path) -> Manifest:
        """The manifest of the version."""
        return read_version(self.folder(root), self.version)


def list_intervals(root: Path, venue: str, symbol: str) -> list[Interval]:
    """Intervals stored for an instrument, finest first; none where it is not stored."""
    folder = instrument_folder(root, "bars", venue, symbol)
    return sorted(_committed(folder), key=lambda interval: interval.us)


def list_datasets(root: Path) -> Iterator[tuple[Name, Path]]:
    """Every dataset of bars that has a version, by name."""
    for venue, symbol, folder in _instruments(root):
        for interval, place in _committed(folder).items():
            yield Name(venue, symbol, interval), place


def list_catalog(root: Path) -> pl.DataFrame:
    """One row a dataset; see `Store.catalog`."""
    rows = []
    for name, folder in list_datasets(root):
        manifest = read_current(folder)
        if manifest is None:
            continue
        parts = manifest.parts
        rows.append(
            {
                "venue": name.venue,
                "symbol": name.symbol,
                "interval": name.interval.text,
                "calendar": manifest.calendar,
                "rows": manifest.rows,
                "start": moment(parts[0].start) if parts else None,
                "end": moment(parts[-1].end) if parts else None,
                "version": manifest.version,
                "written": moment(manifest.committed),
                "bytes": sum(part.size for part in parts),
                "source": manifest.source,
            }
        )
    return pl.DataFrame(rows, schema=_SCHEMA)


def find_venue(root: Path, symbol: str, venue: str | None) -> str:
    """`venue`, or the only venue that has the symbol."""
    having = find_symbol(root, symbol, venue)
    if len(having) > 1:
        raise AmbiguousNameError(
            f"{symbol!r} is stored for the venues {', '.join(having)}. "
            f"Say which: venue={having[0]!r}."
        )
    return having[0]


def find_symbol(root: Path, symbol: str, venue: str | None) -> list[str]:
    """Venues that have the symbol, `venue` alone if given; MissingDataError when there is none."""
    venues = (
        [v for v, _ in list_parts(root / "bars", "venue", "lower")] if venue is None else [venue]
    )
    having = [v for v in venues if list_intervals(root, v, symbol)]
    if not having:
        _raise_unknown(root, symbol, venue)
    return having


def find_source(root: Path, name: Name, as_of: int | datetime | None) -> Source:
    """What answers a question for `name`: that interval itself, else the finest that divides it.

    Raises
    ------
    MissingDataError
        The instrument is not stored, or no stored interval divides the one asked for.
    """
    find_venue(root, name.symbol, name.venue)
    stored = list_intervals(root, name.venue, name.symbol)
    exact = [interval for interval in stored if interval.text == name.interval.text]
    finer = [i for i in stored if i.us < name.interval.us and name.interval.us % i.us == 0]
    for interval in (*exact, *finer):
        folder = bars_folder(root, name.venue, name.symbol, interval)
        manifest = read_as_of(folder, as_of)
        if manifest is not None:
            assert manifest.calendar is not None
            since = as_of if isinstance(as_of, datetime) else None
            return Source(
                name.venue,
                name.symbol,
                interval,
                manifest.calendar,
                manifest.version,
                ACTIONS.version(root, name.venue, name.symbol, since),
                moment(manifest.parts[-1].close),
                FUNDING.version(root, name.venue, name.symbol, since),
            )
    if exact or finer:
        raise MissingDataError(
            f"nothing was stored for {name} as of {as_of}. Ask for a later time."
        )
    raise MissingDataError(
        f"{name} is not stored and cannot be made from what is: "
        f"{', '.join(i.text for i in stored)}. Ask for a multiple of one of these."
    )


def _raise_unknown(root: Path, symbol: str, venue: str | None) -> None:
    known = sorted({(v, s) for v, s, _ in _instruments(root)})
    if not known:
        raise MissingDataError(f"no bars are stored in {root}. Import some first: `data import`.")
    asked = symbol if venue is None else f"{venue}:{symbol}"
    near = nearest(asked, {s if venue is None else f"{v}:{s}" for v, s in known})
    if len(known) > _FEW and not near.startswith("did you mean"):
        near = f"{len(known)} others are."
    raise MissingDataError(
        f"no bars of {asked!r} are stored in {root}; {near} `data list` shows all."
    )


def _instruments(root: Path) -> Iterator[tuple[str, str, Path]]:
    """Venue, symbol and folder of every instrument that has a version of something."""
    for venue, place in list_parts(root / "bars", "venue", "lower"):
        for symbol, folder in list_parts(place, "symbol"):
            if _committed(folder):
                yield venue, symbol, folder


def _committed(folder: Path) -> dict[Interval, Path]:
    """Intervals below an instrument's folder that have a version."""
    found: dict[Interval, Path] = {}
    for text, place in list_parts(folder, "interval", "lower"):
        try:
            interval = parse_interval(text)
        except ConfigError:
            continue  # a folder that is not ours
        if interval.text == text and has_version(place):
            found[interval] = place
    return found
