"""The one fill step: what happens to an account during one bar.

The backtest loops over it (`loop`); the paper broker and `Simulator` run the same compiled loop
over one bar.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from trade_research.kernels.jit import inner_kernel
from trade_research.simulate import codes as k
from trade_research.simulate.exit_orders import close_position, exits, margin_call
from trade_research.simulate.market_orders import market_orders, take_targets
from trade_research.simulate.perpetual import deleverage, liquidate, pay_funding
from trade_research.simulate.records import Acct, FillRow, FlowRow, OrderRow, Sym


@inner_kernel
def step(
    acct: Acct,
    syms: Sequence[Sym],
    flows: Sequence[FlowRow],
    orders: Sequence[OrderRow],
    fills: Sequence[FillRow],
) -> None:
    """Take the account through the bar in its books, in the order of `semantics.md` 4.2."""
    has_exits = acct.stop + acct.take_profit + acct.trailing + acct.max_hold > 0.0
    trading = k.AT_CLOSE if acct.is_at_close != 0 else k.AT_OPEN
    for phase in range(3):
        if phase != k.INSIDE and acct.borrow > 0.0:
            charge_borrow(phase, acct, syms)
        if phase != k.AT_CLOSE and acct.is_isolated != 0:
            pay_funding(phase, acct, syms, flows)
            liquidate(phase, acct, syms, orders, fills)
            if phase == k.AT_OPEN and acct.buffer > 0.0:
                deleverage(acct, syms, orders, fills)
        elif phase != k.AT_CLOSE and acct.is_margin != 0:
            margin_call(phase, acct, syms, orders, fills)
        if has_exits:
            exits(phase, acct, syms, orders, fills)
        if phase == trading and acct.has_row != 0:
            take_targets(acct, syms)
            market_orders(phase, acct, syms, orders, fills)
    equity = mark(acct, syms, orders, fills)
    if equity <= 0.0:
        acct.is_ruined = 1
        equity = close_all(k.LIQUIDATION, acct, syms, orders, fills)
    acct.equity = equity
    remember(acct, syms)


@inner_kernel
def charge_borrow(phase: int, acct: Acct, syms: Sequence[Sym]) -> None:
    """Lending fee of the shorts held since the last charge, at the last known price (ACT/365)."""
    now = acct.opened if phase == k.AT_OPEN else acct.closed
    since = acct.charged_until
    acct.charged_until = now
    if since != k.NEVER and now > since:
        value = 0.0
        for s in range(len(syms)):
            me = syms[s]
            if me.position < 0.0:
                is_new = phase == k.AT_CLOSE and not math.isnan(me.close)
                value -= me.position * (me.close if is_new else me.mark)
        fee = value * acct.borrow * (now - since) / k.YEAR_US
        acct.cash -= fee
        acct.borrow_paid += fee


@inner_kernel
def mark(
    acct: Acct, syms: Sequence[Sym], orders: Sequence[OrderRow], fills: Sequence[FillRow]
) -> float:
    """Equity at last real closes; a symbol whose last bar this is closes first, with costs."""
    for s in range(len(syms)):
        me = syms[s]
        if not math.isnan(me.close):
            me.mark = me.close
        if me.last_bar == acct.bar and me.position != 0.0:
            close_position(s, me.mark, k.AT_CLOSE, k.DELISTING, k.ZERO, acct, me, orders, fills)
    value = acct.cash
    for s in range(len(syms)):
        me = syms[s]
        if me.position != 0.0:
            value += me.position * me.mark
    return value


@inner_kernel
def close_all(
    kind: int,
    acct: Acct,
    syms: Sequence[Sym],
    orders: Sequence[OrderRow],
    fills: Sequence[FillRow],
) -> float:
    """Close every position at its last real close; returns the money left."""
    for s in range(len(syms)):
        me = syms[s]
        if me.position != 0.0:
            close_position(s, me.mark, k.AT_CLOSE, kind, k.ZERO, acct, me, orders, fills)
    return acct.cash


@inner_kernel
def remember(acct: Acct, syms: Sequence[Sym]) -> None:
    """What the next bar may know of this one: best prices, volumes, drift from the weights."""
    acct.is_drifted = 0
    for s in range(len(syms)):
        me = syms[s]
        if acct.impact > 0.0 and me.volume > 0.0:
            me.known_volume = me.volume
        is_new = me.entry_bar == acct.bar and me.is_close_entry != 0
        if acct.trailing > 0.0 and me.position != 0.0 and not is_new:
            if me.position > 0.0 and me.high > me.peak:
                me.peak = me.high
            elif me.position < 0.0 and me.low < me.peak:
                me.peak = me.low
        if acct.drift > 0.0 and me.is_locked == 0:
            weight = me.position * me.mark / acct.equity if me.position != 0.0 else 0.0
            if abs(weight - me.held) > acct.drift:
                acct.is_drifted = 1
