"""Bars: the schema, the one way into it and the check that every frame of bars passes."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from trade_research.errors import BarOrderError, DataError, SchemaError, nearest
from trade_research.frames.calendars import Calendar, get_calendar
from trade_research.frames.intervals import (
    DAY,
    STANDARD,
    WEEK,
    Interval,
    interval_of_us,
    parse_interval,
)

TIME: pl.DataType = pl.Datetime("us", "UTC")
PRICES = ("open", "high", "low", "close")
BAR_COLUMNS = pl.Schema(
    {
        "symbol": pl.String(),
        "open_time": TIME,
        "close_time": TIME,
        "open": pl.Float64(),
        "high": pl.Float64(),
        "low": pl.Float64(),
        "close": pl.Float64(),
        "volume": pl.Float64(),
        "quote_volume": pl.Float64(),
        "trades": pl.Int64(),
    }
)
_STANDARD = frozenset(parse_interval(text).us for text in STANDARD)
OPTIONAL = frozenset({"symbol", "quote_volume", "trades"})


def to_bars(
    frame: pl.DataFrame,
    interval: str | Interval,
    calendar: str | Calendar = "24/7",
    symbol: str | None = None,
) -> pl.DataFrame:
    """Bring a frame into the bar schema and check it; nothing is sorted, filled or dropped.

    Parameters
    ----------
    frame : polars.DataFrame
        With ``open_time`` (or ``ts``), ``open, high, low, close`` and perhaps ``volume,
        quote_volume, trades, symbol``. Times without a zone are UTC when all time columns have
        none. Numbers may be of any numeric type, or text that is a number throughout. Other columns
        are left out; a ``close_time`` of its own is replaced by the calendar's.
    interval : str or Interval
        Length of the bars.
    calendar : str or Calendar
        Decides ``close_time``. Daily bars of a session calendar are labelled by the session's date,
        00:00 UTC; labels at midnight of another zone become that.
    symbol : str, optional
        Adds a ``symbol`` column of this value where the frame has none.

    Returns
    -------
    polars.DataFrame
        Columns as `BAR_COLUMNS`, volume NaN or null where unknown.

    Raises
    ------
    SchemaError, BarOrderError
        See `check_bars`; also for bars that are closer together than `interval`.
    """
    step, market = parse_interval(interval), get_calendar(calendar)
    if "open_time" not in frame.columns and "ts" in frame.columns:
        frame = frame.rename({"ts": "open_time"})
    if symbol is not None and "symbol" not in frame.columns:
        frame = frame.with_columns(pl.lit(symbol).alias("symbol"))
    if "volume" not in frame.columns:
        frame = frame.with_columns(pl.lit(None, pl.Float64).alias("volume"))
    _check_names(frame, set(BAR_COLUMNS) - OPTIONAL - {"close_time"})
    opens = _open_times(frame, step, market)
    numbers = [
        _number(frame.get_column(name), kind)
        for name, kind in BAR_COLUMNS.items()
        if name in frame.columns and name not in ("symbol", "open_time", "close_time")
    ]
    head = [frame.get_column("symbol").cast(pl.String)] if "symbol" in frame.columns else []
    bars = pl.DataFrame([*head, opens, market.close_times(opens, step), *numbers])
    check_bars(bars)
    _check_step(bars, step)
    return bars


def check_bars(frame: pl.DataFrame) -> None:
    """Raise unless `frame` is a valid table of bars.

    A volume that is NaN or null is unknown, and allowed. An open or close outside of [low, high] is
    a verdict of `audit`, not an error.

    Raises
    ------
    SchemaError
        A column is missing or of another type; a price is null, NaN, infinite or not above 0; a
        high is below its low; a bar closes before it opens. Names the row, its time and the value.
    BarOrderError
        Times repeat or step back within a symbol.
    """
    _check_names(frame, set(BAR_COLUMNS) - OPTIONAL)
    for name, kind in BAR_COLUMNS.items():
        if name in frame.columns and frame.schema[name] != kind:
            raise SchemaError(
                f"column {name!r} is {frame.schema[name]}, not {kind}: bring the frame in with "
                "tr.read_bars(frame)"
            )
    _check_filled(frame)
    _check_prices(frame)
    _check_order(frame)


def interval_of(frame: pl.DataFrame) -> Interval:
    """Length of the bars in a frame, read from their own open and close times.

    Raises
    ------
    DataError
        The frame is empty, or its times fit no interval.
    """
    if not frame.height:
        raise DataError("an empty frame has no interval: give interval=")
    length = (frame["close_time"] - frame["open_time"]).dt.total_microseconds()
    opens = frame["open_time"].to_physical()
    alike = length.min() == length.max()
    usual = int(length[0] if alike else length.mode(maintain_order=True)[0])
    step = _smallest_step(frame)
    if step is None and usual not in _STANDARD:
        raise DataError("one bar alone does not tell its interval: give interval=")
    if step is not None and usual % DAY and step % DAY == 0 and (opens % DAY == 0).all():
        # Labels of sessions: the close is some hours before the next label.
        usual = DAY if usual < DAY else WEEK
    if usual <= 0 or usual % 1_000_000 or (step is not None and step < usual):
        raise DataError(
            f"the times of these bars fit no interval: they are {usual / 1e6} s long but "
            f"{(step or 0) / 1e6} s apart. Give interval="
        )
    return interval_of_us(usual)


def _check_names(frame: pl.DataFrame, needed: set[str]) -> None:
    for name in BAR_COLUMNS:
        if name in needed and name not in frame.columns:
            raise SchemaError(
                f"bars need the column {name!r}, found {', '.join(frame.columns) or 'none'}: "
                f"{nearest(name, frame.columns)}"
            )


def _open_times(frame: pl.DataFrame, interval: Interval, market: Calendar) -> pl.Series:
    zones: dict[str, str] = {}
    for name in ("open_time", "close_time"):
        kind = frame.schema.get(name)
        if isinstance(kind, pl.Datetime):
            zones[name] = kind.time_zone or "no zone"
    if len(set(zones.values())) > 1:
        raise SchemaError(
            f"time columns mix zones: open_time has {zones['open_time']}, close_time has "
            f"{zones['close_time']}. Convert both to UTC first"
        )
    labelled = interval.is_daily and not market.continuous
    _check_filled(frame.select("open_time"))
    opens = _utc(frame.get_column("open_time"), labelled)
    if labelled:
        row = _first(opens.to_physical() % DAY != 0)
        if row is not None:
            raise SchemaError(
                f"{interval.text} bars of {market.name} are labelled by date at 00:00 UTC, found "
                f"{_clock(opens[row])} at row {row}: cast the times to their local Date"
            )
    return opens


def _utc(column: pl.Series, labelled: bool) -> pl.Series:
    """Open times in UTC; labels keep the date that their own zone shows."""
    kind = column.dtype
    if kind == pl.Date:
        return column.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    if not isinstance(kind, pl.Datetime):
        raise SchemaError(
            f"column 'open_time' is {kind}, not a time: parse it to Datetime in UTC first "
            "(read_bars does so for files)"
        )
    if kind.time_zone is None or labelled:
        return column.dt.replace_time_zone(None).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
    return column.cast(pl.Datetime("us", kind.time_zone)).dt.convert_time_zone("UTC")


def _number(column: pl.Series, kind: pl.DataType) -> pl.Series:
    if column.dtype == kind:
        return column
    numeric = column.dtype.is_numeric() or column.dtype in (pl.String, pl.Null)
    cast = column.cast(kind, strict=False) if numeric else column.clear()
    bad = (cast.is_null() & column.is_not_null()).arg_true() if numeric else pl.Series([0])
    if bad.len():
        raise SchemaError(
            f"column {column.name!r} is not a number at row {bad[0]}: found {column[bad[0]]!r}. "
            "Correct or remove that row"
        )
    return cast


def _check_step(bars: pl.DataFrame, interval: Interval) -> None:
    step = _smallest_step(bars)
    if step is not None and step < interval.us:
        raise SchemaError(
            f"bars are {step / 1e6:g} s apart, interval {interval.text!r} says "
            f"{interval.us / 1e6:g} s: give the interval that the data has"
        )


def _smallest_step(frame: pl.DataFrame) -> int | None:
    opens = frame.get_column("open_time").to_physical()
    if "symbol" in frame.columns:
        gaps = frame.select(pl.col("open_time").to_physical().diff().over("symbol")).to_series()
    else:
        gaps = opens.diff()
    smallest = gaps.filter(gaps > 0).min()
    return None if smallest is None else int(smallest)  # type: ignore[arg-type]  # Int64 column


def _check_filled(frame: pl.DataFrame) -> None:
    for name in ("symbol", "open_time", "close_time"):
        if name in frame.columns:
            row = _first(frame.get_column(name).is_null())
            if row is not None:
                raise SchemaError(f"column {name!r} is null at row {row}: fill or remove that row")


def _check_prices(frame: pl.DataFrame) -> None:
    for name in PRICES:
        column = frame.get_column(name)
        row = _first(~((column > 0) & column.is_finite()).fill_null(False))
        if row is not None:
            raise SchemaError(
                f"{name!r} is {_shown(column[row])} at {_place(frame, row)}: a price must be a "
                "number above 0. Correct or remove that row"
            )
    row = _first(frame.get_column("high") < frame.get_column("low"))
    if row is not None:
        raise SchemaError(
            f"high {frame['high'][row]} is below low {frame['low'][row]} at {_place(frame, row)}. "
            "Correct or remove that row"
        )


def _check_order(frame: pl.DataFrame) -> None:
    ahead = pl.col("open_time").to_physical().diff()
    if "symbol" in frame.columns:
        ahead = ahead.over("symbol")
    row = _first(frame.select((ahead <= 0).fill_null(False)).to_series())
    if row is not None:
        symbol = frame["symbol"][row] if "symbol" in frame.columns else ""
        before = frame[:row].filter(pl.col("symbol") == symbol) if symbol else frame[:row]
        raise BarOrderError(symbol, row, before["open_time"][-1], frame["open_time"][row])
    row = _first(frame.get_column("close_time") <= frame.get_column("open_time"))
    if row is not None:
        raise SchemaError(
            f"the bar at {_place(frame, row)} closes at {_clock(frame['close_time'][row])}, not "
            "after its open: make close_time with to_bars()"
        )


def _first(mask: pl.Series) -> int | None:
    """Row of the first True, if any."""
    return mask.arg_max() if mask.any() else None


def _place(frame: pl.DataFrame, row: int) -> str:
    symbol = f" of {frame['symbol'][row]!r}" if "symbol" in frame.columns else ""
    return f"row {row}{symbol} ({_clock(frame['open_time'][row])})"


def _shown(value: float | None) -> str:
    return "null" if value is None else str(value)


def _clock(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M:%S}"
