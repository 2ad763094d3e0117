"""`check`: an order and the state of the account in, approved or refused with the reason out."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace

from trade_research.orders import Intent
from trade_research.risk.limits import Limits
from trade_research.risk.state import RiskState

# A bar that closes later than this from now: the clock is wrong. Half of a venue's window.
MAX_EARLY_S = 2.5


@dataclass(frozen=True, slots=True)
class Approved:
    """An order that may be sent, and nothing else may.

    `max_quantity` is the size, in units, that was weighed; `trimmed` says why less was approved
    than was asked, empty when it was not so.
    """

    intent: Intent
    max_quantity: float
    reduces: bool
    trimmed: str = ""


@dataclass(frozen=True, slots=True)
class Refused:
    """An order that may not be sent: `limit` names the limit, `reason` has the numbers."""

    intent: Intent
    limit: str
    reason: str


def check(
    intent: Intent, limits: Limits, state: RiskState, now_ns: int, beside: str = ""
) -> Approved | Refused:
    """Weigh an order against the account it would change.

    An order that only reduces a position always passes. One that would turn it round and may not
    is cut to closing it. Conditions say what must hold, so a NaN fails them. `beside` says why
    another order of the bar may not pass, where they have to together.
    """
    held = state.positions.get(intent.symbol, 0.0)
    if not all(map(math.isfinite, (intent.weight, intent.quantity, intent.price))):
        return Refused(intent, "finite", f"quantity {intent.quantity} at price {intent.price}")
    if is_reducing(held, intent.quantity):
        return Approved(intent, abs(intent.quantity), reduces=True)
    limit, reason = _refusal(intent, limits, state, now_ns)
    if beside and not limit:
        limit, reason = "all_or_none", beside
    if not limit:
        return Approved(intent, _largest(intent, limits, held), reduces=False)
    if is_opposite(held, intent.quantity):
        closing = replace(intent, weight=0.0, quantity=-held)
        return Approved(closing, abs(held), reduces=True, trimmed=f"{limit}: {reason}")
    return Refused(intent, limit, reason)


def obstacle(intents: Iterable[Intent], limits: Limits, state: RiskState, now_ns: int) -> str:
    """Why orders may not all pass as they are, one after the other; empty where they may."""
    for intent in intents:
        found = check(intent, limits, state, now_ns)
        if isinstance(found, Refused):
            return f"{intent.symbol} may not: {found.limit}, {found.reason}"
        if found.trimmed:
            return f"{intent.symbol} may only be closed: {found.trimmed}"
        signed = math.copysign(found.max_quantity, intent.quantity)
        others = state.settled(state.open_orders.keys() - {intent.symbol})
        state = others.ordered(intent.symbol, signed, now_ns, reduces=found.reduces)
    return ""


def misfit(order: Approved, held: float, units: float, price: float) -> tuple[str, str]:
    """Why an order may not fill with so many signed units at that price, or two empty texts.

    It may have the units and the money that were weighed; one that reduces may only reduce.
    """
    if units == 0.0 or is_reducing(held, units):
        return "", ""
    weighed = order.max_quantity * order.intent.price
    fits = max(abs(units) * order.intent.price, abs(units) * price) <= weighed * (1.0 + 1e-9)
    if fits and not order.reduces and units * order.intent.quantity > 0.0:
        return "", ""
    return "risk_cap", f"would trade {units:+g} at {price:g}, {order.max_quantity:g} was weighed"


def is_reducing(position: float, quantity: float) -> bool:
    """Whether an order leaves less of the same position, or none."""
    return is_opposite(position, quantity) and abs(quantity) <= abs(position)


def is_opposite(position: float, quantity: float) -> bool:
    """Whether an order trades against what is held."""
    return position < 0.0 < quantity or quantity < 0.0 < position


def breach(limits: Limits, state: RiskState) -> tuple[str, str]:
    """The loss limit that the account has broken and the numbers, or two empty texts.

    The drawdown comes first: a day's loss ends with the day.
    """
    fallen = state.peak - state.equity
    if not fallen < limits.max_drawdown:
        return "drawdown", f"{fallen:.2f} under the peak, {limits.max_drawdown:g} is the most"
    lost = state.day_equity - state.equity
    if not lost < limits.max_daily_loss:
        return "daily_loss", f"lost {lost:.2f} today, {limits.max_daily_loss:g} is the most"
    return "", ""


def worst(state: RiskState, symbol: str, mark: float, added: float = 0.0) -> tuple[float, float]:
    """Most and least money in a symbol, each of its orders filled or not."""
    held, waiting = state.positions.get(symbol, 0.0), state.open_orders.get(symbol, 0.0)
    ends = (held, held + waiting, held + added, held + waiting + added)
    return max(ends) * mark, min(ends) * mark


def _largest(intent: Intent, limits: Limits, held: float) -> float:
    """Units the order can have at its fill, whose price is within the band.

    It is sized there to what the position shall be, so a small change of a large position may
    become a larger one.
    """
    size = abs(intent.quantity)
    return size + limits.price_band * max(size, abs(held + intent.quantity))


def _refusal(intent: Intent, limits: Limits, state: RiskState, now_ns: int) -> tuple[str, str]:
    """The first limit the order would break, and the numbers; two empty texts when none."""
    if state.latch:
        return state.latch, "only reducing orders pass until the latch is released"
    if limits.symbols is not None and intent.symbol not in limits.symbols:
        return "symbols", f"{intent.symbol} is not among {', '.join(limits.symbols)}"
    if not limits.is_open(now_ns):
        return "hours", f"outside {limits.hours} {limits.tz}"
    age = now_ns / 1e9 - intent.decided / 1e6
    if not age >= -MAX_EARLY_S:
        return "clock", f"the bar closes {-age:.1f} s from now: the clock was set back, or is wrong"
    if not age <= limits.max_lateness_s:
        return "stale_bar", f"the bar is {age:.1f} s old, {limits.max_lateness_s:g} is the most"
    wait = limits.cooldown_minutes * 60.0 - (now_ns - state.last_loss_ns) / 1e9
    if state.losses_in_a_row >= limits.max_losses_in_a_row and wait > 0.0:
        return "cooldown", f"{state.losses_in_a_row} losses in a row; {wait:.0f} s to wait"
    return _rate(limits, state, now_ns) or _size(intent, limits, state) or ("", "")


def _rate(limits: Limits, state: RiskState, now_ns: int) -> tuple[str, str] | None:
    minute = state.recent(now_ns)
    if not minute < limits.max_orders_per_minute:
        return "orders_per_minute", f"{minute} orders in the last minute"
    if not state.orders_today < limits.max_orders_per_day:
        return "orders_per_day", f"{state.orders_today} orders today"
    return None


def _size(intent: Intent, limits: Limits, state: RiskState) -> tuple[str, str] | None:
    """Sizes with every approved order filled at its largest, against the limits in money."""
    held = state.positions.get(intent.symbol, 0.0)
    largest = math.copysign(_largest(intent, limits, held), intent.quantity)
    order = abs(largest) * intent.price
    if not order <= limits.max_order:
        return "order", f"{order:.2f} in one order, {limits.max_order:g} is the most"
    marks = {**state.marks, intent.symbol: intent.price}
    # The farther end of what each symbol may come to: an open order may also not be filled.
    long, short = 0.0, 0.0
    gross = 0.0
    for symbol in {*state.positions, *state.open_orders, intent.symbol}:
        added = largest if symbol == intent.symbol else 0.0
        most, least = worst(state, symbol, marks[symbol], added)
        size = max(abs(most), abs(least))
        if symbol == intent.symbol and not size <= limits.max_position:
            return "position", f"{size:.2f} in {symbol}, {limits.max_position:g} is the most"
        gross, long, short = gross + size, long + most, short + least
    if not gross <= limits.max_gross:
        return "gross", f"{gross:.2f} gross, {limits.max_gross:g} is the most"
    if not max(long, -short) <= limits.max_net:
        return "net", f"{max(long, -short):.2f} net, {limits.max_net:g} is the most"
    left = (
        state.cash
        - sum(max(q, 0.0) * marks[s] for s, q in state.open_orders.items())
        - largest * intent.price
    )
    if limits.min_balance > 0.0 and not left >= limits.min_balance:
        return "balance", f"{left:.2f} would be left, {limits.min_balance:g} has to be"
    return None
