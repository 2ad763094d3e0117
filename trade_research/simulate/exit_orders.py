"""Closing a position for a reason of its own: stops, targets, time, and liquidation."""

from __future__ import annotations

import math

from trade_research.kernels.jit import kernel
from trade_research.simulate import fields as f
from trade_research.simulate.booking import add_order, execute
from trade_research.simulate.tape import Books, Tape


@kernel
def is_dry(t: int, s: int, tape: Tape) -> bool:
    """The bar traded nothing. An unknown volume (NaN) is not nothing."""
    return tape.volume[t, s] == 0.0


@kernel
def exit_order(t: int, s: int, kind: int, books: Books) -> int:
    """The order row of this exit: the one already waiting, or a new one."""
    i = int(books.sym[s, f.WAITING_EXIT])
    if i < 0 or books.orders[i, f.O_KIND] != kind:
        held = books.sym[s, f.HELD]
        i = add_order(s, max(t - 1, 0), held, 0.0, -books.sym[s, f.POSITION], kind, books)
        books.sym[s, f.WAITING_EXIT] = i
    books.orders[i, f.O_ATTEMPTS] += 1.0
    return i


@kernel
def leave(
    t: int, s: int, ref: float, phase: int, kind: int, ambiguous: bool, tape: Tape, books: Books
) -> None:
    """Close the whole position; it stays closed until the strategy says something new."""
    sym = books.sym
    order = exit_order(t, s, kind, books)
    books.orders[order, f.O_REASON] = 0.0
    execute(t, s, -sym[s, f.POSITION], ref, phase, kind, order, ambiguous, tape, books)
    if ambiguous:
        books.acct[f.AMBIGUOUS] += 1.0
    lock(t, s, books)


@kernel
def lock(t: int, s: int, books: Books) -> None:
    """Want nothing until a new opinion."""
    sym = books.sym
    sym[s, f.DESIRED] = 0.0
    sym[s, f.PENDING] = 0.0
    sym[s, f.LOCKED] = 1.0
    sym[s, f.EXIT_BAR] = t
    sym[s, f.WAITING] = -1.0
    sym[s, f.WAITING_EXIT] = -1.0


@kernel
def adverse_level(s: int, books: Books) -> tuple[float, int]:
    """Price at which a stop or trailing stop closes the position, and which of them it is.

    The nearer of the two; ∓inf when there is none. Distances are from the average fill price and
    from the best price since entry (`semantics.md` 4.2).
    """
    conf, sym = books.conf, books.sym
    side = 1.0 if sym[s, f.POSITION] > 0.0 else -1.0
    level, kind = -side * math.inf, 0
    if conf[f.STOP] > 0.0:
        level, kind = sym[s, f.ENTRY_PRICE] * (1.0 - side * conf[f.STOP]), f.STOPPED
    if conf[f.TRAILING] > 0.0:
        trail = sym[s, f.PEAK] * (1.0 - side * conf[f.TRAILING])
        if side * (trail - level) > 0.0:
            level, kind = trail, f.TRAILED
    return level, kind


@kernel
def favourable_level(s: int, books: Books) -> float:
    """Price of the take profit, or ±inf."""
    side = 1.0 if books.sym[s, f.POSITION] > 0.0 else -1.0
    if books.conf[f.TAKE_PROFIT] > 0.0:
        return books.sym[s, f.ENTRY_PRICE] * (1.0 + side * books.conf[f.TAKE_PROFIT])
    return side * math.inf


@kernel
def is_held_out(t: int, s: int, books: Books) -> bool:
    """The position has been held for the most bars allowed."""
    most = books.conf[f.MAX_HOLD]
    return most > 0.0 and t - books.sym[s, f.ENTRY_BAR] >= most


@kernel
def close_position(
    t: int, s: int, ref: float, phase: int, kind: int, ambiguous: bool, tape: Tape, books: Books
) -> None:
    """Leave if the bar trades; else the exit waits, with its reason."""
    if is_dry(t, s, tape):
        order = exit_order(t, s, kind, books)
        books.orders[order, f.O_REASON] = f.NO_LIQUIDITY
    else:
        leave(t, s, ref, phase, kind, ambiguous, tape, books)


@kernel
def exits_at_open(t: int, tape: Tape, books: Books) -> None:
    """Stops and targets that the open gapped through fill at the open; then time exits."""
    sym = books.sym
    for s in range(sym.shape[0]):
        price = tape.open[t, s]
        if sym[s, f.POSITION] == 0.0 or math.isnan(price):
            continue
        side = 1.0 if sym[s, f.POSITION] > 0.0 else -1.0
        stop, kind = adverse_level(s, books)
        if side * (price - stop) > 0.0:
            kind = 0
            if side * (price - favourable_level(s, books)) >= 0.0:
                kind = f.TARGET_HIT
            elif books.conf[f.AT_CLOSE] == 0.0 and is_held_out(t, s, books):
                kind = f.HELD_MAX
        if kind != 0:
            close_position(t, s, price, f.AT_OPEN, kind, False, tape, books)


@kernel
def exits_inside(t: int, tape: Tape, books: Books) -> None:
    """Stops and targets touched inside the bar: stop before target, and marked when both are."""
    sym = books.sym
    for s in range(sym.shape[0]):
        price = tape.open[t, s]
        if sym[s, f.POSITION] == 0.0 or math.isnan(price):
            continue
        side = 1.0 if sym[s, f.POSITION] > 0.0 else -1.0
        worst = tape.low[t, s] if side > 0.0 else tape.high[t, s]
        best = tape.high[t, s] if side > 0.0 else tape.low[t, s]
        stop, kind = adverse_level(s, books)
        goal = favourable_level(s, books)
        is_stopped = side * (worst - stop) <= 0.0
        is_hit = side * (best - goal) >= 0.0
        both = is_stopped and is_hit
        if is_stopped and not (both and books.conf[f.OPTIMISTIC] > 0.0):
            ref = min(stop, price) if side > 0.0 else max(stop, price)
            close_position(t, s, ref, f.INSIDE, kind, both, tape, books)
        elif is_hit:
            ref = max(goal, price) if side > 0.0 else min(goal, price)
            close_position(t, s, ref, f.INSIDE, f.TARGET_HIT, both, tape, books)


@kernel
def exits_at_close(t: int, tape: Tape, books: Books) -> None:
    """Time exits of runs that fill at the close, and positions in symbols that stop trading."""
    sym = books.sym
    for s in range(sym.shape[0]):
        if sym[s, f.POSITION] == 0.0 or math.isnan(tape.close[t, s]):
            continue
        if books.conf[f.AT_CLOSE] > 0.0 and is_held_out(t, s, books):
            close_position(t, s, tape.close[t, s], f.AT_BAR_CLOSE, f.HELD_MAX, False, tape, books)


@kernel
def liquidate(t: int, share: float, tape: Tape, books: Books) -> None:
    """Close everything that trades at this bar, `share` of the way from the open to the worst.

    What cannot trade now is sold when it can: it is wanted no more.
    """
    sym = books.sym
    phase = f.AT_OPEN if share == 0.0 else f.INSIDE
    for s in range(sym.shape[0]):
        if sym[s, f.POSITION] == 0.0:
            continue
        price = tape.open[t, s]
        if math.isnan(price) or is_dry(t, s, tape):
            lock(t, s, books)
            sym[s, f.ORDER_KIND] = f.LIQUIDATION
            continue
        worst = worst_inside(t, s, tape, books)
        best = tape.high[t, s] if sym[s, f.POSITION] > 0.0 else tape.low[t, s]
        side = 1.0 if sym[s, f.POSITION] > 0.0 else -1.0
        both = share > 0.0 and side * (best - favourable_level(s, books)) >= 0.0
        ref = price + share * (worst - price)
        leave(t, s, ref, phase, f.LIQUIDATION, both, tape, books)


@kernel
def worst_inside(t: int, s: int, tape: Tape, books: Books) -> float:
    """Worst price of the position inside the bar: the extreme, or its stop where that is nearer."""
    stop, _ = adverse_level(s, books)
    if books.sym[s, f.POSITION] > 0.0:
        return max(tape.low[t, s], min(stop, tape.open[t, s]))
    return min(tape.high[t, s], max(stop, tape.open[t, s]))


@kernel
def margin_call(t: int, inside: bool, tape: Tape, books: Books) -> None:
    """Liquidate when equity is at or below maintenance × gross, at the open or inside the bar.

    Inside, all prices are taken to move together along straight lines from the open to the worst
    price (a stop that is nearer counts as the worst), and everything closes where the margin ends:
    for one symbol that is its liquidation price exactly.
    """
    sym, need = books.sym, books.conf[f.MAINTENANCE]
    at_open = at_worst = books.acct[f.CASH]
    gross = 0.0
    for s in range(sym.shape[0]):
        position = sym[s, f.POSITION]
        if position == 0.0:
            continue
        gross += abs(position)
        first = last = sym[s, f.MARK]
        if not math.isnan(tape.open[t, s]):
            first = tape.open[t, s]
            last = worst_inside(t, s, tape, books) if inside else first
        at_open += position * first - need * abs(position) * first
        at_worst += position * last - need * abs(position) * last
    if gross == 0.0 or at_worst > 0.0:
        return
    share = 0.0
    if inside:
        share = 1.0
        if at_open > at_worst:
            share = max(at_open, 0.0) / (max(at_open, 0.0) - at_worst)
    liquidate(t, share, tape, books)
