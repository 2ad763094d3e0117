"""The loop over bars, and its short cut through bars on which nothing can happen."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trade_research.kernels.ahead import fetch
from trade_research.kernels.jit import F64, bare_kernel, inner_kernel
from trade_research.simulate import codes as k
from trade_research.simulate.booking import add_order
from trade_research.simulate.exit_orders import levels
from trade_research.simulate.perpetual import call_price
from trade_research.simulate.records import Acct, Books, FlowRow, Sym, Tape
from trade_research.simulate.step import close_all, step

AHEAD = 200  # bars looked ahead: some hundred nanoseconds, what memory takes to answer


@bare_kernel
def run(t: int, stop: int, tape: Tape, books: Books, equity: F64, ledger: F64) -> int:
    """Bars `t` … `stop` − 1. Returns `stop`, or the bar at which a journal needs more room.

    `equity` is (n_bars,); `ledger` (n_bars, 2), cash and what was paid beside the fills (borrowing,
    funding), or has no rows when the fills tell all of the cash.
    """
    acct, syms, orders, fills = books.acct[0], books.syms, books.orders, books.fills
    flows = books.flows
    room = k.ROWS_PER_BAR * len(syms)
    can_hold = len(syms) == 1 and acct.is_rebalancing == 0 and acct.borrow == 0.0
    while t < stop:
        if can_hold and acct.is_ruined == 0:
            first = t
            t = hold(t, stop, tape, acct, syms[0], flows, equity)
            if ledger.shape[0] > 0:
                for b in range(first, t):
                    ledger[b, 0], ledger[b, 1] = acct.cash, acct.funding_paid
            if t == stop:
                break
        if acct.is_ruined == 0:
            if acct.n_orders + room > len(orders) or acct.n_fills + room > len(fills):
                break
            load(t, tape, acct, syms)
            step(acct, syms, flows, orders, fills)
            if acct.is_drifted != 0:
                tape.rebalance[t] = True
        equity[t] = acct.equity
        if ledger.shape[0] > 0:
            ledger[t, 0] = acct.cash
            ledger[t, 1] = acct.borrow_paid + acct.funding_paid
        t += 1
    return t


@bare_kernel
def run_each(t: int, stop: int, tape: Tape, books: Books, equity: F64, ledger: F64) -> int:
    """As `run`, entering it anew for every bar, as the paper broker does."""
    while t < stop and run(t, t + 1, tape, books, equity, ledger) > t:
        t += 1
    return t


@bare_kernel
def is_new(target: F64, syms: Sequence[Sym], is_rebalance: bool) -> bool:
    """Whether a row of targets, (n_symbols,), has an opinion that is not in force already."""
    for s in range(len(target)):
        me, x = syms[s], target[s]
        is_free = me.is_locked == 0
        if not math.isnan(x) and (
            x != (me.held if is_free else me.row) or (is_rebalance and is_free and me.held != 0.0)
        ):
            return True
    return False


@inner_kernel
def load(t: int, tape: Tape, acct: Acct, syms: Sequence[Sym]) -> None:
    """Put bar `t` and the decision row that fills at it into the books."""
    d = t - acct.lag
    has_row = d >= acct.start and d >= 0
    acct.bar = t
    if acct.borrow > 0.0:
        acct.opened, acct.closed = tape.opened[t], tape.closed[t]
    acct.has_row = 1 if has_row else 0
    acct.is_rebalance = 1 if acct.is_rebalancing != 0 and has_row and tape.rebalance[d] else 0
    for s in range(len(syms)):
        me = syms[s]
        me.open, me.close, me.volume = tape.open[t, s], tape.close[t, s], tape.volume[t, s]
        if acct.has_range != 0:  # memory not touched is time not spent
            me.high, me.low = tape.high[t, s], tape.low[t, s]
        if has_row:
            me.target = tape.target[d, s]
            me.was_absent = 1 if math.isnan(tape.close[d, s]) else 0


@inner_kernel
def hold(
    t: int, stop: int, tape: Tape, acct: Acct, me: Sym, flows: Sequence[FlowRow], equity: F64
) -> int:
    """Mark a single symbol through bars on which nothing can happen; returns the next bar to step.

    Same arithmetic as `step`, so that where a stretch is cut never changes a bit.
    """
    units, cash, row = me.position, acct.cash, me.row
    d = t - acct.lag
    if me.pending != 0 or me.desired != units or d < acct.start or d < 0:
        return t
    if me.last_bar >= t:
        stop = min(stop, me.last_bar)
    if acct.n_flows < len(flows):
        stop = min(stop, flows[acct.n_flows].bar)
    if units != 0.0 and acct.max_hold > 0:
        stop = min(stop, me.entry_bar + acct.max_hold)
    has_levels = units != 0.0 and (
        acct.stop + acct.take_profit + acct.trailing > 0.0 or acct.is_margin != 0
    )
    side = 1.0 if units > 0.0 else -1.0
    call = -side * math.inf
    if acct.is_margin != 0 and units != 0.0:
        # Liquidation price, a little too near: the step decides exactly.
        if acct.is_isolated != 0:
            call = call_price(acct, me)
        else:
            call = -cash / (units - acct.maintenance * abs(units))
        call *= 1.0 + side * 1e-9
    level, _, goal = levels(acct, me)
    first, is_silent, is_trailing = t, math.isnan(row), acct.trailing > 0.0
    target, close, high, low = tape.target, tape.close, tape.high, tape.low
    far, end, before = d + AHEAD, target.shape[0] - acct.lag, row
    if far < end:
        before = target[far - 1, 0]
    while t < stop:
        if far < end:
            y = target[far, 0]
            if y != before:  # a trade to come: have its bar near by then
                before = y
                fetch(tape.open, far + acct.lag)
                fetch(tape.volume, far + acct.lag)
            far += 1
        x, price = target[d, 0], close[t, 0]
        if (x != row and not (is_silent and math.isnan(x))) or math.isnan(price):
            break
        if has_levels:
            worst, best = low[t, 0], high[t, 0]
            if side < 0.0:
                worst, best = best, worst
            if (
                side * (worst - level) <= 0.0
                or side * (worst - call) <= 0.0
                or side * (best - goal) >= 0.0
            ):
                break
            if is_trailing and side * (best - me.peak) > 0.0:
                me.peak = best
                level, _, goal = levels(acct, me)
        equity[t] = cash + units * price
        t += 1
        d += 1
    if t > first:
        me.mark = close[t - 1, 0]
        acct.equity = equity[t - 1]
        if acct.impact > 0.0:
            for b in range(t - 1, first - 1, -1):
                if tape.volume[b, 0] > 0.0:
                    me.known_volume = tape.volume[b, 0]
                    break
    return t


@bare_kernel
def finish(n_bars: int, is_final: bool, tape: Tape, books: Books) -> None:
    """The end of the data: decisions that no bar came for, and the closing out if asked.

    Of the rows still in flight only the last change of target is journaled.
    """
    acct, syms, orders = books.acct[0], books.syms, books.orders
    first = max(n_bars - acct.lag, acct.start, 0)
    for s in range(len(syms)):
        me = syms[s]
        held, row, is_locked = me.held, me.row, me.is_locked != 0
        decided = -1
        for d in range(first, n_bars):
            x = tape.target[d, s]
            if not math.isnan(x) and x != (row if is_locked else held):
                held, is_locked, decided = x, False, d
            if not (math.isnan(x) and math.isnan(tape.close[d, s])):
                row = x
        desired = 0.0 if held == 0.0 else held * acct.equity / me.mark
        quantity = desired - me.position
        if decided >= 0 and quantity != 0.0 and acct.is_ruined == 0:
            i = add_order(s, decided, desired, quantity, k.SIGNAL, acct, me, orders)
            order = orders[i]
            order.target, order.reason = held, k.END_OF_DATA
    load(n_bars - 1, tape, acct, syms)
    if is_final:
        acct.equity = close_all(k.FINALIZE, acct, syms, orders, books.fills)


@bare_kernel
def halt(t: int, tape: Tape, books: Books, equity: F64) -> None:
    """Close everything at the last real closes, after bar `t`, and want nothing any more."""
    acct, syms = books.acct[0], books.syms
    load(t, tape, acct, syms)
    acct.equity = close_all(k.HALT, acct, syms, books.orders, books.fills)
    equity[t] = acct.equity
    for s in range(len(syms)):
        me = syms[s]
        me.held, me.desired, me.pending, me.is_locked = 0.0, 0.0, 0, 0
        me.waiting, me.waiting_exit = -1, -1
