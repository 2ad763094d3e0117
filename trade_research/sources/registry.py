"""Sources by name, and how each is opened."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from trade_research.sources.source import Source

STAND_IN = "TRADE_RESEARCH_STAND_IN"
"""Environment variable: ``127.0.0.1:port`` of a server to ask instead of every venue."""


@dataclass(frozen=True)
class Known:
    """One line of `data sources`: what it gives, and which key it wants."""

    name: str
    gives: str
    key: str
    open: Callable[..., Any]


def _lazily(module: str, name: str, *given: str) -> Callable[..., Any]:
    def opener(**options: Any) -> Any:
        found = getattr(import_module(f"trade_research.sources.{module}"), name)
        return found(*given, **options)

    return opener


SOURCES = {
    known.name: known
    for known in (
        Known(
            "binance",
            "spot bars 1s–1w, trades, books",
            "",
            _lazily("exchanges", "CcxtSource", "binance"),
        ),
        Known(
            "binance_usdm",
            "USD-M futures bars, funding, trades, books",
            "",
            _lazily("exchanges", "CcxtSource", "binance_usdm"),
        ),
        Known(
            "binance_coinm",
            "COIN-M futures bars, funding, trades, books",
            "",
            _lazily("exchanges", "CcxtSource", "binance_coinm"),
        ),
        Known(
            "binanceus",
            "spot bars, trades, books",
            "",
            _lazily("exchanges", "CcxtSource", "binanceus"),
        ),
        Known(
            "kraken",
            "spot bars, the last 720 only; trades, books",
            "",
            _lazily("exchanges", "CcxtSource", "kraken"),
        ),
        Known(
            "kraken_futures",
            "futures bars, funding, trades, books",
            "",
            _lazily("exchanges", "CcxtSource", "kraken_futures"),
        ),
        Known(
            "yahoo",
            "stocks, funds, indices, coins, currencies; splits and dividends",
            "",
            _lazily("yahoo", "YahooSource"),
        ),
        Known(
            "alpha_vantage",
            "stocks, currencies, coins",
            "required",
            _lazily("alpha_vantage", "AlphaVantageSource"),
        ),
        Known(
            "coingecko",
            "coins: OHLC without volume, price charts",
            "optional",
            _lazily("coingecko", "CoinGeckoSource"),
        ),
        Known(
            "coinmarketcap",
            "coins: quotes, listings; OHLCV by plan",
            "required",
            _lazily("coinmarketcap", "CoinMarketCapSource"),
        ),
    )
}


def open_source(name: str, *, to: str | None = None, **options: Any) -> Source:
    """The source of that name; nothing is asked yet.

    Parameters
    ----------
    name : str
        Of `SOURCES`, ccxt's name of any other exchange, or ``archive:PLACE`` for Binance's public
        archive in a folder or below an address.
    to : str, optional
        ``127.0.0.1:port`` of a stand-in; by default that of TRADE_RESEARCH_STAND_IN, if set.

    Raises
    ------
    ConfigError
        No source has that name, or it needs a key that is nowhere to be found.
    """
    options["to"] = os.environ.get(STAND_IN, "") if to is None else to
    scheme, colon, where = name.partition(":")
    if colon and scheme == "archive":
        found = import_module("trade_research.sources.archive").ArchiveSource(where, **options)
    elif name in SOURCES:
        found = SOURCES[name].open(**options)
    else:
        found = import_module("trade_research.sources.exchanges").CcxtSource(name, **options)
    source: Source = found
    return source
