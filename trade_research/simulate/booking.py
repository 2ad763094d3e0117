"""Prices, fees and entries in the books: how one order row and one fill come about."""

from __future__ import annotations

import math

from trade_research.kernels.jit import kernel
from trade_research.simulate import fields as f
from trade_research.simulate.tape import Books


@kernel
def fill_price(
    s: int, side: float, size: float, ref: float, books: Books
) -> tuple[float, float]:
    """``ref × (1 + side × s)``, rounded against us to the symbol's tick; and the impact in it.

    The impact is a fraction of the price: rate × √(share of the last volume known before the bar).
    """
    acct, sym = books.acct, books.sym
    impact = 0.0
    if acct[f.IMPACT] > 0.0 and sym[s, f.VOLUME] > 0.0:
        impact = acct[f.IMPACT] * math.sqrt(size / sym[s, f.VOLUME])
    price = ref * (1.0 + side * (acct[f.SLIPPAGE] + acct[f.HALF_SPREAD] + impact))
    tick = sym[s, f.TICK]
    if tick > 0.0:
        steps = price / tick
        near = math.floor(steps + 0.5)
        if abs(steps - near) > 1e-9 * steps:
            near = math.ceil(steps) if side > 0.0 else math.floor(steps)
        price = near * tick
    return price, impact


@kernel
def execute(
    s: int,
    quantity: float,
    ref: float,
    phase: int,
    kind: int,
    order: int,
    ambiguous: float,
    books: Books,
) -> None:
    """Fill `quantity` (signed, never through zero) at `ref` with costs, and book it."""
    acct, sym, fills = books.acct, books.sym, books.fills
    side = 1.0 if quantity > 0.0 else -1.0
    size = abs(quantity)
    price, impact = fill_price(s, side, size, ref, books)
    notional = size * price
    rate = acct[f.MAKER_FEE] if kind == f.TARGET_HIT else acct[f.FEE]
    fee = max(acct[f.MIN_FEE], rate * notional + acct[f.FEE_PER_UNIT] * size) + acct[f.FIXED_FEE]
    tax = acct[f.SELL_TAX] * notional if side < 0.0 else 0.0
    cash = acct[f.CASH] - (quantity * price + fee + tax)
    if abs(cash) <= 1e-12 * notional:
        cash = 0.0  # all-in leaves a rounding error, not money
    acct[f.CASH] = cash
    moved = size * abs(price - ref)
    spread = size * ref * acct[f.HALF_SPREAD]
    pushed = size * ref * impact
    acct[f.BATCH_COST] += fee + tax + moved

    held = sym[s, f.POSITION]
    after = held + quantity
    if held == 0.0:
        sym[s, f.ENTRY_PRICE] = price
        sym[s, f.ENTRY_BAR] = acct[f.BAR]
        sym[s, f.ENTRY_AT_CLOSE] = 1.0 if phase == f.AT_BAR_CLOSE else 0.0
        sym[s, f.PEAK] = price
    elif held * quantity > 0.0:
        was = sym[s, f.ENTRY_PRICE]
        sym[s, f.ENTRY_PRICE] = (was * abs(held) + price * size) / (abs(held) + size)
    sym[s, f.POSITION] = after

    i = int(acct[f.N_FILLS])
    acct[f.N_FILLS] = i + 1.0
    fills[i, f.F_ORDER] = order
    fills[i, f.F_SYMBOL] = s
    fills[i, f.F_BAR] = acct[f.BAR]
    fills[i, f.F_PHASE] = phase
    fills[i, f.F_QUANTITY] = quantity
    fills[i, f.F_REFERENCE] = ref
    fills[i, f.F_PRICE] = price
    fills[i, f.F_FEE] = fee
    fills[i, f.F_SPREAD] = spread
    fills[i, f.F_SLIPPAGE] = moved - spread - pushed  # the tick's rounding counts as slippage
    fills[i, f.F_IMPACT] = pushed
    fills[i, f.F_TAX] = tax
    fills[i, f.F_KIND] = kind
    fills[i, f.F_AMBIGUOUS] = ambiguous
    fills[i, f.F_OUTSIDE] = 0.0
    if price < sym[s, f.LOW] or price > sym[s, f.HIGH]:
        fills[i, f.F_OUTSIDE] = 1.0
    fills[i, f.F_POSITION] = after
    fills[i, f.F_CASH] = cash
    books.orders[order, f.O_FILLED] += quantity


@kernel
def affordable(budget: float, leverage: float, side: float, price: float, books: Books) -> float:
    """Largest opening quantity at `price` that the budget carries, costs included.

    ``q = (budget − L·fixed) / (price + L·(rate·price + per_unit))``: with leverage 1 the all-in
    quantity of `semantics.md` 4.4.
    """
    acct = books.acct
    rate, unit = acct[f.FEE], acct[f.FEE_PER_UNIT]
    tax = acct[f.SELL_TAX] if side < 0.0 else 0.0
    fixed, least = acct[f.FIXED_FEE], acct[f.MIN_FEE]
    q = (budget - leverage * fixed) / (price + leverage * ((rate + tax) * price + unit))
    if rate * q * price + unit * q < least:
        q = (budget - leverage * (fixed + least)) / (price * (1.0 + leverage * tax))
    return max(q, 0.0)


@kernel
def add_order(
    s: int, decided: float, desired: float, quantity: float, kind: float, books: Books
) -> int:
    """Open a row in the order journal, under the target in force; returns its number."""
    orders = books.orders
    i = int(books.acct[f.N_ORDERS])
    books.acct[f.N_ORDERS] = i + 1.0
    orders[i, f.O_SYMBOL] = s
    orders[i, f.O_DECIDED] = decided
    orders[i, f.O_TARGET] = books.sym[s, f.HELD]
    orders[i, f.O_DESIRED] = desired
    orders[i, f.O_QUANTITY] = quantity
    orders[i, f.O_FILLED] = 0.0
    orders[i, f.O_KIND] = kind
    orders[i, f.O_REASON] = 0.0
    orders[i, f.O_ATTEMPTS] = 0.0
    return i
