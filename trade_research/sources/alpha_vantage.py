"""Alpha Vantage: stocks (raw prices), currencies and coins; it reports errors inside HTTP 200."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from trade_research.errors import ConfigError, SourceBusyError, SourceError, SourceRefusedError
from trade_research.frames.bars import TIME
from trade_research.frames.intervals import DAY, WEEK, Interval
from trade_research.settings.keys import need_secret
from trade_research.settings.secrets import Secret
from trade_research.sources.http import Http, shown
from trade_research.sources.source import Page, Quote

_URL = "https://www.alphavantage.co/query"
_MONEY = {
    *("USD", "EUR", "GBP", "JPY", "CHF", "AUD", "CAD", "NZD", "CNY", "HKD", "SEK", "NOK", "DKK"),
    *("PLN", "CZK", "HUF", "TRY", "ZAR", "MXN", "BRL", "INR", "KRW", "SGD", "THB", "IDR", "ILS"),
}
_MINUTES = {"1m": "1min", "5m": "5min", "15m": "15min", "30m": "30min", "1h": "60min"}
_FIELDS = ("open", "high", "low", "close", "volume")
_ZONES = {"US/Eastern": "America/New_York", "UTC": "UTC"}
_A_DAY = re.compile(r"per day|daily|25 requests", re.IGNORECASE)


class AlphaVantageSource:
    """Bars and quotes of Alpha Vantage.

    A symbol with a slash is a pair: of two currencies, or of a coin and a currency. Stock prices
    are the raw ones that were traded; splits are not among them.
    """

    name = "alpha_vantage"
    page_bars = 100_000
    reach_bars = None
    windowed = False

    def __init__(self, *, to: str = "", key: Secret | None = None) -> None:
        from importlib.metadata import version

        self._key = key or need_secret(self.name)
        self.client = f"httpx {version('httpx')}"
        self.http = Http.of(self.name, "www.alphavantage.co", per_minute=5, to=to, key=self._key)

    def calendar(self, symbol: str) -> str:
        """XNYS for stocks, the currency week for currencies, around the clock for coins."""
        kind, _ = _kind(symbol)
        return {"stock": "XNYS", "fx": "24/5", "coin": "24/7"}[kind]

    def now(self) -> datetime:
        """The earlier of our clock and the venue's."""
        return self.http.now()

    def page(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> Page:
        """One answer; intraday stocks a month at a time. See `Source.page`."""
        if interval.us < DAY and _kind(symbol)[0] == "stock":
            return self._months(symbol, interval, start, end)
        return Page(self._series(symbol, interval, {"outputsize": "full"}), last=True)

    def _months(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> Page:
        """Months from that of `start` on, until one has a bar after it."""
        frames, at = [], start
        while at < end:
            ask = {"outputsize": "full", "extended_hours": "false", "month": f"{at:%Y-%m}"}
            rows = self._series(symbol, interval, ask)
            frames.append(rows)
            if rows.filter(pl.col("open_time") > start).height:
                break
            at = (at.replace(day=1) + timedelta(days=32)).replace(day=1)
        return Page(pl.concat(frames))

    def _series(self, symbol: str, interval: Interval, more: dict[str, str]) -> pl.DataFrame:
        kind, pair = _kind(symbol)
        found = self._ask(_function(kind, interval, symbol) | pair | more)
        about = next((v for k, v in found.items() if k.startswith("Meta Data")), None)
        series = next((v for k, v in found.items() if "Time Series" in k), None)
        if not isinstance(about, dict) or not isinstance(series, dict):
            raise SourceError(f"alpha_vantage answered with {', '.join(map(shown, found))[:80]}")
        facts = {re.sub(r"^\d+\. ", "", k): str(v) for k, v in about.items()}
        self._check_symbol(facts, symbol, pair)
        zone = facts.get("Time Zone", "")
        # "UTC", or "US/Eastern"; currencies have printed "UTC" with words behind it.
        named = _ZONES.get(zone) or ("UTC" if zone.startswith("UTC") else None)
        if named is None:
            raise SourceError(
                f"alpha_vantage prints times of {shown(zone, 30)!r}, which is unknown"
            )
        return _frame(series, interval, named)

    def _check_symbol(self, facts: dict[str, str], symbol: str, pair: dict[str, str]) -> None:
        said = [v for k, v in facts.items() if "Symbol" in k or k.endswith("Code")]
        wanted = set(pair.values())
        if not wanted <= {v.upper() for v in said}:
            told = shown(", ".join(said), 40) or "nothing"
            raise SourceError(f"alpha_vantage answered for {told}, not for {symbol}")

    def quote(self, symbol: str) -> Quote:
        """Last price; of a pair with bid and ask."""
        kind, pair = _kind(symbol)
        try:
            if kind == "stock":
                one = self._ask({"function": "GLOBAL_QUOTE", **pair})["Global Quote"]
                at = datetime.fromisoformat(one["07. latest trading day"]).replace(tzinfo=UTC)
                return Quote(self.name, symbol, float(one["05. price"]), at)
            base, quote = symbol.upper().split("/")
            ask = {"function": "CURRENCY_EXCHANGE_RATE", "from_currency": base}
            one = self._ask(ask | {"to_currency": quote})["Realtime Currency Exchange Rate"]
            at = datetime.fromisoformat(one["6. Last Refreshed"]).replace(tzinfo=UTC)
            bid, offer = (_maybe(one.get(k)) for k in ("8. Bid Price", "9. Ask Price"))
            return Quote(self.name, symbol, float(one["5. Exchange Rate"]), at, bid, offer)
        except (KeyError, TypeError, ValueError):
            raise SourceError(f"alpha_vantage gave no price of {symbol}") from None

    def symbols(self) -> pl.DataFrame:
        """It lists none; `search` finds some."""
        raise ConfigError("alpha_vantage lists no symbols: use search(text), or a ticker like MSFT")

    def search(self, text: str) -> pl.DataFrame:
        """Symbols that fit a text: ``symbol, name, kind, region, currency``."""
        found = self._ask({"function": "SYMBOL_SEARCH", "keywords": text})
        names = {"1. symbol": "symbol", "2. name": "name", "3. type": "kind", "4. region": "region"}
        names |= {"8. currency": "currency"}
        rows = [{v: str(m.get(k, "")) for k, v in names.items()} for m in found["bestMatches"]]
        return pl.DataFrame(rows, schema=dict.fromkeys(names.values(), pl.String))

    def _ask(self, params: dict[str, str]) -> dict[str, Any]:
        """A JSON object that is no error in disguise."""
        found = self.http.json(_URL, params | {"apikey": self._key.reveal()})
        if not isinstance(found, dict) or not found:
            raise SourceError("alpha_vantage answered nothing")
        if "Error Message" in found:
            raise SourceRefusedError(f"alpha_vantage refuses: {shown(str(found['Error Message']))}")
        for key in ("Note", "Information"):
            if key in found and len(found) <= 2:
                words = str(found[key])
                wait = 86_400.0 if _A_DAY.search(words) else 60.0
                if "premium" in words.lower() and "rate limit" not in words.lower():
                    raise SourceRefusedError(f"alpha_vantage refuses: {shown(words)}")
                raise SourceBusyError(f"alpha_vantage asks to wait: {shown(words)}", wait)
        return found


def _kind(symbol: str) -> tuple[str, dict[str, str]]:
    """ "stock", "fx" or "coin", and the parameters that name it."""
    base, slash, quote = symbol.upper().partition("/")
    if not slash:
        return "stock", {"symbol": base}
    if base in _MONEY and quote in _MONEY:
        return "fx", {"from_symbol": base, "to_symbol": quote}
    return "coin", {"symbol": base, "market": quote}


def _function(kind: str, interval: Interval, symbol: str) -> dict[str, str]:
    long = {DAY: "DAILY", WEEK: "WEEKLY"}.get(interval.us)
    head = {"stock": "TIME_SERIES", "fx": "FX", "coin": "DIGITAL_CURRENCY"}[kind]
    if long:
        return {"function": f"{head}_{long}"}
    if interval.text not in _MINUTES:
        options = ", ".join([*_MINUTES, "1d", "1w"])
        raise ConfigError(f"alpha_vantage serves {options} bars of {symbol}, not {interval.text}")
    head = "CRYPTO" if kind == "coin" else head
    return {"function": f"{head}_INTRADAY", "interval": _MINUTES[interval.text]}


def _frame(series: dict[str, Any], interval: Interval, zone: str) -> pl.DataFrame:
    """Bars of a series, oldest first; times are open times."""
    try:
        stamps = list(series)
        values = [_values(row) for row in series.values()]
        local = pl.Series("open_time", stamps).str.to_datetime(
            "%Y-%m-%d" if interval.us >= DAY else "%Y-%m-%d %H:%M:%S", time_unit="us"
        )
        columns = [pl.Series(n, [v.get(n) for v in values], pl.Float64) for n in _FIELDS]
    except (AttributeError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
        raise SourceError(f"a row is no bar: {shown(str(error), 80)}") from None
    if interval.us >= DAY:
        day = local.dt.date()
        if interval.us == WEEK:  # printed by the week's last session, here by its Monday
            day = day.dt.offset_by("1w").dt.truncate("1w").dt.offset_by("-1w")
        return pl.DataFrame([day.alias("open_time"), *columns]).sort("open_time")
    aware = local.dt.replace_time_zone(zone, ambiguous="null", non_existent="null")
    times = aware.dt.convert_time_zone("UTC").cast(TIME)
    if _labels_closes(local):
        times = times - timedelta(microseconds=interval.us)
    frame = pl.DataFrame([times.alias("open_time"), *columns])
    return frame.drop_nulls("open_time").sort("open_time")


def _labels_closes(local: pl.Series) -> bool:
    """Whether stamps are closes: then the latest is 20:00 or 16:00, when no bar opens."""
    minute = local.dt.hour().cast(pl.Int32) * 60 + local.dt.minute()
    return minute.max() in (20 * 60, 16 * 60)


def _values(row: dict[str, str]) -> dict[str, float]:
    """Field to number of ``{"1. open": "1.0", …}``; ``1a. open (CNY)`` is the market's."""
    found: dict[str, float] = {}
    for key, text in row.items():
        match = re.match(r"\d+(a|b)?\. (open|high|low|close|volume)", key)
        if match and match[1] != "b":
            found[match[2]] = float(text)
    return found


def _maybe(text: Any) -> float | None:
    try:
        return float(text)
    except (TypeError, ValueError):
        return None
