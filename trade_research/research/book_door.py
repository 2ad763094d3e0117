"""Which run `backtest` makes where order books are involved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trade_research.errors import ConfigError
from trade_research.research.book_bars import backtest_bars
from trade_research.research.book_portfolio import backtest_portfolio
from trade_research.research.book_stream import backtest_stream
from trade_research.research.books import BookSetup, backtest_books, is_books
from trade_research.store.books import BookStream

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy


def run_books(
    strategy: Strategy,
    data: Any,
    books: Any,
    *,
    trades: Any,
    latency: Any,
    calendar: Any,
    unused: Mapping[str, object],
    params: Mapping[str, Any],
    **setup: Any,
) -> Any:
    """The run over books, streams of books, books by symbol, or bars with books; else None.

    Raises
    ------
    ConfigError
        Arguments of books are given without any.
    """
    setup["latency"] = "50ms" if latency is None else latency
    if isinstance(data, BookStream):
        made = BookSetup.of(strategy, **setup)
        return backtest_stream(strategy, data, setup=made, symbol=data.symbol, **params)
    if isinstance(data, Mapping) and (not data or any(map(is_books, data.values()))):
        return backtest_portfolio(strategy, data, trades=trades, **setup, **params)
    if is_books(data):
        return backtest_books(strategy, data, trades=trades, **setup, **params)
    if books is not None:
        return backtest_bars(
            strategy, data, books, trades=trades, calendar=calendar, unused=unused, params=params,
            **setup,
        )  # fmt: skip
    if trades is not None or latency is not None:
        raise ConfigError(
            "trades= and latency= are for order books: give books, as of store.books(…), or leave "
            "them out"
        )
    return None
