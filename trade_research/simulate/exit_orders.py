"""Closing a position for a reason of its own: stops, targets, time, liquidation, the end."""

from __future__ import annotations

import math

from trade_research.kernels.jit import kernel
from trade_research.simulate import fields as f
from trade_research.simulate.booking import add_order, execute
from trade_research.simulate.tape import Books


@kernel
def levels(s: int, books: Books) -> tuple[float, int, float]:
    """Stop price of a position, which kind of stop it is, and its target price.

    The nearer of stop and trailing stop; ∓inf and ±inf where there is none. Distances are from the
    average fill price, the trailing one from the best price since entry (`semantics.md` 4.2).
    """
    acct, sym = books.acct, books.sym
    side = 1.0 if sym[s, f.POSITION] > 0.0 else -1.0
    stop, kind, goal = -side * math.inf, 0, side * math.inf
    if acct[f.STOP] > 0.0:
        stop, kind = sym[s, f.ENTRY_PRICE] * (1.0 - side * acct[f.STOP]), f.STOPPED
    if acct[f.TRAILING] > 0.0:
        trail = sym[s, f.PEAK] * (1.0 - side * acct[f.TRAILING])
        if side * (trail - stop) > 0.0:
            stop, kind = trail, f.TRAILED
    if acct[f.TAKE_PROFIT] > 0.0:
        goal = sym[s, f.ENTRY_PRICE] * (1.0 + side * acct[f.TAKE_PROFIT])
    return stop, kind, goal


@kernel
def close_position(
    s: int, ref: float, phase: int, kind: int, ambiguous: float, books: Books
) -> None:
    """Leave at `ref`; on a bar that traded nothing the exit waits, with its reason.

    Afterwards nothing is wanted until the strategy says something new. A symbol or a run that
    ends closes whatever its bar traded.
    """
    acct, sym, orders = books.acct, books.sym, books.orders
    position = sym[s, f.POSITION]
    is_end = kind == f.DELISTING or kind == f.FINALIZE or acct[f.RUINED] > 0.0
    order = int(sym[s, f.WAITING_EXIT])
    if order < 0 or orders[order, f.O_KIND] != kind:
        decided = acct[f.BAR] if is_end else max(acct[f.BAR] - 1.0, 0.0)
        order = add_order(s, decided, 0.0, -position, float(kind), books)
        sym[s, f.WAITING_EXIT] = order
    orders[order, f.O_ATTEMPTS] += 1.0
    orders[order, f.O_REASON] = f.NO_LIQUIDITY
    if sym[s, f.TRADED] == 0.0 and not is_end:
        return
    orders[order, f.O_REASON] = 0.0
    acct[f.AMBIGUOUS] += ambiguous
    execute(s, -position, ref, phase, kind, order, ambiguous, books)
    forget(s, books)


@kernel
def forget(s: int, books: Books) -> None:
    """Want nothing of a symbol until its target says something new."""
    sym = books.sym
    sym[s, f.DESIRED] = 0.0
    sym[s, f.PENDING] = 0.0
    sym[s, f.LOCKED] = 1.0
    sym[s, f.EXIT_BAR] = books.acct[f.BAR]
    sym[s, f.WAITING] = -1.0
    sym[s, f.WAITING_EXIT] = -1.0


@kernel
def exits(phase: int, books: Books) -> None:
    """Stops and targets that this phase of the bar touches, then time exits.

    At the open only the open itself counts (a gap fills there); inside, the stop comes before the
    target, and the fill is marked when both are touched.
    """
    acct, sym = books.acct, books.sym
    for s in range(sym.shape[0]):
        position, first = sym[s, f.POSITION], sym[s, f.OPEN]
        if position == 0.0 or math.isnan(first):
            continue
        side = 1.0 if position > 0.0 else -1.0
        worst = best = first
        if phase == f.INSIDE:
            worst = sym[s, f.LOW] if side > 0.0 else sym[s, f.HIGH]
            best = sym[s, f.HIGH] if side > 0.0 else sym[s, f.LOW]
        stop, kind, goal = levels(s, books)
        is_stopped = phase != f.AT_BAR_CLOSE and side * (worst - stop) <= 0.0
        is_hit = phase != f.AT_BAR_CLOSE and side * (best - goal) >= 0.0
        both = 1.0 if is_stopped and is_hit else 0.0
        ref = first
        if is_stopped and not (is_hit and acct[f.OPTIMISTIC] > 0.0):
            ref = side * min(side * stop, side * first)
        elif is_hit:
            kind = f.TARGET_HIT
            ref = side * max(side * goal, side * first)
        elif (
            phase != f.INSIDE
            and (phase == f.AT_BAR_CLOSE) == (acct[f.AT_CLOSE] > 0.0)
            and acct[f.MAX_HOLD] > 0.0
            and acct[f.BAR] - sym[s, f.ENTRY_BAR] >= acct[f.MAX_HOLD]
        ):
            kind = f.HELD_MAX
            ref = first if phase == f.AT_OPEN else sym[s, f.CLOSE]
        else:
            continue
        close_position(s, ref, phase, kind, both, books)


@kernel
def margin_call(phase: int, books: Books) -> None:
    """Liquidate when equity is at or below maintenance × gross, at the open or inside the bar.

    Inside, all prices are taken to move together along straight lines from the open to the worst
    price (a stop that is nearer counts as the worst), and everything closes where the margin ends:
    for one symbol that is its liquidation price exactly. What has no bar or no volume is sold when
    it can be: it is wanted no more.
    """
    acct, sym = books.acct, books.sym
    need = acct[f.MAINTENANCE]
    at_open = at_worst = acct[f.CASH]
    is_flat = True
    for s in range(sym.shape[0]):
        position = sym[s, f.POSITION]
        if position == 0.0:
            continue
        is_flat = False
        first = last = sym[s, f.MARK]
        if not math.isnan(sym[s, f.OPEN]):
            first = last = sym[s, f.OPEN]
            if phase == f.INSIDE:
                last = worst_inside(s, books)
        at_open += position * first - need * abs(position) * first
        at_worst += position * last - need * abs(position) * last
    if is_flat or at_worst > 0.0:
        return
    share = 0.0
    if phase == f.INSIDE:
        share = max(at_open, 0.0) / (max(at_open, 0.0) - at_worst)
    for s in range(sym.shape[0]):
        position, first = sym[s, f.POSITION], sym[s, f.OPEN]
        if position == 0.0:
            continue
        if math.isnan(first) or sym[s, f.TRADED] == 0.0:
            forget(s, books)
            sym[s, f.ORDER_KIND] = f.LIQUIDATION
            continue
        _, _, goal = levels(s, books)
        is_hit = sym[s, f.HIGH] >= goal if position > 0.0 else sym[s, f.LOW] <= goal
        both = 1.0 if phase == f.INSIDE and is_hit else 0.0
        ref = first + share * (worst_inside(s, books) - first)
        close_position(s, ref, phase, f.LIQUIDATION, both, books)


@kernel
def worst_inside(s: int, books: Books) -> float:
    """Worst price of the position inside the bar: the extreme, or its stop where that is nearer."""
    sym = books.sym
    stop, _, _ = levels(s, books)
    if sym[s, f.POSITION] > 0.0:
        return max(sym[s, f.LOW], min(stop, sym[s, f.OPEN]))
    return min(sym[s, f.HIGH], max(stop, sym[s, f.OPEN]))
