"""The paper broker over order books: the book simulator's own step, one row at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from trade_research.brokers.paper import Filled
from trade_research.simulate.book_codes import ORDER_FIELDS, REASONS, STATUS
from trade_research.simulate.book_fills import walk_cost
from trade_research.simulate.book_pieces import BookSimulator

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.risk.check import Approved
    from trade_research.simulate.book_fills import BookRules
    from trade_research.simulate.book_run import BookMarket

_AT = {name: column for column, name in enumerate(ORDER_FIELDS)}


class BookOrder(NamedTuple):
    """An order as the simulator has it: signed units; `arrived` in nanoseconds since 1970.

    `status` is empty while it is under way.
    """

    number: int
    row: int
    arrived: int
    quantity: float
    filled: float
    price: float
    fee: float
    reason: str
    status: str
    mid: float
    touch: float


class PaperBookBroker:
    """An account of paper money over the books of one instrument.

    Parameters
    ----------
    symbol : str
    rules : BookRules
    cash : float
    latency_ns : int
        From a book to the arrival of an order decided on it.

    Attributes
    ----------
    curve : float64 array, (3, n)
        Of the books shown last: equity at the mid, at the best prices, and units held.

    Notes
    -----
    An order walks the book as it stood at its arrival; equal targets on equal books give the bits
    of a backtest, whether the books come one by one or all at once.
    """

    def __init__(self, symbol: str, rules: BookRules, cash: float, latency_ns: int) -> None:
        self.symbols, self.equity = (symbol,), cash
        self._sim = BookSimulator(rules, cash, latency_ns)
        self._market: BookMarket | None = None
        self._known: BookMarket | None = None  # the last book there was before those shown
        self._first, self._ended, self._is_sent = 0, 0, False
        self._target = np.full(2, np.nan)
        self.curve = np.empty((3, 0))

    @property
    def cash(self) -> float:
        """Money."""
        return self._sim.cash

    @property
    def positions(self) -> dict[str, float]:
        """Units held, if any."""
        units = self._sim.units
        return {self.symbols[0]: units} if units != 0.0 else {}

    @property
    def marks(self) -> dict[str, float]:
        """The last mid, once there was a book."""
        mid = self._sim.mid
        return {self.symbols[0]: mid} if mid == mid else {}

    @property
    def weight(self) -> float:
        """Share of equity that the units wanted now were made of."""
        return self._sim.weight

    @property
    def table(self) -> F64:
        """All orders so far, ``(n_orders, fields)``."""
        return self._sim.table

    def show(self, market: BookMarket) -> None:
        """The books that follow; `step` goes through them."""
        if self._market is None:
            self._market, self._first = market, 0
        else:
            self._known = self._last_known(self._market.time.size - 1)
            last = self._market.tail(self._market.time.size - 1)
            self._market, self._first = last.joined(market), 1
        self.curve = np.empty((3, market.time.size))

    def due(self, row: int) -> float | None:
        """Average price at which the order under way would fill with a row; None if it would not.

        Rows are those of the books shown.
        """
        order, market = self._sim.under_way, self._market
        assert market is not None
        now = int(market.time[at := self._first + row])
        if order is None or self._sim.arrival > now:
            return None
        at -= self._sim.arrival < now
        quantity = float(order[_AT["quantity"]])
        price, size = _levels(market, at, is_buy=quantity > 0.0)
        got, money = walk_cost(price, size, abs(quantity))
        return money / got if got > 0.0 else None

    def step(self, row: int, target: float) -> tuple[BookOrder | None, BookOrder | None]:
        """Take one row: the order that ended with it, and the one that it asks for."""
        assert self._market is not None
        sim, at = self._sim, self._first + row
        had, before = sim.under_way is not None, max(at - 1, 0)
        self._target[:] = target
        curve = sim.take(
            self._market.part(before, at + 1), self._target[: at + 1 - before], at - before
        )
        self.curve[:, row] = curve[:, 0]
        self.equity = float(curve[0, 0])
        order = sim.under_way
        asks = order is not None and order[0] == sim.rows - 1
        ended = self._end(sim.last_done) if had and (order is None or asks) else None
        if not asks:
            return ended, None
        self._is_sent = False
        return ended, self._order(order)

    def submit(self, order: Approved) -> None:
        """The order that was asked for, approved, perhaps of another size: it is under way."""
        assert self._sim.under_way is not None
        if order.intent.quantity != self._sim.under_way[_AT["quantity"]]:
            self._sim.resize(order.intent.quantity)
        self._is_sent = True

    def withdraw(self, symbol: str) -> None:
        """Take the order back that was asked for or is under way; the next target asks anew."""
        if self._sim.under_way is not None:
            self._sim.withdraw(was_sent=self._is_sent)
            self._ended += self._is_sent

    def flatten(self) -> list[Filled]:
        """Close everything now, at the levels of the last book there was, with costs."""
        if self._market is None:
            return []
        self.withdraw(self.symbols[0])
        known = self._last_known(self._market.time.size - 1)
        order = None if known is None else self._sim.halt(known, 0)
        self.equity = self.cash
        return [] if order is None else [self.filled(self._end(order))]

    def filled(self, order: BookOrder) -> Filled:
        """An order that has ended as its fill."""
        return Filled(
            self.symbols[0], order.number, order.row, order.filled, order.touch, order.price,
            order.fee, order.reason, self._sim.units,
        )  # fmt: skip

    def _last_known(self, row: int) -> BookMarket | None:
        """The last book up to a row that has both sides."""
        market = self._market
        assert market is not None
        whole = np.flatnonzero(np.isfinite(market.bid_price[: row + 1, 0]))
        if not whole.size:
            return self._known
        return market.first(int(whole[-1]) + 1).tail(int(whole[-1]))

    def _end(self, row: F64) -> BookOrder:
        self._ended += 1
        return self._order(row, self._ended - 1)

    def _order(self, row: F64 | None, number: int | None = None) -> BookOrder:
        assert row is not None
        found = dict(zip(ORDER_FIELDS, row.tolist(), strict=True))
        status = int(found["status"])
        return BookOrder(
            number=self._ended if number is None else number,
            row=int(found["row"]),
            arrived=int(found["arrived"]) + self._sim.start,
            quantity=found["quantity"],
            filled=found["filled"],
            price=found["price"],
            fee=found["fee"],
            reason=REASONS[int(found["reason"])],
            status="" if status < 0 else STATUS[status],
            mid=found["mid"],
            touch=found["touch"],
        )


def _levels(market: BookMarket, row: int, *, is_buy: bool) -> tuple[F64, F64]:
    if is_buy:
        return market.ask_price[row], market.ask_size[row]
    return market.bid_price[row], market.bid_size[row]
