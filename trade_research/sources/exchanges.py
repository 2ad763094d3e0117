"""Exchanges by ccxt: Binance (spot, USD-M, .US), Kraken (spot, Futures), and any other it knows."""

from __future__ import annotations

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
    SourceError,
    SourceRefusedError,
    TradeResearchError,
    nearest,
)
from trade_research.frames.intervals import Interval, parse_interval
from trade_research.settings.secrets import Secret, redact
from trade_research.sources import exchange_rows as rows
from trade_research.sources.http import Http, as_session, looks_like, shown
from trade_research.sources.source import Page, Quote


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
        hosts = _hosts(self._exchange.urls["api"])
        self.http = Http.of(name, *hosts, per_minute=known.per_minute, to=to, key=key)
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
            return Page(self._klines(market, frame, start, end))
        return Page(self._ohlcv(market, frame, interval, start))

    def _klines(self, market: Any, frame: str, start: datetime, end: datetime) -> pl.DataFrame:
        ask = {
            "symbol": market["id"],
            "interval": frame,
            "startTime": _ms(start),
            "endTime": _ms(end) - 1,
            "limit": self.page_bars,
        }
        call = getattr(self._exchange, self.facts.klines)
        return rows.of_bars(self.name, self._call(call, ask), rows.KLINE)

    def _ohlcv(self, market: Any, frame: str, interval: Interval, start: datetime) -> pl.DataFrame:
        until = start + timedelta(microseconds=interval.us * self.page_bars)
        ask = {"until": _ms(until)} if self.reach_bars is None else {}
        call = self._exchange.fetch_ohlcv
        found = self._call(call, market["symbol"], frame, _ms(start), self.page_bars, ask)
        return rows.of_bars(self.name, found, rows.OHLCV)

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
        return rows.of_markets(self._exchange.markets.values())

    def trades(self, symbol: str, start: datetime, limit: int = 1000) -> pl.DataFrame:
        """Trades from `start` on: ``time, price, size, buyer_is_maker, trade_id``."""
        market = self._market(symbol)
        call = self._exchange.fetch_trades
        return rows.of_trades(self._call(call, market["symbol"], _ms(start), limit))

    def book(self, symbol: str, depth: int = 20) -> pl.DataFrame:
        """The book now, one row of the wide layout: ``time, bid_price_1, bid_size_1, …``."""
        market = self._market(symbol)
        found = self._call(self._exchange.fetch_order_book, market["symbol"], depth)
        return rows.of_book(found, depth, self.now())

    def funding(self, symbol: str, start: datetime, end: datetime) -> pl.DataFrame:
        """Settled funding rates in the schema of `frames.to_funding`; mark prices are not known."""
        market, found, at = self._market(symbol), [], start
        while at < end:
            call = self._exchange.fetch_funding_rate_history
            page = self._call(call, market["symbol"], _ms(at), 1000)
            fresh = [(r["timestamp"], r["fundingRate"]) for r in page if r["timestamp"] >= _ms(at)]
            if not fresh:
                break
            found += fresh
            at = datetime.fromtimestamp((fresh[-1][0] + 1) / 1000, UTC)
        return rows.of_funding(found, end)

    def listed(self, symbol: str, interval: Interval) -> datetime | None:
        """Where a windowed source's history begins, by its day bars; None where that is free."""
        del interval
        if not self.windowed:
            return None
        day, at = parse_interval("1d"), datetime(2013, 1, 1, tzinfo=UTC)
        while at < self.now():
            bars = self.page(symbol, day, at, self.now()).rows
            if not bars.is_empty():
                first: datetime = bars["open_time"].min()  # type: ignore[assignment]
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


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
