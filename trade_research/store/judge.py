"""Verdicts of a version: the audit of all its bars, of which only the changed stretch is new."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from trade_research.frames.intervals import parse_interval
from trade_research.frames.marks import WINDOW
from trade_research.frames.verdicts import OF_VENUE, USUAL, audit
from trade_research.store.codes import I64
from trade_research.store.commit import Manifest
from trade_research.store.rows import read_rows

_CONTEXT = 4 * WINDOW  # an outlier depends on two windows of bars before it
_MARGIN = 8  # and a spike on the three bars after it


def read_verdicts(folder: Path, manifest: Manifest) -> pl.DataFrame:
    """Verdicts of all bars of a version, as the audit gave them at the commit."""
    assert manifest.verdicts is not None
    return pl.read_parquet((folder / manifest.verdicts).read_bytes())


def judge(folder: Path, manifest: Manifest, base: Manifest, changed_from: int) -> pl.DataFrame:
    """What `frames.audit` says of all bars of `manifest`, whose files are written already.

    Before `changed_from` (microseconds) the bars are those of `base`, so its verdicts stand, and
    only the bars from there on are looked at again, with the bars before them that matter.
    """
    if base.verdicts is None:
        return _audit(manifest, read_rows(folder, manifest))
    old = read_verdicts(folder, base)
    before = _rows_before(folder, manifest, changed_from, _MARGIN)
    cut = _beside(old, int(before[0]) if before.size else changed_from)
    context = _rows_before(folder, manifest, cut, _CONTEXT)
    start = int(context[0]) if context.size else None
    new = _audit(manifest, read_rows(folder, manifest, start))
    return pl.concat(
        [
            old.filter(pl.col("end_time").to_physical() <= cut),
            new.filter(pl.col("end_time").to_physical() > cut),
        ]
    )


def _audit(manifest: Manifest, bars: pl.DataFrame) -> pl.DataFrame:
    assert manifest.interval is not None
    assert manifest.calendar is not None
    thresholds = OF_VENUE.get(manifest.venue, USUAL)
    return audit(bars, manifest.interval, manifest.calendar, thresholds=thresholds)


def _beside(verdicts: pl.DataFrame, cut: int) -> int:
    """The last time at or before `cut` that lies inside no stretch."""
    starts = verdicts["open_time"].to_physical().to_numpy()
    ends = verdicts["end_time"].to_physical().to_numpy()
    while (across := (starts < cut) & (ends > cut)).any():
        cut = int(starts[across].min())
    return cut


def _rows_before(folder: Path, manifest: Manifest, time: int, rows: int) -> I64:
    """Open times of the last `rows` bars before `time`, or of all where there are fewer."""
    assert manifest.interval is not None
    reach = parse_interval(manifest.interval).us * rows
    while True:
        bars = read_rows(folder, manifest, time - reach, time, ("open_time",))
        times = bars["open_time"].to_physical().to_numpy()
        if times.size >= rows or time - reach <= manifest.parts[0].start:
            return times[-rows:]
        reach *= 4
