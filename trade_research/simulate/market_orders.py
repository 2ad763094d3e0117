"""From a row of targets to market orders: sizing, order of execution, shrinking, waiting."""

from __future__ import annotations

import math

from trade_research.kernels.jit import F64, kernel
from trade_research.simulate import fields as f
from trade_research.simulate.booking import add_order, affordable, execute, fill_price
from trade_research.simulate.tape import Books


@kernel
def take_targets(books: Books) -> None:
    """Read the decision row that fills at this bar; a change of target asks for a new size.

    NaN keeps what is wanted. After an exit only a target that differs from the symbol's row
    before (NaN counts as different) is listened to, once the cooldown is over.
    """
    acct, sym = books.acct, books.sym
    if acct[f.HAS_ROW] == 0.0:
        return
    d = acct[f.BAR] - acct[f.LAG]
    for s in range(sym.shape[0]):
        x = sym[s, f.TARGET]
        if math.isnan(x) and sym[s, f.WAS_ABSENT] > 0.0:
            continue  # no bar and no opinion: not a row of this symbol
        before = sym[s, f.ROW]
        sym[s, f.ROW] = x
        is_asked = False
        if math.isinf(x):
            acct[f.BAD_ROW] = d
        elif sym[s, f.LOCKED] == 0.0:
            is_asked = x != sym[s, f.HELD] and not math.isnan(x)
        elif acct[f.COOLDOWN] == 0.0 or d >= sym[s, f.EXIT_BAR] + acct[f.COOLDOWN]:
            is_asked = x != before and not math.isnan(x)
        if is_asked:
            sym[s, f.LOCKED] = 0.0
            sym[s, f.HELD] = x
            sym[s, f.PENDING] = f.SIGNAL
            sym[s, f.WAITING] = -1.0
        elif acct[f.IS_REBALANCE] > 0.0 and sym[s, f.LOCKED] == 0.0 and sym[s, f.PENDING] == 0.0:
            sym[s, f.PENDING] = f.REBALANCE


@kernel
def market_orders(phase: int, books: Books) -> None:
    """Fill what is wanted at this phase's reference prices: exits first, then entries.

    The account is valued once at the references, before any fill; within exits and within entries
    the larger cash release goes first, then the symbol's number (`semantics.md` 4.2, 4.4).
    """
    acct, sym = books.acct, books.sym
    n_symbols = sym.shape[0]
    column = f.OPEN if phase == f.AT_OPEN else f.CLOSE
    value = acct[f.CASH]
    n_wanted = 0
    for s in range(n_symbols):
        if sym[s, f.PENDING] != 0.0 or sym[s, f.DESIRED] != sym[s, f.POSITION]:
            n_wanted += 1
        price = sym[s, f.MARK] if math.isnan(sym[s, column]) else sym[s, column]
        if sym[s, f.POSITION] != 0.0:
            value += sym[s, f.POSITION] * price
    if n_wanted == 0:
        return
    acct[f.BATCH_COST] = 0.0
    n = 0
    for s in range(n_symbols):
        sym[s, f.WANT] = 0.0
        if sym[s, f.PENDING] != 0.0 or sym[s, f.DESIRED] != sym[s, f.POSITION]:
            open_order(s, sym[s, column], value, books)
        want, held = sym[s, f.WANT], sym[s, f.POSITION]
        if want * held < 0.0:
            sym[s, f.KEY] = (want if abs(want) < abs(held) else -held) * sym[s, column]
            sym[n, f.RANK] = s
            n += 1
    sort_by_release(n, sym)
    for i in range(n):
        s = int(sym[i, f.RANK])
        want, held = sym[s, f.WANT], sym[s, f.POSITION]
        trade(s, want if abs(want) < abs(held) else -held, sym[s, column], phase, books)

    n = 0
    equity, gross = acct[f.CASH], 0.0
    for s in range(n_symbols):
        held = sym[s, f.POSITION]
        if held != 0.0:
            price = sym[s, f.MARK] if math.isnan(sym[s, column]) else sym[s, column]
            equity += held * price
            gross += abs(held) * price
        rest = sym[s, f.DESIRED] - held
        if sym[s, f.WANT] != 0.0 and rest * sym[s, f.WANT] > 0.0 and rest * held >= 0.0:
            sym[s, f.KEY] = rest * sym[s, column]
            sym[n, f.RANK] = s
            n += 1
    sort_by_release(n, sym)
    for i in range(n):
        s = int(sym[i, f.RANK])
        before, spent = sym[s, f.POSITION], acct[f.BATCH_COST]
        rest = shrink(s, sym[s, f.DESIRED] - before, sym[s, column], equity, gross, books)
        trade(s, rest, sym[s, column], phase, books)
        equity -= acct[f.BATCH_COST] - spent
        gross += abs(sym[s, f.POSITION] - before) * sym[s, column]
    for s in range(n_symbols):
        if sym[s, f.WANT] != 0.0:  # what was got is what is wanted, until the target changes
            sym[s, f.DESIRED] = sym[s, f.POSITION]


@kernel
def open_order(s: int, price: float, value: float, books: Books) -> None:
    """Fix the desired units if they are not yet, and write the order; WANT is what may fill now."""
    acct, sym, orders = books.acct, books.sym, books.orders
    held, pending = sym[s, f.POSITION], sym[s, f.PENDING]
    has_bar = not math.isnan(price)
    is_refused = False
    asked = sym[s, f.DESIRED]
    if pending != 0.0:
        asked = 0.0
        if sym[s, f.HELD] != 0.0:
            asked = max(value, 0.0) * sym[s, f.HELD] / (price if has_bar else sym[s, f.MARK])
        if abs(asked - held) <= 1e-12 * abs(held):
            asked = held
        is_refused = acct[f.MARGIN] == 0.0 and asked < 0.0
        if has_bar:
            sym[s, f.ORDER_KIND] = pending
            sym[s, f.PENDING] = 0.0
            sym[s, f.DESIRED] = 0.0 if is_refused else asked
    if asked == held:
        return
    order = int(sym[s, f.WAITING])
    if order < 0:
        kind = pending if pending != 0.0 else sym[s, f.ORDER_KIND]
        order = add_order(s, acct[f.BAR] - acct[f.LAG], asked, asked - held, kind, books)
    elif has_bar:
        orders[order, f.O_DESIRED] = asked
        orders[order, f.O_QUANTITY] = asked - held
    orders[order, f.O_ATTEMPTS] += 1.0
    sym[s, f.WAITING] = order
    if sym[s, f.LAST_BAR] >= 0.0 and acct[f.BAR] > sym[s, f.LAST_BAR]:
        orders[order, f.O_REASON] = f.DELISTED
        sym[s, f.PENDING] = 0.0
        sym[s, f.WAITING] = -1.0
    elif not has_bar:
        orders[order, f.O_REASON] = f.NO_BAR
    elif sym[s, f.TRADED] == 0.0:
        orders[order, f.O_REASON] = f.NO_LIQUIDITY
    else:
        orders[order, f.O_REASON] = f.SHORT_NOT_ALLOWED if is_refused else 0.0
        sym[s, f.WAITING] = -1.0
        sym[s, f.ORDER] = order
        sym[s, f.WANT] = sym[s, f.DESIRED] - held


@kernel
def shrink(
    s: int, quantity: float, price: float, equity: float, gross: float, books: Books
) -> float:
    """An opening quantity, cut to what the account can carry; the order says why."""
    acct, orders = books.acct, books.orders
    order = int(books.sym[s, f.ORDER])
    side = 1.0 if quantity > 0.0 else -1.0
    size = abs(quantity)
    leverage, budget = 1.0, acct[f.CASH]
    if acct[f.MARGIN] > 0.0:
        leverage = acct[f.LEVERAGE]
        budget = leverage * equity - gross
    filled, _ = fill_price(s, side, size, price, books)
    most = affordable(budget, leverage, side, filled, books)
    if most >= size:
        return quantity
    if size * price <= (budget + leverage * acct[f.BATCH_COST]) * (1.0 + 1e-9):
        # Short of nothing but the costs: that is what "all in" means, not a shortfall.
        orders[order, f.O_QUANTITY] -= side * (size - most)
        orders[order, f.O_DESIRED] -= side * (size - most)
    else:
        orders[order, f.O_REASON] = f.NO_MARGIN if acct[f.MARGIN] > 0.0 else f.NO_CASH
    return side * most


@kernel
def trade(s: int, quantity: float, price: float, phase: int, books: Books) -> None:
    """Fill one part of an order in whole lots; closing a whole position takes any size."""
    sym, orders = books.sym, books.orders
    order = int(sym[s, f.ORDER])
    size, lot = abs(quantity), sym[s, f.LOT]
    if quantity == 0.0:
        return
    if quantity != -sym[s, f.POSITION]:
        lots = math.floor(size / lot + 1e-9) * lot if lot > 0.0 else size
        if abs(lots - size) > 1e-9 * size:
            orders[order, f.O_REASON] = f.LOT_ROUNDING if lots > 0.0 else f.BELOW_LOT
            quantity = lots if quantity > 0.0 else -lots
        if 0.0 < lots and lots * price < sym[s, f.MIN_NOTIONAL]:
            orders[order, f.O_REASON] = f.BELOW_MIN_NOTIONAL
            return
        if lots == 0.0:
            return
    execute(s, quantity, price, phase, int(sym[s, f.ORDER_KIND]), order, 0.0, books)


@kernel
def sort_by_release(n: int, sym: F64) -> None:
    """Order the first `n` symbols in RANK by KEY = quantity × price, then by number (Shell)."""
    gap = 1
    while gap < n // 3:
        gap = 3 * gap + 1
    while gap > 0:
        for i in range(gap, n):
            s = sym[i, f.RANK]
            key = sym[int(s), f.KEY]
            j = i
            while j >= gap:
                other = sym[j - gap, f.RANK]
                rival = sym[int(other), f.KEY]
                if not (rival > key or (rival == key and other > s)):
                    break
                sym[j, f.RANK] = other
                j -= gap
            sym[j, f.RANK] = s
        gap //= 3
