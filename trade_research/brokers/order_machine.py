"""The life of one order at a venue, as a pure function of what is heard of it.

`step(order, event, now)` gives the order after the event and what to do: no socket, no clock, no
file. An order is sent once. Whatever leaves open whether the venue has it is *unknown* until the
venue says so, or until it can no longer come: a venue refuses a request older than its window, so
after signing + window + margin an order that is nowhere to be found never will be.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

SECOND_NS = 1_000_000_000
WINDOW_NS = 5 * SECOND_NS
"""How old a request may be at the venue's door: its ``recvWindow``."""
MARGIN_NS = 2 * SECOND_NS
"""For clocks that differ, and for what the venue has let in but does not show yet."""
ASK_AFTER_NS = tuple(int(s * SECOND_NS) for s in (0.25, 0.75, 1.0, 2.0))
MAX_SENDS = 2

INTENT, SENT, UNKNOWN, PLACED = "intent", "sent", "unknown", "placed"
FILLED, CANCELLED, REJECTED, VOID = "filled", "cancelled", "rejected", "void"
CLOSED = frozenset({FILLED, CANCELLED, REJECTED, VOID})
DUST = 1e-9


@dataclass(frozen=True, slots=True)
class Trade:
    """One execution, as the venue has it: units and fee are positive; `fee` is in `fee_asset`."""

    id: str
    quantity: float
    price: float
    fee: float
    fee_asset: str


@dataclass(frozen=True, slots=True)
class Order:
    """An order of ours, and all that is known of it.

    Attributes
    ----------
    id : str
        Of the intent, and the client id at the venue.
    symbol : str
    quantity : float
        Signed units.
    price : float
        The worst that is taken; NaN for a market order.
    status : str
        intent → sent → placed | unknown → filled | cancelled | rejected | void.
    order_id : str
        The venue's; empty until it is known.
    executed : float
        Units traded so far, as the venue says.
    is_over : bool
        Whether the venue does nothing more with it.
    trades : mapping of str to Trade
        By the venue's id of the trade: heard of twice, counted once.
    sends : int
    fence_ns : int
        Moment after which the venue takes it no more.
    ask_ns, asked : int
        When to ask the venue next, and how often it was asked; -1: an answer is awaited.
    """

    id: str
    symbol: str
    quantity: float
    price: float = math.nan
    status: str = INTENT
    order_id: str = ""
    executed: float = 0.0
    is_over: bool = False
    trades: Mapping[str, Trade] = field(default_factory=dict)
    sends: int = 0
    fence_ns: int = 0
    ask_ns: int = 0
    asked: int = 0

    @property
    def is_open(self) -> bool:
        """Whether more may come of it."""
        return self.status not in CLOSED

    @property
    def traded(self) -> float:
        """Units of the trades that are known."""
        return math.fsum(trade.quantity for trade in self.trades.values())

    @property
    def average_price(self) -> float:
        """Of the trades that are known; NaN without one."""
        money = math.fsum(t.quantity * t.price for t in self.trades.values())
        return money / self.traded if self.trades else math.nan


# ---- what is heard


@dataclass(frozen=True, slots=True)
class Submit:
    """The intent is on the disk: send it."""


@dataclass(frozen=True, slots=True)
class Report:
    """The venue has the order, and says how it stands."""

    order_id: str
    executed: float
    is_over: bool
    trades: tuple[Trade, ...] = ()


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue does not have the order, and never will; `is_clock`: our time was wrong."""

    reason: str
    is_clock: bool = False


@dataclass(frozen=True, slots=True)
class Lost:
    """It was signed at a moment, and what became of it is not known."""

    reason: str
    signed_ns: int


@dataclass(frozen=True, slots=True)
class Absent:
    """Asked at a moment, the venue knew no such order; `is_thorough`: nor a trade of it."""

    asked_ns: int
    is_thorough: bool


@dataclass(frozen=True, slots=True)
class Unheard:
    """A question was not answered, which says nothing about the order."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


@dataclass(frozen=True, slots=True)
class Resume:
    """This process was started anew: the one before may have sent it right before its end."""


Event = Submit | Report | Refused | Lost | Absent | Unheard | Tick | Resume


# ---- what is to be done


@dataclass(frozen=True, slots=True)
class Send:
    """Send the order; `syncs`: set the clock by the venue's before."""

    syncs: bool = False


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for the order by its id; `is_thorough`: also among open orders and trades."""

    is_thorough: bool


@dataclass(frozen=True)
class Tell:
    """Put on record, and act on, what became known."""

    event: str
    fields: Mapping[str, Any]


Action = Send | Ask | Tell


def step(order: Order, event: Event, now: int) -> tuple[Order, list[Action]]:
    """The order after an event, and what is to be done.

    Parameters
    ----------
    order : Order
    event : Event
    now : int
        Nanoseconds of a clock that never steps back, the one of every other time here.
    """
    match event:
        case Submit() if order.status == INTENT:
            return replace(order, status=SENT, sends=1, ask_ns=-1), [Send()]
        case Report():
            return _reported(order, event, now)
        case Refused() if order.status == SENT:
            return _refused(order, event)
        case Lost() if order.status == SENT:
            return _unknown(order, event.reason, event.signed_ns, now)
        case Resume() if order.status in (INTENT, SENT, UNKNOWN):
            return _unknown(order, "the session was started again", now, now)
        case Resume() if order.is_open:
            return replace(order, ask_ns=now), []
        case Absent() if order.status == UNKNOWN and event.is_thorough:
            if event.asked_ns > order.fence_ns:
                return _closed(order, VOID, "order_void", reason="not at the venue, and too late")
            return _later(order, now), []
        case Absent() | Unheard() if order.is_open and order.ask_ns < 0:
            return _later(order, now), []
        case Tick() if order.is_open and 0 <= order.ask_ns <= now:
            thorough = order.status == UNKNOWN and now > order.fence_ns
            return replace(order, ask_ns=-1, asked=order.asked + 1), [Ask(thorough)]
    return order, []


def _reported(order: Order, said: Report, now: int) -> tuple[Order, list[Action]]:
    """What the venue says of an order it has: also of one that was given up."""
    done: list[Action] = []
    if not order.order_id:
        done.append(Tell("order_placed", {"venue_order": said.order_id}))
    new = {trade.id: trade for trade in said.trades if trade.id not in order.trades}
    done += [Tell("fill", fill_told(order, trade)) for trade in new.values()]
    was_open = order.is_open or order.status in (VOID, REJECTED)
    order = replace(
        order,
        status=PLACED if was_open else order.status,
        order_id=said.order_id,
        executed=max(order.executed, said.executed),
        is_over=order.is_over or said.is_over,
        trades={**order.trades, **new} if new else order.trades,
    )
    if not was_open:
        return order, done
    if not order.is_over or abs(order.traded - order.executed) > DUST * abs(order.quantity):
        return _later(order, now), done
    filled = order.executed >= abs(order.quantity) * (1.0 - DUST)
    order, told = _closed(
        order,
        FILLED if filled else CANCELLED,
        "order_closed",
        executed=order.executed,
        price=None if math.isnan(order.average_price) else order.average_price,
    )
    return order, done + told


def _refused(order: Order, said: Refused) -> tuple[Order, list[Action]]:
    if said.is_clock and order.sends < MAX_SENDS:
        return replace(order, sends=order.sends + 1), [Send(syncs=True)]
    return _closed(order, REJECTED, "order_rejected", error=said.reason)


def _unknown(order: Order, reason: str, sent_ns: int, now: int) -> tuple[Order, list[Action]]:
    fence = sent_ns + WINDOW_NS + MARGIN_NS
    told = Tell("order_unknown", {"reason": reason})
    return replace(order, status=UNKNOWN, fence_ns=fence, ask_ns=now, asked=0), [told]


def _closed(order: Order, status: str, event: str, **fields: Any) -> tuple[Order, list[Action]]:
    told = Tell(event, {"status": status} | fields)
    return replace(order, status=status, ask_ns=-1), [told]


def _later(order: Order, now: int) -> Order:
    """Ask again after a while, and right behind the fence."""
    then = now + ASK_AFTER_NS[min(order.asked, len(ASK_AFTER_NS) - 1)]
    if order.status == UNKNOWN and now <= order.fence_ns:
        then = min(then, order.fence_ns + 1)
    return replace(order, ask_ns=then)


def fill_told(order: Order, trade: Trade) -> dict[str, Any]:
    """The fields of a fill's record."""
    return {
        "side": "buy" if order.quantity > 0.0 else "sell",
        "qty": trade.quantity,
        "price": trade.price,
        "fee_units": trade.fee,
        "fee_asset": trade.fee_asset,
        "trade_id": trade.id,
    }


def recalled(order: Order, event: str, fields: Mapping[str, Any]) -> Order:
    """The order after a record of it: what a journal tells, folded, is what was known."""
    match event:
        case "order_placed":
            return replace(order, status=PLACED, order_id=fields["venue_order"])
        case "order_unknown":
            return replace(order, status=UNKNOWN)
        case "fill":
            names = ("trade_id", "qty", "price", "fee_units", "fee_asset")
            trade = Trade(*(fields[name] for name in names))
            return replace(order, trades={**order.trades, trade.id: trade})
    return replace(order, status=fields["status"], executed=fields.get("executed", 0.0))
