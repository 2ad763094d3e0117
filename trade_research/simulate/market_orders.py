"""From a row of targets to market orders: sizing, order of execution, shrinking, waiting."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trade_research.kernels.jit import inner_kernel
from trade_research.simulate import codes as k
from trade_research.simulate.booking import (
    add_order,
    affordable,
    execute,
    fill_price,
    free_money,
)
from trade_research.simulate.records import Acct, FillRow, OrderRow, Sym


@inner_kernel
def take_targets(acct: Acct, syms: Sequence[Sym]) -> None:
    """Read the decision row that fills at this bar; a change of target asks for a new size.

    NaN keeps what is wanted. After an exit only a target that differs from the symbol's row
    before (NaN counts as different) is listened to, once the cooldown is over.
    """
    d = acct.bar - acct.lag
    for s in range(len(syms)):
        me = syms[s]
        x = me.target
        if math.isnan(x) and me.was_absent != 0:
            continue  # no bar and no opinion: not a row of this symbol
        before = me.row
        me.row = x
        is_asked = False
        if math.isinf(x):
            acct.bad_row = d
        elif me.is_locked == 0:
            is_asked = x != me.held and not math.isnan(x)
        elif acct.cooldown == 0 or d >= me.exit_bar + acct.cooldown:
            is_asked = x != before and not math.isnan(x)
        if is_asked:
            me.is_locked = 0
            me.held = x
            me.pending = k.SIGNAL
            me.waiting = -1
        elif acct.is_rebalance != 0 and me.is_locked == 0 and me.pending == 0:
            me.pending = k.REBALANCE


@inner_kernel
def market_orders(
    phase: int,
    acct: Acct,
    syms: Sequence[Sym],
    orders: Sequence[OrderRow],
    fills: Sequence[FillRow],
) -> None:
    """Fill what is wanted at this phase's reference prices: exits first, then entries.

    The account is valued once at the references, before any fill; within exits and within entries
    the larger cash release goes first, then the symbol's number (`semantics.md` 4.2, 4.4).
    """
    n_wanted = 0
    value = acct.cash
    for s in range(len(syms)):
        me = syms[s]
        if me.pending != 0 or me.desired != me.position:
            n_wanted += 1
        if me.position != 0.0:
            value += me.position * reference(phase, me)
    if n_wanted == 0:
        return
    acct.batch_cost = 0.0
    n = k.ZERO
    for s in range(len(syms)):
        me = syms[s]
        me.want = 0.0
        if me.pending != 0 or me.desired != me.position:
            open_order(s, me.open if phase == k.AT_OPEN else me.close, value, acct, me, orders)
        if me.want * me.position < 0.0:
            me.key = release(closing_part(me), phase, value, me)
            syms[n].rank = s
            n += 1
    sort_by_release(n, syms)
    for i in range(n):
        me = syms[syms[i].rank]
        trade(closing_part(me), phase, acct, me, orders[me.order], fills[acct.n_fills])

    n = k.ZERO
    equity, gross = acct.cash, 0.0
    for s in range(len(syms)):
        me = syms[s]
        if me.position != 0.0:
            equity += me.position * reference(phase, me)
            gross += abs(me.position) * reference(phase, me)
        rest = me.desired - me.position
        if me.want != 0.0 and rest * me.want > 0.0 and rest * me.position >= 0.0:
            me.key = release(rest, phase, value, me)
            syms[n].rank = s
            n += 1
    if acct.is_isolated != 0:
        equity, gross = free_money(acct, syms), 0.0
    sort_by_release(n, syms)
    for i in range(n):
        me = syms[syms[i].rank]
        before, spent, price = me.position, acct.batch_cost, reference(phase, me)
        order = orders[me.order]
        rest = shrink(me.desired - before, price, equity, gross, acct, me, order)
        trade(rest, phase, acct, me, order, fills[acct.n_fills])
        equity -= acct.batch_cost - spent
        gross += abs(me.position - before) * price
        if acct.is_isolated != 0:
            equity, gross = free_money(acct, syms), 0.0
    for s in range(len(syms)):
        me = syms[s]
        if me.want != 0.0:  # what was got is what is wanted, until the target changes
            me.desired = me.position


@inner_kernel
def reference(phase: int, me: Sym) -> float:
    """Price that values the symbol at this moment: its open or close, else its last real close."""
    price = me.open if phase == k.AT_OPEN else me.close
    return me.mark if math.isnan(price) else price


@inner_kernel
def release(quantity: float, phase: int, value: float, me: Sym) -> float:
    """Cash an order takes, in billionths of the account: equal weights compare as equal."""
    money = quantity * reference(phase, me)
    return math.floor(money / (k.DUST * value) + 0.5) if value > 0.0 else money


@inner_kernel
def closing_part(me: Sym) -> float:
    """The part of what is wanted that brings the position toward zero, not through it."""
    return me.want if abs(me.want) < abs(me.position) else -me.position


@inner_kernel
def open_order(
    s: int, price: float, value: float, acct: Acct, me: Sym, orders: Sequence[OrderRow]
) -> None:
    """Fix the desired units if they are not, and write the order; `want` is what may fill now."""
    has_bar = not math.isnan(price)
    is_refused = False
    kind, asked = me.kind, me.desired
    if me.pending != 0:
        kind, asked = me.pending, 0.0
        if me.held != 0.0:
            asked = max(value, 0.0) * me.held / (price if has_bar else me.mark)
        if abs(asked - me.position) <= k.DUST * abs(me.position):
            asked = me.position
        is_refused = acct.is_margin == 0 and asked < 0.0
        if has_bar:
            me.kind, me.pending = kind, 0
            me.desired = 0.0 if is_refused else asked
    if asked == me.position:
        return
    i = me.waiting
    if i < 0:
        i = add_order(s, acct.bar - acct.lag, asked, asked - me.position, kind, acct, me, orders)
    order = orders[i]
    if has_bar:
        order.desired, order.quantity = asked, asked - me.position
    order.attempts += 1
    me.waiting = i
    if 0 <= me.last_bar < acct.bar:
        order.reason = k.DELISTED
        me.pending, me.waiting = 0, -1
    elif not has_bar:
        order.reason = k.NO_BAR
    elif me.volume == 0.0:
        order.reason = k.NO_LIQUIDITY
    else:
        order.reason = k.SHORT_NOT_ALLOWED if is_refused else 0
        me.waiting, me.order = -1, i
        me.want = me.desired - me.position


@inner_kernel
def shrink(
    quantity: float,
    price: float,
    equity: float,
    gross: float,
    acct: Acct,
    me: Sym,
    order: OrderRow,
) -> float:
    """An opening quantity, cut to what the account can carry; the order says why."""
    side = 1.0 if quantity > 0.0 else -1.0
    size = abs(quantity)
    leverage, budget = 1.0, acct.cash
    if acct.is_margin != 0:
        leverage = acct.leverage
        budget = leverage * equity - gross
    filled, _ = fill_price(side, size, price, acct, me)
    most = affordable(budget, leverage, side, filled, acct)
    if most >= size:
        return quantity
    if most <= k.DUST * size:
        most = 0.0
    if most > 0.0 and size * price <= (budget + leverage * acct.batch_cost) * (1.0 + 1e-9):
        # Short of nothing but the costs: that is what "all in" means, not a shortfall.
        order.quantity -= side * (size - most)
        order.desired -= side * (size - most)
    else:
        order.reason = k.NO_MARGIN if acct.is_margin != 0 else k.NO_CASH
    return side * most


@inner_kernel
def trade(quantity: float, phase: int, acct: Acct, me: Sym, order: OrderRow, fill: FillRow) -> None:
    """Fill one part of an order in whole lots; closing a whole position takes any size."""
    if quantity == 0.0:
        return
    price = me.open if phase == k.AT_OPEN else me.close
    if quantity != -me.position:
        size = abs(quantity)
        lots = math.floor(size / me.lot + 1e-9) * me.lot if me.lot > 0.0 else size
        if abs(lots - size) > 1e-9 * size:
            order.reason = k.LOT_ROUNDING if lots > 0.0 else k.BELOW_LOT
            quantity = lots if quantity > 0.0 else -lots
        if lots > 0.0 and lots * price < me.min_notional:
            order.reason = k.BELOW_MIN_NOTIONAL
            return
        if lots == 0.0:
            return
    execute(quantity, price, phase, me.kind, k.ZERO, acct, me, order, fill)


@inner_kernel
def sort_by_release(n: int, syms: Sequence[Sym]) -> None:
    """Order the first `n` symbols in `rank` by `key` = quantity × price, then by number (Shell)."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            s = syms[i].rank
            key = syms[s].key
            j = i
            while j >= gap:
                other = syms[j - gap].rank
                rival = syms[other].key
                if not (rival > key or (rival == key and other > s)):
                    break
                syms[j].rank = other
                j -= gap
            syms[j].rank = s
        gap //= 3
