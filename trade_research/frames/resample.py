"""Longer bars from shorter ones, on the calendar's grid."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.frames.bars import BAR_COLUMNS, TIME, interval_of
from trade_research.frames.calendars import Calendar, get_calendar
from trade_research.frames.columns import columns
from trade_research.frames.intervals import Interval, parse_interval

if TYPE_CHECKING:
    from trade_research.kernels.jit import I64

_FLAGS = pl.Schema({"open_time": TIME, "expected": pl.Int32(), "found": pl.Int32()})


def resample(
    bars: pl.DataFrame,
    interval: str | Interval,
    calendar: str | Calendar = "24/7",
    *,
    complete_only: bool = True,
    source_interval: str | Interval | None = None,
) -> pl.DataFrame:
    """Bars of a longer interval; `resample_flagged` tells also which of them lack source bars.

    Parameters
    ----------
    bars : polars.DataFrame
        Valid bars, any number of symbols.
    interval : str or Interval
        The longer interval, a whole multiple of the bars' own.
    calendar : str or Calendar
        24/7: bars begin at multiples of the interval since 1970 (weeks on Monday). Sessions: bars
        begin at the session's open and end at its close, a day is a session labelled by its date, a
        week is labelled by its Monday; source bars outside of all sessions take no part.
    complete_only : bool
        Drop a symbol's last bar when the source ends before that bar does.
    source_interval : str or Interval, optional
        Length of `bars`; read from their times when not given.

    Returns
    -------
    polars.DataFrame
        Valid bars, symbols in the order of their first row. First open, highest high, lowest low,
        last close; volume, quote volume and trades summed, unknown where one is unknown.

    Raises
    ------
    ConfigError
        The interval is not a whole multiple of the bars' own.
    """
    return resample_flagged(
        bars, interval, calendar, complete_only=complete_only, source_interval=source_interval
    )[0]


def resample_flagged(
    bars: pl.DataFrame,
    interval: str | Interval,
    calendar: str | Calendar = "24/7",
    *,
    complete_only: bool = True,
    source_interval: str | Interval | None = None,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """As `resample`, and a frame of the bars that were made from fewer source bars than they span.

    Returns
    -------
    bars, flags : polars.DataFrame
        `flags` has ``[symbol], open_time, expected, found`` (counts of source bars), one row for
        each bar of `bars` with ``found < expected``.
    """
    target, market = parse_interval(interval), get_calendar(calendar)
    market.check_interval(target)
    names = [name for name in BAR_COLUMNS if name in bars.columns]
    if not bars.height:
        head = {"symbol": pl.String()} if "symbol" in names else {}
        return bars.select(names), pl.DataFrame(schema={**head, **_FLAGS})
    source = parse_interval(source_interval) if source_interval else interval_of(bars)
    _check_multiple(source, target, market)
    parts = bars.partition_by("symbol", maintain_order=True) if "symbol" in names else [bars]
    made = [_one_symbol(part, source, target, market, complete_only) for part in parts]
    return (
        pl.concat([longer for longer, _ in made]).select(names),
        pl.concat([flags for _, flags in made]),
    )


def _check_multiple(source: Interval, target: Interval, market: Calendar) -> None:
    # A week of sessions is made from days, a day from any part of it.
    whole = target.us % source.us == 0 or (target.is_daily and not market.continuous)
    if target.us < source.us or not whole:
        raise ConfigError(
            f"{target.text} bars cannot be made from {source.text} bars: choose a multiple"
        )


def _one_symbol(
    bars: pl.DataFrame, source: Interval, target: Interval, market: Calendar, complete_only: bool
) -> tuple[pl.DataFrame, pl.DataFrame]:
    opens = bars.get_column("open_time").to_physical().to_numpy()
    bucket, close = market.buckets(opens, source, target)
    if (bucket < 0).any():
        inside = bucket >= 0
        bars, bucket, close = bars.filter(pl.Series(inside)), bucket[inside], close[inside]
    first = np.flatnonzero(np.diff(bucket, prepend=-1))
    stop = bars.height
    if complete_only and first.size:
        known = bars.get_column("close_time").to_physical()[-1]
        if known < close[-1]:
            stop, first = int(first[-1]), first[:-1]
    longer = _aggregate(bars[:stop], first, bucket[first], close[first])
    return longer, _flags(longer, np.diff(first, append=stop), source, target, market)


def _aggregate(bars: pl.DataFrame, first: I64, start: I64, end: I64) -> pl.DataFrame:
    last = np.append(first[1:], bars.height) - 1 if first.size else first
    names = [name for name in BAR_COLUMNS if name in bars.columns]
    values = columns(bars, [n for n in names if n not in ("symbol", "open_time", "close_time")])
    out: dict[str, pl.Series] = {
        "open_time": pl.Series(start, dtype=pl.Int64).cast(TIME),
        "close_time": pl.Series(end, dtype=pl.Int64).cast(TIME),
        "open": pl.Series(values["open"][first]),
        "close": pl.Series(values["close"][last]),
    }
    rules = {"high": np.maximum, "low": np.minimum, **dict.fromkeys(values, np.add)}
    rules |= {"high": np.maximum, "low": np.minimum}
    for name in values.keys() - out.keys():
        made = rules[name].reduceat(values[name], first) if first.size else values[name][:0]
        out[name] = pl.Series(made)
    if "trades" in out:
        out["trades"] = out["trades"].fill_nan(None).cast(pl.Int64)
    if "symbol" in names:
        out["symbol"] = bars.get_column("symbol").gather(first)
    return pl.DataFrame({name: out[name] for name in names})


def _flags(
    longer: pl.DataFrame, found: I64, source: Interval, target: Interval, market: Calendar
) -> pl.DataFrame:
    opens = longer.get_column("open_time").to_physical().to_numpy()
    closes = longer.get_column("close_time").to_physical().to_numpy()
    if not opens.size:
        expected = found
    elif source.is_daily:
        expected = market.count(opens, opens + target.us, source)
    else:
        expected = market.count(*market.span(opens, closes, target), source)
    flags = longer.select(name for name in ("symbol", "open_time") if name in longer.columns)
    flags = flags.with_columns(
        pl.Series("expected", expected, dtype=pl.Int32), pl.Series("found", found, dtype=pl.Int32)
    )
    return flags.filter(pl.col("found") < pl.col("expected"))
