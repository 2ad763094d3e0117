"""Times as files print them: epoch stamps of any unit, ISO text with or without offset, dates."""

from __future__ import annotations

from datetime import time

import polars as pl

from trade_research.errors import ConfigError, SchemaError

MIDNIGHT = time()
_ISO = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}"
_OFFSET = r"(Z|UTC|[+-]\d{2}:?\d{2})$"
_UTC = pl.Datetime("us", "UTC")
# An epoch stamp of the years 1973 to 5138 tells its unit by its size.
_UNITS = (("s", 1e8, 1e11, 1_000_000.0), ("ms", 1e11, 1e14, 1000.0), ("us", 1e14, 1e17, 1.0))


def read_times(column: pl.Series, tz: str | None, *, labels: bool) -> tuple[pl.Series, list[str]]:
    """Times of a raw column, and what had to be assumed.

    Parameters
    ----------
    column : Series
        Text, epoch numbers (s, ms, µs; they may change from row to row), dates or datetimes.
    tz : str or None
        Zone of times that print none; UTC when None.
    labels : bool
        Times at midnight of their own offset are dates of sessions, not moments.

    Returns
    -------
    times, notes : Series of Datetime("us", "UTC") or Date, and list of str

    Raises
    ------
    SchemaError
        A value is no time, only some have an offset, or a local time does not exist exactly once.
    """
    kind = column.dtype
    if column.null_count():
        row = column.is_null().arg_max()
        raise SchemaError(
            f"column {column.name!r} has no time at row {row}: fill or remove that row"
        )
    if kind == pl.String:
        column = column.str.strip_chars()
        if column.str.contains(r"^\d{9,}(\.0*)?$").all():
            column, kind = column.cast(pl.Float64), pl.Float64()
        else:
            return _text(column, tz, labels)
    if kind.is_numeric():
        return _epoch(column)
    if kind == pl.Date:
        return column, []
    if isinstance(kind, pl.Datetime):
        if kind.time_zone is None:
            return _local(column.cast(pl.Datetime("us")), tz)
        if labels and (column.dt.time() == MIDNIGHT).all():
            return column.dt.date(), []
        return column.cast(pl.Datetime("us", kind.time_zone)).dt.convert_time_zone("UTC"), []
    raise SchemaError(f"column {column.name!r} is {kind}, not a time: make it text or a time")


def _epoch(column: pl.Series) -> tuple[pl.Series, list[str]]:
    stamp = column.cast(pl.Float64)
    out = pl.DataFrame({"stamp": stamp}).select(
        pl.coalesce(
            pl.when((pl.col("stamp") >= low) & (pl.col("stamp") < high)).then(
                (pl.col("stamp") * factor).round()
            )
            for _, low, high, factor in _UNITS
        )
    )
    times = out.to_series().alias(column.name)
    if times.null_count():
        row = times.is_null().arg_max()
        assert row is not None
        raise SchemaError(
            f"column {column.name!r} is no epoch stamp in s, ms or µs at row {row}: "
            f"found {column[row]}. Correct or remove that row"
        )
    used = [n for n, low, high, _ in _UNITS if ((stamp >= low) & (stamp < high)).any()]
    notes = [f"stamps change their unit ({' and '.join(used)})"] if len(used) > 1 else []
    return times.cast(pl.Int64).cast(_UTC), notes


def _text(column: pl.Series, tz: str | None, labels: bool) -> tuple[pl.Series, list[str]]:
    for pattern, form in ((r"^\d{4}-\d{2}-\d{2}$", "%Y-%m-%d"), (r"^(19|20)\d{6}$", "%Y%m%d")):
        if column.str.contains(pattern)[0]:
            return _parsed(column, column.str.to_date(form, strict=False)), []
    odd = (~column.str.contains(_ISO)).arg_true()
    if odd.len():
        raise _not_a_time(column, odd[0])
    offset = column.str.contains(_OFFSET)
    if offset.any() and not offset.all():
        row = (offset != offset[0]).arg_max()
        assert row is not None
        raise SchemaError(
            f"column {column.name!r} mixes times with and without a zone: row 0 is {column[0]!r}, "
            f"row {row} is {column[row]!r}. Write all of them in UTC"
        )
    clock = column.str.replace(r"^(.{10})T", "${1} ").str.replace(r"\s*" + _OFFSET, "")
    clock = clock.str.replace(r"^(\S+ \d{2}:\d{2})$", "${1}:00")
    local = _parsed(
        column, clock.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    )
    if not offset.any():
        return _local(local, tz)
    if labels and (local.dt.time() == MIDNIGHT).all():
        return local.dt.date(), []
    sign = column.str.extract(r"([+-])\d{2}:?\d{2}$")
    hours = column.str.extract(r"[+-](\d{2}):?\d{2}$").cast(pl.Int64).fill_null(0)
    minutes = column.str.extract(r"[+-]\d{2}:?(\d{2})$").cast(pl.Int64).fill_null(0)
    ahead = (
        (hours * 60 + minutes)
        * 60_000_000
        * (1 - 2 * (sign == "-").fill_null(False).cast(pl.Int64))
    )
    return (local.to_physical() - ahead).cast(_UTC).alias(column.name), []


def _local(column: pl.Series, tz: str | None) -> tuple[pl.Series, list[str]]:
    if tz is None:
        return column.dt.replace_time_zone("UTC"), ["times without a zone were taken as UTC"]
    try:
        aware = column.dt.replace_time_zone(tz, ambiguous="null", non_existent="null")
    except pl.exceptions.ComputeError as error:
        raise ConfigError(
            f"tz={tz!r} is not a time zone: write it like 'America/New_York'"
        ) from error
    if aware.null_count():
        row = aware.is_null().arg_max()
        assert row is not None
        raise SchemaError(
            f"{column[row]} (row {row}) does not exist exactly once in {tz}: export the file in UTC"
        )
    return aware, [f"times without a zone were taken as {tz}"]


def _parsed(column: pl.Series, times: pl.Series) -> pl.Series:
    if times.null_count():
        row = times.is_null().arg_max()
        assert row is not None
        raise _not_a_time(column, row)
    return times.alias(column.name)


def _not_a_time(column: pl.Series, row: int) -> SchemaError:
    return SchemaError(
        f"column {column.name!r} is not a time at row {row}: found {column[row]!r}. "
        "Write times like 2024-01-31 09:30:00+00:00"
    )
