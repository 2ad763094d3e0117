"""Facts about an instrument: when it was listed and ended, other tickers, spans without bars."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl

from trade_research.errors import SchemaError
from trade_research.frames.vendor import VENDOR_KINDS
from trade_research.store import merge
from trade_research.store.commit import Draft, Manifest, Part, commit, read_current
from trade_research.store.durable import make_folder, new_file, writing
from trade_research.store.hashing import content_hash
from trade_research.store.layout import instrument_folder, list_parts

TIME: pl.DataType = pl.Datetime("us", "UTC")
FACT_SCHEMA = pl.Schema(
    {
        "kind": pl.String(),
        "interval": pl.String(),
        "start": TIME,
        "end": TIME,
        "detail": pl.String(),
        "source": pl.String(),
    }
)
FACT_KINDS = {
    "listed": "the source's history begins here: asked for earlier bars, it had none",
    "ended": "trading has ended: delisted, merged, or a dead symbol",
    "ticker": "it traded under the ticker in `detail` over this span",
    "no_bars": "asked for this span again in as many runs as `detail` says, the source had no bars",
}
FACT_KINDS |= VENDOR_KINDS
_KEY = ["kind", "interval", "start", "end"]


def write_facts(
    root: Path, venue: str, symbol: str, facts: pl.DataFrame, *, instead_of: pl.Expr | None = None
) -> None:
    """Add facts to those known; one of the same kind, interval and span is replaced.

    Those for which `instead_of` is true are no longer known.
    """
    fresh = facts.select(pl.col(name).cast(kind) for name, kind in FACT_SCHEMA.items())
    unknown = set(fresh["kind"]) - set(FACT_KINDS)
    if unknown:
        raise SchemaError(f"{unknown.pop()!r} is no kind of fact: use {', '.join(FACT_KINDS)}")
    folder = facts_folder(root, venue, symbol)

    def build(base: Manifest | None) -> Draft | None:
        stored = known = pl.DataFrame(schema=FACT_SCHEMA) if base is None else _read(folder, base)
        if instead_of is not None:
            stored = stored.filter(~instead_of)
        kept = stored.join(fresh, on=_KEY, how="anti", nulls_equal=True)
        merged = pl.concat([kept, fresh]).unique(_KEY, keep="last").sort("start", "kind")
        if merged.equals(known):
            return None
        make_folder(folder)
        path = new_file(folder, "part")
        with writing(folder):
            merge.write_frame(path, merged)
        size, hashed = path.stat().st_size, content_hash(merged)
        part = Part(path.name, "", merged.height, 0, 0, 0, size, hashed)
        begin = base or Manifest(venue, symbol, None, None, columns=tuple(FACT_SCHEMA), parts=())
        return Draft(replace(begin, parts=(part,)), [path])

    commit(folder, build)


def read_facts(root: Path, venue: str, symbol: str) -> pl.DataFrame:
    """Facts known of one instrument; perhaps none."""
    folder = facts_folder(root, venue, symbol)
    manifest = read_current(folder)
    return pl.DataFrame(schema=FACT_SCHEMA) if manifest is None else _read(folder, manifest)


def list_facts(root: Path) -> pl.DataFrame:
    """Facts of every instrument, with its venue and symbol."""
    frames = [pl.DataFrame(schema={"venue": pl.String, "symbol": pl.String, **FACT_SCHEMA})]
    for venue, place in list_parts(root / "facts", "venue", "lower"):
        for symbol, _ in list_parts(place, "symbol"):
            named = [pl.lit(venue).alias("venue"), pl.lit(symbol).alias("symbol")]
            frames.append(read_facts(root, venue, symbol).select(*named, pl.all()))
    return pl.concat(frames)


def facts_folder(root: Path, venue: str, symbol: str) -> Path:
    """Folder of an instrument's facts."""
    return instrument_folder(root, "facts", venue, symbol)


def _read(folder: Path, manifest: Manifest) -> pl.DataFrame:
    return pl.read_parquet((folder / manifest.parts[0].path).read_bytes())
