"""A run over books that come piece by piece, recorded or live: the bits of one over them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trade_research.simulate.book_codes import ORDER_FIELDS
from trade_research.simulate.book_loop import (
    CASH,
    POSITION,
    ROWS,
    SENT,
    START,
    BookRules,
    fresh,
    run_books,
)

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.simulate.book_run import BookMarket


class BookSimulator:
    """Steps `run_books` from piece to piece.

    Parameters
    ----------
    rules : BookRules
    cash : float
    latency_ns : int
        The same for all orders.
    """

    def __init__(self, rules: BookRules, cash: float, latency_ns: int) -> None:
        self._rules, self._latency = rules, np.full(1, latency_ns, np.int64)
        self._state, self._marks = fresh(0, cash)
        self._done: list[F64] = []
        self._open = np.empty((0, len(ORDER_FIELDS)))  # the order that is under way, if one is

    @property
    def table(self) -> F64:
        """All orders so far, (n_orders, fields)."""
        return np.concatenate([*self._done, self._open])

    @property
    def rows(self) -> int:
        """Rows taken so far."""
        return int(self._marks[ROWS])

    @property
    def units(self) -> float:
        """Units held."""
        return float(self._state[POSITION])

    @property
    def cash(self) -> float:
        """Money not in units."""
        return float(self._state[CASH])

    def take(self, market: BookMarket, target: F64, first: int = 0) -> F64:
        """One more piece; rows before `first` were taken before, the last of them just before.

        Returns
        -------
        float64 array, (3, n - first)
            Equity at the mid, at the best prices, and units held.
        """
        n = market.time.size
        if not self._marks[ROWS] and n:
            self._marks[START] = market.time[0]
        orders, equity = np.empty((n - first + 1, len(ORDER_FIELDS))), np.empty((3, n))
        orders[: len(self._open)] = self._open
        found = run_books(
            market.time, market.bid_price, market.bid_size, market.ask_price, market.ask_size,
            target, self._latency, self._rules, first, self._state, self._marks, orders, *equity,
        )  # fmt: skip
        under_way = 1 if self._state[SENT] != 0.0 else 0
        self._done.append(orders[: found - under_way].copy())
        self._open = orders[found - under_way : found].copy()
        return equity[:, first:]
