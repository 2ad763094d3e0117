"""From a row of targets to market orders: sizing, order of execution, shrinking, waiting."""

from __future__ import annotations

import math

from trade_research.kernels.jit import F64, I64, kernel
from trade_research.simulate import fields as f
from trade_research.simulate.booking import (
    add_order,
    affordable,
    execute,
    fill_price,
    whole_lots,
)
from trade_research.simulate.exit_orders import is_dry
from trade_research.simulate.tape import Books, Tape


@kernel
def take_targets(t: int, tape: Tape, books: Books) -> None:
    """Read the decision row that fills at bar `t`; a change of target asks for a new size.

    NaN keeps what is wanted. After an exit only a target that differs from the symbol's row
    before (NaN counts as different) is listened to, once the cooldown is over.
    """
    conf, sym = books.conf, books.sym
    d = t - int(conf[f.LAG])
    if d < conf[f.START]:
        return
    is_rebalance = tape.rebalance[d]
    for s in range(sym.shape[0]):
        x = tape.target[d, s]
        if math.isnan(x) and math.isnan(tape.close[d, s]):
            continue  # no bar and no opinion: not a row of this symbol
        before = sym[s, f.ROW]
        sym[s, f.ROW] = x
        if not math.isnan(x):
            if math.isinf(x):
                books.acct[f.BAD_ROW] = d
            elif sym[s, f.LOCKED] > 0.0:
                wait = conf[f.COOLDOWN]
                is_over = wait == 0.0 or d >= sym[s, f.EXIT_BAR] + wait
                if is_over and x != before:
                    sym[s, f.LOCKED] = 0.0
                    ask(s, x, f.SIGNAL, sym)
            elif x != sym[s, f.HELD]:
                ask(s, x, f.SIGNAL, sym)
        if is_rebalance and sym[s, f.LOCKED] == 0.0 and sym[s, f.PENDING] == 0.0:
            sym[s, f.PENDING] = f.REBALANCE


@kernel
def ask(s: int, target: float, kind: int, sym: F64) -> None:
    """Put a target in force; its units are fixed at the first reference price there is."""
    sym[s, f.HELD] = target
    sym[s, f.PENDING] = kind
    sym[s, f.WAITING] = -1.0


@kernel
def market_orders(t: int, prices: F64, phase: int, tape: Tape, books: Books) -> None:
    """Fill what is wanted at this bar's reference prices: exits first, then entries.

    The account is valued once at the references, before any fill; within exits and within entries
    the larger cash release goes first, then the symbol's number (`semantics.md` 4.2, 4.4).
    """
    acct, sym, rank = books.acct, books.sym, books.rank
    n_symbols = sym.shape[0]
    is_idle = True
    for s in range(n_symbols):
        if sym[s, f.PENDING] != 0.0 or sym[s, f.DESIRED] != sym[s, f.POSITION]:
            is_idle = False
            break
    if is_idle:
        return
    acct[f.BATCH_COST] = 0.0
    value = acct[f.CASH]
    for s in range(n_symbols):
        price = prices[t, s]
        value += sym[s, f.POSITION] * (sym[s, f.MARK] if math.isnan(price) else price)
    n_exits = 0
    for s in range(n_symbols):
        sym[s, f.WANT] = 0.0
        if sym[s, f.PENDING] != 0.0 or sym[s, f.DESIRED] != sym[s, f.POSITION]:
            open_order(t, s, prices[t, s], value, tape, books)
        want, held = sym[s, f.WANT], sym[s, f.POSITION]
        if want * held < 0.0:
            part = want if abs(want) < abs(held) else -held
            sym[s, f.KEY] = part * prices[t, s]
            rank[n_exits] = s
            n_exits += 1
    sort_by_release(rank, n_exits, sym)
    for i in range(n_exits):
        reduce_position(t, rank[i], prices, phase, tape, books)

    n_entries = 0
    for s in range(n_symbols):
        rest = sym[s, f.DESIRED] - sym[s, f.POSITION]
        if sym[s, f.WANT] != 0.0:
            if rest == 0.0:
                done(s, sym)
            else:
                sym[s, f.KEY] = rest * prices[t, s]
                rank[n_entries] = s
                n_entries += 1
    if n_entries == 0:
        return
    sort_by_release(rank, n_entries, sym)
    equity, gross = acct[f.CASH], 0.0
    for s in range(n_symbols):
        price = sym[s, f.MARK] if math.isnan(prices[t, s]) else prices[t, s]
        if sym[s, f.POSITION] != 0.0:
            equity += sym[s, f.POSITION] * price
            gross += abs(sym[s, f.POSITION]) * price
    for i in range(n_entries):
        s = rank[i]
        before, spent = sym[s, f.POSITION], acct[f.BATCH_COST]
        add_position(t, s, equity, gross, prices, phase, tape, books)
        equity -= acct[f.BATCH_COST] - spent
        gross += abs(sym[s, f.POSITION] - before) * prices[t, s]


@kernel
def open_order(t: int, s: int, price: float, value: float, tape: Tape, books: Books) -> None:
    """Fix the desired units if they are not yet, and write the order; WANT is what may fill now."""
    conf, sym, orders = books.conf, books.sym, books.orders
    held = sym[s, f.POSITION]
    asked = sym[s, f.DESIRED]
    has_bar = not math.isnan(price)
    is_short_refused = False
    if sym[s, f.PENDING] != 0.0:
        weight = sym[s, f.HELD]
        asked = max(value, 0.0) * weight / (price if has_bar else sym[s, f.MARK])
        if weight == 0.0:
            asked = 0.0
        is_short_refused = conf[f.MARGIN] == 0.0 and asked < 0.0
        if abs(asked - held) <= 1e-12 * max(abs(asked), abs(held)):
            asked = held
        if has_bar:
            sym[s, f.ORDER_KIND] = sym[s, f.PENDING]
            sym[s, f.PENDING] = 0.0
            sym[s, f.DESIRED] = 0.0 if is_short_refused else asked
    if asked == held:
        return
    order = int(sym[s, f.WAITING])
    if order < 0:
        kind = sym[s, f.PENDING] if sym[s, f.PENDING] != 0.0 else sym[s, f.ORDER_KIND]
        decided = t - int(conf[f.LAG])
        order = add_order(s, decided, sym[s, f.HELD], asked, asked - held, int(kind), books)
    elif orders[order, f.O_FILLED] == 0.0:
        orders[order, f.O_DESIRED] = asked
        orders[order, f.O_QUANTITY] = asked - held
    orders[order, f.O_ATTEMPTS] += 1.0
    sym[s, f.WAITING] = order
    last = sym[s, f.LAST_ROW]
    if last >= 0.0 and t > last:
        orders[order, f.O_REASON] = f.DELISTED
        sym[s, f.PENDING] = 0.0
        done(s, sym)
    elif not has_bar:
        orders[order, f.O_REASON] = f.NO_BAR
    elif is_dry(t, s, tape):
        orders[order, f.O_REASON] = f.NO_LIQUIDITY
    else:
        orders[order, f.O_REASON] = f.SHORT_NOT_ALLOWED if is_short_refused else 0.0
        sym[s, f.ORDER] = order
        sym[s, f.WANT] = sym[s, f.DESIRED] - held
        if sym[s, f.WANT] == 0.0:
            done(s, sym)


@kernel
def done(s: int, sym: F64) -> None:
    """What the position is now is what is wanted, until the target changes."""
    sym[s, f.DESIRED] = sym[s, f.POSITION]
    sym[s, f.WANT] = 0.0
    sym[s, f.WAITING] = -1.0


@kernel
def by_rules(s: int, size: float, price: float, order: int, books: Books) -> float:
    """`size` in whole lots, 0 below one lot or below the minimum notional; the order says why."""
    sym, orders = books.sym, books.orders
    lots = whole_lots(size, sym[s, f.LOT])
    if abs(lots - size) > 1e-9 * size:
        orders[order, f.O_REASON] = f.LOT_ROUNDING if lots > 0.0 else f.BELOW_LOT
    if 0.0 < lots and lots * price < sym[s, f.MIN_NOTIONAL]:
        orders[order, f.O_REASON] = f.BELOW_MIN_NOTIONAL
        return 0.0
    return lots


@kernel
def reduce_position(t: int, s: int, prices: F64, phase: int, tape: Tape, books: Books) -> None:
    """The part of an order that brings the position nearer to zero; whole closes take any size."""
    sym = books.sym
    want, held, price = sym[s, f.WANT], sym[s, f.POSITION], prices[t, s]
    order, kind = int(sym[s, f.ORDER]), int(sym[s, f.ORDER_KIND])
    if abs(want) >= abs(held):
        execute(t, s, -held, price, phase, kind, order, False, tape, books)
        return
    size = by_rules(s, abs(want), price, order, books)
    if size > 0.0:
        quantity = size if want > 0.0 else -size
        execute(t, s, quantity, price, phase, kind, order, False, tape, books)
    done(s, sym)


@kernel
def add_position(
    t: int,
    s: int,
    equity: float,
    gross: float,
    prices: F64,
    phase: int,
    tape: Tape,
    books: Books,
) -> None:
    """The part of an order that opens or adds, shrunk to what the account can carry."""
    conf, acct, sym, orders = books.conf, books.acct, books.sym, books.orders
    price = prices[t, s]
    order, kind = int(sym[s, f.ORDER]), int(sym[s, f.ORDER_KIND])
    rest = sym[s, f.DESIRED] - sym[s, f.POSITION]
    side = 1.0 if rest > 0.0 else -1.0
    size = abs(rest)
    leverage, budget = 1.0, acct[f.CASH]
    if conf[f.MARGIN] > 0.0:
        leverage = conf[f.LEVERAGE]
        budget = leverage * equity - gross
    most = affordable(budget, leverage, side, fill_price(s, side, size, price, books), books)
    if most < size:
        # Short of nothing but the costs: that is what "all in" means, not a shortfall.
        is_all_in = size * price <= (budget + leverage * acct[f.BATCH_COST]) * (1.0 + 1e-9)
        if is_all_in:
            orders[order, f.O_QUANTITY] -= side * (size - most)
            orders[order, f.O_DESIRED] -= side * (size - most)
        else:
            orders[order, f.O_REASON] = f.NO_MARGIN if conf[f.MARGIN] > 0.0 else f.NO_CASH
        size = most
    if size > 0.0:
        size = by_rules(s, size, price, order, books)
    if size > 0.0:
        execute(t, s, side * size, price, phase, kind, order, False, tape, books)
    done(s, sym)


@kernel
def sort_by_release(rank: I64, n: int, sym: F64) -> None:
    """Order the first `n` symbols of `rank` by KEY = quantity × price, then by number (Shell)."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            s = rank[i]
            key = sym[s, f.KEY]
            j = i
            while j >= gap and (
                sym[rank[j - gap], f.KEY] > key
                or (sym[rank[j - gap], f.KEY] == key and rank[j - gap] > s)
            ):
                rank[j] = rank[j - gap]
                j -= gap
            rank[j] = s
        gap //= 3
