"""Market orders against recorded books: one loop over the rows, in event time.

A row is acted on when it is received; what is sent arrives `latency` later and walks the book as it
stood then: the last row not after the arrival. One order is in flight at a time. The recorded book
does not react to our orders.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, I64, bare_kernel, inline_kernel, inner_kernel
from trade_research.simulate.book_codes import (
    FILLED,
    NO_BOOK,
    NO_CASH,
    PARTIAL,
    SIGNAL,
    STALE,
)
from trade_research.simulate.book_fills import (
    BookRules,
    affordable,
    exit_reason,
    fee_of,
    rounded,
    walk,
)

DUST = 1e-6
"""Share of equity below which a change of position is not worth an order."""

POSITION, ENTRY, BEST, SENT, DESIRED, BEFORE, HELD, MID, CASH, N_STATE = range(10)
"""Numbers that a run carries from row to row: units, their price, the best touch since, units under
way, units wanted, the last target, the last mid, money."""

START, ROWS, ENTERED, WHY, ARRIVAL, LOCKED, UNLOCK, N_MARKS = range(8)
"""Whole numbers that it carries: time of its first row, rows before this piece, and moments."""


@inner_kernel
def arrive(
    price: F64,
    size: F64,
    mid: float,
    age: int,
    money: float,
    state: F64,
    marks: I64,
    row: F64,
    rules: BookRules,
) -> None:
    """The order under way meets a book: what is filled goes into its `row` and the account.

    `price` and `size` are the side it meets, `age` how old the book is, `money` what may be spent.
    """
    sent = state[SENT]
    is_buy = sent > 0.0
    got, paid, status = 0.0, 0.0, NO_BOOK
    if price[0] > 0.0 and age > rules.max_age:
        status = STALE
    elif price[0] > 0.0:
        room = abs(sent)
        if rules.is_spot and is_buy:
            # What cash cannot pay for is not bought, fees at the worst level counted.
            room = min(room, affordable(price, size, money, rules))
        got, paid = walk(price, size, rounded(room, rules.lot))
        status = FILLED if got >= abs(sent) * (1.0 - 1e-12) else PARTIAL
        if room < abs(sent) and got >= room * (1.0 - 1e-9):
            status = NO_CASH
    fee = fee_of(rules, got, paid, not is_buy) if got > 0.0 else 0.0
    signed = got if is_buy else -got
    row[5], row[6] = signed, paid / got if got > 0.0 else np.nan
    row[7], row[9], row[11], row[12] = fee, status, mid, price[0]
    if got > 0.0:
        book_fill(signed, row[6], fee, state, marks, rules)
    state[SENT] = 0.0
    if status == NO_CASH:
        state[DESIRED] = state[POSITION]  # there is no more to be had


@inner_kernel
def book_fill(
    signed: float, price: float, fee: float, state: F64, marks: I64, rules: BookRules
) -> None:
    """Take a fill into what is held and what it cost."""
    position = state[POSITION]
    state[CASH] -= signed * price + fee
    after = position + signed
    if abs(after) < 1e-12 * max(abs(position), abs(signed)):
        after = 0.0
    if after * position <= 0.0:
        state[ENTRY], marks[ENTERED], state[BEST] = price, marks[ARRIVAL], price
    elif abs(after) > abs(position):
        state[ENTRY] = (state[ENTRY] * position + price * signed) / after
    state[POSITION] = after
    if marks[WHY] != SIGNAL and after == 0.0:
        marks[UNLOCK] = marks[ARRIVAL] + rules.cooldown


@inline_kernel
def hear(
    wanted: float, now: int, seen: bool, equity: float, state: F64, marks: I64, rules: BookRules
) -> None:
    """Make units wanted of a new target; `equity` is what a target is a share of."""
    locked = marks[LOCKED] != 0
    # A change of target; after an exit any that differs from the row before.
    new = wanted == wanted and wanted != (state[BEFORE] if locked else state[HELD])
    state[BEFORE] = wanted
    if equity <= 0.0:  # ruined
        state[DESIRED], new = 0.0, False
    if new and seen and not (locked and now < marks[UNLOCK]):
        marks[LOCKED], state[HELD] = 0, wanted
        if rules.is_spot and wanted < 0.0:
            wanted = 0.0
        wanted = min(max(wanted, -rules.leverage), rules.leverage)
        state[DESIRED] = rounded(wanted * equity / state[MID], rules.lot)


@inline_kernel
def ask(
    touch: float,
    mid: float,
    position: float,
    now: int,
    equity: float,
    state: F64,
    marks: I64,
    rules: BookRules,
) -> float:
    """Units to send for, 0 for no order; exits come before the strategy and know no filter."""
    quantity: float = state[DESIRED] - position
    why = SIGNAL
    if position != 0.0:
        best = state[BEST]
        state[BEST] = best = max(best, touch) if position > 0.0 else min(best, touch)
        found = exit_reason(rules, position, touch, state[ENTRY], best, now - marks[ENTERED])
        if found >= 0:
            quantity, why, state[DESIRED] = -position, found, 0.0
            marks[LOCKED], marks[UNLOCK] = 1, max(marks[UNLOCK], now + rules.cooldown)
    closes = state[DESIRED] == 0.0 and position != 0.0
    if quantity == 0.0 or (abs(quantity) * mid < rules.min_notional and not closes):
        return 0.0
    if abs(quantity) * mid < DUST * equity and not closes:
        return 0.0
    if abs(quantity) < rules.lot * 0.999:
        return 0.0
    marks[WHY] = why
    return quantity


@inner_kernel
def send(
    quantity: float, number: int, now: int, latency: int, state: F64, marks: I64, row: F64
) -> None:
    """Put an order under way, decided on the book of this `number`; `row` is its own."""
    since = now - marks[START]
    state[SENT], marks[ARRIVAL] = quantity, now + latency
    row[0], row[1], row[4], row[8], row[10] = number, since, quantity, marks[WHY], state[MID]
    row[2], row[3], row[5], row[6], row[7] = since + latency, -1.0, 0.0, np.nan, 0.0
    row[9], row[11], row[12] = -1.0, np.nan, np.nan


@bare_kernel
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
    ahead = marks[ROWS] - first
    sent, position, cash, mid = state[SENT], state[POSITION], state[CASH], state[MID]
    count = 1 if sent != 0.0 else 0
    for i in range(first, time.size):
        now = time[i]
        # --- an order that arrives up to now meets the book as it stood at its arrival
        if sent != 0.0 and marks[ARRIVAL] <= now:
            at = i if marks[ARRIVAL] == now else i - 1
            price, size = (ask_price, ask_size) if state[SENT] > 0.0 else (bid_price, bid_size)
            orders[count - 1, 3] = ahead + at
            arrive(
                price[at], size[at], 0.5 * (bid_price[at, 0] + ask_price[at, 0]),
                marks[ARRIVAL] - time[at], state[CASH], state, marks, orders[count - 1], rules,
            )  # fmt: skip
            sent, position, cash = 0.0, state[POSITION], state[CASH]
        # --- marks
        bid, ask_ = bid_price[i, 0], ask_price[i, 0]
        seen = bid > 0.0 and ask_ > 0.0
        if seen:
            state[MID] = mid = 0.5 * (bid + ask_)
        touch = bid if position > 0.0 else ask_
        equity = cash + position * mid if position != 0.0 else cash
        mid_equity[i], held_units[i] = equity, position
        touch_equity[i] = cash + position * touch if position != 0.0 and seen else equity
        # --- what the strategy wants
        hear(target[i], now, seen, equity, state, marks, rules)
        if sent != 0.0 or not seen:
            continue
        quantity = ask(touch, mid, position, now, equity, state, marks, rules)
        if quantity != 0.0:
            delay = latency[i] if latency.size > 1 else latency[0]
            send(quantity, ahead + i, now, delay, state, marks, orders[count])
            sent = quantity
            count += 1
    marks[ROWS] = ahead + time.size
    return count


def fresh(start: int, cash: float) -> tuple[F64, I64]:
    """`state` and `marks` of a run that begins at `start`, nanoseconds."""
    state, marks = np.zeros(N_STATE), np.zeros(N_MARKS, np.int64)
    state[[ENTRY, BEST, BEFORE, HELD, MID]] = np.nan
    state[CASH], marks[START] = cash, start
    return state, marks
