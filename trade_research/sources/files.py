"""Bars out of files and tables, as people, exchanges and tools write them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from trade_research.errors import BarOrderError, DataError, SchemaError
from trade_research.frames.bars import BAR_COLUMNS, to_bars
from trade_research.frames.calendars import Calendar, get_calendar
from trade_research.frames.intervals import (
    HOUR,
    STANDARD,
    Interval,
    interval_of_us,
    parse_interval,
)
from trade_research.frames.vendor import audit_vendor
from trade_research.sources.formats import Asked, find_format, symbols_of
from trade_research.sources.memory import Table, raw_of
from trade_research.sources.tables import Raw, read_table


@dataclass(frozen=True)
class Imported:
    """Bars of a file, the name of its format, and what was done or assumed while reading.

    `doubts` are rows ``kind, open_time, close_time, detail`` of bars that contradict what the file
    says of its own adjustment, as of `frames.audit_vendor`.
    """

    frame: pl.DataFrame
    format: str
    notes: tuple[str, ...]
    interval: Interval
    doubts: pl.DataFrame


def read_bars(
    source: str | Path | Table,
    *,
    interval: str | Interval | None = None,
    symbol: str | None = None,
    calendar: str | Calendar = "24/7",
    tz: str | None = None,
) -> pl.DataFrame:
    """Bars of one instrument from a file, or from a table in memory.

    Parameters
    ----------
    source : str, Path or table
        A frame of pandas (its index is the time), Polars, Arrow or DuckDB; or a file:
        CSV, Parquet, Feather or JSON with a time (``ts``, ``open_time``, ``date``…) and ``open,
        high, low, close[, volume]``; exchange candles without header, stamps in ms or µs; Yahoo's
        CSV; freqtrade's Feather and JSON. CSV and JSON may be in .gz or .zip.
    interval : str or Interval, optional
        Length of the bars. When not given, the smallest step between them, which must be one that
        vendors print.
    symbol : str, optional
        Which one of a file that has a ``symbol`` column; not used for other files.
    calendar : str or Calendar
        The market's: decides when a bar closes.
    tz : str, optional
        Zone of times that print none, like ``"America/New_York"``; UTC when not given.

    Returns
    -------
    polars.DataFrame
        Valid bars, without a ``symbol`` column; of a frame in memory its other columns of numbers
        too, for strategies to read. Rows newest first are turned round and rows that
        repeat another exactly are left out; nothing else is changed.

    Raises
    ------
    MissingDataError
        No such file, or no such symbol in it.
    FormatError
        The file is not one we read.
    SchemaError, BarOrderError
        Its values are not bars: text or nothing for a price, mixed zones, rows out of order…
    """
    return read_bars_report(
        source, interval=interval, symbol=symbol, calendar=calendar, tz=tz
    ).frame


def read_bars_report(
    source: str | Path | Table,
    *,
    interval: str | Interval | None = None,
    symbol: str | None = None,
    calendar: str | Calendar = "24/7",
    tz: str | None = None,
) -> Imported:
    """As `read_bars`, with the format, the interval and notes on what was done or assumed."""
    market = get_calendar(calendar)
    asked_interval = None if interval is None else parse_interval(interval)
    raw = _raw(source)
    known = find_format(raw)
    if not raw.table.height:
        raise DataError(f"{raw.where} has columns and no bars: download or export it again")
    try:
        tidy = known.read(raw, Asked(symbol, tz, sessions=not market.continuous))
        frame, notes = _in_order(tidy.frame)
        step = asked_interval or _guess(frame)
        bars = to_bars(frame, step, market)
        bars = bars.with_columns(frame.select(pl.exclude(*BAR_COLUMNS)))  # a frame's own columns
    except (SchemaError, BarOrderError, DataError) as error:
        if raw.where not in str(error):
            error.args = (f"{raw.where}: {error}",)
        raise
    doubts = _doubts(tidy.vendor, bars, step)
    return Imported(bars, known.name, (*tidy.notes, *notes), step, doubts)


def _doubts(vendor: pl.DataFrame | None, bars: pl.DataFrame, step: Interval) -> pl.DataFrame:
    """Bars whose vendor contradicts itself."""
    plain = pl.col("open_time").dt.replace_time_zone(None).alias("key")
    times = bars.select("open_time", "close_time", plain)
    if vendor is None:
        text = pl.lit("").alias("detail")
        return times.clear().select(text.alias("kind"), "open_time", "close_time", text)
    found = audit_vendor(vendor, step).rename({"open_time": "key"})
    key = pl.col("key").cast(pl.Datetime("us"))
    joined = found.with_columns(key).join(times, on="key")
    return joined.select("kind", "open_time", "close_time", "detail")


def symbols_in(source: str | Path | Table) -> list[str | None]:
    """Symbols that a file or table holds, in order; ``[None]`` where it has no such column."""
    raw = _raw(source)
    find_format(raw)
    symbols = symbols_of(raw)
    return [None] if symbols is None else [*symbols]


def _raw(source: str | Path | Table) -> Raw:
    return read_table(Path(source)) if isinstance(source, str | Path) else raw_of(source)


def _in_order(frame: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Oldest first where it was newest first, each row once."""
    notes = []
    ahead = frame.get_column("open_time").to_physical().diff().drop_nulls()
    if ahead.len() and (ahead <= 0).all() and (ahead < 0).any():
        frame, ahead = frame.reverse(), -ahead
        notes.append("rows were newest first and have been turned round")
    if (ahead == 0).any():
        once = frame.unique(maintain_order=True)
        if once.height < frame.height:
            notes.append(f"{frame.height - once.height} repeated rows were left out")
        frame = once
    return frame, notes


def _guess(frame: pl.DataFrame) -> Interval:
    times = frame.get_column("open_time").cast(pl.Datetime("us")).to_physical()
    ahead = times.diff()
    smallest = ahead.filter(ahead > 0).min()
    if smallest is None:
        raise DataError("one bar alone does not tell its interval: give read_bars interval=")
    us = int(smallest)  # type: ignore[arg-type]  # the column is Int64
    if us % 1_000_000 == 0 and (step := interval_of_us(us)).text in STANDARD:
        return step
    if us == 23 * HOUR:
        raise DataError(
            "days begin at midnight of a zone with summer time: make the times dates, or give the "
            "calendar of the market, e.g. calendar='XNYS'"
        )
    raise DataError(
        f"bars are {us / 1e6} s apart, which is no usual interval: give read_bars interval="
    )
