"""What is known to be wrong with stored bars: verdicts of the ingest, and bars revised since."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.frames.resample import resample_flagged
from trade_research.frames.vendor import VENDOR_KINDS
from trade_research.frames.verdicts import KINDS, VERDICT_SCHEMA
from trade_research.store.catalog import Source, list_datasets
from trade_research.store.commit import Manifest, read_current
from trade_research.store.facts import read_facts
from trade_research.store.judge import read_verdicts
from trade_research.store.merge import REVISION_SCHEMA, read_revisions

if TYPE_CHECKING:
    from trade_research.store.query import Query

_Schema = dict[str, pl.DataType | type[pl.DataType]]
_VERDICTS: _Schema = {"instrument": pl.String, **VERDICT_SCHEMA}
_REVISIONS: _Schema = {"instrument": pl.String, **REVISION_SCHEMA}


def list_verdicts(
    root: Path, symbol: str | None, interval: str | None, venue: str | None
) -> pl.DataFrame:
    """Verdicts of all stored bars that fit; see `Store.verdicts`."""
    frames = [pl.DataFrame(schema=_VERDICTS)]
    for name, folder, manifest in _fitting(root, symbol, interval, venue):
        rows = pl.concat([read_verdicts(folder, manifest), _vendor_rows(root, manifest)])
        frames.append(_labelled(name, rows.sort("open_time", maintain_order=True)))
    return pl.concat(frames)


def _vendor_rows(root: Path, manifest: Manifest) -> pl.DataFrame:
    """What the vendor's own table contradicted when it was imported."""
    facts = read_facts(root, manifest.venue, manifest.symbol).filter(
        pl.col("kind").is_in(list(VENDOR_KINDS)), pl.col("interval") == manifest.interval
    )
    known = [pl.lit(False).alias("causal"), pl.lit(1, pl.Int64).alias("rows")]
    renamed = facts.rename({"start": "open_time", "end": "end_time"}).with_columns(known)
    return renamed.select(VERDICT_SCHEMA.names())


def list_revisions(
    root: Path, symbol: str | None, interval: str | None, venue: str | None
) -> pl.DataFrame:
    """Revisions of all stored bars that fit; see `Store.revisions`."""
    frames = [
        _labelled(name, read_revisions(folder, manifest))
        for name, folder, manifest in _fitting(root, symbol, interval, venue)
    ]
    return pl.concat([pl.DataFrame(schema=_REVISIONS), *frames])


def query_verdicts(query: Query) -> pl.DataFrame:
    """Verdicts on the bars behind a query, and the resampled bars that lack some of theirs."""
    frames = [pl.DataFrame(schema=_VERDICTS)]
    for name, source in zip(query.names, query.sources, strict=True):
        root = Path(query.root)
        stored = read_verdicts(source.folder(root), source.manifest(root))
        frames.append(_labelled(name, overlapping(stored, query.start, query.end)))
        if source.interval != query.interval:
            frames.append(_labelled(name, _missing_inside(query, source)))
    return pl.concat(frames).sort("open_time", maintain_order=True)


def overlapping(
    verdicts: pl.DataFrame, start: datetime | None, end: datetime | None
) -> pl.DataFrame:
    """Stretches that reach into ``[start, end)``."""
    if start is not None:
        verdicts = verdicts.filter(pl.col("end_time") > start)
    if end is not None:
        verdicts = verdicts.filter(pl.col("open_time") < end)
    return verdicts


def _missing_inside(query: Query, source: Source) -> pl.DataFrame:
    from trade_research.store.query import clip, read_raw

    bars, flags = resample_flagged(
        read_raw(query, source),
        query.interval,
        source.calendar,
        complete_only=False,
        source_interval=source.interval,
    )
    closes = bars.select("open_time", end_time="close_time")
    found = clip(flags, query).join(closes, on="open_time")
    return found.filter(pl.col("end_time") <= source.known_until).select(
        kind=pl.lit("missing_inside"),
        causal=pl.lit(KINDS["missing_inside"][0]),
        open_time="open_time",
        end_time="end_time",
        rows=(pl.col("expected") - pl.col("found")).cast(pl.Int64),
        detail=pl.format("{} of {} source bars", "found", "expected"),
    )


def _fitting(
    root: Path, symbol: str | None, interval: str | None, venue: str | None
) -> list[tuple[str, Path, Manifest]]:
    asked = (venue, symbol, interval)
    found = []
    for name, folder in list_datasets(root):
        have = (name.venue, name.symbol, name.interval.text)
        manifest = read_current(folder)
        if manifest is not None and all(a in (None, h) for a, h in zip(asked, have, strict=True)):
            found.append((str(name), folder, manifest))
    return found


def _labelled(name: str, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.select(pl.lit(name).alias("instrument"), pl.all())
