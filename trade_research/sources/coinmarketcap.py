"""CoinMarketCap: quotes and listings of coins, and daily OHLCV where the key's plan has it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from trade_research.errors import ConfigError, SourceBusyError, SourceError, SourceRefusedError
from trade_research.frames.bars import TIME
from trade_research.frames.intervals import Interval
from trade_research.settings.keys import need_secret
from trade_research.settings.secrets import Secret
from trade_research.sources.http import Http, shown
from trade_research.sources.source import Page, Quote

_HOST = "pro-api.coinmarketcap.com"
_PERIODS = {"1d": "daily", "1h": "hourly"}
_FIELDS = ("open", "high", "low", "close")
_SCHEMA = pl.Schema({"open_time": TIME, **dict.fromkeys((*_FIELDS, "quote_volume"), pl.Float64())})


class CoinMarketCapSource:
    """Bars, quotes and listings of CoinMarketCap; a symbol is ``BTC/USD``.

    Its volume is in the currency, so it goes into `quote_volume`; the volume in coins is unknown.
    """

    name = "coinmarketcap"
    page_bars = 1000
    reach_bars = None
    windowed = True

    def __init__(self, *, to: str = "", key: Secret | None = None) -> None:
        from importlib.metadata import version

        self._key = key or need_secret(self.name)
        self.client = f"httpx {version('httpx')}"
        self.http = Http.of(self.name, _HOST, per_minute=30, to=to, key=self._key)

    def calendar(self, symbol: str) -> str:
        """Coins never close."""
        del symbol
        return "24/7"

    def now(self) -> datetime:
        """The earlier of our clock and the venue's."""
        return self.http.now()

    def page(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> Page:
        """One answer of the OHLCV route; see `Source.page`."""
        if interval.text not in _PERIODS:
            raise ConfigError(f"coinmarketcap serves {', '.join(_PERIODS)}, not {interval.text}")
        coin, currency = _pair(symbol)
        step = timedelta(microseconds=interval.us)
        until = min(end, start + step * self.page_bars)
        ask = {
            "symbol": coin,
            "convert": currency,
            "time_period": _PERIODS[interval.text],
            "interval": _PERIODS[interval.text],
            "time_start": f"{start - step:%Y-%m-%dT%H:%M:%SZ}",  # the first one is left out
            "time_end": f"{until:%Y-%m-%dT%H:%M:%SZ}",
            "count": self.page_bars,
        }
        data = self._ask("v2/cryptocurrency/ohlcv/historical", ask)
        rows = []
        try:
            for one in _coin(data, coin)["quotes"]:
                price = one["quote"][currency]
                opened = datetime.fromisoformat(one["time_open"])
                rows.append((opened, *(price[n] for n in _FIELDS), price.get("volume")))
            frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
        except (KeyError, TypeError, ValueError, pl.exceptions.PolarsError) as error:
            raise SourceError(f"a row is no bar ({type(error).__name__})") from None
        return Page(frame, notes=("coinmarketcap's volume is in the currency: quote_volume",))

    def quote(self, symbol: str) -> Quote:
        """The price now."""
        coin, currency = _pair(symbol)
        ask = {"symbol": coin, "convert": currency}
        one = _coin(self._ask("v1/cryptocurrency/quotes/latest", ask), coin)
        try:
            price = one["quote"][currency]
            at = datetime.fromisoformat(price["last_updated"])
            return Quote(self.name, symbol, float(price["price"]), at)
        except (KeyError, TypeError, ValueError):
            raise SourceError(f"coinmarketcap gave no price of {symbol}") from None

    def symbols(self) -> pl.DataFrame:
        """Listings by rank: symbol, id, name, rank, price, market capitalisation."""
        found = self._ask("v1/cryptocurrency/listings/latest", {"limit": 5000, "convert": "USD"})
        rows = [
            {
                "symbol": f"{one['symbol']}/USD",
                "id": one["id"],
                "name": one["name"],
                "rank": one["cmc_rank"],
                "price": one["quote"]["USD"]["price"],
                "market_cap": one["quote"]["USD"]["market_cap"],
            }
            for one in found
        ]
        return pl.DataFrame(rows)

    def _ask(self, path: str, params: dict[str, Any]) -> Any:
        headers = {"X-CMC_PRO_API_KEY": self._key.reveal(), "Accept": "application/json"}
        answer = self.http.get(f"https://{_HOST}/{path}", params, headers=headers)
        found = answer.json()
        status = found.get("status") if isinstance(found, dict) else None
        if not isinstance(status, dict):
            raise SourceError(f"coinmarketcap answered {shown(answer.body, 60) or 'nothing'}")
        code, words = status.get("error_code"), shown(str(status.get("error_message")))
        if code in (1008, 1011):  # requests of a minute, of an address
            raise SourceBusyError(f"coinmarketcap asks to wait: {words}", 60.0)
        if code:
            raise SourceRefusedError(f"coinmarketcap refuses: {words} (error {code})")
        if answer.status >= 400 or "data" not in found:
            raise SourceError(f"coinmarketcap answered {answer.status} without data")
        return found["data"]


def _coin(data: Any, coin: str) -> dict[str, Any]:
    """The coin of an answer, whichever of its forms it has: one, a list, or by symbol or id."""
    if isinstance(data, dict) and "symbol" not in data:
        data = [one for v in data.values() for one in (v if isinstance(v, list) else [v])]
    for one in data if isinstance(data, list) else [data]:
        if isinstance(one, dict) and str(one.get("symbol")).upper() == coin:
            return one
    raise SourceError(f"coinmarketcap answered for another coin than {coin}")


def _pair(symbol: str) -> tuple[str, str]:
    coin, slash, currency = symbol.upper().partition("/")
    if not slash or not coin or not currency:
        raise ConfigError(f"coinmarketcap's symbols are like BTC/USD, found {symbol!r}")
    return coin, currency
