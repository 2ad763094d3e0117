"""Lean's files: zipped days and minutes, factors, and maps of tickers that were used again."""

from __future__ import annotations

import re
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from trade_research.errors import FormatError, SourceError
from trade_research.frames.adjust import ACTION_SCHEMA
from trade_research.frames.bars import TIME

if TYPE_CHECKING:
    from trade_research.sources.tables import Raw

_PRICES = ("open", "high", "low", "close")
_DAY = r"^\d{8} \d{2}:\d{2}$"
_MINUTES = re.compile(r"(\d{8})_(trade|quote)\.zip$")
SCALE = 10_000.0  # of prices of stocks


def is_lean_days(raw: Raw) -> bool:
    """Rows like ``19980102 00:00,136300,…``."""
    return not raw.named and raw.table.width == 6 and _text(raw)[0].str.contains(_DAY).all()


def is_lean_minutes(raw: Raw) -> bool:
    """A zip named by its day, rows by the milliseconds since its midnight."""
    return not raw.named and _MINUTES.search(raw.where) is not None


def read_lean_days(raw: Raw) -> tuple[pl.DataFrame, list[str]]:
    """Raw prices of a stock by session."""
    text = raw.table.cast(pl.String)
    days = text["c0"].str.slice(0, 8).str.to_date("%Y%m%d").alias("open_time")
    return pl.DataFrame([days, *_values(text, SCALE)]), ["prices were divided by 10,000"]


def read_lean_minutes(raw: Raw, tz: str | None) -> tuple[pl.DataFrame, list[str]]:
    """Trades of a day by the minute; stocks in New York's time, coins in UTC."""
    name = _MINUTES.search(raw.where)
    assert name is not None
    if name[2] == "quote":
        raise FormatError(f"{raw.where} holds quotes, not trades: read the _trade.zip beside it")
    text = raw.table.cast(pl.String)
    stock = not any(text[f"c{i}"].str.contains(".", literal=True).any() for i in range(1, 5))
    zone = tz or ("America/New_York" if stock else "UTC")
    midnight = datetime.strptime(name[1], "%Y%m%d")
    local = (pl.lit(midnight) + pl.duration(milliseconds=pl.col("c0").cast(pl.Int64))).cast(
        pl.Datetime("us")
    )
    times = text.select(local.dt.replace_time_zone(zone).dt.convert_time_zone("UTC").cast(TIME))
    notes = [f"times are of {zone}"] + (["prices were divided by 10,000"] if stock else [])
    scale = SCALE if stock else 1.0
    return pl.DataFrame([times.to_series().alias("open_time"), *_values(text, scale)]), notes


def read_ticker_map(path: Path) -> pl.DataFrame:
    """Rows ``last_date, ticker`` of a map file; the first row is the security's first date."""
    table = pl.read_csv(path, has_header=False, infer_schema=False)
    table.columns = [f"c{i}" for i in range(table.width)]
    return table.select(
        pl.col("c0").str.to_date("%Y%m%d").alias("last_date"),
        pl.col("c1").str.to_uppercase().alias("ticker"),
    )


def read_factors(path: Path) -> pl.DataFrame:
    """Rows ``date, price_factor, split_factor, reference_close``, each up to and with its date."""
    table = pl.read_csv(path, has_header=False, infer_schema=False)
    table.columns = ["date", "price_factor", "split_factor", "reference_close"][: table.width]
    numbers = pl.all().exclude("date").cast(pl.Float64)
    return table.with_columns(pl.col("date").str.to_date("%Y%m%d"), numbers).sort("date")


def actions_of(factors: pl.DataFrame, sessions: pl.Series) -> pl.DataFrame:
    """Splits and dividends that a file of factors implies.

    Parameters
    ----------
    factors : DataFrame
        Of `read_factors`: a factor holds up to and with its date, so the action goes ex on the
        session after.
    sessions : Series of Date
        Sessions with bars, sorted.

    Returns
    -------
    DataFrame
        ``ex_date, kind, value``: new shares per old one, or cash on a raw share by the close before
        (`reference_close`).
    """
    rows: list[tuple[object, str, float]] = []
    table = factors.rows(named=True)
    for now, after in pairwise(table):
        later = sessions.filter(sessions > now["date"])
        if later.is_empty():
            continue
        split = after["split_factor"] / now["split_factor"]
        if abs(split - 1) > 1e-6:
            whole = round(split)
            rows.append((later[0], "split", float(whole) if abs(split - whole) < 1e-3 else split))
        kept = now["price_factor"] / after["price_factor"]
        cash = now["reference_close"] * (1 - kept)
        if abs(kept - 1) > 1e-7 and cash > 0:
            rows.append((later[0], "dividend", cash))
    return pl.DataFrame(rows, schema=ACTION_SCHEMA, orient="row")


def keep_apart(
    bars: pl.DataFrame, ticker: str, ticker_map: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Bars under a ticker: those of the security of the map, and those of another that had it.

    Parameters
    ----------
    bars : DataFrame
        With ``open_time``, all bars that were ever printed under `ticker`.
    ticker_map : DataFrame
        ``last_date, ticker`` of one security by date: which ticker it had up to and with each date;
        the first row is its first date.

    Returns
    -------
    own, other : DataFrame
        Rows of dates at which the security traded under that ticker, and the rest.
    """
    known = ticker_map.sort("last_date")
    if known.height < 2:
        raise SourceError(f"the map of {ticker} has no span: it needs a first and a last date")
    day = pl.col("open_time").dt.date()
    own = pl.lit(False)
    dates, names = known["last_date"].to_list(), known["ticker"].to_list()
    for i in range(1, len(dates)):
        if names[i].upper() == ticker.upper():
            after = day >= dates[0] if i == 1 else day > dates[i - 1]
            own |= after & (day <= dates[i])
    return bars.filter(own), bars.filter(~own)


def _text(raw: Raw) -> list[pl.Series]:
    return [raw.table.get_column("c0").cast(pl.String)]


def _values(text: pl.DataFrame, scale: float) -> list[pl.Series]:
    prices = [(text[f"c{i}"].cast(pl.Float64) / scale).alias(n) for i, n in enumerate(_PRICES, 1)]
    return [*prices, text["c5"].cast(pl.Float64).alias("volume")]
