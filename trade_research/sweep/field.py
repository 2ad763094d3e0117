"""The bars of a sweep, and the ranges of them that are scored."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from trade_research.kernels.jit import F64, I64
from trade_research.simulate.market import Market
from trade_research.sweep.tables import Tables, prepare, span_table


@dataclass(frozen=True, eq=False)
class Field:
    """Bars, days and spans of a sweep.

    Attributes
    ----------
    day : int64 array of shape (n_bars,)
        Number of each bar's day, from 0 without holes.
    spans : int64 array of shape (n_spans, 2)
        Ranges of bars [first, last).
    start : int
        First row whose target counts.
    cash_rate, day_cash_rate : float
        What cash returns in a bar and in a day.
    """

    market: Market
    day: I64
    spans: I64
    start: int
    periods_per_year: float | None
    sessions_per_year: float | None
    cash_rate: float
    day_cash_rate: float

    @cached_property
    def table(self) -> I64:
        """Spans as compiled code reads them: see `tables.span_table`."""
        return span_table(self.spans, self.start, self.day)

    @cached_property
    def forced(self) -> I64:
        """A bit for every row that a span begins to decide on, 64 rows a word."""
        out = np.zeros(self.market.n_bars // 64 + 2, dtype=np.uint64)
        for row in self.table[:, 0]:
            out[row // 64] |= np.uint64(1) << np.uint64(row % 64)
        return out.view(np.int64)

    @property
    def n_bars(self) -> I64:
        """Bars of each span."""
        return self.table[:, 1] - self.table[:, 19]

    @property
    def n_days(self) -> I64:
        """Days of each span."""
        return self.table[:, 18] - self.table[:, 2]

    @cached_property
    def bars(self) -> F64:
        """Open, high, low and close of the only instrument, (n_bars, 4)."""
        prices = [getattr(self.market, name)[:, 0] for name in ("open", "high", "low", "close")]
        return np.stack(prices, axis=1)

    @cached_property
    def reach(self) -> tuple[F64, F64]:
        """Least and greatest price of each bar, whatever its own low and high say."""
        prices = [self.bars[:, k] for k in range(4)]
        return np.minimum.reduce(prices), np.maximum.reduce(prices)

    @cached_property
    def is_consistent(self) -> bool:
        """Whether every bar's open and close lie between its low and high."""
        low, high = self.reach
        return np.array_equal(low, self.bars[:, 2]) and np.array_equal(high, self.bars[:, 1])

    def tables(self, fill: str, has_reach: bool) -> Tables:
        """What settling from sums reads of the only instrument, under one rule of fills."""
        market = self.market
        price = market.open if fill == "next_open" else market.close
        return prepare(
            np.ascontiguousarray(price[:, 0]),
            np.ascontiguousarray(market.close[:, 0]),
            self.day,
            market.volume[:, 0] == 0.0,
            self.cash_rate,
            *(self.reach if has_reach else ()),
        )


def days_of(market: Market, sessions: Any) -> I64:
    """Days numbered from 0; sessions where they are given, else UTC days."""
    days = market.session_days() if sessions is None else np.asarray(sessions)
    return np.cumsum(np.append(0, days[1:] != days[:-1])).astype(np.int64)


def rows_of(market: Market) -> list[Any]:
    """Rows of the market that each symbol has."""
    if market.n_symbols == 1:
        return [slice(None)]
    close: F64 = market.close
    return [np.flatnonzero(~np.isnan(close[:, s])) for s in range(market.n_symbols)]
