"""A run over books that come piece by piece, recorded or live: the bits of one over them all."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from trade_research.simulate.book_codes import HALT, ORDER_FIELDS, WITHDRAWN
from trade_research.simulate.book_fills import BookRules, close_cost
from trade_research.simulate.book_loop import (
    ARRIVAL,
    CASH,
    DESIRED,
    HELD,
    MID,
    POSITION,
    ROWS,
    SENT,
    START,
    fresh,
    run_books,
)

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.simulate.book_run import BookMarket


NO_ORDER = np.empty((0, len(ORDER_FIELDS)))


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
        self._open = NO_ORDER  # the order that is under way, if one is

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
        if found > under_way:
            self._done.append(orders[: found - under_way].copy())
        self._open = orders[found - under_way : found].copy() if under_way else NO_ORDER
        return equity[:, first:]

    @property
    def mid(self) -> float:
        """The last mid known; NaN before the first."""
        return float(self._state[MID])

    @property
    def weight(self) -> float:
        """Target that the units wanted now were made of; 0 where none are wanted."""
        return float(self._state[HELD]) if self._state[DESIRED] != 0.0 else 0.0

    @property
    def under_way(self) -> F64 | None:
        """The order that is, as a row of the table."""
        return self._open[0] if len(self._open) else None

    @property
    def last_done(self) -> F64:
        """The order that ended last, as a row of the table."""
        row: F64 = self._done[-1][-1]
        return row

    @property
    def start(self) -> int:
        """Time of the first row, from which the table counts, nanoseconds."""
        return int(self._marks[START])

    @property
    def arrival(self) -> int:
        """When the order that is under way arrives, nanoseconds."""
        return int(self._marks[ARRIVAL])

    def resize(self, quantity: float) -> None:
        """Make the order under way one of so many signed units; the next target asks anew."""
        self._open[0, ORDER_FIELDS.index("quantity")] = self._state[SENT] = quantity
        self._forget(self._state[POSITION] + quantity)

    def withdraw(self, *, was_sent: bool) -> None:
        """Take back the order under way; the next target asks anew. Not sent, it leaves no row."""
        if was_sent:
            self._open[0, ORDER_FIELDS.index("status")] = WITHDRAWN
            self._done.append(self._open)
        self._open, self._state[SENT] = NO_ORDER, 0.0
        self._forget(self._state[POSITION])

    def halt(self, market: BookMarket, row: int) -> F64 | None:
        """Close what is held by a book's levels, now; the order as a row of the table."""
        if self._open.size:
            self.withdraw(was_sent=True)
        position = self.units
        if position == 0.0:
            return None
        is_sale = position > 0.0
        price, size = (
            (market.bid_price[row], market.bid_size[row])
            if is_sale
            else (market.ask_price[row], market.ask_size[row])
        )
        money, fee = close_cost(price, size, abs(position), self._rules, is_sale)
        signed = -position
        at = float(market.time[row] - self._marks[START])
        paid = money / abs(position)
        last, mid = float(self._marks[ROWS] - 1), self.mid
        order = [last, at, at, last, signed, signed, paid, fee, HALT, 0.0, mid, mid, price[0]]
        self._done.append(np.array([order]))
        self._state[POSITION], self._state[CASH] = 0.0, self.cash - signed * paid - fee
        self._forget(0.0)
        return self.last_done

    def _forget(self, desired: float) -> None:
        self._state[DESIRED], self._state[HELD] = desired, np.nan
