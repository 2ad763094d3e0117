"""Inputs beside prices, as columns with a lag: open interest, basis, funding, gas, pools.

An input enters a backtest only where its history can be had as it was published: from an archive,
or from rows that somebody kept as they came. What a venue serves of the last weeks alone, or of
this moment, is live only and says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from trade_research.errors import ConfigError, SourceError, nearest
from trade_research.frames.align import align
from trade_research.frames.bars import TIME
from trade_research.sources.archive import ArchiveSource
from trade_research.sources.http import Http
from trade_research.sources.onchain import GAS, POOL, gas, pool

_HOST = "fapi.binance.com"


@dataclass(frozen=True)
class Input:
    """One input: what of, its columns, how long after its time it was out, where its history lies.

    `route` is Binance's, `archive` is "" where there is none: then it is live only.
    """

    name: str
    of: str
    columns: Mapping[str, str]
    lag: timedelta
    route: str = ""
    archive: str = ""

    @property
    def backtestable(self) -> bool:
        """Whether its history can be had as it was published."""
        return bool(self.archive)


INPUTS = {
    one.name: one
    for one in (
        Input(
            "open_interest",
            "USD-M futures",
            {"sumOpenInterest": "open_interest", "sumOpenInterestValue": "open_interest_usd"},
            timedelta(minutes=5),
            "openInterestHist",
            "metrics",
        ),
        Input(
            "long_short",
            "USD-M futures",
            {"longShortRatio": "long_short_ratio"},
            timedelta(minutes=5),
            "globalLongShortAccountRatio",
            "metrics",
        ),
        Input(
            "basis",
            "USD-M futures",
            {"basisRate": "basis_rate", "basis": "basis"},
            timedelta(minutes=5),
            "basis",
        ),
        Input("gas", "Ethereum", GAS, timedelta(0)),
        Input("pool", "a pool of a decentralised exchange", POOL, timedelta(0)),
    )
}
_METRICS = {
    "sum_open_interest": "open_interest",
    "sum_open_interest_value": "open_interest_usd",
    "count_long_short_ratio": "long_short_ratio",
}


def archived(archive: ArchiveSource, symbol: str, start: datetime, end: datetime) -> pl.DataFrame:
    """Open interest and long/short ratio of Binance's archive, each five minutes.

    Parameters
    ----------
    archive : ArchiveSource
    symbol : str
        Of a future, ``BTC/USDT:USDT``.

    Returns
    -------
    DataFrame
        ``close_time`` (the time it was measured), ``open_interest, open_interest_usd,
        long_short_ratio``; days that the archive lacks are missing.
    """
    frames, day = [], start.date()
    while datetime(day.year, day.month, day.day, tzinfo=UTC) < end:
        table = archive.table("metrics", symbol, day, monthly=False)
        if table is not None:
            lacking = [n for n in ("create_time", *_METRICS) if n not in table.columns]
            if lacking:
                raise SourceError(f"the metrics of {symbol} on {day} lack {lacking[0]!r}")
            when = pl.col("create_time").cast(pl.String).str.to_datetime("%Y-%m-%d %H:%M:%S")
            columns = [pl.col(n).cast(pl.Float64).alias(to) for n, to in _METRICS.items()]
            frames.append(
                table.select(
                    when.dt.replace_time_zone("UTC").cast(TIME).alias("close_time"), *columns
                )
            )
        day += timedelta(days=1)
    empty = pl.DataFrame(
        schema={"close_time": TIME, **dict.fromkeys(_METRICS.values(), pl.Float64)}
    )
    span = pl.col("close_time").is_between(start, end, closed="left")
    return pl.concat([empty, *frames]).unique("close_time").sort("close_time").filter(span)


def recent(name: str, symbol: str = "", period: str = "5m", *, to: str = "") -> pl.DataFrame:
    """The last values of an input as they are served now: Binance's of 30 days at most, live only.

    Of ``gas`` (no `symbol` is needed) and ``pool`` (``eth/0x88e6…``) that is one row, of now.
    Returns ``close_time`` and the input's columns, oldest first.
    """
    if name not in INPUTS:
        raise ConfigError(f"no input is called {name!r}: {nearest(name, INPUTS)}")
    if name in ("gas", "pool"):
        return gas(to=to) if name == "gas" else pool(symbol, to=to)
    one = INPUTS[name]
    http = Http.of("binance_usdm", _HOST, per_minute=200, to=to)
    code = "".join(c for c in symbol.partition(":")[0].upper() if c.isalnum())
    ask: dict[str, Any] = {"symbol": code, "period": period, "limit": 500}
    if name == "basis":
        ask = {"pair": code, "contractType": "PERPETUAL", "period": period, "limit": 500}
    rows = http.json(f"https://{_HOST}/futures/data/{one.route}", ask)
    try:
        for row in rows:
            if str(row.get("symbol", row.get("pair"))) != code:
                raise SourceError(f"binance answered for {row.get('symbol')!r}, not for {code}")
        stamps = pl.Series("close_time", [row["timestamp"] * 1000 for row in rows], pl.Int64)
        values = [
            pl.Series(column, [float(row[field]) for row in rows], pl.Float64)
            for field, column in one.columns.items()
        ]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SourceError(
            f"binance answered without a part of it ({type(error).__name__})"
        ) from None
    frame = pl.DataFrame([stamps, *values]).with_columns(pl.col("close_time").cast(TIME))
    return frame.unique("close_time").sort("close_time")


def with_inputs(
    bars: pl.DataFrame,
    inputs: Mapping[str, pl.DataFrame],
    *,
    live: bool = False,
    recorded: Collection[str] = (),
) -> pl.DataFrame:
    """Bars with the inputs' columns as they were known at each close, and how old they were then.

    Parameters
    ----------
    bars : DataFrame
        With ``close_time``.
    inputs : mapping of str to DataFrame
        Name of `INPUTS` (or ``funding``) to its frame; each is brought in `lag` after its time,
        with ``<name>_age``, the seconds since the row was known.
    live : bool
        Whether live-only inputs may be among them.
    recorded : collection of str
        Live-only inputs whose frames are rows kept as they came: an archive of one's own.

    Raises
    ------
    ConfigError
        An unknown input, or one without an archive where `live` is false: it would make a backtest
        of values that nobody can check.
    """
    for name, frame in inputs.items():
        if name == "funding":
            frame, columns, lag = frame.rename({"time": "close_time"}), ["funding_rate"], None
        elif name in INPUTS:
            one = INPUTS[name]
            if not (one.backtestable or live or name in recorded):
                raise ConfigError(
                    f"{name} is live only, not backtestable: no archive has its history. Keep its "
                    "rows as they come, and say recorded="
                )
            columns, lag = list(one.columns.values()), one.lag
        else:
            raise ConfigError(f"no input is called {name!r}: {nearest(name, (*INPUTS, 'funding'))}")
        bars = align(bars, frame, columns, lag=lag, age=f"{name}_age")
    return bars
