"""Yahoo: raw bars with splits and dividends beside them, out of its chart answers.

Yahoo prints prices adjusted for every split up to today. They are turned back into the prices that
were traded, so that what is stored does not change when a stock splits again. Its known price
errors are repaired by yfinance on request, and each repair is noted.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import polars as pl

from trade_research.errors import (
    ConfigError,
    SourceError,
    SourceGoneError,
    SourceRefusedError,
)
from trade_research.frames.adjust import ACTION_SCHEMA
from trade_research.frames.bars import TIME
from trade_research.frames.intervals import DAY, MINUTE, Interval
from trade_research.frames.vendor import audit_vendor
from trade_research.settings.secrets import Secret
from trade_research.sources.browser import BrowserHttp
from trade_research.sources.http import shown
from trade_research.sources.source import Page, Quote
from trade_research.sources.yahoo_repair import repaired

_HOST = "query2.finance.yahoo.com"
_CHART = f"https://{_HOST}/v8/finance/chart/"
_INTERVALS = {"1w": "1wk"} | {t: t for t in ("1m", "2m", "5m", "15m", "30m", "1h", "1d")}
_REACH = {"1m": 29, "2m": 59, "5m": 59, "15m": 59, "30m": 59, "1h": 729}  # days back
_CALENDARS = {
    **dict.fromkeys(("NMS", "NGM", "NCM", "NYQ", "PCX", "ASE", "BTS", "SNP", "DJI", "NIM"), "XNYS"),
    "LSE": "XLON",
    "GER": "XETR",
    "JPX": "XTKS",
    "PAR": "XPAR",
    "AMS": "XAMS",
    "MIL": "XMIL",
    "HKG": "XHKG",
    "TOR": "XTSE",
    "ASX": "XASX",
    "STO": "XSTO",
    "EBS": "XSWX",
    "MCE": "XMAD",
    "JNB": "XJSE",
    "TLV": "XTAE",
    "FRA": "XFRA",
    "BRU": "XBRU",
    "LIS": "XLIS",
    "CPH": "XCSE",
    "HEL": "XHEL",
    "OSL": "XOSL",
    "VIE": "XWBO",
    "WSE": "XWAR",
    "KSC": "XKRX",
    "TAI": "XTAI",
    "SES": "XSES",
    "BSE": "XBOM",
    "NSI": "XBOM",
    "SAO": "BVMF",
    "SHH": "XSHG",
    "SHZ": "XSHG",
    "CCC": "24/7",
    "CCY": "24/5",
}
_FIELDS = ("open", "high", "low", "close", "volume")


class YahooSource:
    """Bars, actions and quotes of Yahoo.

    Parameters
    ----------
    to : str, optional
        ``127.0.0.1:port`` of a stand-in.
    repair : bool
        Let yfinance repair what it knows to be wrong; the notes say which bars changed.
    """

    name = "yahoo"
    page_bars = 10_000
    reach_bars = None
    windowed = True

    def __init__(self, *, to: str = "", repair: bool = False, key: Secret | None = None) -> None:
        from importlib.metadata import version

        del key  # Yahoo knows none
        self.client = f"yfinance {version('yfinance')}"
        self.repair = repair
        self.http = BrowserHttp.of(self.name, _HOST, per_minute=100, to=to)
        self._about = lru_cache(self._ask_about)

    def calendar(self, symbol: str) -> str:
        """Calendar of the exchange that Yahoo says lists it."""
        about = self._about(symbol)["meta"]
        place = str(about.get("exchangeName"))
        if place not in _CALENDARS:
            raise ConfigError(
                f"the calendar of Yahoo's exchange {shown(place, 20)!r} ({symbol}) is not known: "
                "store it once with `data import --calendar`, then fetch"
            )
        return _CALENDARS[place]

    def now(self) -> datetime:
        """The earlier of our clock and Yahoo's."""
        return self.http.now()

    def listed(self, symbol: str, interval: Interval) -> datetime | None:
        """The first trade Yahoo knows of, or how far back it serves short bars."""
        first = self._about(symbol)["meta"].get("firstTradeDate") or 0
        begin = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=first)
        days = _REACH.get(interval.text)
        return begin if days is None else max(begin, self.now() - timedelta(days=days))

    def page(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> Page:
        """One chart answer; see `Source.page`."""
        if interval.text not in _INTERVALS:
            raise ConfigError(f"yahoo serves {', '.join(_INTERVALS)} bars, not {interval.text}")
        until = min(end, start + timedelta(microseconds=interval.us * self.page_bars))
        # A day's label is 00:00 UTC, its stamp the session's open: as much as a day apart.
        wide = timedelta(days=1) if interval.us >= DAY else timedelta(0)
        found = self._chart(symbol, _INTERVALS[interval.text], start - wide, until + wide)
        rows, dropped = _rows(found, interval)
        notes = [f"{dropped} rows without prices were left out"] if dropped else []
        splits = self._about(symbol)["splits"]
        notes += _doubts(found, rows, interval)
        if self.repair and rows.height:
            zone, step = str(found["meta"]["exchangeTimezoneName"]), _INTERVALS[interval.text]
            rows, more = repaired(symbol, interval, step, rows, zone, self.http)
            notes += more
        rows = _unsplit(rows, splits)
        if (currency := str(found["meta"].get("currency"))) in ("GBp", "ZAc", "ILA"):
            notes.append(f"prices are in {currency}, a hundredth of the currency")
        return Page(rows, _actions(found, splits), tuple(notes), last=until == end)

    def quote(self, symbol: str) -> Quote:
        """Price of the last regular trade."""
        meta = self._chart(symbol, "1d", self.now() - timedelta(days=5), self.now())["meta"]
        try:
            price, at = float(meta["regularMarketPrice"]), float(meta["regularMarketTime"])
        except (KeyError, TypeError, ValueError):
            raise SourceError(f"yahoo gave no price of {symbol}") from None
        return Quote(
            self.name,
            symbol,
            price,
            datetime.fromtimestamp(at, UTC),
            volume_24h=meta.get("regularMarketVolume"),
        )

    def symbols(self) -> pl.DataFrame:
        """Yahoo has no list: `search` finds symbols."""
        raise ConfigError("yahoo lists no symbols: look one up on its page, e.g. AAPL, ^GSPC")

    def _ask_about(self, symbol: str) -> dict[str, Any]:
        """Facts of a symbol, and all its splits, from one coarse answer."""
        begin = datetime(1970, 1, 1, tzinfo=UTC)
        found = self._chart(symbol, "3mo", begin, self.now())
        return {"meta": found["meta"], "splits": _splits(found)}

    def _chart(self, symbol: str, step: str, start: datetime, end: datetime) -> dict[str, Any]:
        ask = {
            "period1": int(start.timestamp()),
            "period2": int(end.timestamp()),
            "interval": step,
            "includePrePost": "false",
            "events": "div,splits",
        }
        from urllib.parse import quote

        answer = self.http.get(_CHART + quote(symbol, safe="=^.-"), ask)
        chart = answer.json()
        chart = chart.get("chart") if isinstance(chart, dict) else None
        if not isinstance(chart, dict):
            raise SourceError("yahoo answered without a chart")
        if chart.get("error"):
            words = shown(str(chart["error"].get("description", chart["error"])))
            if answer.status == 404:
                raise SourceGoneError(f"yahoo has no {symbol} (any more): {words}")
            raise SourceRefusedError(f"yahoo refuses: {words}")
        results = chart.get("result")
        found = results[0] if isinstance(results, list) and results else None
        if not isinstance(found, dict) or not isinstance(found.get("meta"), dict):
            raise SourceError("yahoo answered without a result")
        said = str(found["meta"].get("symbol"))
        if said.upper() != symbol.upper():
            raise SourceError(f"yahoo answered for {shown(said, 20)}, not for {symbol}")
        return found


def _rows(found: dict[str, Any], interval: Interval) -> tuple[pl.DataFrame, int]:
    """Bars of a chart as Yahoo prints them, and how many had no prices."""
    stamps = found.get("timestamp") or []
    try:
        quote = found["indicators"]["quote"][0]
        columns = {n: pl.Series(n, quote[n], pl.Float64) for n in _FIELDS} if stamps else {}
        times = pl.Series("open_time", stamps, pl.Int64)
        frame = pl.DataFrame([times, *columns.values()])
    except (KeyError, IndexError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"yahoo answered without a part of it ({type(error).__name__})") from None
    if not stamps:
        return pl.DataFrame(schema={"open_time": TIME, **dict.fromkeys(_FIELDS, pl.Float64)}), 0
    when = (pl.col("open_time") * 1_000_000).cast(TIME)
    if interval.us >= DAY:
        zone = str(found["meta"].get("exchangeTimezoneName"))
        try:
            frame = frame.with_columns(when.dt.convert_time_zone(zone).dt.date())
        except pl.exceptions.PolarsError:
            raise SourceError(f"yahoo names no time zone but {shown(zone, 30)!r}") from None
    else:
        frame = frame.with_columns(when)
    # The price of the moment comes as one more row, of the day or bar that is running.
    twice = frame.height > 1 and frame["open_time"][-1] == frame["open_time"][-2]
    grid = min(interval.us, 30 * MINUTE)
    if twice or (interval.us < DAY and stamps[-1] * 1_000_000 % grid):
        frame = frame[:-1]
    priced = frame.drop_nulls(["open", "high", "low", "close"])
    return priced, frame.height - priced.height


def _splits(found: dict[str, Any]) -> list[tuple[float, float]]:
    """(stamp, new shares per old one) of every split, oldest first."""
    made = (found.get("events") or {}).get("splits") or {}
    try:
        pairs = [(float(s["date"]), s["numerator"] / s["denominator"]) for s in made.values()]
    except (KeyError, TypeError, ZeroDivisionError):
        raise SourceError("yahoo answered with a split that is none") from None
    return sorted(pairs)


def _unsplit(rows: pl.DataFrame, splits: list[tuple[float, float]]) -> pl.DataFrame:
    """Prices and volume as they were traded: later splits taken back out."""
    if not splits or rows.is_empty():
        return rows
    times = rows["open_time"].cast(pl.Datetime("us")).to_physical().to_numpy() / 1e6
    factor = np.ones(rows.height)
    for stamp, ratio in splits:
        day = stamp - stamp % 86_400
        factor[times < day] *= ratio
    by = pl.Series(factor)
    prices = [pl.col(n) * by for n in ("open", "high", "low", "close")]
    return rows.with_columns(*prices, pl.col("volume") / by)


def _actions(found: dict[str, Any], splits: list[tuple[float, float]]) -> pl.DataFrame:
    """Splits, and dividends as cash on a share of their day."""
    zone = str(found["meta"].get("exchangeTimezoneName"))
    paid = (found.get("events") or {}).get("dividends") or {}
    rows = [(stamp, "split", ratio) for stamp, ratio in splits]
    for one in paid.values():
        later = [ratio for stamp, ratio in splits if stamp > one["date"]]
        rows.append((one["date"], "dividend", one["amount"] * float(np.prod(later))))
    frame = pl.DataFrame(rows, schema=["ex_date", "kind", "value"], orient="row")
    if frame.is_empty():
        return pl.DataFrame(schema=ACTION_SCHEMA)
    day = (pl.col("ex_date").cast(pl.Int64) * 1_000_000).cast(TIME).dt.convert_time_zone(zone)
    summed = (
        frame.with_columns(day.dt.date()).group_by("ex_date", "kind").agg(pl.col("value").sum())
    )
    return summed.cast(ACTION_SCHEMA).sort("ex_date", "kind")


def _doubts(found: dict[str, Any], rows: pl.DataFrame, interval: Interval) -> list[str]:
    """A note where Yahoo's own adjusted closes contradict its prices, splits or dividends."""
    try:
        adjusted = found["indicators"]["adjclose"][0]["adjclose"]
        stamps = pl.Series("open_time", found["timestamp"], pl.Int64)
        told = pl.DataFrame([stamps, pl.Series("adj_close", adjusted, pl.Float64)])
    except (KeyError, IndexError, TypeError, pl.exceptions.PolarsError):
        return []  # short bars have none
    if interval.us < DAY or rows.is_empty():
        return []
    zone = str(found["meta"].get("exchangeTimezoneName"))
    day = (pl.col("open_time") * 1_000_000).cast(TIME).dt.convert_time_zone(zone).dt.date()
    actions = _actions(found, _splits(found)).pivot("kind", index="ex_date", values="value")
    table = rows.join(told.with_columns(day).unique("open_time"), on="open_time", how="left")
    table = table.join(actions, left_on="open_time", right_on="ex_date", how="left")
    for kind, name in (("dividend", "dividends"), ("split", "splits")):
        value = pl.col(kind).fill_null(0.0) if kind in table.columns else pl.lit(0.0)
        table = table.with_columns(value.alias(name))
    wrong = audit_vendor(table, interval)
    if wrong.is_empty():
        return []
    kinds = ", ".join(sorted(set(wrong["kind"])))
    return [
        f"{wrong.height} of Yahoo's bars contradict themselves ({kinds}), the first on "
        f"{wrong['open_time'][0]}: compare, or fetch with repair"
    ]
