"""Prices, fees and entries in the books: how one order row and one fill come about."""

from __future__ import annotations

import math

from trade_research.kernels.jit import kernel
from trade_research.simulate import fields as f
from trade_research.simulate.tape import Books, Tape


@kernel
def impact_of(size: float, volume: float, books: Books) -> float:
    """Impact as a fraction of the price: rate × √(share of the last known volume)."""
    if books.conf[f.IMPACT] > 0.0 and volume > 0.0:
        return books.conf[f.IMPACT] * math.sqrt(size / volume)
    return 0.0


@kernel
def fill_price(s: int, side: float, size: float, ref: float, books: Books) -> float:
    """``ref × (1 + side × s)``, then rounded against us to the symbol's tick."""
    conf = books.conf
    impact = impact_of(size, books.sym[s, f.VOLUME], books)
    price = ref * (1.0 + side * (conf[f.SLIPPAGE] + conf[f.HALF_SPREAD] + impact))
    tick = books.sym[s, f.TICK]
    if tick > 0.0:
        steps = price / tick
        near = math.floor(steps + 0.5)
        if abs(steps - near) > 1e-9 * max(1.0, abs(steps)):
            near = math.ceil(steps) if side > 0.0 else math.floor(steps)
        price = near * tick
    return price


@kernel
def affordable(budget: float, leverage: float, side: float, price: float, books: Books) -> float:
    """Largest opening quantity at `price` that the budget carries, costs included.

    ``q = (budget − L·fixed) / (price + L·(rate·price + per_unit))``: with leverage 1 the all-in
    quantity of `semantics.md` 4.4.
    """
    conf = books.conf
    rate = conf[f.FEE]
    tax = conf[f.SELL_TAX] if side < 0.0 else 0.0
    fixed, least = conf[f.FIXED_FEE], conf[f.MIN_FEE]
    unit = conf[f.FEE_PER_UNIT]
    q = (budget - leverage * fixed) / (price + leverage * ((rate + tax) * price + unit))
    if rate * q * price + unit * q < least:
        q = (budget - leverage * (fixed + least)) / (price * (1.0 + leverage * tax))
    return max(q, 0.0)


@kernel
def whole_lots(size: float, lot: float) -> float:
    """`size` rounded toward zero to lots; sizes within 1e-9 of a whole number of lots are whole."""
    if lot <= 0.0:
        return size
    return math.floor(size / lot + 1e-9) * lot


@kernel
def add_order(
    s: int,
    decided: int,
    target: float,
    desired: float,
    quantity: float,
    kind: int,
    books: Books,
) -> int:
    """Open a row in the order journal; returns its number."""
    i = int(books.acct[f.N_ORDERS])
    row = books.orders[i]
    row[f.O_SYMBOL] = s
    row[f.O_DECIDED] = decided
    row[f.O_TARGET] = target
    row[f.O_DESIRED] = desired
    row[f.O_QUANTITY] = quantity
    row[f.O_FILLED] = 0.0
    row[f.O_KIND] = kind
    row[f.O_REASON] = 0.0
    row[f.O_ATTEMPTS] = 0.0
    books.acct[f.N_ORDERS] = i + 1.0
    return i


@kernel
def execute(
    t: int,
    s: int,
    quantity: float,
    ref: float,
    phase: int,
    kind: int,
    order: int,
    ambiguous: bool,
    tape: Tape,
    books: Books,
) -> None:
    """Fill `quantity` (signed, never through zero) at `ref` with costs, and book it."""
    conf, acct, sym = books.conf, books.acct, books.sym
    side = 1.0 if quantity > 0.0 else -1.0
    size = abs(quantity)
    impact = impact_of(size, sym[s, f.VOLUME], books)
    price = fill_price(s, side, size, ref, books)
    notional = size * price
    rate = conf[f.MAKER_FEE] if kind == f.TARGET_HIT else conf[f.FEE]
    fee = max(conf[f.MIN_FEE], rate * notional + conf[f.FEE_PER_UNIT] * size) + conf[f.FIXED_FEE]
    tax = conf[f.SELL_TAX] * notional if side < 0.0 else 0.0
    cash = acct[f.CASH] - (quantity * price + fee + tax)
    if abs(cash) <= 1e-12 * notional:
        cash = 0.0  # all-in leaves a rounding error, not money
    acct[f.CASH] = cash
    spread = size * ref * conf[f.HALF_SPREAD]
    pushed = size * ref * impact
    slipped = size * abs(price - ref) - spread - pushed  # the tick's rounding counts as slippage
    acct[f.BATCH_COST] += fee + tax + size * abs(price - ref)

    held = sym[s, f.POSITION]
    after = held + quantity
    if held == 0.0:
        sym[s, f.ENTRY_PRICE] = price
        sym[s, f.ENTRY_BAR] = t
        sym[s, f.ENTRY_AT_CLOSE] = 1.0 if phase == f.AT_BAR_CLOSE else 0.0
        sym[s, f.PEAK] = price
    elif held * quantity > 0.0:
        was = sym[s, f.ENTRY_PRICE]
        sym[s, f.ENTRY_PRICE] = (was * abs(held) + price * size) / (abs(held) + size)
    sym[s, f.POSITION] = after

    i = int(acct[f.N_FILLS])
    row = books.fills[i]
    row[f.F_ORDER] = order
    row[f.F_SYMBOL] = s
    row[f.F_BAR] = t
    row[f.F_PHASE] = phase
    row[f.F_QUANTITY] = quantity
    row[f.F_REFERENCE] = ref
    row[f.F_PRICE] = price
    row[f.F_FEE] = fee
    row[f.F_SPREAD] = spread
    row[f.F_SLIPPAGE] = slipped
    row[f.F_IMPACT] = pushed
    row[f.F_TAX] = tax
    row[f.F_KIND] = kind
    row[f.F_AMBIGUOUS] = 1.0 if ambiguous else 0.0
    row[f.F_OUTSIDE] = 1.0 if price < tape.low[t, s] or price > tape.high[t, s] else 0.0
    row[f.F_POSITION] = after
    row[f.F_CASH] = cash
    acct[f.N_FILLS] = i + 1.0
    books.orders[order, f.O_FILLED] += quantity
