"""`paper_books`: a strategy on a live order book, on paper, recorded as it goes.

Every row is decided on when the recorder has proven it, by the function that backtests the stored
rows: `tr.backtest` over what was recorded gives the same orders and fills, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.feeds.book_grid import BookRow
from trade_research.feeds.recorder import books_of
from trade_research.frames.books import SIDES
from trade_research.research.book_stream import BookRun, BookStreamBacktest
from trade_research.research.books import BookSetup
from trade_research.research.record import record_books
from trade_research.simulate.book_run import BookMarket

if TYPE_CHECKING:
    from trade_research.simulate.accounts import Account, Rules
    from trade_research.simulate.costs import Costs
    from trade_research.simulate.exits import Exits
    from trade_research.strategies.strategy import Strategy


def paper_books(
    strategy: Strategy,
    venue: str,
    symbol: str,
    *,
    costs: Costs | None = None,
    account: str | Account = "spot",
    cash: float = 100_000.0,
    exits: Exits | None = None,
    rules: Rules | None = None,
    latency: str | int = "50ms",
    recording: dict[str, Any] | None = None,
    **params: Any,
) -> BookStreamBacktest:
    """Run a strategy on a venue's order book as it happens, with paper money, and record it.

    Parameters
    ----------
    strategy, costs, account, cash, exits, rules, latency, **params
        As of `backtest` over books. An order is paper: it walks the recorded book at its arrival.
    venue, symbol : str
        As of `record_books`.
    recording : dict, optional
        Its other arguments: ``store, depth, every, duration, on_look``.

    Returns
    -------
    BookStreamBacktest
        Of this session; ``tr.backtest`` over the same span of the store gives the same.

    Examples
    --------
    >>> s1 = tr.strategies.l2_imbalance                                        # doctest: +SKIP
    >>> tr.paper_books(s1, "binance", "BTC/USDT", recording={"duration": "1h"})   # doctest: +SKIP
    """
    setup = BookSetup.of(
        strategy, costs=costs, account=account, cash=cash, exits=exits, rules=rules, latency=latency
    )
    run = BookRun(strategy, setup, symbol=symbol, **params)
    record_books(venue, symbol, on_rows=lambda rows: see(run, rows), **(recording or {}))
    return run.result()


def see(run: BookRun, rows: Sequence[BookRow]) -> None:
    """Decide on rows that were proven."""
    whole = [seen(row) for row in rows]
    names = {name: col.name for name, col in run.strategy.inputs.items()}
    if not set(names.values()) <= set(SIDES):
        run.take(books_of(whole))
        return
    time = np.array([row.time for row in whole])
    sides = np.ascontiguousarray(np.stack([row.levels for row in whole], axis=1))
    arrays = dict(zip(SIDES, sides, strict=True))
    market = BookMarket("", time, **arrays)
    run.take_arrays(market, {name: arrays[side] for name, side in names.items()})


def seen(row: BookRow) -> BookRow:
    """The row as a strategy may see it: no levels where a side is missing, as the store masks."""
    return row if row.is_whole else row._replace(levels=np.full_like(row.levels, np.nan))
