"""The one fill step: what happens to an account during one bar, and the loop over bars.

The backtest runs the loop over all bars; the paper broker and `Simulator` run the same compiled
loop over one bar. Later kinds of account enter here: a dated cash flow before `margin_call`, a
fill model beside `market_orders`.
"""

from __future__ import annotations

import math

from trade_research.kernels.jit import kernel
from trade_research.simulate import fields as f
from trade_research.simulate.booking import add_order, execute
from trade_research.simulate.exit_orders import (
    adverse_level,
    exits_at_close,
    exits_at_open,
    exits_inside,
    favourable_level,
    margin_call,
)
from trade_research.simulate.market_orders import market_orders, take_targets
from trade_research.simulate.tape import Books, Tape


@kernel
def step(t: int, tape: Tape, books: Books) -> None:
    """One bar in the order of `semantics.md` 4.2: the open, inside, the close."""
    conf, acct = books.conf, books.acct
    has_exits = (
        conf[f.STOP] + conf[f.TAKE_PROFIT] + conf[f.TRAILING] > 0.0 or conf[f.MAX_HOLD] > 0.0
    )
    is_margin = conf[f.MARGIN] > 0.0

    if conf[f.BORROW] > 0.0:
        charge_borrow(tape.opened[t], books)
    if is_margin:
        margin_call(t, False, tape, books)
    if has_exits:
        exits_at_open(t, tape, books)
    if conf[f.AT_CLOSE] == 0.0:
        take_targets(t, tape, books)
        market_orders(t, tape.open, f.AT_OPEN, tape, books)

    if is_margin:
        margin_call(t, True, tape, books)
    if has_exits:
        exits_inside(t, tape, books)

    if conf[f.BORROW] > 0.0:
        mark(t, tape, books)
        charge_borrow(tape.closed[t], books)
    if conf[f.AT_CLOSE] > 0.0:
        exits_at_close(t, tape, books)
        take_targets(t, tape, books)
        market_orders(t, tape.close, f.AT_BAR_CLOSE, tape, books)
    mark(t, tape, books)
    delist(t, tape, books)
    equity = equity_of(books)
    if equity <= 0.0:
        close_all(t, f.LIQUIDATION, tape, books)
        acct[f.RUINED] = 1.0
        equity = equity_of(books)
    acct[f.EQUITY] = equity
    books.equity[t] = equity
    if books.ledger.shape[0] > 0:
        books.ledger[t, 0] = acct[f.CASH]
        books.ledger[t, 1] = acct[f.BORROW_PAID]
    after_close(t, equity, tape, books)


@kernel
def charge_borrow(now: int, books: Books) -> None:
    """Lending fee of the shorts held since the last charge, at their last marks (ACT/365)."""
    acct, sym = books.acct, books.sym
    since = acct[f.CLOCK]
    acct[f.CLOCK] = now
    if not math.isnan(since) and now > since:
        value = 0.0
        for s in range(sym.shape[0]):
            if sym[s, f.POSITION] < 0.0:
                value -= sym[s, f.POSITION] * sym[s, f.MARK]
        fee = value * books.conf[f.BORROW] * (now - since) / f.YEAR_US
        acct[f.CASH] -= fee
        acct[f.BORROW_PAID] += fee


@kernel
def mark(t: int, tape: Tape, books: Books) -> None:
    """Last real close of every symbol."""
    for s in range(books.sym.shape[0]):
        if not math.isnan(tape.close[t, s]):
            books.sym[s, f.MARK] = tape.close[t, s]


@kernel
def equity_of(books: Books) -> float:
    """Cash and the positions at their last real closes."""
    value = books.acct[f.CASH]
    for s in range(books.sym.shape[0]):
        if books.sym[s, f.POSITION] != 0.0:
            value += books.sym[s, f.POSITION] * books.sym[s, f.MARK]
    return value


@kernel
def close_now(t: int, s: int, kind: int, tape: Tape, books: Books) -> None:
    """Close at the last real close, whatever the bar traded: the run or the symbol ends here."""
    sym = books.sym
    position = sym[s, f.POSITION]
    order = add_order(s, t, sym[s, f.HELD], 0.0, -position, kind, books)
    books.orders[order, f.O_ATTEMPTS] = 1.0
    execute(t, s, -position, sym[s, f.MARK], f.AT_BAR_CLOSE, kind, order, False, tape, books)
    sym[s, f.DESIRED] = 0.0
    sym[s, f.PENDING] = 0.0


@kernel
def delist(t: int, tape: Tape, books: Books) -> None:
    """A position in a symbol whose last bar this is closes at its close with costs."""
    for s in range(books.sym.shape[0]):
        if books.sym[s, f.LAST_ROW] == t and books.sym[s, f.POSITION] != 0.0:
            close_now(t, s, f.DELISTING, tape, books)


@kernel
def close_all(t: int, kind: int, tape: Tape, books: Books) -> None:
    """Close every position at its last real close."""
    for s in range(books.sym.shape[0]):
        if books.sym[s, f.POSITION] != 0.0:
            close_now(t, s, kind, tape, books)


@kernel
def after_close(t: int, equity: float, tape: Tape, books: Books) -> None:
    """What the next bar may know of this one: best prices, volumes, drift from the weights."""
    conf, sym = books.conf, books.sym
    for s in range(sym.shape[0]):
        position = sym[s, f.POSITION]
        if conf[f.IMPACT] > 0.0 and tape.volume[t, s] > 0.0:
            sym[s, f.VOLUME] = tape.volume[t, s]
        is_new = sym[s, f.ENTRY_BAR] == t and sym[s, f.ENTRY_AT_CLOSE] > 0.0
        if conf[f.TRAILING] > 0.0 and position != 0.0 and not is_new:
            if position > 0.0 and tape.high[t, s] > sym[s, f.PEAK]:
                sym[s, f.PEAK] = tape.high[t, s]
            elif position < 0.0 and tape.low[t, s] < sym[s, f.PEAK]:
                sym[s, f.PEAK] = tape.low[t, s]
        if conf[f.DRIFT] > 0.0 and sym[s, f.LOCKED] == 0.0:
            weight = position * sym[s, f.MARK] / equity if position != 0.0 else 0.0
            if abs(weight - sym[s, f.HELD]) > conf[f.DRIFT]:
                tape.rebalance[t] = True


@kernel
def run(t: int, stop: int, tape: Tape, books: Books) -> int:
    """Bars `t` … `stop` − 1. Returns `stop`, or the bar at which a journal needs more room."""
    conf, acct, sym = books.conf, books.acct, books.sym
    n_symbols = sym.shape[0]
    room = f.ROWS_PER_BAR * n_symbols
    can_hold = n_symbols == 1 and conf[f.REBALANCES] == 0.0
    while t < stop:
        if acct[f.RUINED] > 0.0:
            for k in range(t, stop):
                books.equity[k] = acct[f.EQUITY]
                if books.ledger.shape[0] > 0:
                    books.ledger[k, 0] = acct[f.CASH]
                    books.ledger[k, 1] = acct[f.BORROW_PAID]
            return stop
        if can_hold and conf[f.BORROW] == 0.0:
            t = hold(t, stop, tape, books)
            if t == stop:
                return stop
        if (
            acct[f.N_ORDERS] + room > books.orders.shape[0]
            or acct[f.N_FILLS] + room > books.fills.shape[0]
        ):
            return t
        step(t, tape, books)
        t += 1
    return t


@kernel
def hold(t: int, stop: int, tape: Tape, books: Books) -> int:
    """Mark a single symbol through bars on which nothing can happen; returns the next bar to step.

    Same arithmetic as `step`, so that where a stretch is cut never changes a bit.
    """
    conf, acct, sym = books.conf, books.acct, books.sym
    units = sym[0, f.POSITION]
    d = t - int(conf[f.LAG])
    if sym[0, f.PENDING] != 0.0 or sym[0, f.DESIRED] != units or d < conf[f.START]:
        return t
    last = sym[0, f.LAST_ROW]
    if last >= t:
        stop = min(stop, int(last))
    row = sym[0, f.ROW]
    is_silent = math.isnan(row)
    cash = acct[f.CASH]
    first = t
    has_levels = conf[f.STOP] + conf[f.TAKE_PROFIT] + conf[f.TRAILING] + conf[f.MARGIN] > 0.0
    if units == 0.0:
        while t < stop:
            x = tape.target[d, 0]
            if (x != row and not (is_silent and x != x)) or math.isnan(tape.close[t, 0]):
                break
            books.equity[t] = cash
            t += 1
            d += 1
    else:
        if conf[f.MAX_HOLD] > 0.0:
            stop = min(stop, int(sym[0, f.ENTRY_BAR] + conf[f.MAX_HOLD]))
        if has_levels:
            t = hold_between_levels(t, stop, tape, books)
        else:
            while t < stop:
                x = tape.target[d, 0]
                price = tape.close[t, 0]
                if (x != row and not (is_silent and x != x)) or math.isnan(price):
                    break
                books.equity[t] = cash + units * price
                t += 1
                d += 1
    if t > first:
        sym[0, f.MARK] = tape.close[t - 1, 0]
        acct[f.EQUITY] = books.equity[t - 1]
        if conf[f.IMPACT] > 0.0:
            k = t - 1
            while k >= first and not tape.volume[k, 0] > 0.0:
                k -= 1
            if k >= first:
                sym[0, f.VOLUME] = tape.volume[k, 0]
    return t


@kernel
def hold_between_levels(t: int, stop: int, tape: Tape, books: Books) -> int:
    """The hold loop of a position with stops, targets or a margin: ends where one is touched."""
    conf, sym = books.conf, books.sym
    units, cash, row = sym[0, f.POSITION], books.acct[f.CASH], sym[0, f.ROW]
    is_silent = math.isnan(row)
    d = t - int(conf[f.LAG])
    side = 1.0 if units > 0.0 else -1.0
    call = -side * math.inf
    if conf[f.MARGIN] > 0.0:
        # Liquidation price, a little too near: the step decides exactly.
        call = -cash / (units - conf[f.MAINTENANCE] * abs(units)) * (1.0 + side * 1e-9)
    stop_level, _ = adverse_level(0, books)
    goal = favourable_level(0, books)
    is_trailing = conf[f.TRAILING] > 0.0
    while t < stop:
        x = tape.target[d, 0]
        price = tape.close[t, 0]
        if (x != row and not (is_silent and x != x)) or math.isnan(price):
            break
        high, low = tape.high[t, 0], tape.low[t, 0]
        worst, best = (low, high) if side > 0.0 else (high, low)
        if (
            side * (worst - stop_level) <= 0.0
            or side * (worst - call) <= 0.0
            or side * (best - goal) >= 0.0
        ):
            break
        books.equity[t] = cash + units * price
        if is_trailing and side * (best - sym[0, f.PEAK]) > 0.0:
            sym[0, f.PEAK] = best
            stop_level, _ = adverse_level(0, books)
        t += 1
        d += 1
    return t


@kernel
def finish(n_bars: int, is_final: bool, tape: Tape, books: Books) -> None:
    """The end of the data: decisions that no bar came for, and the closing out if asked."""
    acct, sym = books.acct, books.sym
    last = n_bars - 1
    if acct[f.RUINED] == 0.0:
        for s in range(sym.shape[0]):
            in_flight(s, n_bars, tape, books)
    if is_final:
        close_all(last, f.FINALIZE, tape, books)
        books.equity[last] = equity_of(books)
        acct[f.EQUITY] = books.equity[last]
        if books.ledger.shape[0] > 0:
            books.ledger[last, 0] = acct[f.CASH]


@kernel
def in_flight(s: int, n_bars: int, tape: Tape, books: Books) -> None:
    """Journal the last change of target that the data ends before; nothing else changes."""
    sym, conf = books.sym, books.conf
    held, row = sym[s, f.HELD], sym[s, f.ROW]
    is_locked = sym[s, f.LOCKED] > 0.0
    first = max(n_bars - int(conf[f.LAG]), int(conf[f.START]))
    for d in range(first, n_bars):
        x = tape.target[d, s]
        if math.isnan(x):
            row = row if math.isnan(tape.close[d, s]) else x
            continue
        is_new = x != row if is_locked else x != held
        row = x
        if is_new:
            held, is_locked = x, False
            desired = x * books.acct[f.EQUITY] / sym[s, f.MARK] if x != 0.0 else 0.0
            quantity = desired - sym[s, f.POSITION]
            if quantity != 0.0:
                order = add_order(s, d, x, desired, quantity, f.SIGNAL, books)
                books.orders[order, f.O_REASON] = f.END_OF_DATA
