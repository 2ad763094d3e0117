"""Prices, fees and entries in the books: how one order row and one fill come about."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trade_research.kernels.jit import inner_kernel
from trade_research.simulate import codes as k
from trade_research.simulate.records import Acct, FillRow, OrderRow, Sym


@inner_kernel
def fill_price(side: float, size: float, ref: float, acct: Acct, me: Sym) -> tuple[float, float]:
    """``ref × (1 + side × s)``, rounded against us to the symbol's tick; and the impact in it.

    The impact is a fraction of the price: rate × √(share of the last volume known before the bar).
    """
    impact = 0.0
    if acct.impact > 0.0 and me.known_volume > 0.0:
        impact = acct.impact * math.sqrt(size / me.known_volume)
    price = ref * (1.0 + side * (acct.slippage + acct.half_spread + impact))
    if me.tick > 0.0:
        steps = price / me.tick
        near = math.floor(steps + 0.5)
        if abs(steps - near) > 1e-9 * steps:
            near = math.ceil(steps) if side > 0.0 else math.floor(steps)
        price = near * me.tick
    return price, impact


@inner_kernel
def execute(
    quantity: float,
    ref: float,
    phase: int,
    kind: int,
    ambiguous: int,
    acct: Acct,
    me: Sym,
    order: OrderRow,
    fill: FillRow,
) -> None:
    """Fill `quantity` (signed, never through zero) at `ref` with costs, and book it."""
    side = 1.0 if quantity > 0.0 else -1.0
    size = abs(quantity)
    price, impact = fill_price(side, size, ref, acct, me)
    notional = size * price
    rate = acct.maker_fee if kind == k.TARGET_HIT else acct.fee
    fee = fee_of(size, price, rate, acct)
    tax = acct.sell_tax * notional if side < 0.0 else 0.0
    moved = size * abs(price - ref)
    spread = size * ref * acct.half_spread
    pushed = size * ref * impact
    acct.batch_cost += fee + tax + moved
    fill.spread, fill.impact = spread, pushed
    fill.slippage = moved - spread - pushed  # the tick's rounding counts as slippage
    fill.phase, fill.kind, fill.ambiguous = phase, kind, ambiguous
    book(quantity, ref, price, fee, tax, acct, me, order, fill)


@inner_kernel
def book(
    quantity: float,
    ref: float,
    price: float,
    fee: float,
    tax: float,
    acct: Acct,
    me: Sym,
    order: OrderRow,
    fill: FillRow,
) -> None:
    """Put a priced fill into the books: cash, position, margin, journals."""
    size = abs(quantity)
    cash = acct.cash - (quantity * price + fee + tax)
    if abs(cash) <= 1e-12 * (size * price):
        cash = 0.0  # all-in leaves a rounding error, not money
    acct.cash = cash
    held = me.position
    if held == 0.0:
        me.entry_price = me.peak = price
        me.entry_bar = acct.bar
        me.is_close_entry = 1 if fill.phase == k.AT_CLOSE else 0
    elif held * quantity > 0.0:
        me.entry_price = (me.entry_price * abs(held) + price * size) / (abs(held) + size)
    if acct.is_isolated != 0:
        if held * quantity >= 0.0:
            me.margin += size * price / acct.leverage
        else:
            me.margin *= 1.0 - size / abs(held)
    me.position = held + quantity
    order.filled += quantity

    acct.n_fills += 1
    fill.order, fill.symbol, fill.bar = me.order, order.symbol, acct.bar
    fill.quantity, fill.reference, fill.price = quantity, ref, price
    fill.fee, fill.tax = fee, tax
    fill.position, fill.cash = me.position, cash


@inner_kernel
def fee_of(size: float, price: float, rate: float, acct: Acct) -> float:
    """``max(min_fee, rate × notional + per_unit × size) + fixed``."""
    fee = rate * (size * price) + acct.fee_per_unit * size
    if acct.min_fee > 0.0:  # without a minimum a maker rebate stays negative
        fee = max(acct.min_fee, fee)
    return fee + acct.fixed_fee


@inner_kernel
def affordable(budget: float, leverage: float, side: float, price: float, acct: Acct) -> float:
    """Largest opening quantity at `price` that the budget carries, costs included.

    ``q = (budget − L·fixed) / (price + L·(rate·price + per_unit))``: with leverage 1 the all-in
    quantity of `semantics.md` 4.4.
    """
    rate, unit, least = acct.fee, acct.fee_per_unit, acct.min_fee
    tax = acct.sell_tax if side < 0.0 else 0.0
    q = (budget - leverage * acct.fixed_fee) / (price + leverage * ((rate + tax) * price + unit))
    if rate * q * price + unit * q < least:
        q = (budget - leverage * (acct.fixed_fee + least)) / (price * (1.0 + leverage * tax))
    return max(q, 0.0)


@inner_kernel
def free_money(acct: Acct, syms: Sequence[Sym]) -> float:
    """Money that is no position's margin: what a new position may be opened with."""
    free = acct.cash
    for s in range(len(syms)):
        me = syms[s]
        if me.position != 0.0:
            free += me.position * me.entry_price - me.margin
    return free


@inner_kernel
def add_order(
    s: int,
    decided: int,
    desired: float,
    quantity: float,
    kind: int,
    acct: Acct,
    me: Sym,
    orders: Sequence[OrderRow],
) -> int:
    """Open a row in the order journal, under the target in force; returns its number."""
    i = acct.n_orders
    acct.n_orders = i + 1
    order = orders[i]
    order.symbol, order.decided, order.kind = s, decided, kind
    order.target, order.desired, order.quantity = me.held, desired, quantity
    order.filled = 0.0
    order.reason = order.attempts = 0
    return i
