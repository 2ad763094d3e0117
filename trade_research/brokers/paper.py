"""The paper broker: the backtest's own fill step, one bar at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.feeds.bars import Row
from trade_research.risk.check import Approved
from trade_research.simulate.codes import KINDS
from trade_research.simulate.simulator import Simulator

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.simulate.funding import Funding
    from trade_research.simulate.records import Records
    from trade_research.simulate.result import Result


@dataclass(frozen=True, slots=True)
class Filled:
    """One fill: signed `quantity`, money in `fee` (tax included), units held `after` it."""

    symbol: str
    order: int
    decided_row: int
    quantity: float
    reference: float
    price: float
    fee: float
    reason: str
    after: float


class PaperBroker:
    """An account of paper money over the bars it is shown.

    Parameters
    ----------
    symbols : sequence of str
    **setup
        Arguments of `simulate.Simulator`: costs, exits, account, cash, rebalance, rules.

    Notes
    -----
    Orders fill at the next bar's open and are sized there, as in a backtest; equal decisions on
    equal bars give equal fills, cash and equity, bit for bit.
    """

    def __init__(self, symbols: Sequence[str], **setup: Any) -> None:
        self.symbols = tuple(symbols)
        self._at = {symbol: s for s, symbol in enumerate(self.symbols)}
        self._sim = Simulator(self.symbols, **setup)
        self._row = np.full(len(self.symbols), np.nan)
        self._target = self._wished = self._row.copy()

    @property
    def equity(self) -> float:
        """Money and positions at the last close."""
        return self._sim.equity

    @property
    def cash(self) -> float:
        """Money."""
        return self._sim.cash

    @property
    def positions(self) -> dict[str, float]:
        """Units held, of the symbols that are."""
        held = self._sim.position.tolist()
        return {symbol: q for symbol, q in zip(self.symbols, held, strict=True) if q != 0.0}

    @property
    def marks(self) -> dict[str, float]:
        """Last close of every symbol that has had one."""
        marks = self._sim.marks.tolist()
        return {symbol: p for symbol, p in zip(self.symbols, marks, strict=True) if p == p}

    @property
    def waiting(self) -> set[str]:
        """Symbols whose order found no bar or no volume and waits for the next."""
        return {self.symbols[s] for s in np.flatnonzero(self._sim.is_waiting)}

    def on_row(
        self, row: Row, session: int | None, funding: Sequence[Funding] = ()
    ) -> list[Filled]:
        """A row of bars has closed: what it filled, orders of the row before first.

        `funding` is what was stamped since the row before; perpetuals pay it.
        """
        self._row.fill(np.nan)
        fills = self._sim.advance(
            row.open_time, row.close_time, row.bars, self._row, session=session, funding=funding
        )
        return self._filled(fills) if len(fills) else []

    def wished(self, target: F64) -> F64:
        """A row of targets, and where it has no opinion the weight that this bar brings back."""
        return self._sim.wished(target)

    def asked(self, target: F64) -> dict[str, float]:
        """Signed units that a row of targets asks to trade now, by symbol; NaN without a price."""
        if not self._sim.is_asked(target):
            return {}
        units = self._sim.asked(target)
        return {self.symbols[s]: float(units[s]) for s in np.flatnonzero(units)}

    def stand(self, target: F64, asked: Sequence[str]) -> None:
        """The row of targets of a decision, with no order yet for the symbols that ask for one."""
        self._row[:] = self._target[:] = target
        self._wished = self._sim.wished(self._target)
        for symbol in asked:
            self._row[self._at[symbol]] = np.nan
        self._sim.decide(self._row)

    def submit(self, order: Approved) -> None:
        """An order that risk approved: it fills with the next bar, to the weight it has."""
        s, weight = self._at[order.intent.symbol], order.intent.weight
        # One that the bar brings back by itself stays the bar's affair.
        self._row[s] = self._target[s] if weight == self._wished[s] else weight
        self._sim.decide(self._row)

    def withdraw(self, symbol: str) -> None:
        """Take an order back before the bar that would fill it."""
        self._row[self._at[symbol]] = np.nan
        self._sim.withdraw(self._at[symbol], self._target)

    def sized(self, order: Approved, row: Row) -> float:
        """Signed units that an open order would trade at the row's opens; 0 if it cannot."""
        s = self._at[order.intent.symbol]
        opens = np.where(np.isnan(row.bars[0]), self._sim.marks, row.bars[0])
        if np.isnan(row.bars[0, s]) or row.bars[4, s] == 0.0:
            return 0.0
        return self._sim.sized(s, order.intent.weight, opens)

    def flatten(self) -> list[Filled]:
        """Close everything now, at the last closes, with costs."""
        fills = self._filled(self._sim.halt()) if self.marks else []
        self._row[:] = 0.0
        return fills

    def result(self) -> Result:
        """Everything so far, as `simulate` gives it."""
        return self._sim.result()

    def _filled(self, rows: Records) -> list[Filled]:
        orders = self._sim.orders
        return [
            Filled(
                symbol=self.symbols[int(fill["symbol"])],
                order=int(fill["order"]),
                decided_row=int(orders["decided"][int(fill["order"])]),
                quantity=float(fill["quantity"]),
                reference=float(fill["reference"]),
                price=float(fill["price"]),
                fee=float(fill["fee"]) + float(fill["tax"]),
                reason=KINDS[int(fill["kind"])],
                after=float(fill["position"]),
            )
            for fill in rows
        ]
