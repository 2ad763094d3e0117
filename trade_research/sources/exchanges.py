"""Exchanges by ccxt: Binance (spot, USD-M, .US), Kraken (spot, Futures), and any other it knows."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from trade_research.errors import (
    ConfigError,
    DataError,
    SourceError,
    SourceRefusedError,
    TradeResearchError,
    nearest,
)
from trade_research.frames.bars import TIME
from trade_research.frames.funding import to_funding
from trade_research.frames.intervals import Interval, parse_interval
from trade_research.settings.secrets import Secret, redact
from trade_research.sources.http import Http, as_session, looks_like, shown
from trade_research.sources.limits import bucket_of
from trade_research.sources.source import Page, Quote
from trade_research.sources.times import read_times


@dataclass(frozen=True)
class Exchange:
    """What we know of an exchange beside what ccxt does.

    `klines` is the raw call of Binance's family, which gives quote volume and trades too;
    `reach_bars` is set where only the latest bars are served at all.
    """

    ccxt: str
    page_bars: int
    per_minute: float
    markets: tuple[str, ...] = ("spot",)
    klines: str = ""
    weight: float = 1.0
    reach_bars: int | None = None


EXCHANGES = {
    "binance": Exchange("binance", 1000, 6000, klines="publicGetKlines", weight=2),
    "binance_usdm": Exchange(
        "binanceusdm", 1500, 2400, ("linear",), klines="fapiPublicGetKlines", weight=10
    ),
    "binance_coinm": Exchange(
        "binancecoinm", 1500, 2400, ("inverse",), klines="dapiPublicGetKlines", weight=10
    ),
    "binanceus": Exchange("binanceus", 1000, 1200, klines="publicGetKlines", weight=2),
    "kraken": Exchange("kraken", 720, 60, reach_bars=720),
    "kraken_futures": Exchange("krakenfutures", 2000, 100),
}
_FIELDS = ("open", "high", "low", "close", "volume")
_MARKETS = pl.Schema(
    {
        "symbol": pl.String(),
        "id": pl.String(),
        "active": pl.Boolean(),
        "base": pl.String(),
        "quote": pl.String(),
        "kind": pl.String(),
        "listed": pl.Int64(),
    }
)
_TRADES = pl.Schema(
    {
        "time": pl.Int64(),
        "price": pl.Float64(),
        "size": pl.Float64(),
        "buyer_is_maker": pl.Boolean(),
        "trade_id": pl.String(),
    }
)


class CcxtSource:
    """Bars, quotes, symbols, trades, books and funding of one exchange.

    Parameters
    ----------
    name : str
        Of `EXCHANGES`, or ccxt's own name of any other exchange.
    to : str, optional
        ``127.0.0.1:port`` of a stand-in.
    key : Secret, optional
        Not needed for market data; its own limit is counted for it.
    """

    def __init__(self, name: str, *, to: str = "", key: Secret | None = None) -> None:
        import ccxt

        known = EXCHANGES.get(name) or Exchange(name, 500, 60)
        if known.ccxt not in ccxt.exchanges:
            options = {*EXCHANGES, *ccxt.exchanges}
            raise ConfigError(f"no exchange is called {name!r}: {nearest(name, options)}")
        self.name, self.facts = name, known
        self.client = f"ccxt {ccxt.__version__}"
        self.page_bars, self.reach_bars = known.page_bars, known.reach_bars
        self.windowed = not known.klines and known.reach_bars is None
        self._ccxt, self._lock, self._loaded = ccxt, threading.Lock(), False
        self._exchange: Any = getattr(ccxt, known.ccxt)(
            {
                "enableRateLimit": False,  # the bucket counts, for all threads together
                "options": {
                    "fetchCurrencies": False,
                    "fetchMargins": False,
                    "fetchMarkets": {"types": list(known.markets)},
                    "warnOnFetchOHLCVLimitArgument": False,
                },
            }
        )
        # Text and headers of answers are not kept: they would outlive the request.
        self._exchange.enableLastHttpResponse = False
        self._exchange.enableLastJsonResponse = False
        self._exchange.enableLastResponseHeaders = False
        hosts = frozenset(_hosts(self._exchange.urls["api"]))
        hashed = hashlib.sha256(key.reveal().encode()).hexdigest() if key else ""
        bucket = bucket_of(f"{name}@{to}", hashed, 1e9 if to else known.per_minute)
        self.http = Http(name, hosts, bucket, to)
        self._exchange.session = as_session(self.http)
        self._exchange.parse_json = _parsed

    def calendar(self, symbol: str) -> str:
        """Exchanges of coins never close."""
        del symbol
        return "24/7"

    def now(self) -> datetime:
        """The earlier of our clock and the exchange's."""
        return self.http.now()

    def page(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> Page:
        """One answer of the candles route; see `Source.page`."""
        market, frame = self._market(symbol), self._timeframe(interval)
        if self.facts.klines:
            rows = self._klines(market, frame, start, end)
        else:
            rows = self._ohlcv(market, frame, interval, start)
        return Page(rows)

    def _klines(self, market: Any, frame: str, start: datetime, end: datetime) -> pl.DataFrame:
        ask = {
            "symbol": market["id"],
            "interval": frame,
            "startTime": _ms(start),
            "endTime": _ms(end) - 1,
            "limit": self.page_bars,
        }
        call = getattr(self._exchange, self.facts.klines)
        rows = self._call(call, ask)
        if not isinstance(rows, list) or any(not isinstance(r, list) or len(r) < 9 for r in rows):
            raise SourceError(f"{self.name} answered {shown(str(rows), 60) or 'nothing'}")
        if not rows:
            return _no_rows()
        columns = list(zip(*rows, strict=False))
        numbers = {name: columns[i + 1] for i, name in enumerate(_FIELDS)}
        return _frame(columns[0], numbers | {"quote_volume": columns[7], "trades": columns[8]})

    def _ohlcv(self, market: Any, frame: str, interval: Interval, start: datetime) -> pl.DataFrame:
        until = start + timedelta(microseconds=interval.us * self.page_bars)
        ask = {"until": _ms(until)} if self.reach_bars is None else {}
        call = self._exchange.fetch_ohlcv
        rows = self._call(call, market["symbol"], frame, _ms(start), self.page_bars, ask)
        if not isinstance(rows, list):
            raise SourceError(f"{self.name} answered {shown(str(rows), 60) or 'nothing'}")
        if not rows:
            return _no_rows()
        columns = list(zip(*rows, strict=False))
        return _frame(columns[0], dict(zip(_FIELDS, columns[1:6], strict=True)))

    def quote(self, symbol: str) -> Quote:
        """Last trade, best bid and ask, and the day's volume in base units."""
        market = self._market(symbol)
        ticker = self._call(self._exchange.fetch_ticker, market["symbol"])
        if not isinstance(ticker, dict) or not ticker.get("last"):
            raise SourceError(f"{self.name} gave no price of {symbol}")
        stamp = ticker.get("timestamp")
        time = self.now() if stamp is None else datetime.fromtimestamp(stamp / 1000, UTC)
        bid, ask, volume = (ticker.get(k) for k in ("bid", "ask", "baseVolume"))
        return Quote(self.name, symbol, float(ticker["last"]), time, bid, ask, volume)

    def symbols(self) -> pl.DataFrame:
        """Every market: symbol, the exchange's own id, whether it trades, base, quote, kind."""
        self._load()
        rows = [
            {
                "symbol": _sane(m["symbol"]),
                "id": _sane(m["id"]),
                "active": m.get("active") is not False,
                "base": _sane(m["base"]),
                "quote": _sane(m["quote"]),
                "kind": m["type"],
                "listed": m.get("created"),
            }
            for m in self._exchange.markets.values()
        ]
        frame = pl.DataFrame(rows, schema=_MARKETS).drop_nulls(["symbol", "id"])
        return frame.with_columns((pl.col("listed") * 1000).cast(TIME)).sort("symbol")

    def trades(self, symbol: str, start: datetime, limit: int = 1000) -> pl.DataFrame:
        """Trades from `start` on: ``time, price, size, buyer_is_maker, trade_id``."""
        market = self._market(symbol)
        rows = self._call(self._exchange.fetch_trades, market["symbol"], _ms(start), limit)
        found = [
            {
                "time": t["timestamp"] * 1000,
                "price": float(t["price"]),
                "size": float(t["amount"]),
                "buyer_is_maker": t["side"] == "sell",
                "trade_id": str(t["id"]),
            }
            for t in rows
        ]
        return pl.DataFrame(found, schema=_TRADES).with_columns(pl.col("time").cast(TIME))

    def book(self, symbol: str, depth: int = 20) -> pl.DataFrame:
        """The book now, one row of the wide layout: ``time, bid_price_1, bid_size_1, …``."""
        market = self._market(symbol)
        found = self._call(self._exchange.fetch_order_book, market["symbol"], depth)
        row: dict[str, Any] = {"time": self.now()}
        for side, name in (("bids", "bid"), ("asks", "ask")):
            for level, (price, size, *_) in enumerate(found[side][:depth], 1):
                row |= {f"{name}_price_{level}": price, f"{name}_size_{level}": size}
        return pl.DataFrame([row]).with_columns(pl.col("time").cast(TIME))

    def funding(self, symbol: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Settled funding rates in the schema of `frames.to_funding`; mark prices are not known."""
        market, rows, at = self._market(symbol), [], start
        while at < end:
            call = self._exchange.fetch_funding_rate_history
            page = self._call(call, market["symbol"], _ms(at), 1000)
            fresh = [(r["timestamp"], r["fundingRate"]) for r in page if r["timestamp"] >= _ms(at)]
            if not fresh:
                break
            rows += fresh
            at = datetime.fromtimestamp((fresh[-1][0] + 1) / 1000, UTC)
        schema = {"time": pl.Int64, "funding_rate": pl.Float64}
        frame = pl.DataFrame(rows, schema=schema, orient="row").unique("time")
        return to_funding(
            frame.with_columns((pl.col("time") * 1000).cast(TIME)).filter(pl.col("time") < end)
        )

    def listed(self, symbol: str, interval: Interval) -> datetime | None:
        """Where a windowed source's history begins, by its day bars; None where that is free."""
        del interval
        if not self.windowed:
            return None
        day, at = parse_interval("1d"), datetime(2013, 1, 1, tzinfo=UTC)
        while at < self.now():
            rows = self.page(symbol, day, at, self.now()).rows
            if not rows.is_empty():
                first: datetime = rows["open_time"].min()  # type: ignore[assignment]
                return first
            at += timedelta(days=self.page_bars)
        return None

    def _market(self, symbol: str) -> Any:
        self._load()
        try:
            return self._exchange.market(symbol)
        except self._ccxt.BadSymbol:
            near = nearest(symbol, self._exchange.markets)
            if not near.startswith("did you mean"):
                near = "`data symbols` lists all"
            raise SourceRefusedError(f"{self.name} has no {symbol!r}: {near}") from None

    def _timeframe(self, interval: Interval) -> str:
        frames: dict[str, str] = self._exchange.timeframes
        if interval.text not in frames:
            raise ConfigError(
                f"{self.name} serves no {interval.text} bars (it has {', '.join(frames)}): "
                "fetch a divisor, longer bars are made from it"
            )
        return str(interval.text)

    def _load(self) -> None:
        with self._lock:
            if not self._loaded:
                self._call(self._exchange.load_markets)
                self._loaded = True

    @cached_property
    def _passing(self) -> tuple[type[Exception], ...]:
        """ccxt's errors that asking again may cure."""
        c = self._ccxt
        return (c.NetworkError, c.ExchangeNotAvailable, c.BadResponse)

    def _call(self, call: Any, *args: Any) -> Any:
        """`call`, with ccxt's errors in our words and without addresses."""
        try:
            return call(*args)
        except TradeResearchError:
            raise
        except self._passing as error:
            raise SourceError(f"{self.name} did not answer properly: {_words(error)}") from None
        except self._ccxt.BaseError as error:
            raise SourceRefusedError(f"{self.name} refuses: {_words(error)}") from None
        except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
            # What ccxt raises on JSON that lacks what it takes for granted.
            what = f"{type(error).__name__} {redact(str(error))[:60]}"
            raise SourceError(f"{self.name} answered without a part of it ({what})") from None


def _parsed(text: str) -> Any:
    """JSON of an answer, for ccxt, which would take whatever is none for nothing."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise SourceError(f"the answer is {looks_like(text.encode())}") from None


def _words(error: Exception) -> str:
    """The class and the exchange's own words, no address."""
    words = " ".join(w for w in str(error).split() if "://" not in w)
    return f"{type(error).__name__}: {shown(words, 120)}"


def _hosts(node: Any) -> Iterable[str]:
    """Hosts of ccxt's table of addresses."""
    if isinstance(node, dict):
        for part in node.values():
            yield from _hosts(part)
    elif isinstance(node, str) and (host := urlsplit(node).hostname):
        yield host


def _frame(stamps: Iterable[Any], numbers: dict[str, Any]) -> pl.DataFrame:
    """Columns of an answer; what is no number makes an error of the source's."""
    try:
        times, _ = read_times(pl.Series("open_time", list(stamps), pl.Int64), None, labels=False)
        return pl.DataFrame([times, *(_numbers(n, v) for n, v in numbers.items())])
    except (DataError, pl.exceptions.PolarsError, TypeError, OverflowError) as error:
        raise SourceError(f"a row is no bar: {shown(str(error), 120)}") from None


def _numbers(name: str, values: Any) -> pl.Series:
    kind = pl.Int64 if name == "trades" else pl.Float64
    if isinstance(values[0], str):
        return pl.Series(name, list(values), pl.String).cast(kind)
    return pl.Series(name, list(values), kind)


def _no_rows() -> pl.DataFrame:
    return pl.DataFrame(schema={"open_time": TIME, **dict.fromkeys(_FIELDS, pl.Float64)})


def _sane(text: Any) -> str | None:
    """A name of the exchange's; None for one that no honest exchange would give."""
    plain = isinstance(text, str) and 0 < len(text) <= 64 and text.isprintable()
    return text if plain and ".." not in text and "<" not in text else None


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
