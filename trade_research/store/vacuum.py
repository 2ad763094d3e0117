"""Giving back disk space: versions that nobody needs any more, and files that no version names."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

from trade_research.store.commit import (
    list_versions,
    manifest_path,
    point_current,
    read_current,
    read_version,
)
from trade_research.store.durable import writing
from trade_research.store.times import micros

GRACE = timedelta(hours=1)  # readers and writers at work are given this long


@dataclass(frozen=True)
class VacuumReport:
    """What a vacuum removed: versions, files and their bytes."""

    versions: int
    files: int
    bytes: int


def vacuum(root: Path, before: datetime | None, grace: timedelta = GRACE) -> VacuumReport:
    """Remove old versions and unnamed files below `root`; see `Store.vacuum`."""
    limit = min(before, datetime.now(UTC) - grace) if before is not None else None
    done = [_one(folder, limit, grace) for folder in _datasets(root)]
    return VacuumReport(
        sum(report.versions for report in done),
        sum(report.files for report in done),
        sum(report.bytes for report in done),
    )


def _datasets(root: Path) -> Iterator[Path]:
    """Folders that hold manifests, of any kind of data."""
    for kind in ("bars", "actions", "funding", "books", "trades"):
        for folder, _, names in os.walk(root / kind):
            if any(name.startswith("manifest-") or name == "CURRENT" for name in names):
                yield Path(folder)


def _one(folder: Path, limit: datetime | None, grace: timedelta) -> VacuumReport:
    newest = read_current(folder)
    if newest is None:
        return VacuumReport(0, 0, 0)
    with writing(folder):
        point_current(folder, newest.version)
        kept = list_versions(folder)
        dropped = 0
        if limit is not None:
            # A version may go when the one that replaced it is older than the limit.
            for number, after in pairwise(kept):
                if read_version(folder, after).committed >= micros(limit):
                    break
                manifest_path(folder, number).unlink()
                dropped += 1
        named = {name for number in kept[dropped:] for name in read_version(folder, number).files}
        removed, size = _sweep(folder, named, grace)
    return VacuumReport(dropped, removed, size)


def _sweep(folder: Path, named: set[str], grace: timedelta) -> tuple[int, int]:
    """Remove files that no version names and that no writer can still be writing."""
    removed = size = 0
    for place, _, names in os.walk(folder):
        for name in names:
            path = Path(place) / name
            ours = path.suffix == ".parquet" or name.startswith((".manifest-", ".CURRENT-"))
            stat = path.stat()
            old = stat.st_mtime <= time.time() - grace.total_seconds()
            if ours and old and path.relative_to(folder).as_posix() not in named:
                path.unlink()
                removed, size = removed + 1, size + stat.st_size
    return removed, size
