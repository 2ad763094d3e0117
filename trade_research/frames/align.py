"""The only join: values of another table as they were known at each bar's close."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from trade_research.errors import ConfigError, MissingColumnError, SchemaError, nearest
from trade_research.frames.intervals import Interval, parse_interval

_KEYS = ("symbol", "open_time", "close_time")


def align(
    base: pl.DataFrame,
    other: pl.DataFrame,
    columns: Sequence[str] | None = None,
    *,
    suffix: str = "",
    lag: str | Interval | timedelta | None = None,
    age: str | None = None,
) -> pl.DataFrame:
    """Bring columns of `other` beside `base`: the latest row known at each row's close.

    Parameters
    ----------
    base : polars.DataFrame
        With ``close_time``; its rows and their order are kept.
    other : polars.DataFrame
        With ``close_time``, the moment each row became known: bars of another interval or symbol,
        funding rates, anything. Where both have ``symbol``, rows meet within a symbol only.
    columns : sequence of str, optional
        Columns to bring; all but the symbol and times when not given.
    suffix : str
        Put behind the names of the brought columns.
    lag : str, Interval or timedelta, optional
        Extra time before a row counts as known (``"1m"``: published a minute after it closed).
    age : str, optional
        Name of a further column: how long the values had been known, in seconds.

    Returns
    -------
    polars.DataFrame
        `base` with the columns; null before the first known row. Row i holds the last row of
        `other` with ``other.close_time + lag <= base.close_time[i]``; of several with the same time
        the last one.

    Raises
    ------
    SchemaError
        A table has no ``close_time`` of type Datetime("us", "UTC"), or `other` has several symbols
        and `base` none.
    MissingColumnError, ConfigError
        An unknown column; a name that `base` has already (give a suffix); a negative lag.
    """
    _check_times(base, "base")
    _check_times(other, "other")
    wanted = [c for c in other.columns if c not in _KEYS] if columns is None else list(columns)
    for name in wanted:
        if name not in other.columns:
            raise MissingColumnError(f"no column {name!r} to align: {nearest(name, other.columns)}")
        if name + suffix in base.columns:
            raise ConfigError(f"the frame has a column {name + suffix!r} already: give suffix=")
    if age is not None and age in [*base.columns, *(n + suffix for n in wanted)]:
        raise ConfigError(f"there is a column {age!r} already: give the age another name")
    by = "symbol" if "symbol" in base.columns and "symbol" in other.columns else None
    if by is None and "symbol" in other.columns and other["symbol"].n_unique() > 1:
        raise SchemaError("the other table has several symbols and the base none: filter it to one")
    known = pl.col("close_time").dt.offset_by(f"{_microseconds(lag)}us").alias("__known")
    ages = [] if age is None else [known.alias(age)]
    right = other.select(
        *([by] if by else []), known, *(pl.col(n).alias(n + suffix) for n in wanted), *ages
    ).sort("__known", maintain_order=True)
    left = base.with_row_index("__row").sort("close_time", maintain_order=True)
    # Both sides are sorted just above; with `by`, Polars cannot see it and would warn.
    joined = left.join_asof(
        right,
        left_on="close_time",
        right_on="__known",
        by=by,
        strategy="backward",
        check_sortedness=False,
    )
    if age is not None:
        since = (pl.col("close_time") - pl.col(age)).dt.total_microseconds() / 1e6
        joined = joined.with_columns(since.alias(age))
    return joined.sort("__row").drop("__row", "__known", strict=False)


def _check_times(frame: pl.DataFrame, which: str) -> None:
    found = frame.schema.get("close_time")
    if found != pl.Datetime("us", "UTC"):
        raise SchemaError(
            f"the {which} table needs 'close_time' (when a row became known) as Datetime('us', "
            f"'UTC'), found {found or 'no such column'}: make it with to_bars()"
        )
    if frame["close_time"].null_count():
        raise SchemaError(f"'close_time' of the {which} table has nulls: remove those rows")


def _microseconds(lag: str | Interval | timedelta | None) -> int:
    if lag is None:
        return 0
    us = lag // timedelta(microseconds=1) if isinstance(lag, timedelta) else parse_interval(lag).us
    if us < 0:
        raise ConfigError(f"lag must not be negative, found {lag}: it would look ahead")
    return us
