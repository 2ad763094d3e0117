"""What a valid table of funding rates is: when, how much, and on which mark price."""

from __future__ import annotations

import polars as pl

from trade_research.errors import SchemaError, nearest

TIME = pl.Datetime("us", "UTC")
FUNDING_SCHEMA: dict[str, pl.DataType] = {
    "time": TIME,
    "funding_rate": pl.Float64(),
    "mark_price": pl.Float64(),
}
"""``time`` is the stamp floored to the minute: venues print it some milliseconds late.
``funding_rate`` is the fraction of the position's value that longs pay shorts, 0.0001 is one basis
point. ``mark_price`` is null where it is not known."""

_NAMES = {"time": ("time", "ts"), "funding_rate": ("funding_rate",)}


def to_funding(frame: pl.DataFrame, marks: pl.DataFrame | None = None) -> pl.DataFrame:
    """A vendor's table of funding rates in the schema above.

    Parameters
    ----------
    frame : DataFrame
        ``time`` (or ``ts``) and ``funding_rate``; optional ``mark_price`` and ``symbol``; in any
        order, other columns are left out.
    marks : DataFrame, optional
        Bars of the mark price: ``open_time`` (or ``ts``), ``open``, and ``symbol`` where `frame`
        has one. The mark of a funding is the open of the bar that opens at it; null without one.

    Returns
    -------
    DataFrame
        ``symbol`` (if `frame` has it) and the columns of `FUNDING_SCHEMA`, by symbol and time.

    Raises
    ------
    SchemaError
        A column is missing or of another type, two rates of one minute, a rate that is not finite
        or 1 and more (per cent instead of a fraction?), a mark price that is not above 0.
    """
    keys = [name for name in ("symbol",) if name in frame.columns]
    found = _columns(frame, keys)
    if marks is not None:
        found = _marked(found.drop("mark_price"), marks, keys)
    found = found.sort(*keys, "time")
    check_funding(found)
    return found


def check_funding(frame: pl.DataFrame) -> None:
    """Raise SchemaError unless `frame` is what `to_funding` makes."""
    keys = [name for name in ("symbol",) if name in frame.columns]
    for name, kind in FUNDING_SCHEMA.items():
        if frame.schema.get(name) != kind:
            raise SchemaError(
                f"funding: column {name!r} must be {kind}, found {frame.schema.get(name)}. "
                "Bring the frame into form with frames.to_funding(frame)."
            )
    rate, mark = pl.col("funding_rate"), pl.col("mark_price")
    is_rate = (rate.is_finite() & (rate.abs() < 1.0)).fill_null(False)
    is_mark = ((mark > 0.0) & mark.is_finite()).fill_null(True)
    for rule, what in (
        (is_rate, "needs a finite rate, as a fraction below 1 (0.0001 is one basis point)"),
        (is_mark, "needs a mark price above 0, or null where it is not known"),
        (pl.struct(*keys, "time").is_unique(), "has two rates in one minute; keep one of them"),
        (pl.col("time").is_not_null(), "needs a time"),
    ):
        wrong = frame.filter(~rule)
        if wrong.height:
            raise SchemaError(f"funding: the row {wrong.row(0, named=True)} {what}.")


def _columns(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    chosen = [pl.col(key).cast(pl.String) for key in keys]
    for name, known in _NAMES.items():
        have = next((n for n in known if n in frame.columns), None)
        if have is None:
            raise SchemaError(
                f"funding lacks the column {name!r}: {nearest(name, frame.columns)} "
                f"It needs time, funding_rate and perhaps mark_price and symbol."
            )
        chosen.append(_as(frame, have, FUNDING_SCHEMA[name]).alias(name))
    mark = pl.lit(None, pl.Float64)
    if "mark_price" in frame.columns:
        mark = _as(frame, "mark_price", pl.Float64()).fill_nan(None)
    return frame.select(*chosen, mark.alias("mark_price")).with_columns(
        pl.col("time").dt.truncate("1m")
    )


def _as(frame: pl.DataFrame, name: str, kind: pl.DataType) -> pl.Expr:
    """The column as `kind`; times need a zone, since an hour's shift is a funding missed."""
    have = frame.schema[name]
    if kind == TIME:
        if not isinstance(have, pl.Datetime) or have.time_zone is None:
            raise SchemaError(
                f"funding: column {name!r} is {have}, not a time with a zone. "
                "Use pl.from_epoch(…).dt.replace_time_zone('UTC') or the like first."
            )
        return pl.col(name).dt.convert_time_zone("UTC").dt.cast_time_unit("us")
    if not have.is_numeric() and have != pl.Null:
        raise SchemaError(f"funding: column {name!r} holds {have}, not numbers.")
    return pl.col(name).cast(kind)


def _marked(found: pl.DataFrame, marks: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    opens = next((n for n in ("open_time", "ts", "time") if n in marks.columns), "open_time")
    for name in (opens, "open", *keys):
        if name not in marks.columns:
            raise SchemaError(
                f"marks lack the column {name!r}: they are bars of the mark price with open_time "
                "(or ts), open, and symbol where the rates have one."
            )
    at = _as(marks, opens, TIME).dt.truncate("1m").alias("time")
    prices = marks.select(*keys, at, pl.col("open").cast(pl.Float64).alias("mark_price"))
    return found.join(prices.unique([*keys, "time"], keep="first"), on=[*keys, "time"], how="left")
