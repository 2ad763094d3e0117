"""Closing a position for a reason of its own: stops, targets, time, liquidation, the end."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trade_research.kernels.jit import inner_kernel
from trade_research.simulate import codes as k
from trade_research.simulate.booking import add_order, execute
from trade_research.simulate.records import Acct, FillRow, OrderRow, Sym


@inner_kernel
def levels(acct: Acct, me: Sym) -> tuple[float, int, float]:
    """Stop price of a position, which kind of stop it is, and its target price.

    The nearer of stop and trailing stop; ∓inf and ±inf where there is none. Distances are from the
    average fill price, the trailing one from the best price since entry (`semantics.md` 4.2).
    """
    side = 1.0 if me.position > 0.0 else -1.0
    stop, kind, goal = -side * math.inf, 0, side * math.inf
    if acct.stop > 0.0:
        stop, kind = me.entry_price * (1.0 - side * acct.stop), k.STOPPED
    if acct.trailing > 0.0:
        trail = me.peak * (1.0 - side * acct.trailing)
        if side * (trail - stop) > 0.0:
            stop, kind = trail, k.TRAILED
    if acct.take_profit > 0.0:
        goal = me.entry_price * (1.0 + side * acct.take_profit)
    return stop, kind, goal


@inner_kernel
def close_position(
    s: int,
    ref: float,
    phase: int,
    kind: int,
    ambiguous: int,
    acct: Acct,
    me: Sym,
    orders: Sequence[OrderRow],
    fills: Sequence[FillRow],
) -> None:
    """Leave at `ref`; on a bar that traded nothing the exit waits, with its reason.

    Afterwards nothing is wanted until the strategy says something new. A symbol or a run that
    ends closes whatever its bar traded.
    """
    is_end = kind == k.DELISTING or kind == k.FINALIZE or acct.is_ruined != 0
    i = me.waiting_exit
    if i < 0 or orders[i].kind != kind:
        decided = acct.bar if is_end else max(acct.bar - 1, 0)
        i = add_order(s, decided, 0.0, -me.position, kind, acct, me, orders)
        me.waiting_exit = i
    order = orders[i]
    order.attempts += 1
    if me.volume == 0.0 and not is_end:
        order.reason = k.NO_LIQUIDITY
        return
    order.reason = 0
    me.order = i
    acct.n_ambiguous += ambiguous
    execute(-me.position, ref, phase, kind, ambiguous, acct, me, order, fills[acct.n_fills])
    forget(acct, me)


@inner_kernel
def forget(acct: Acct, me: Sym) -> None:
    """Want nothing of a symbol until its target says something new."""
    me.desired = 0.0
    me.pending = 0
    me.is_locked = 1
    me.exit_bar = acct.bar
    me.waiting = me.waiting_exit = -1


@inner_kernel
def exits(
    phase: int,
    acct: Acct,
    syms: Sequence[Sym],
    orders: Sequence[OrderRow],
    fills: Sequence[FillRow],
) -> None:
    """Stops and targets that this phase of the bar touches, then time exits.

    At the open only the open itself counts (a gap fills there); inside, the stop comes before the
    target, and the fill is marked when both are touched.
    """
    for s in range(len(syms)):
        me = syms[s]
        first = me.open
        if me.position == 0.0 or math.isnan(first):
            continue
        side = 1.0 if me.position > 0.0 else -1.0
        worst = best = first
        if phase == k.INSIDE:
            worst, best = me.low, me.high
            if side < 0.0:
                worst, best = best, worst
        stop, kind, goal = levels(acct, me)
        is_stopped = phase != k.AT_CLOSE and side * (worst - stop) <= 0.0
        is_hit = phase != k.AT_CLOSE and side * (best - goal) >= 0.0
        both = 1 if phase == k.INSIDE and is_stopped and is_hit else 0
        ref = first
        if is_stopped and not (both != 0 and acct.is_optimistic != 0):
            ref = side * min(side * stop, side * first)
        elif is_hit:
            kind = k.TARGET_HIT
            ref = side * max(side * goal, side * first)
        elif (
            phase == (k.AT_CLOSE if acct.is_at_close != 0 else k.AT_OPEN)
            and acct.max_hold > 0
            and acct.bar - me.entry_bar >= acct.max_hold
        ):
            kind = k.HELD_MAX
            if phase == k.AT_CLOSE:
                ref = me.close
        else:
            continue
        close_position(s, ref, phase, kind, both, acct, me, orders, fills)


@inner_kernel
def margin_call(
    phase: int,
    acct: Acct,
    syms: Sequence[Sym],
    orders: Sequence[OrderRow],
    fills: Sequence[FillRow],
) -> None:
    """Liquidate when equity is at or below maintenance × gross, at the open or inside the bar.

    Inside, all prices are taken to move together along straight lines from the open to the worst
    price (a stop that is nearer counts as the worst), and everything closes where the margin ends:
    for one symbol that is its liquidation price exactly. What has no bar or no volume is sold when
    it can be: it is wanted no more.
    """
    need = acct.maintenance
    at_open = at_worst = acct.cash
    is_flat = True
    for s in range(len(syms)):
        me = syms[s]
        if me.position == 0.0:
            continue
        is_flat = False
        first = last = me.mark
        if not math.isnan(me.open):
            first = last = me.open
            if phase == k.INSIDE:
                last = worst_inside(acct, me)
        at_open += me.position * first - need * abs(me.position) * first
        at_worst += me.position * last - need * abs(me.position) * last
    if is_flat or at_worst > 0.0:
        return
    share = 0.0
    if phase == k.INSIDE:
        share = max(at_open, 0.0) / (max(at_open, 0.0) - at_worst)
    for s in range(len(syms)):
        me = syms[s]
        if me.position == 0.0:
            continue
        if math.isnan(me.open) or me.volume == 0.0:
            forget(acct, me)
            me.kind = k.LIQUIDATION
            continue
        _, _, goal = levels(acct, me)
        is_hit = me.high >= goal if me.position > 0.0 else me.low <= goal
        both = 1 if phase == k.INSIDE and is_hit else 0
        ref = me.open + share * (worst_inside(acct, me) - me.open)
        close_position(s, ref, phase, k.LIQUIDATION, both, acct, me, orders, fills)


@inner_kernel
def worst_inside(acct: Acct, me: Sym) -> float:
    """Worst price of the position inside the bar: the extreme, or its stop where that is nearer."""
    stop, _, _ = levels(acct, me)
    if me.position > 0.0:
        return max(me.low, min(stop, me.open))
    return min(me.high, max(stop, me.open))
