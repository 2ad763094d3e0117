"""Files of bars into a store: read them all first, then write, so that nothing is half done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.errors import ConfigError
from trade_research.frames.vendor import VENDOR_KINDS
from trade_research.sources.files import Imported, read_bars_report, symbols_in
from trade_research.store.facts import write_facts
from trade_research.store.store import Store
from trade_research.store.verdicts import overlapping
from trade_research.venues import calendar_of

if TYPE_CHECKING:
    from trade_research.store.bars import WriteReport


def import_files(
    files: Sequence[Path],
    root: Path | str,
    *,
    venue: str,
    symbol: str | None = None,
    interval: str | None = None,
    calendar: str | None = None,
    on_file: Callable[[Path], None] = lambda path: None,
) -> list[WriteReport]:
    """Write the bars of `files` into the store under `root`.

    Parameters
    ----------
    files : sequence of Path
        In any supported format; several files of one instrument are joined in time order.
    symbol : str, optional
        Left out where the files have a ``symbol`` column: then every symbol goes in.
    interval, calendar : str, optional
        Read off the times, and known for known venues, when left out.
    on_file : callable
        Called after each file is read: progress.

    Returns
    -------
    list of WriteReport
        One an instrument, in order of first appearance.

    Raises
    ------
    FormatError, SchemaError, BarOrderError
        A file cannot be read as bars; nothing has been written then.
    ConfigError
        No symbol was given and a file has none.
    """
    calendar = calendar or calendar_of(venue)
    if calendar is None:
        raise ConfigError(
            f"the trading calendar of venue {venue!r} is not known: pass --calendar 24/7, XNYS, …"
        )
    parts: dict[str, list[Imported]] = {}
    for path in files:
        for name in [symbol] if symbol else symbols_in(path):
            if name is None:
                raise ConfigError(f"{path} has no symbol column: pass --symbol, e.g. BTC/USDT")
            read = read_bars_report(path, interval=interval, symbol=name, calendar=calendar)
            parts.setdefault(name, []).append(read)
        on_file(path)
    store = Store(root)
    reports = []
    source = ", ".join(path.name for path in files)
    for name, files_read in parts.items():
        frame = pl.concat([one.frame for one in files_read], how="vertical").sort("open_time")
        step = interval or _interval_text(frame)
        report = store.write_bars(
            frame, venue=venue, symbol=name, interval=step, calendar=calendar, source=source
        )
        doubts = pl.concat([one.doubts for one in files_read])
        _note(store, venue, name, step, frame, doubts, source)
        reports.append(replace(report, verdicts=_between(store, report.name, frame)))
    return reports


def _note(
    store: Store,
    venue: str,
    symbol: str,
    interval: str,
    frame: pl.DataFrame,
    doubts: pl.DataFrame,
    source: str,
) -> None:
    """Keep what the vendor's table contradicts, instead of what one of the same span did before."""
    facts = doubts.rename({"open_time": "start", "close_time": "end"}).with_columns(
        interval=pl.lit(interval), source=pl.lit(source)
    )
    first, last = frame["open_time"][0], frame["open_time"][-1]
    before = pl.col("kind").is_in(list(VENDOR_KINDS)) & pl.col("start").is_between(first, last)
    mine = before & (pl.col("interval") == interval)
    write_facts(store.root, venue, symbol, facts, instead_of=mine)


def _between(store: Store, name: str, frame: pl.DataFrame) -> pl.DataFrame:
    """Verdicts of the span of the bars."""
    first, last = frame["open_time"][0], frame["close_time"][-1]
    return overlapping(store.verdicts(name).drop("instrument"), first, last)


def _interval_text(frame: pl.DataFrame) -> str:
    from trade_research.frames.bars import interval_of

    return interval_of(frame).text
