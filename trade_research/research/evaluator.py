"""A strategy on the history of a live session: the function that `backtest` calls, again."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import MissingColumnError
from trade_research.research.data import Data, with_rates
from trade_research.research.setup import targets_of
from trade_research.simulate.market import PRICES

if TYPE_CHECKING:
    from trade_research.frames.calendars import Calendar
    from trade_research.frames.intervals import Interval
    from trade_research.kernels.jit import F64, I64
    from trade_research.live.deciders import Evaluate, History
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.strategies.strategy import Strategy

TIME = pl.Datetime("us", "UTC")
HEARD = frozenset({"open_time", "close_time", *PRICES})
"""Columns that every feed gives."""


def check_heard(strategy: Strategy, account: str) -> None:
    """Refuse a strategy over columns that a session on an account of this kind does not have.

    Raises
    ------
    MissingColumnError
    """
    for name in strategy.reads:
        if name == "funding_rate" and account != "perp":
            raise MissingColumnError(
                f"{strategy.name} reads 'funding_rate', which sessions on perpetuals hear and a "
                f"{account} account does not: use account='perp' (--account perp)"
            )
        if name not in HEARD | {"funding_rate"}:
            raise MissingColumnError(
                f"{strategy.name} reads {name!r}, which no feed of bars gives: a session has "
                f"{', '.join(PRICES)}, and funding_rate on perpetuals. It can be backtested; to be "
                "certified and traded it has to do without"
            )


def evaluator(
    strategy: Strategy,
    params: Mapping[str, Any],
    *,
    interval: Interval,
    calendar: Calendar | None,
    portfolio: Portfolio | None = None,
    rates: Callable[[], pl.DataFrame | float | None] = lambda: None,
) -> Evaluate:
    """Targets and other columns of all rows of a history, as `backtest` makes them of a frame.

    A strategy over plain prices reads the growing columns as they lie; any other gets the frame
    that a backtest would, with the funding `rates` known by then if it reads them.
    """
    is_plain = (
        not strategy.is_panel
        and portfolio is None
        and all(col.plain and col.name in PRICES for col in strategy.inputs.values())
    )
    if is_plain:
        return lambda history: _on_columns(strategy, params, history)

    def on_frame(history: History) -> tuple[F64, Mapping[str, F64]]:
        frame = frame_of(history)
        if "funding_rate" in strategy.reads:
            known = rates()
            frame = with_rates(frame, math.nan if known is None else known)
        data = Data(frame, interval, calendar, history.symbols)
        return targets_of(strategy, data, params, portfolio)

    return on_frame


def frame_of(history: History) -> pl.DataFrame:
    """The bars of a history as a frame, symbol by symbol."""
    times = {"open_time": history.open_time, "close_time": history.close_time}
    base = pl.DataFrame({name: pl.Series(x).cast(TIME) for name, x in times.items()})
    parts = []
    for s, symbol in enumerate(history.symbols):
        prices = {name: history.column(field, s) for field, name in enumerate(PRICES)}
        part = base.with_columns(**{name: pl.Series(x) for name, x in prices.items()})
        part = part.filter(pl.col("close").is_not_nan())
        if len(history.symbols) > 1:
            part = part.select(pl.lit(symbol).alias("symbol"), pl.all())
        parts.append(part)
    return pl.concat(parts)


def _on_columns(
    strategy: Strategy, params: Mapping[str, Any], history: History
) -> tuple[F64, Mapping[str, F64]]:
    n_symbols = len(history.symbols)
    if n_symbols == 1 and history.rows_of(0) is None:
        found = strategy.compute(_columns(strategy, history, 0, None), **params)
        return found.target.reshape(-1, 1), found.extras
    target = np.full((history.n_rows, n_symbols), np.nan)
    for s in range(n_symbols):
        rows = history.rows_of(s)
        if rows is None or rows.size:
            found = strategy.compute(_columns(strategy, history, s, rows), **params)
            target[slice(None) if rows is None else rows, s] = found.target / n_symbols
    return target, {}


def _columns(strategy: Strategy, history: History, symbol: int, rows: I64 | None) -> dict[str, F64]:
    """The inputs of a strategy on the rows a symbol has; views where that is all of them."""
    whole = {
        argument: history.column(PRICES.index(col.name), symbol)
        for argument, col in strategy.inputs.items()
    }
    return whole if rows is None else {name: x[rows] for name, x in whole.items()}
