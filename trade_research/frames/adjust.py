"""Prices adjusted for splits and dividends, from raw prices and the actions known at a date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import polars as pl

from trade_research.errors import DataError, SchemaError
from trade_research.frames.calendars import Calendar, get_calendar

ACTION_SCHEMA = pl.Schema({"ex_date": pl.Date(), "kind": pl.String(), "value": pl.Float64()})
"""Corporate actions: `kind` "split" (7.0: 7 new for 1 old) or "dividend" (cash per share, raw)."""


Reinvest = Literal["prior_close", "ex_close"]


@dataclass(frozen=True)
class _Rule:
    """How `adjust_bars` was asked to adjust."""

    as_of: date | None
    dividends: bool
    reinvest_at: Reinvest
    calendar: Calendar


def check_actions(actions: pl.DataFrame) -> None:
    """Raise SchemaError unless `actions` is a valid table of corporate actions.

    A column ``symbol`` may stand beside those of `ACTION_SCHEMA`.
    """
    for name, kind in ACTION_SCHEMA.items():
        found = actions.schema.get(name)
        if found != kind:
            raise SchemaError(
                f"actions need the column {name!r} of {kind}, found {found or 'none'}: "
                "cast or add it"
            )
    good = pl.col("kind").is_in(["split", "dividend"]) & (pl.col("value") > 0)
    good &= pl.col("value").is_finite() & pl.col("ex_date").is_not_null()
    bad = actions.with_row_index().filter(~good.fill_null(False))
    if bad.height:
        row = bad.row(0, named=True)
        raise SchemaError(
            f"row {row['index']} of the actions is {row['kind']!r} {row['value']} on "
            f"{row['ex_date']}: kind must be 'split' or 'dividend' and value above 0"
        )


def adjust_bars(
    raw: pl.DataFrame,
    actions: pl.DataFrame,
    *,
    as_of: date | None = None,
    dividends: bool = True,
    reinvest_at: Reinvest = "prior_close",
    calendar: str | Calendar = "24/7",
) -> pl.DataFrame:
    """Bars whose older prices are scaled so that splits and dividends make no step.

    Parameters
    ----------
    raw : polars.DataFrame
        Bars as traded.
    actions : polars.DataFrame
        `ACTION_SCHEMA`; with a ``symbol`` column where `raw` has several symbols.
    as_of : date, optional
        Only actions with ``ex_date <= as_of`` apply. When not given, the date of the last bar: the
        newest price is the one traded, and nothing later than the bars is used.
    dividends : bool
        False scales for splits only.
    reinvest_at : "prior_close" or "ex_close"
        The price that a dividend is set against: the close before the ex-date (CRSP, Yahoo), or
        the close of the ex-date (the former WIKI prices of Quandl).
    calendar : str or Calendar
        Tells the session date of a bar; matters only where a session spans midnight UTC.

    Returns
    -------
    polars.DataFrame
        As `raw`; of the bars before an ex-date, prices are multiplied by
        ``(1/s)·(1 − D·s/C)`` and volume by ``s``, with s the split ratio, D the dividend and C the
        raw close before the ex-date (a dividend on the day of a split is per new share); at the
        ex-date's close X by ``(1/s)·X/(X + D)``.

    Raises
    ------
    SchemaError
        Bad actions, or several symbols in `raw` and none in `actions`.
    DataError
        A dividend is not below the price before it.

    References
    ----------
    CRSP, "cumulative factor to adjust prices"; Quandl, WIKI prices, "adjustment methodology".
    """
    check_actions(actions)
    rule = _Rule(as_of, dividends, reinvest_at, get_calendar(calendar))
    if "symbol" not in raw.columns:
        return _one_symbol(raw, actions, rule)
    parts = raw.partition_by("symbol", maintain_order=True)
    if "symbol" not in actions.columns:
        if len(parts) > 1:
            raise SchemaError("bars have several symbols, actions have no column 'symbol': add it")
        return _one_symbol(raw, actions, rule)
    made = [
        _one_symbol(part, actions.filter(pl.col("symbol") == part["symbol"][0]), rule)
        for part in parts
    ]
    return pl.concat(made) if made else raw


def _one_symbol(raw: pl.DataFrame, actions: pl.DataFrame, rule: _Rule) -> pl.DataFrame:
    if not raw.height or not actions.height:
        return raw
    dates = rule.calendar.session_dates(raw.get_column("close_time"))
    last = rule.as_of if rule.as_of is not None else dates[-1]
    known = actions.filter(pl.col("ex_date") <= last)
    days = dates.to_physical().to_numpy()
    close = raw.get_column("close").to_numpy()
    price, shares = np.ones(raw.height), np.ones(raw.height)
    for ex_date, split, cash in _by_date(known).iter_rows():
        first = int(np.searchsorted(days, (ex_date - date(1970, 1, 1)).days))
        if first == 0:
            continue
        kept = 1.0
        if rule.dividends and rule.reinvest_at == "ex_close" and first < raw.height:
            kept = close[first] / (close[first] + cash)
        elif rule.dividends:
            kept = 1 - cash * split / close[first - 1]
        if not kept > 0:
            raise DataError(
                f"the dividend of {cash:g} on {ex_date} is not below the close before it "
                f"({close[first - 1]:g}): correct the action"
            )
        price[:first] *= kept / split
        shares[:first] *= split
    return raw.with_columns(
        *(pl.col(name) * pl.Series(price) for name in ("open", "high", "low", "close")),
        pl.col("volume") * pl.Series(shares),
    )


def _by_date(actions: pl.DataFrame) -> pl.DataFrame:
    """One row per ex-date: the product of its splits, the sum of its dividends."""
    split = pl.col("value").filter(pl.col("kind") == "split").product()
    cash = pl.col("value").filter(pl.col("kind") == "dividend").sum()
    return actions.group_by("ex_date").agg(split.alias("split"), cash.alias("cash")).sort("ex_date")
