"""`VenueBroker`: an account of real money at a venue, with the face that a session uses."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.brokers.desk import Desk, Holdings
from trade_research.brokers.emergency import Flat
from trade_research.brokers.lots import floored
from trade_research.brokers.order_machine import FILLED, Order, Trade, recalled
from trade_research.brokers.order_port import Balances
from trade_research.brokers.paper import Filled
from trade_research.errors import NotFlatError
from trade_research.orders import Intent
from trade_research.risk.check import Approved
from trade_research.simulate.accounts import Rules

if TYPE_CHECKING:
    from trade_research.feeds.bars import Row
    from trade_research.kernels.jit import F64
    from trade_research.simulate.funding import Funding

REACH = 0.005
"""How far from the decision's price a buying order goes; what is not to be had there, is not."""
RECONCILE_NS = 60_000_000_000
CENT = 0.01
TOLD = frozenset(
    {
        *("order_placed", "order_unknown", "order_void", "order_closed", "order_rejected"),
        *("fill", "venue_connected", "reconcile"),
    }
)
"""What is heard of a venue: on record first, and then in force."""


Told = tuple[str, dict[str, Any]]


class VenueBroker:
    """One spot account that a session has for itself.

    What is known of the account is the fold of its records (`apply`), so a session that is lived
    again from its journal has it again. Orders are differences between what is wanted and what the
    account holds: what was missed or came twice heals with the next bar.

    Parameters
    ----------
    symbols, bases : sequence of str
        Symbols, and the asset that each holds.
    quote : str
        Asset of the money.
    rules : Rules
        Of the venue.
    cash : float
        Money that the account held at the start, and nothing else.
    fee_bps : float
        Kept back from what a buying order may cost.

    Notes
    -----
    Buying orders are limits that take what there is within `REACH` of the decision's price and
    cancel the rest; selling orders only reduce, and go to the market. Nothing is sold short.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        bases: Sequence[str],
        quote: str,
        rules: Rules,
        *,
        cash: float,
        fee_bps: float,
    ) -> None:
        self.symbols, self.marks = tuple(symbols), dict[str, float]()
        self.orders: dict[str, Order] = {}
        self.is_halted = self.is_paused = self.is_ready = False
        self._base, self._quote = dict(zip(symbols, bases, strict=True)), quote
        self._held = {**dict.fromkeys(bases, 0.0), quote: float(cash)}
        self._rules = dict(zip(symbols, rules.table(len(self.symbols)).tolist(), strict=True))
        self._fee = fee_bps / 1e4
        self._wanted: dict[str, tuple[float, float]] = {}  # weight in force, and its units
        self._desk: Desk | None = None
        self._flatten: Callable[[], Flat] | None = None
        self._asked_ns, self._foreign = 0, False
        self._odd: tuple[dict[str, float], bool] | None = None

    @property
    def cash(self) -> float:
        """Money."""
        return self._held[self._quote]

    @property
    def equity(self) -> float:
        """Money and positions at the last close."""
        return self.cash + sum(q * self.marks[s] for s, q in self.positions.items())

    @property
    def positions(self) -> dict[str, float]:
        """Units held, of the symbols that are and have a price."""
        held = {symbol: self._held[base] for symbol, base in self._base.items()}
        return {s: q for s, q in held.items() if q != 0.0 and s in self.marks}

    @property
    def waiting(self) -> set[str]:
        """Symbols with an order that more may come of."""
        return {order.symbol for order in self.orders.values() if order.is_open}

    # ---- on a row of bars

    def on_row(
        self, row: Row, session: int | None, funding: Sequence[Funding] = ()
    ) -> list[Filled]:
        """A row of bars has closed: new marks. Fills come by `look`."""
        del session, funding
        closes = dict(zip(self.symbols, row.bars[3].tolist(), strict=True))
        self.marks |= {symbol: close for symbol, close in closes.items() if close == close}
        return []

    def wished(self, target: F64) -> F64:
        """A row of targets as it is: the account is not brought back to any weight by itself."""
        return target

    def asked(self, target: F64) -> dict[str, float]:
        """Signed units that a row of targets asks to trade now, in the venue's steps.

        None of a symbol whose last order is not resolved: what it did is in the next bar's
        difference. None at all until the account was compared with the records; and after other
        hands changed it, until a person releases it: then all of it is the session's.
        """
        equity, waiting, cash = self.equity, self.waiting, self.cash
        found: dict[str, float] = {}
        if self.is_paused or not self.is_ready:
            return found
        for symbol, weight in zip(self.symbols, np.maximum(target, 0.0).tolist(), strict=True):
            if weight != weight or symbol in waiting or symbol not in self.marks:
                continue
            known, units = self._wanted.get(symbol, (math.nan, 0.0))
            if known != weight:
                units = weight * equity / self.marks[symbol]
            quantity = self._stepped(symbol, units - self._held[self._base[symbol]], cash)
            if quantity != 0.0:
                found[symbol] = quantity
                cash -= max(quantity, 0.0) * self._dearest(symbol)
        return found

    def stand(self, target: F64, asked: Sequence[str]) -> None:
        """A decision was made; what is in force changes with what is submitted."""

    def submit(self, order: Approved) -> None:
        """An order that risk approved, and whose intent is on the disk: it leaves at once."""
        intent = order.intent
        held = self._held[self._base[intent.symbol]]
        self._wanted[intent.symbol] = max(intent.weight, 0.0), held + intent.quantity
        made = Order(intent.id, intent.symbol, intent.quantity, self._worst(intent))
        self.orders[made.id] = made
        if self._desk is not None:
            self._desk.submit(made)

    def terms(self, order: Approved) -> dict[str, Any]:
        """How an order goes to the venue, for its record."""
        price = self._worst(order.intent)
        return {"type": "market"} if price != price else {"type": "limit", "limit": price}

    def withdraw(self, symbol: str) -> None:
        """What has left cannot be taken back; it lives for an instant only."""

    # ---- the venue

    def connect(self, desk: Desk, flatten: Callable[[], Flat]) -> Iterator[Told]:
        """Trade from here on; what orders of an earlier process are now, to be put on record.

        `flatten` gets the account flat, at once.
        """
        self._desk, self._flatten, self._asked_ns = desk, flatten, 0
        yield "venue_connected", {}
        for order in [order for order in self.orders.values() if order.is_open]:
            for tell in desk.resume(order):
                yield tell.event, self._fields(order.id, tell.event, tell.fields, 0)

    def look(self, now_ns: int) -> Iterator[Told]:
        """What became known since the last look, one at a time: `apply` each before the next."""
        if self._desk is None:
            return
        for heard in self._desk.hear():
            if isinstance(heard, Holdings):
                yield from self._reconciled(heard.found)
            else:
                order_id, tell = heard
                yield tell.event, self._fields(order_id, tell.event, tell.fields, now_ns)
        if now_ns - self._asked_ns >= RECONCILE_NS and not self.waiting:
            self._asked_ns = now_ns
            self._desk.ask_holdings()

    def apply(self, event: str, fields: Mapping[str, Any]) -> Filled | None:
        """Put what is on record in force; the fill, where it is one."""
        if event in ("venue_connected", "reconcile"):
            self.is_ready = event == "reconcile"
            self._held |= fields.get("found", {})
            # Not even a sale: what came by other hands is not ours to sell.
            self.is_paused |= bool(fields.get("reason"))
            return None
        order = recalled(self.orders[fields["order_id"]], event, fields)
        self.orders[order.id] = order
        if event == "fill":
            return self._booked(order, fields)
        if order.status == FILLED:  # less the fee, which is no reason to buy more
            weight = self._wanted[order.symbol][0]
            self._wanted[order.symbol] = weight, self._held[self._base[order.symbol]]
        return None

    def flatten(self) -> list[Filled]:
        """Close everything, now; whatever is in the way of it is said by an error at the end.

        Raises
        ------
        NotFlatError
            What is left, and why.
        """
        self.is_halted = True
        if self._flatten is None:
            return []
        flat = self._flatten()
        fills = [self._sold(symbol, trade) for symbol, trade in flat.trades]
        if flat.held is not None:
            self._held |= self._mine(flat.held)
        if not flat.is_flat:
            why = "; ".join(flat.problems[-3:])
            raise NotFlatError(f"the account is NOT flat, left: {flat.left or 'unknown'}. {why}")
        return fills

    def _fields(
        self, order_id: str, event: str, told: Mapping[str, Any], now_ns: int
    ) -> dict[str, Any]:
        """The fields of a record about an order."""
        order = self.orders[order_id]
        fields = {"order_id": order_id, "symbol": order.symbol} | dict(told)
        if event != "fill":
            return fields
        base, sign = self._base[order.symbol], math.copysign(1.0, order.quantity)
        units = fields["fee_units"]
        paid = {self._quote: 1.0, base: fields["price"]}.get(fields["fee_asset"], 0.0)
        taken = units if fields["fee_asset"] == base else 0.0
        return fields | {
            "fee": units * paid,  # in money; 0 where nobody here knows what the asset is worth
            "reference": self.marks.get(order.symbol),
            "reason": "signal",
            "position": self._held[base] + sign * fields["qty"] - taken,
            "heard_ns": now_ns,
        }

    def _booked(self, order: Order, fields: Mapping[str, Any]) -> Filled:
        """Assets after a fill."""
        base, signed = self._base[order.symbol], math.copysign(fields["qty"], order.quantity)
        self._held[self._quote] -= signed * fields["price"]
        self._held[base] = fields["position"]
        if fields["fee_asset"] in self._held and fields["fee_asset"] != base:
            self._held[fields["fee_asset"]] -= fields["fee_units"]
        return Filled(
            symbol=order.symbol,
            order=0,
            decided_row=-1,
            quantity=signed,
            reference=fields["reference"],
            price=fields["price"],
            fee=fields["fee"],
            reason="signal",
            after=fields["position"],
        )

    def _sold(self, symbol: str, trade: Trade) -> Filled:
        fee = trade.fee if trade.fee_asset == self._quote else 0.0
        mark = self.marks.get(symbol, trade.price)
        return Filled(symbol, 0, -1, -trade.quantity, mark, trade.price, fee, "halt", 0.0)

    def _mine(self, found: Balances) -> dict[str, float]:
        return {asset: found.total.get(asset, 0.0) for asset in self._held}

    def _reconciled(self, found: Balances | None) -> Iterator[Told]:
        """Tell where the account is not what the records say; a venue may also be behind itself."""
        if found is None:
            return
        mine = self._mine(found)
        apart = {a: q for a, q in mine.items() if not abs(q - self._held[a]) <= self._fine(a)}
        is_foreign = any(q - found.free.get(a, 0.0) > self._fine(a) for a, q in mine.items())
        is_new = bool(apart) or (is_foreign and not self._foreign)
        if is_new and self._odd != (mine, is_foreign):
            self._odd, self._asked_ns = (mine, is_foreign), 0  # looked at once more, at once
            return
        self._odd, self._foreign = None, is_foreign
        if is_new or not self.is_ready:
            expected = {asset: self._held[asset] for asset in mine}
            reason = "orders of other hands" if is_foreign else ""
            reason = "the account changed by other hands" if apart else reason
            yield "reconcile", {"found": mine, "expected": expected, "reason": reason}

    def _fine(self, asset: str) -> float:
        """What two sums of the same fills may differ by."""
        lots = [self._rules[s][1] for s, base in self._base.items() if base == asset]
        return max(lots) if lots else CENT

    def _stepped(self, symbol: str, quantity: float, cash: float) -> float:
        """A size in the venue's steps that the money is enough for; 0 where it would not take it.

        What is left of a position is sold whole.
        """
        _, lot, least = self._rules[symbol]
        if quantity > 0.0:
            quantity = min(quantity, max(cash, 0.0) / self._dearest(symbol))
        units = floored(quantity, lot)
        return units if abs(units) * self.marks[symbol] >= least else 0.0

    def _dearest(self, symbol: str) -> float:
        """The most that buying a unit may cost, its fee included."""
        return self.marks[symbol] * (1.0 + REACH) * (1.0 + self._fee)

    def _worst(self, intent: Intent) -> float:
        """The highest price that a buying order pays; NaN to sell at the market."""
        if intent.quantity < 0.0:
            return math.nan
        return floored(intent.price * (1.0 + REACH), self._rules[intent.symbol][0])
