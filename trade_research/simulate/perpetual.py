"""Perpetual futures on isolated margin: funding, liquidation, and the halving that keeps a buffer.

The unrealised result of a position is in the equity, but neither opens nor feeds another one: what
counts for that is the free money, cash and positions at their entry prices less all margins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from trade_research.kernels.jit import inner_kernel
from trade_research.simulate import codes as k
from trade_research.simulate.booking import add_order, book, fee_of, free_money
from trade_research.simulate.exit_orders import forget, levels, worst_inside
from trade_research.simulate.market_orders import trade
from trade_research.simulate.records import Acct, FillRow, FlowRow, OrderRow, Sym


@inner_kernel
def pay_funding(phase: int, acct: Acct, syms: Sequence[Sym], flows: Sequence[FlowRow]) -> None:
    """Pay what is due in this phase: rate × mark × units, from free money, then from the margin."""
    i = acct.n_flows
    while i < len(flows) and flows[i].bar == acct.bar and flows[i].phase == phase:
        flow = flows[i]
        me = syms[flow.symbol]
        flow.position, flow.paid, flow.price = me.position, 0.0, flow.mark
        if math.isnan(flow.mark):
            flow.price = me.mark if math.isnan(me.open) else me.open
        if me.position != 0.0:
            flow.paid = me.position * flow.price * flow.rate
            me.margin -= max(flow.paid - max(free_money(acct, syms), 0.0), 0.0)
            acct.cash -= flow.paid
            acct.funding_paid += flow.paid
        i += 1
    acct.n_flows = i


@inner_kernel
def bankruptcy_price(me: Sym) -> float:
    """Price at which the loss of a position is all of its margin."""
    return me.entry_price - me.margin / me.position


@inner_kernel
def liquidation_price(me: Sym) -> float:
    """Price at which margin + unrealised is down to the maintenance of the position's value."""
    side = 1.0 if me.position > 0.0 else -1.0
    return bankruptcy_price(me) / (1.0 - side * me.maintenance)


@inner_kernel
def liquidate(
    phase: int,
    acct: Acct,
    syms: Sequence[Sym],
    orders: Sequence[OrderRow],
    fills: Sequence[FillRow],
) -> None:
    """Positions that this phase brings to their liquidation price are taken over by the venue.

    A stop that is nearer goes first; at the open only the open itself counts. The venue needs no
    volume in the bar.
    """
    for s in range(len(syms)):
        me = syms[s]
        if me.position == 0.0 or math.isnan(me.open):
            continue
        side = 1.0 if me.position > 0.0 else -1.0
        worst = me.open if phase == k.AT_OPEN else worst_inside(acct, me)
        if side * (worst - liquidation_price(me)) > 0.0:
            continue
        _, _, goal = levels(acct, me)
        is_hit = me.high >= goal if side > 0.0 else me.low <= goal
        both = 1 if phase == k.INSIDE and is_hit else 0
        decided = max(acct.bar - 1, 0)
        i = add_order(s, decided, 0.0, -me.position, k.LIQUIDATION, acct, me, orders)
        orders[i].attempts = 1
        me.order = i
        acct.n_ambiguous += both
        take_over(phase, both, acct, me, orders[i], fills[acct.n_fills])
        forget(acct, me)


@inner_kernel
def take_over(
    phase: int, ambiguous: int, acct: Acct, me: Sym, order: OrderRow, fill: FillRow
) -> None:
    """The venue takes a position at its bankruptcy price, with its fee out of the margin.

    All of the margin is lost and nothing else, however far the price has gone.
    """
    size, side = abs(me.position), 1.0 if me.position > 0.0 else -1.0
    price = bankruptcy_price(me)
    fee = fee_of(size, price, acct.fee, acct)
    tax = acct.sell_tax * size * price if side > 0.0 else 0.0
    price += side * (fee + tax) / size
    fill.spread = fill.impact = fill.slippage = 0.0
    fill.phase, fill.kind, fill.ambiguous = phase, k.LIQUIDATION, ambiguous
    book(-me.position, price, price, fee, tax, acct, me, order, fill)


@inner_kernel
def deleverage(
    acct: Acct, syms: Sequence[Sym], orders: Sequence[OrderRow], fills: Sequence[FillRow]
) -> None:
    """Halve the largest position that trades at this open where the margin ratio asks for it."""
    equity, need, largest, most = acct.cash, 0.0, -1, 0.0
    for s in range(len(syms)):
        me = syms[s]
        if me.position == 0.0:
            continue
        price = me.mark if math.isnan(me.open) else me.open
        equity += me.position * price
        need += me.maintenance * abs(me.position) * price
        is_traded = not math.isnan(me.open) and me.volume != 0.0
        if is_traded and abs(me.position) * price > most:
            largest, most = s, abs(me.position) * price
    if largest < 0 or equity >= (1.0 + acct.buffer) * need:
        return
    me = syms[largest]
    before, half = me.position, -0.5 * me.position
    decided = max(acct.bar - 1, 0)
    i = add_order(largest, decided, before + half, half, k.DELEVERAGE, acct, me, orders)
    orders[i].attempts = 1
    kind = me.kind
    me.order, me.kind = i, k.DELEVERAGE
    trade(half, k.AT_OPEN, acct, me, orders[i], fills[acct.n_fills])
    me.kind = kind
    me.desired += me.position - before


@inner_kernel
def call_price(acct: Acct, me: Sym) -> float:
    """Nearest price at which a single position might be liquidated or halved."""
    side = 1.0 if me.position > 0.0 else -1.0
    price = liquidation_price(me)
    if acct.buffer > 0.0:
        need = me.maintenance * (1.0 + acct.buffer)
        low = -acct.cash / (me.position - need * abs(me.position))
        price = side * max(side * price, side * low)
    return price
