"""Market orders against recorded books: one loop over the rows, in event time.

A row is acted on when it is received; what is sent arrives `latency` later and walks the book as it
stood then: the last row not after the arrival. One order is in flight at a time. The recorded book
does not react to our orders.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.jit import F64, I64, inner_kernel, kernel
from trade_research.simulate.book_codes import (
    FILLED,
    MAX_HOLD,
    NO_BOOK,
    NO_CASH,
    PARTIAL,
    SIGNAL,
    STALE,
    STOP,
    TAKE_PROFIT,
    TRAILING,
)

DUST = 1e-6
"""Share of equity below which a change of position is not worth an order."""


POSITION, ENTRY, BEST, SENT, DESIRED, BEFORE, HELD, MID, CASH, N_STATE = range(10)
"""Numbers that a run carries from row to row: units, their price, the best touch since, units under
way, units wanted, the last target, the last mid, money."""

START, ROWS, ENTERED, WHY, ARRIVAL, LOCKED, UNLOCK, N_MARKS = range(8)
"""Whole numbers that it carries: time of its first row, rows before this piece, and moments."""


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


@inner_kernel
def fee_of(rules: BookRules, units: float, money: float, is_sale: bool) -> float:
    """Fees and tax of a fill of `units` for `money`."""
    tax = rules.sell_tax * money if is_sale else 0.0
    return max(rules.min_fee, rules.fee * money + rules.per_unit * units) + rules.fixed_fee + tax


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


@kernel
def run_books(
    time: I64,
    bid_price: F64,
    bid_size: F64,
    ask_price: F64,
    ask_size: F64,
    target: F64,
    latency: I64,
    rules: BookRules,
    first: int,
    state: F64,
    marks: I64,
    orders: F64,
    mid_equity: F64,
    touch_equity: F64,
    held_units: F64,
) -> int:
    """Targets through recorded books, a whole run or a piece of one; returns the number of orders.

    Parameters
    ----------
    time : int64 array, (n,)
        Exchange's time of each book, nanoseconds, not decreasing.
    bid_price, bid_size, ask_price, ask_size : float64 arrays, (n, k)
        NaN where there is no level or the book cannot be trusted.
    target : float64 array, (n,)
        Exposure wanted after each row; NaN keeps what there is.
    latency : int64 array, (n,) or (1,)
        Nanoseconds from a book's time to the arrival of an order decided on it.
    first : int
        Rows before it have been run: the last of them is the book that an order may meet.
    state, marks : float64 (N_STATE,) and int64 (N_MARKS,) arrays
        Of `fresh`, or as the piece before left them.
    orders : float64 array, (n + 1, fields)
        Set, row by row, to `book_codes.ORDER_FIELDS`; the first is there already where an order
        is under way.
    mid_equity, touch_equity, held_units : float64 arrays, (n,)
        Set to equity at the mid, equity were all closed at the best prices, and units held.
    """
    position, entry, best = state[POSITION], state[ENTRY], state[BEST]
    sent, desired, before, held = state[SENT], state[DESIRED], state[BEFORE], state[HELD]
    mid, cash = state[MID], state[CASH]
    start, ahead, entered = marks[START], marks[ROWS] - first, marks[ENTERED]
    why, arrival, locked, unlock = marks[WHY], marks[ARRIVAL], marks[LOCKED] != 0, marks[UNLOCK]
    count = 1 if sent != 0.0 else 0
    for i in range(first, time.size):
        now = time[i]
        # --- an order that arrives up to now meets the book as it stood at its arrival
        if sent != 0.0 and arrival <= now:
            at = i if arrival == now else i - 1
            is_buy = sent > 0.0
            price = ask_price[at] if is_buy else bid_price[at]
            size = ask_size[at] if is_buy else bid_size[at]
            got, money, status = 0.0, 0.0, NO_BOOK
            if price[0] > 0.0 and arrival - time[at] > rules.max_age:
                status = STALE
            elif price[0] > 0.0:
                room = abs(sent)
                if rules.is_spot and is_buy:
                    # What cash cannot pay for is not bought, fees at the worst level counted.
                    room = min(room, affordable(price, size, cash, rules))
                got, money = walk(price, size, rounded(room, rules.lot))
                status = FILLED if got >= abs(sent) * (1.0 - 1e-12) else PARTIAL
                if room < abs(sent) and got >= room * (1.0 - 1e-9):
                    status = NO_CASH
            fee = fee_of(rules, got, money, not is_buy) if got > 0.0 else 0.0
            row = orders[count - 1]
            row[2], row[3], row[5] = arrival - start, ahead + at, got if is_buy else -got
            row[6] = money / got if got > 0.0 else np.nan
            row[7], row[9] = fee, status
            row[11], row[12] = 0.5 * (bid_price[at, 0] + ask_price[at, 0]), price[0]
            if got > 0.0:
                signed = got if is_buy else -got
                cash -= signed * row[6] + fee
                after = position + signed
                if abs(after) < 1e-12 * max(abs(position), got):
                    after = 0.0
                if after * position <= 0.0:
                    entry, entered, best = row[6], arrival, row[6]
                elif abs(after) > abs(position):
                    entry = (entry * position + row[6] * signed) / after
                position = after
                if why != SIGNAL and position == 0.0:
                    unlock = arrival + rules.cooldown
            sent = 0.0
            if status == NO_CASH:
                desired = position  # there is no more to be had
        # --- marks
        bid, ask = bid_price[i, 0], ask_price[i, 0]
        seen = bid > 0.0 and ask > 0.0
        if seen:
            mid = 0.5 * (bid + ask)
        touch = bid if position > 0.0 else ask
        mid_equity[i] = cash + position * mid if position != 0.0 else cash
        touch_equity[i] = cash + position * touch if position != 0.0 and seen else mid_equity[i]
        held_units[i] = position
        # --- what the strategy wants
        wanted = target[i]
        # A change of target; after an exit any that differs from the row before.
        new = wanted == wanted and wanted != (before if locked else held)
        before = wanted
        if mid_equity[i] <= 0.0:  # ruined
            desired, new = 0.0, False
        if new and seen and not (locked and now < unlock):
            locked, held = False, wanted
            if rules.is_spot and wanted < 0.0:
                wanted = 0.0
            wanted = min(max(wanted, -rules.leverage), rules.leverage)
            desired = rounded(wanted * mid_equity[i] / mid, rules.lot)
        if sent != 0.0 or not seen:
            continue
        # --- exits come before the strategy and know no filter
        quantity, why = desired - position, SIGNAL
        if position != 0.0:
            best = max(best, touch) if position > 0.0 else min(best, touch)
            found = exit_reason(rules, position, touch, entry, best, now - entered)
            if found >= 0:
                quantity, why, desired = -position, found, 0.0
                locked = True
                unlock = max(unlock, now + rules.cooldown)
        closes = desired == 0.0 and position != 0.0
        if quantity == 0.0 or (abs(quantity) * mid < rules.min_notional and not closes):
            continue
        if abs(quantity) * mid < DUST * mid_equity[i] and not closes:
            continue
        if abs(quantity) < rules.lot * 0.999:
            continue
        sent, arrival = quantity, now + (latency[i] if latency.size > 1 else latency[0])
        row = orders[count]
        row[0], row[1], row[4], row[8], row[10] = ahead + i, now - start, quantity, why, mid
        row[2], row[3], row[5], row[6], row[7] = arrival - start, -1.0, 0.0, np.nan, 0.0
        row[9], row[11], row[12] = -1.0, np.nan, np.nan
        count += 1
    state[POSITION], state[ENTRY], state[BEST] = position, entry, best
    state[SENT], state[DESIRED], state[BEFORE], state[HELD] = sent, desired, before, held
    state[MID], state[CASH] = mid, cash
    marks[ROWS], marks[ENTERED] = ahead + time.size, entered
    marks[WHY], marks[ARRIVAL], marks[LOCKED], marks[UNLOCK] = why, arrival, locked, unlock
    return count


def fresh(start: int, cash: float) -> tuple[F64, I64]:
    """`state` and `marks` of a run that begins at `start`, nanoseconds."""
    state, marks = np.zeros(N_STATE), np.zeros(N_MARKS, np.int64)
    state[[ENTRY, BEST, BEFORE, HELD, MID]] = np.nan
    state[CASH], marks[START] = cash, start
    return state, marks


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
