"""What an order against a book's levels costs, by the rules of a run."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel
from trade_research.simulate.book_codes import MAX_HOLD, STOP, TAKE_PROFIT, TRAILING


class BookRules(NamedTuple):
    """What a run depends on beside books and targets; fractions, units and nanoseconds."""

    fee: float
    min_fee: float
    fixed_fee: float
    per_unit: float
    sell_tax: float
    stop: float
    take_profit: float
    trailing: float
    max_hold: int
    cooldown: int
    lot: float
    min_notional: float
    max_age: int
    leverage: float
    is_spot: bool


@inner_kernel
def walk(price: F64, size: F64, quantity: float) -> tuple[float, float]:
    """Units filled and money paid by taking `quantity` level by level from the best on."""
    left, money = quantity, 0.0
    for i in range(price.size):
        if not size[i] > 0.0:
            break
        take = min(size[i], left)
        money += take * price[i]
        left -= take
        if left <= 0.0:
            return quantity, money
    return quantity - left, money


@kernel
def walk_cost(price: F64, size: F64, quantity: float) -> tuple[float, float]:
    """`walk` for callers in Python."""
    return walk(price, size, quantity)


@kernel
def walk_each(price: F64, size: F64, quantity: float) -> F64:
    """Mean price of `quantity` taken at once from each of many books, (n, k) to (n,).

    NaN where a book does not hold as much.
    """
    out = np.full(price.shape[0], np.nan)
    for i in range(out.size):
        got, money = walk(price[i], size[i], quantity)
        if got >= quantity * (1.0 - 1e-12):
            out[i] = money / got
    return out


@inner_kernel
def fee_of(rules: BookRules, units: float, money: float, is_sale: bool) -> float:
    """Fees and tax of a fill of `units` for `money`."""
    tax = rules.sell_tax * money if is_sale else 0.0
    return max(rules.min_fee, rules.fee * money + rules.per_unit * units) + rules.fixed_fee + tax


@kernel
def close_cost(
    price: F64, size: F64, quantity: float, rules: BookRules, is_sale: bool
) -> tuple[float, float]:
    """Money and fee of `quantity` at once; what the levels do not hold goes at the last of them."""
    got, money = walk(price, size, quantity)
    worst = price[0]
    for i in range(price.size):
        if not size[i] > 0.0:
            break
        worst = price[i]
    money += (quantity - got) * worst
    return money, fee_of(rules, quantity, money, is_sale)


@inner_kernel
def exit_reason(
    rules: BookRules, position: float, touch: float, entry: float, best: float, held: int
) -> int:
    """Which exit asks for the position to be closed at the touch price; -1: none."""
    side = 1.0 if position > 0.0 else -1.0
    gain = side * (touch / entry - 1.0)
    if rules.stop > 0.0 and gain <= -rules.stop:
        return STOP
    if rules.take_profit > 0.0 and gain >= rules.take_profit:
        return TAKE_PROFIT
    if rules.trailing > 0.0 and side * (touch / best - 1.0) <= -rules.trailing:
        return TRAILING
    if rules.max_hold > 0 and held > rules.max_hold:
        return MAX_HOLD
    return -1


@inner_kernel
def rounded(quantity: float, lot: float) -> float:
    """`quantity` in whole lots, towards zero; a hair below a lot counts as the lot."""
    if lot <= 0.0:
        return quantity
    whole: float = np.sign(quantity) * np.floor(abs(quantity) / lot + 1e-9) * lot
    return whole


@inner_kernel
def affordable(price: F64, size: F64, cash: float, rules: BookRules) -> float:
    """Units that `cash` can buy from the levels, fees included."""
    left, units = cash - rules.fixed_fee - rules.min_fee, 0.0
    for i in range(price.size):
        if not size[i] > 0.0 or left <= 0.0:
            break
        cost = price[i] * (1.0 + rules.fee) + rules.per_unit
        take = min(size[i], left / cost)
        units += take
        left -= take * cost
    return units
