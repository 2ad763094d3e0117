"""A sweep's page on disk: it carries all that it shows but the results, which lie beside it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import polars as pl

from trade_research.errors import FormatError
from trade_research.evidence.sweep_facts import SweepEvidence
from trade_research.report.carried import (
    Carried,
    checked_table,
    packed,
    sha256,
    unpacked,
    unreadable,
)
from trade_research.report.formats import plural
from trade_research.report.page import write_whole
from trade_research.report.record import decode, encode, parquet_bytes
from trade_research.report.sweep import SweepView, sweep_page
from trade_research.store.hashing import content_hash

_SCHEMA = "trade-research/sweep-data/1"


def write_sweep(view: SweepView, path: str | Path) -> Path:
    """Render and write the page, and all results beside it as a Parquet file of the same name.

    Readers see the old files or the whole new ones.
    """
    target = Path(path)
    beside = target.with_suffix(".parquet")
    view, table = with_files(view, beside.name)
    what = f"evidence and manifest of {plural(view.results.height, 'configuration')}"
    block = Carried(sweep_block(view), what, f"{target.stem}-evidence.parquet", kind="sweep")
    page = sweep_page(view, carried=block)
    write_whole(beside, table)
    return write_whole(target, page.encode())


def with_files(view: SweepView, name: str) -> tuple[SweepView, bytes]:
    """The view with the file of its results in the manifest, and that file.

    The file has one row a configuration: results, then the moments of its day returns.
    """
    table = parquet_bytes(pl.concat([view.results, view.moments], how="horizontal"))
    files = {"file": name, "sha256": sha256(table)}
    results = {**view.manifest.get("results", {}), **files}
    return replace(view, manifest={**view.manifest, "results": results}), table


def sweep_hashes(table: pl.DataFrame, evidence: SweepEvidence) -> dict[str, str]:
    """What a repeated sweep must give again: hashes of results and moments, and of evidence."""
    told = json.dumps(encode(evidence, {}), sort_keys=True)
    return {"results": content_hash(table), "evidence": sha256(told.encode())}


def sweep_block(view: SweepView) -> bytes:
    """The block of a view, the same bytes for the same view."""
    walk = None if view.walk is None else replace(view.walk, equity=view.walk.equity.clear())
    frames: dict[str, pl.DataFrame] = {}
    small = replace(view, results=view.results.clear(), moments=view.moments.clear(), walk=walk)
    about = {"schema": _SCHEMA, "sweep": encode(small, frames, "sweep")}
    return packed("sweep", about, frames)


def read_sweep(data: bytes) -> SweepView:
    """The view again, without the rows of its results.

    Raises
    ------
    FormatError
        Not such a block, or a damaged one.
    """
    about, frames = unpacked("sweep", data)
    with unreadable():
        view = decode(about["sweep"], frames)
        if about["schema"] != _SCHEMA or not isinstance(view, SweepView):
            raise ValueError("it holds no sweep")
        return view


def with_results(view: SweepView, page: Path) -> SweepView:
    """The view with its results, from the file beside the page.

    Raises
    ------
    FormatError
        The file is not there, or not the one that was written.
    """
    with unreadable():
        files = dict(view.manifest["results"])
        name, digest = str(files["file"]), files["sha256"]
        if Path(name).name != name:
            raise ValueError(f"{name!r} is no plain file name")
        try:
            data = page.with_name(name).read_bytes()
        except OSError as error:
            raise FormatError(f"{name!r} beside the page: {error.strerror}") from error
        if sha256(data) != digest:
            raise FormatError(f"{name!r} beside the page was changed since it was written")
        table, kept = checked_table(data), view.moments.columns
        return replace(view, results=table.drop(kept), moments=table.select(kept))
