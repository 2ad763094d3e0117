"""`Session`: what happens on a row of closed bars, from its arrival to the orders it leads to.

The functional core of trading: no file, no socket, no clock. Records go to `record`, which writes
them, or, after a restart, compares them with what was written.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from trade_research.brokers.paper import Filled, PaperBroker
from trade_research.brokers.venue import VenueBroker
from trade_research.errors import SessionError, TradeResearchError
from trade_research.feeds.bars import Row, Skipped, Warned
from trade_research.feeds.schedule import Schedule
from trade_research.kernels.jit import F64
from trade_research.live.deciders import Why
from trade_research.live.records import (
    bar_text,
    clipped,
    fill_fields,
    funding_fields,
    number,
    order_fields,
    signal_fields,
)
from trade_research.live.watch import Finding
from trade_research.orders import Intent, intent_id
from trade_research.risk.check import (
    Approved,
    Refused,
    breach,
    check,
    is_opposite,
    misfit,
    obstacle,
)
from trade_research.risk.limits import Limits
from trade_research.risk.state import RiskState

if TYPE_CHECKING:
    from trade_research.simulate.funding import Funding

Record = Callable[..., object]


class Decider(Protocol):
    """What a strategy wants after each row."""

    def see(self, row: Row) -> None:
        """A row has closed; every row is seen, whether it is decided on or not."""
        ...

    def decide(self, row: Row) -> tuple[F64, Why]:
        """Targets (n_symbols,) and the strategy's other columns at the row; a panel's by symbol.

        Raises
        ------
        TradeResearchError
            It cannot say; what is held stays.
        """
        ...


class Session:
    """One strategy on one account.

    Parameters
    ----------
    name : str
        Of the session; part of every order's id.
    decider : Decider
    broker : PaperBroker or VenueBroker
    record : callable ``(event, **fields)`` or ``(event, encoded fields)``
    limits : Limits, optional
        None weighs no order: for replays that must give the backtest.
    cash : float
        Money at the start.
    schedule : Schedule
        A bar that opens later than it says is after a gap.
    session_of : callable, optional
        Day number of a row by its close time, where sessions are not UTC days.
    funding_of : callable, optional
        Fundings stamped since the row before, by a row's open time: perpetuals pay them.
    may_trade : callable
        Asked right before every order that is not a reduction; False latches the session.
    """

    def __init__(
        self,
        name: str,
        decider: Decider,
        broker: PaperBroker | VenueBroker,
        record: Record,
        *,
        limits: Limits | None,
        cash: float,
        schedule: Schedule,
        session_of: Callable[[int], int] | None = None,
        funding_of: Callable[[int], Sequence[Funding]] = lambda open_time: (),
        may_trade: Callable[[], bool] = lambda: True,
    ) -> None:
        self.name, self.broker, self.limits = name, broker, limits
        self.risk, self.began_with = RiskState.at_start(cash), cash
        self.n_rows, self.last_open, self.errors = 0, -1, 0
        self.is_halted = False
        self.checked: Finding | None = None
        self.row: Row | None = None
        self.weights: F64 = np.full(len(broker.symbols), np.nan)
        self.decider, self._record, self.may_trade = decider, record, may_trade
        self._schedule, self._session_of, self._funding_of = schedule, session_of, funding_of
        self._open: dict[str, Approved] = {}
        self._ids: dict[tuple[int, str], str] = {}
        self._flows: dict[str, float] = {}
        self._refused: dict[str, tuple[float, str]] = {}

    def on_row(self, row: Row) -> None:
        """A row of closed bars: fills, marks, the decision on it, and its orders."""
        self._receive(row)
        self._withdraw(row)
        session = None if self._session_of is None else self._session_of(row.close_time)
        funding = self._funding_of(row.open_time)
        for due in funding:
            self._record("funding", **funding_fields(due))
        for fill in self.broker.on_row(row, session, funding):
            self._fill(fill, row)
        self._forget_done()
        self._mark(row)
        self.n_rows, self.last_open, self.row = self.n_rows + 1, row.open_time, row
        self.decider.see(row)
        if not self.is_halted:
            self._decide(row)

    def on_skipped(self, skipped: Skipped) -> None:
        """Bars that could not be had."""
        self._record(
            "bar_skipped",
            reason=skipped.reason,
            bar={
                "symbol": skipped.symbol,
                "open_us": skipped.open_time,
                "end_us": skipped.end_time,
            },
        )

    def on_warned(self, warned: Warned) -> None:
        """A bar that was not handed on."""
        symbol, *numbers = warned.bar
        values = dict(zip(warned.bar._fields[1:], map(number, numbers), strict=True))
        self._record(
            "bar_warning",
            reason=f"{warned.kind}: {warned.reason}",
            bar={"symbol": symbol} | values,
        )

    def kill(self, by: str, reason: str) -> None:
        """Stop for good: nothing new, everything closed."""
        self._record("kill", by=by, reason=reason)
        self.is_halted = True
        self.risk = self.risk.latched("kill")
        self._open.clear()
        closed = []
        try:
            for fill in self.broker.flatten():
                self._record("fill", **fill_fields(fill, self._id_of(fill), self.last_open))
                sold = {"symbol": fill.symbol, "qty": fill.quantity, "price": fill.price}
                closed.append(sold)
        finally:
            equity = self.broker.equity
            self._record("emergency_shutdown", positions_closed=closed, equity=equity)

    def look(self, now_ns: int) -> None:
        """Take up what became known since the last look; paper fills with the bars."""

    def on_checked(self, found: Finding) -> None:
        """The day's check has come back; a demotion lets only reducing orders pass from here on."""
        self._record("recheck", demoted=found.demoted, error=found.error)
        self.checked = found
        if found.demoted:
            self._latch("demoted", found.demoted)

    def release(self, by: str) -> None:
        """Take the latch of a loss limit or of a demotion off, by a person's word."""
        self._record("risk_release", by=by, latch=self.risk.latch)
        self.risk = self.risk.released()

    def shutdown(self, reason: str) -> None:
        """Stop in order; positions stay as they are."""
        self._record(
            "shutdown",
            reason=reason,
            balance=self.broker.cash,
            equity=self.broker.equity,
            positions=self.broker.positions,
        )

    def _receive(self, row: Row) -> None:
        expected = self._schedule.after(self.last_open)[0] if self.n_rows else 0
        is_after_gap = row.open_time > expected > 0
        for symbol, prices in zip(self.broker.symbols, row.bars.T.tolist(), strict=True):
            if prices[3] == prices[3]:
                self._record("bar_received", bar_text(symbol, prices, row, is_after_gap))

    def _withdraw(self, row: Row) -> None:
        """Take back orders whose fill would be other than what was weighed."""
        if self.limits is None:
            return
        assert isinstance(self.broker, PaperBroker)  # its orders wait for the next bar
        alone: tuple[str, ...] = ()
        for symbol, order in list(self._open.items()):
            price = float(row.bars[0, self.broker.symbols.index(symbol)])
            units = self.broker.sized(order, row)
            limit, reason = misfit(order, self.broker.positions.get(symbol, 0.0), units, price)
            far = abs(price / order.intent.price - 1.0)
            if far > self.limits.price_band and not order.reduces:
                limit = "price_band"
                reason = f"opens at {price:g}, {far:.1%} from the decision's {order.intent.price:g}"
            if limit:
                self._take_back(order, limit, reason)
                alone += () if order.reduces else (symbol,)
        if alone and self.limits.all_or_none:
            for order in [order for order in self._open.values() if not order.reduces]:
                self._take_back(order, "all_or_none", f"{', '.join(alone)} was taken back")

    def _take_back(self, order: Approved, limit: str, reason: str) -> None:
        self._give_up(order.intent.symbol)
        signal = {"id": order.intent.id, "symbol": order.intent.symbol}
        self._record("risk_block", signal=signal, limit=limit, reason=reason)

    def _give_up(self, symbol: str) -> None:
        """Take an order back, sent, waiting or not yet sent."""
        self.broker.withdraw(symbol)
        self._open.pop(symbol, None)
        self.risk = self.risk.settled(self._open)

    def _fill(self, fill: Filled, row: Row) -> None:
        self._record("fill", **fill_fields(fill, self._id_of(fill), row.open_time))
        self._settle(fill, row.received_ns)

    def _settle(self, fill: Filled, now_ns: int) -> None:
        """Count a round trip where one has ended."""
        flow = self._flows.get(fill.symbol, 0.0) - fill.quantity * fill.price - fill.fee
        before = fill.after - fill.quantity
        if before != 0.0 and (fill.after == 0.0 or is_opposite(before, fill.after)):
            self.risk = self.risk.closed(flow + fill.after * fill.price, now_ns)
            flow = -fill.after * fill.price
        self._flows[fill.symbol] = flow

    def open_pnl(self, symbol: str) -> float:
        """What a position has made since it was opened, fees and all, at the last close."""
        units = self.broker.positions.get(symbol, 0.0)
        return self._flows.get(symbol, 0.0) + units * self.broker.marks[symbol]

    def _id_of(self, fill: Filled) -> str:
        """The id of the order that a fill belongs to; exits and closings get one of their own."""
        known = self._ids.get((fill.decided_row, fill.symbol))
        if known is not None and fill.reason in ("signal", "rebalance"):
            return known
        return intent_id(self.name, f"{fill.symbol}|{fill.reason}", self.last_open, fill.order)

    def _forget_done(self) -> None:
        """Orders of which nothing more will come are no longer open."""
        waiting = self.broker.waiting if self._open else set()
        self._open = {symbol: order for symbol, order in self._open.items() if symbol in waiting}

    def _mark(self, row: Row) -> None:
        if self.limits is None:
            return
        self.risk = self.risk.settled(self._open).marked(
            self.limits,
            row.close_time * 1_000,
            equity=self.broker.equity,
            cash=self.broker.cash,
            positions=self.broker.positions,
            marks=self.broker.marks,
        )
        limit, reason = breach(self.limits, self.risk)
        if limit:
            self._latch(limit, reason)

    def _latch(self, limit: str, reason: str) -> None:
        before, self.risk = self.risk, self.risk.latched(limit)
        if self.risk.latch != before.latch:
            self._record("risk_latch", limit=limit, reason=reason, equity=self.broker.equity)

    def _decide(self, row: Row) -> None:
        try:
            target, why = self.decider.decide(row)
            if any(map(math.isinf, target.tolist())):
                raise SessionError("an infinite target: a target is a fraction of equity")
            weights = self.broker.wished(target)
            asked = self.broker.asked(weights)
        except TradeResearchError as error:
            self.errors += 1
            target = weights = np.full(len(self.broker.symbols), np.nan)
            why, asked = {}, {}
            self._record("strategy_error", error=clipped(error), bar={"open_us": row.open_time})
        if self.limits is None:  # as the backtest, which sizes an order when it has a price
            asked = {symbol: units for symbol, units in asked.items() if units == units}
        self.broker.stand(target, list(asked))
        self.weights = weights
        # What frees money comes first.
        first = sorted(asked, key=lambda s: not self._reduces(s, asked[s]))
        intents = [self._intent(row, symbol, asked[symbol], weights) for symbol in first]
        beside = ""
        if self.limits is not None and self.limits.all_or_none:
            beside = obstacle(intents, self.limits, self.risk, row.received_ns)
        for intent in intents:
            s = self.broker.symbols.index(intent.symbol)
            own = {n: x if isinstance(x, float) else float(x[s]) for n, x in why.items()}
            self._order(intent, row, own, beside)

    def _reduces(self, symbol: str, quantity: float) -> bool:
        return is_opposite(self.broker.positions.get(symbol, 0.0), quantity)

    def _intent(self, row: Row, symbol: str, quantity: float, weights: F64) -> Intent:
        return Intent(
            id=intent_id(self.name, symbol, row.close_time),
            symbol=symbol,
            decided=row.close_time,
            weight=float(weights[self.broker.symbols.index(symbol)]),
            quantity=quantity,
            price=self.broker.marks.get(symbol, np.nan),
        )

    def _order(self, intent: Intent, row: Row, why: Mapping[str, float], beside: str) -> None:
        verdict, signal = self._weighed(intent, row, beside), None
        if isinstance(verdict, Approved):
            signal = self._signal(row, intent, why)
            if verdict.reduces or self.limits is None or self.may_trade():
                self._refused.pop(intent.symbol, None)
                self._send(verdict, row)
                return
            self.risk = self.risk.latched("kill")
            verdict = Refused(intent, "kill", "the kill latch is set")
        self._give_up(intent.symbol)
        # A wish that stays and stays refused is on record once.
        if self._refused.get(intent.symbol) != (intent.weight, verdict.limit):
            self._refused[intent.symbol] = intent.weight, verdict.limit
            signal = signal or self._signal(row, intent, why)
            self._record("risk_block", signal=signal, limit=verdict.limit, reason=verdict.reason)

    def _weighed(self, intent: Intent, row: Row, beside: str) -> Approved | Refused:
        if self.limits is None:
            return Approved(intent, abs(intent.quantity), reduces=False)
        return check(intent, self.limits, self.risk, row.received_ns, beside)

    def _signal(self, row: Row, intent: Intent, why: Mapping[str, float]) -> dict[str, Any]:
        held = self.broker.positions.get(intent.symbol, 0.0)
        signal = signal_fields(intent, held, why)
        self._record("signal_generated", signal=signal, bar={"open_us": row.open_time})
        return signal

    def _send(self, order: Approved, row: Row) -> None:
        intent = order.intent
        self._record("order_intent", **order_fields(order) | self._terms(order))
        if self.limits is not None and intent.symbol in self._open:
            self._give_up(intent.symbol)
        self.broker.submit(order)
        self.risk = self.risk.settled(
            self._open.keys() - {intent.symbol}
        )  # what waited is replaced
        self._open[intent.symbol] = order
        self._ids[self.n_rows - 1, intent.symbol] = intent.id
        signed = order.max_quantity if intent.quantity > 0.0 else -order.max_quantity
        self.risk = self.risk.ordered(intent.symbol, signed, row.received_ns, reduces=order.reduces)
        self._placed(intent)

    def _terms(self, order: Approved) -> dict[str, Any]:
        """What an order's record says of it beside its size."""
        return {}

    def _placed(self, intent: Intent) -> None:
        self._record("order_placed", signal={"id": intent.id}, order_id=intent.id)
