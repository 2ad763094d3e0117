"""The loop over bars, and its short cut through bars on which nothing can happen."""

from __future__ import annotations

import math

from trade_research.kernels.jit import F64, kernel
from trade_research.simulate import fields as f
from trade_research.simulate.booking import add_order
from trade_research.simulate.exit_orders import levels
from trade_research.simulate.step import close_all, step
from trade_research.simulate.tape import Books, Tape


@kernel
def run(t: int, stop: int, tape: Tape, books: Books, equity: F64, ledger: F64) -> int:
    """Bars `t` … `stop` − 1. Returns `stop`, or the bar at which a journal needs more room.

    `equity` is (n_bars,); `ledger` (n_bars, 2), cash and borrow paid, or has no rows when the
    fills tell all of the cash.
    """
    acct, sym = books.acct, books.sym
    n_symbols = sym.shape[0]
    room = f.ROWS_PER_BAR * n_symbols
    can_hold = n_symbols == 1 and acct[f.REBALANCES] == 0.0 and acct[f.BORROW] == 0.0
    while t < stop:
        if can_hold and acct[f.RUINED] == 0.0:
            t = hold(t, stop, tape, books, equity)
            if t == stop:
                break
        if acct[f.RUINED] == 0.0:
            if (
                acct[f.N_ORDERS] + room > books.orders.shape[0]
                or acct[f.N_FILLS] + room > books.fills.shape[0]
            ):
                break
            load(t, tape, books)
            step(books)
            if acct[f.DRIFTED] > 0.0:
                tape.rebalance[t] = True
        equity[t] = acct[f.EQUITY]
        if ledger.shape[0] > 0:
            ledger[t, 0] = acct[f.CASH]
            ledger[t, 1] = acct[f.BORROW_PAID]
        t += 1
    return t


@kernel
def load(t: int, tape: Tape, books: Books) -> None:
    """Put bar `t` and the decision row that fills at it into the books."""
    acct, sym = books.acct, books.sym
    d = t - int(acct[f.LAG])
    acct[f.BAR], acct[f.OPENED], acct[f.CLOSED] = t, tape.opened[t], tape.closed[t]
    has_row = d >= acct[f.START] and d >= 0
    acct[f.HAS_ROW] = 1.0 if has_row else 0.0
    acct[f.IS_REBALANCE] = 1.0 if has_row and tape.rebalance[d] else 0.0
    for s in range(sym.shape[0]):
        sym[s, f.OPEN] = tape.open[t, s]
        sym[s, f.HIGH] = tape.high[t, s]
        sym[s, f.LOW] = tape.low[t, s]
        sym[s, f.CLOSE] = tape.close[t, s]
        sym[s, f.TRADED] = tape.volume[t, s]
        if has_row:
            sym[s, f.TARGET] = tape.target[d, s]
            sym[s, f.WAS_ABSENT] = 1.0 if math.isnan(tape.close[d, s]) else 0.0


@kernel
def hold(t: int, stop: int, tape: Tape, books: Books, equity: F64) -> int:
    """Mark a single symbol through bars on which nothing can happen; returns the next bar to step.

    Same arithmetic as `step`, so that where a stretch is cut never changes a bit.
    """
    acct, sym = books.acct, books.sym
    units, cash, row = sym[0, f.POSITION], acct[f.CASH], sym[0, f.ROW]
    d = t - int(acct[f.LAG])
    if sym[0, f.PENDING] != 0.0 or sym[0, f.DESIRED] != units or d < acct[f.START] or d < 0:
        return t
    if sym[0, f.LAST_BAR] >= t:
        stop = min(stop, int(sym[0, f.LAST_BAR]))
    if units != 0.0 and acct[f.MAX_HOLD] > 0.0:
        stop = min(stop, int(sym[0, f.ENTRY_BAR] + acct[f.MAX_HOLD]))
    has_levels = units != 0.0 and (
        acct[f.STOP] + acct[f.TAKE_PROFIT] + acct[f.TRAILING] + acct[f.MARGIN] > 0.0
    )
    side = 1.0 if units > 0.0 else -1.0
    call = -side * math.inf
    if acct[f.MARGIN] > 0.0:
        # Liquidation price, a little too near: the step decides exactly.
        call = -cash / (units - acct[f.MAINTENANCE] * abs(units)) * (1.0 + side * 1e-9)
    level, _, goal = levels(0, books)
    first, is_silent = t, math.isnan(row)
    while t < stop:
        x, price = tape.target[d, 0], tape.close[t, 0]
        if (x != row and not (is_silent and math.isnan(x))) or math.isnan(price):
            break
        if has_levels:
            worst, best = tape.low[t, 0], tape.high[t, 0]
            if side < 0.0:
                worst, best = best, worst
            if (
                side * (worst - level) <= 0.0
                or side * (worst - call) <= 0.0
                or side * (best - goal) >= 0.0
            ):
                break
            if acct[f.TRAILING] > 0.0 and side * (best - sym[0, f.PEAK]) > 0.0:
                sym[0, f.PEAK] = best
                level, _, goal = levels(0, books)
        equity[t] = cash + units * price
        t += 1
        d += 1
    if t > first:
        sym[0, f.MARK] = tape.close[t - 1, 0]
        acct[f.EQUITY] = equity[t - 1]
        if acct[f.IMPACT] > 0.0:
            for k in range(t - 1, first - 1, -1):
                if tape.volume[k, 0] > 0.0:
                    sym[0, f.VOLUME] = tape.volume[k, 0]
                    break
    return t


@kernel
def finish(n_bars: int, is_final: bool, tape: Tape, books: Books) -> None:
    """The end of the data: decisions that no bar came for, and the closing out if asked.

    Of the rows still in flight only the last change of target is journaled.
    """
    acct, sym = books.acct, books.sym
    first = max(n_bars - int(acct[f.LAG]), int(acct[f.START]), 0)
    for s in range(sym.shape[0]):
        held, row = sym[s, f.HELD], sym[s, f.ROW]
        is_locked = sym[s, f.LOCKED] > 0.0
        decided = -1
        for d in range(first, n_bars):
            x = tape.target[d, s]
            if not math.isnan(x) and x != (row if is_locked else held):
                held, is_locked, decided = x, False, d
            if not (math.isnan(x) and math.isnan(tape.close[d, s])):
                row = x
        desired = 0.0 if held == 0.0 else held * acct[f.EQUITY] / sym[s, f.MARK]
        quantity = desired - sym[s, f.POSITION]
        if decided >= 0 and quantity != 0.0 and acct[f.RUINED] == 0.0:
            order = add_order(s, float(decided), desired, quantity, float(f.SIGNAL), books)
            books.orders[order, f.O_TARGET] = held
            books.orders[order, f.O_REASON] = f.END_OF_DATA
    if is_final:
        acct[f.EQUITY] = close_all(f.FINALIZE, books)
