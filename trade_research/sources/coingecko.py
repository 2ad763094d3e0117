"""CoinGecko: OHLC of coins (labelled by their close, without volume), price charts, quotes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl

from trade_research.errors import ConfigError, SourceError, SourceRefusedError
from trade_research.frames.bars import TIME
from trade_research.frames.intervals import Interval
from trade_research.settings.keys import find_secret
from trade_research.settings.secrets import Secret
from trade_research.sources.http import Http, shown
from trade_research.sources.source import Page, Quote

_HOST = "api.coingecko.com"
# What an answer's bars span follows from the days asked for.
_DAYS = {"30m": 1, "4h": 30, "4d": 365}
_CHART = {"price": "prices", "market_cap": "market_caps", "volume_24h": "total_volumes"}


class CoinGeckoSource:
    """Bars, charts and quotes of CoinGecko.

    A symbol is a coin's id and a currency, ``bitcoin/usd``. Bars carry no volume: CoinGecko's is
    that of the last 24 hours in the currency, which is no bar's; `chart` gives it under its name.
    """

    name = "coingecko"
    page_bars = 180
    reach_bars = 180
    windowed = False

    def __init__(self, *, to: str = "", key: Secret | None = None) -> None:
        from importlib.metadata import version

        self._key = key or find_secret(self.name)
        self.client = f"httpx {version('httpx')}"
        a_minute = 30 if self._key else 10
        self.http = Http.of(self.name, _HOST, per_minute=a_minute, to=to, key=self._key)

    def calendar(self, symbol: str) -> str:
        """Coins never close."""
        del symbol
        return "24/7"

    def now(self) -> datetime:
        """The earlier of our clock and the venue's."""
        return self.http.now()

    def page(self, symbol: str, interval: Interval, start: datetime, end: datetime) -> Page:
        """One OHLC answer: the latest 30m, 4h or 4d bars. See `Source.page`."""
        del start, end
        if interval.text not in _DAYS:
            raise ConfigError(f"coingecko serves {', '.join(_DAYS)} bars, not {interval.text}")
        coin, currency = _pair(symbol)
        ask = {"vs_currency": currency, "days": _DAYS[interval.text]}
        rows = self._ask(f"coins/{coin}/ohlc", ask)
        if not isinstance(rows, list) or any(
            not isinstance(row, list) or len(row) != 5 for row in rows
        ):
            raise SourceError(f"coingecko answered {shown(str(rows), 60) or 'nothing'}")
        names = ("open_time", "open", "high", "low", "close")
        try:
            columns = list(zip(*rows, strict=True)) or [()] * 5
            stamps = pl.Series(names[0], columns[0], pl.Int64)
            values = [
                pl.Series(n, c, pl.Float64) for n, c in zip(names[1:], columns[1:], strict=True)
            ]
        except (TypeError, pl.exceptions.PolarsError) as error:
            raise SourceError(f"a row is no bar: {shown(str(error), 80)}") from None
        frame = pl.DataFrame([stamps, *values])
        # The last row may be of the moment: it lies on no edge of a bar.
        edge = min(interval.us, 86_400_000_000) // 1000
        frame = frame.filter(pl.col("open_time") % edge == 0)
        opened = (pl.col("open_time") * 1000).cast(TIME) - timedelta(microseconds=interval.us)
        note = "coingecko labels bars by their close and gives no volume: turned to open, unknown"
        return Page(frame.with_columns(opened), notes=(note,), last=True)

    def chart(self, symbol: str, days: int | str = 1) -> pl.DataFrame:
        """Prices as sampled: ``time, price, market_cap, volume_24h``, all in the currency.

        `volume_24h` is what was traded in the 24 hours before, not since the row above.
        """
        coin, currency = _pair(symbol)
        found = self._ask(f"coins/{coin}/market_chart", {"vs_currency": currency, "days": days})
        try:
            frames = [
                pl.DataFrame(found[key], schema={"time": pl.Int64, name: pl.Float64}, orient="row")
                for name, key in _CHART.items()
            ]
        except (KeyError, TypeError, pl.exceptions.PolarsError):
            raise SourceError("coingecko answered without a part of its chart") from None
        joined = frames[0]
        for frame in frames[1:]:
            joined = joined.join(frame, on="time", how="left")
        return joined.with_columns((pl.col("time") * 1000).cast(TIME)).sort("time")

    def quote(self, symbol: str) -> Quote:
        """The price now; CoinGecko's volume is in the currency and left out."""
        coin, currency = _pair(symbol)
        ask = {"ids": coin, "vs_currencies": currency, "include_last_updated_at": "true"}
        found = self._ask("simple/price", ask)
        try:
            one = found[coin]
            at = datetime.fromtimestamp(one["last_updated_at"], UTC)
            return Quote(self.name, symbol, float(one[currency]), at)
        except (KeyError, TypeError, ValueError):
            raise SourceRefusedError(f"coingecko has no price of {symbol}") from None

    def symbols(self) -> pl.DataFrame:
        """Coins: their id (for symbols like ``bitcoin/usd``), ticker and name."""
        rows = [(f"{c['id']}/usd", c["symbol"], c["name"]) for c in self._ask("coins/list", {})]
        return pl.DataFrame(rows, schema=["symbol", "ticker", "name"], orient="row").sort("symbol")

    def _ask(self, path: str, params: dict[str, Any]) -> Any:
        headers = {"x-cg-demo-api-key": self._key.reveal()} if self._key else None
        return self.http.json(f"https://{_HOST}/api/v3/{path}", params, headers=headers)


def _pair(symbol: str) -> tuple[str, str]:
    coin, slash, currency = symbol.lower().partition("/")
    if not slash or not coin.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise ConfigError(f"coingecko knows coins by id: write bitcoin/usd, found {symbol!r}")
    return coin, currency
