"""Files of bars into a store: read them all first, then write, so that nothing is half done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.errors import ConfigError
from trade_research.sources.files import read_bars, symbols_in
from trade_research.store.store import Store
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
    parts: dict[str, list[pl.DataFrame]] = {}
    for path in files:
        for name in [symbol] if symbol else symbols_in(path):
            if name is None:
                raise ConfigError(f"{path} has no symbol column: pass --symbol, e.g. BTC/USDT")
            bars = read_bars(path, interval=interval, symbol=name, calendar=calendar)
            parts.setdefault(name, []).append(bars)
        on_file(path)
    store = Store(root)
    reports = []
    for name, frames in parts.items():
        frame = pl.concat(frames, how="vertical").sort("open_time")
        reports.append(
            store.write_bars(
                frame,
                venue=venue,
                symbol=name,
                interval=interval or _interval_text(frame),
                calendar=calendar,
                source=", ".join(path.name for path in files),
            )
        )
    return reports


def _interval_text(frame: pl.DataFrame) -> str:
    from trade_research.frames.bars import interval_of

    return interval_of(frame).text
