"""Bars priced by books: a bar strategy's market orders walk the recorded book of their moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError, SimulationError
from trade_research.research.books import BookBacktest, BookSetup, book_market, book_trades
from trade_research.research.data import Data, read_data
from trade_research.research.setup import targets_of

if TYPE_CHECKING:
    from trade_research.frames.calendars import Calendar
    from trade_research.frames.recording import Recording
    from trade_research.kernels.jit import F64, I64
    from trade_research.simulate.book_run import BookMarket
    from trade_research.strategies.strategy import Strategy


def backtest_bars(
    strategy: Strategy,
    data: Any,
    books: pl.DataFrame | Recording,
    *,
    trades: pl.DataFrame | None = None,
    calendar: str | Calendar | None = None,
    params: Mapping[str, Any],
    unused: Mapping[str, object] | None = None,
    **setup: Any,
) -> BookBacktest:
    """Run a bar strategy over the books recorded while its bars closed; see `backtest`.

    Decided on the first whole book received at or after a bar's close; the order arrives `latency`
    after that book and walks the book as it stood then. Bars that close before the books begin
    warm the strategy up; those that close after they end are not traded. Exits are in event time.

    Raises
    ------
    SimulationError
        The bars are of several symbols, or none of them closes while there are books.
    ConfigError
        One of `unused`, arguments that have no meaning over books, was given.
    """
    given = [name for name, value in (unused or {}).items() if value not in (None, False, 0)]
    if given:
        raise ConfigError(
            f"books= prices market orders at their own moment; leave {given[0]}= out, it is for "
            "fills at bars"
        )
    found = data if isinstance(data, Data) else read_data(data, calendar)
    if len(found.instruments) != 1:
        raise SimulationError(
            f"books price bars of one instrument, found {len(found.instruments)}: "
            f"{', '.join(found.instruments)}. Filter the bars to one symbol"
        )
    bound = strategy.bind(**params)
    target, _ = targets_of(strategy, found, bound)
    market, prints = book_market(books, found.instruments[0]), book_trades(books, trades)
    wanted = at_books(found.market.close_time * 1000, target[:, 0], market)
    made = BookSetup.of(strategy, **setup)
    return BookBacktest(strategy, bound, market, prints, made, made.run(market, wanted), wanted, {})


def at_books(close_ns: I64, target: F64, market: BookMarket) -> F64:
    """Targets of bars on the rows of books, NaN between: the first whole book from each close on.

    Where several bars close before the same book, the last counts.

    Raises
    ------
    SimulationError
        No bar closes while there are books.
    """
    whole = np.flatnonzero(np.isfinite(market.mid))
    times = market.time[whole]
    row = np.searchsorted(times, close_ns)
    seen = (row < whole.size) & (close_ns >= (times[0] if whole.size else 0))
    if not seen.any():
        raise SimulationError(
            "no bar closes while there are books: give bars and books of the same days"
        )
    out = np.full(market.time.size, np.nan)
    out[whole[row[seen]]] = target[seen]
    return out
