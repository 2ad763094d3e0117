"""Market orders against the recorded books of several instruments that share one cash.

The steps are those of `book_loop`, taken in the order of the books' times. Each instrument keeps
account of its own part; what may be spent is the money of all, and a target is a share of an equal
part of the equity of all, at the mids last known.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from trade_research.kernels.jit import F64, I64, bare_kernel, inline_kernel, inner_kernel
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.book_codes import ORDER_FIELDS
from trade_research.simulate.book_fills import BookRules
from trade_research.simulate.book_loop import (
    ARRIVAL,
    CASH,
    MID,
    N_MARKS,
    N_STATE,
    POSITION,
    SENT,
    arrive,
    ask,
    fresh,
    hear,
    send,
)
from trade_research.simulate.book_run import MAX_AGE_NS, BookMarket, BookResult, book_rules
from trade_research.simulate.exits import Exits

if TYPE_CHECKING:
    from trade_research.simulate.costs import Costs


@inline_kernel
def pooled(state: F64) -> tuple[float, float]:
    """Money and equity of all, at the mids last known."""
    money = equity = 0.0
    for j in range(state.shape[0]):
        held = state[j, POSITION]
        money += state[j, CASH]
        equity += state[j, CASH] + held * state[j, MID] if held != 0.0 else state[j, CASH]
    return money, equity


@inner_kernel
def next_arrival(state: F64, marks: I64, left: I64, now: int, own: int) -> int:
    """Whose order arrives first before `now`, or at it in the case of `own`; -1: nobody's.

    An order of which no later book tells stays under way, as in a run of its own.
    """
    found = -1
    for j in range(left.size):
        arrival = marks[j, ARRIVAL]
        due = state[j, SENT] != 0.0 and (arrival < now or (j == own and arrival == now))
        if due and left[j] > 0 and (found < 0 or arrival < marks[found, ARRIVAL]):
            found = j
    return found


@inline_kernel
def of_symbol(rules: BookRules, lot: float, min_notional: float) -> BookRules:
    """The rules with an instrument's own lot and least order."""
    return BookRules(
        rules.fee, rules.min_fee, rules.fixed_fee, rules.per_unit, rules.sell_tax, rules.stop,
        rules.take_profit, rules.trailing, rules.max_hold, rules.cooldown, lot, min_notional,
        rules.max_age, rules.leverage, rules.is_spot,
    )  # fmt: skip


@bare_kernel
def run_shared(
    whose: I64,
    number: I64,
    time: I64,
    sides: F64,
    target: F64,
    latency: int,
    rules: BookRules,
    lots: F64,
    left: I64,
    last: I64,
    state: F64,
    marks: I64,
    orders: F64,
    owner: I64,
    equity: F64,
) -> int:
    """Targets through the books of several instruments; returns the number of orders.

    Parameters
    ----------
    whose, number, time : int64 arrays, (n,)
        Instrument of each book, its number among the instrument's own, and its time, not
        decreasing.
    sides : float64 array, (4, n, k)
        Bid price and size, ask price and size.
    target : float64 array, (n,)
    lots : float64 array, (n_symbols, 2)
        Lot and least notional.
    left : int64 array, (n_symbols,)
        Books of each; counted down.
    last : int64 array, (2, n_symbols)
        Room: the last book of each and the order that it has under way.
    state, marks : float64 (n_symbols, N_STATE) and int64 (n_symbols, N_MARKS) arrays
    orders, owner : float64 (n, fields) and int64 (n,) arrays
        Set to the orders, and whose they are.
    equity : float64 array, (3, n)
        Set at each book to its instrument's own part: at the mid, at the touch, and units.
    """
    count = flying = 0
    for i in range(time.size):
        s, now = whose[i], time[i]
        bid, offer = sides[0, i, 0], sides[2, i, 0]
        seen = bid > 0.0 and offer > 0.0
        while flying > 0:
            j = next_arrival(state, marks, left, now, s)
            if j < 0:
                break
            at = i if j == s and marks[j, ARRIVAL] == now else last[0, j]
            side, row = 2 if state[j, SENT] > 0.0 else 0, orders[last[1, j]]
            row[3] = number[at]
            arrive(
                sides[side, at], sides[side + 1, at], 0.5 * (sides[0, at, 0] + sides[2, at, 0]),
                marks[j, ARRIVAL] - time[at], pooled(state)[0], state[j], marks[j], row,
                of_symbol(rules, lots[j, 0], lots[j, 1]),
            )  # fmt: skip
            flying -= 1
        if seen:
            state[s, MID] = 0.5 * (bid + offer)
        last[0, s], left[s] = i, left[s] - 1
        position, cash, mid = state[s, POSITION], state[s, CASH], state[s, MID]
        touch = bid if position > 0.0 else offer
        own = cash + position * mid if position != 0.0 else cash
        equity[0, i], equity[2, i] = own, position
        equity[1, i] = cash + position * touch if position != 0.0 and seen else own
        part, mine = pooled(state)[1] / left.size, of_symbol(rules, lots[s, 0], lots[s, 1])
        hear(target[i], now, seen, part, state[s], marks[s], mine)
        if state[s, SENT] != 0.0 or not seen:
            continue
        quantity = ask(touch, mid, position, now, part, state[s], marks[s], mine)
        if quantity != 0.0:
            send(quantity, number[i], now, latency, state[s], marks[s], orders[count])
            owner[count], last[1, s] = s, count
            count += 1
            flying += 1
    return count


def simulate_shared(
    markets: Sequence[BookMarket],
    targets: Sequence[F64],
    *,
    costs: Costs,
    account: Account,
    exits: Exits | None = None,
    rules: Rules | None = None,
    cash: float = 100_000.0,
    latency_ns: int = 50_000_000,
    max_age_ns: int = MAX_AGE_NS,
) -> list[BookResult]:
    """Targets through the recorded books of several instruments that share one cash.

    Of one instrument the result is `simulate_books`', bit for bit.

    Parameters
    ----------
    markets, targets : sequences of BookMarket and of float64 array
        As of `simulate_books`, one of each an instrument. At one moment books count in this order.
    cash : float
        Of all; each instrument's own account begins with an equal part and may go below zero.
    latency_ns : int
        The same for all orders.
    """
    n, m = [market.time.size for market in markets], len(markets)
    time = np.concatenate([market.time for market in markets])
    order = np.argsort(time, kind="stable")
    whose = np.repeat(np.arange(m), n)[order]
    number = np.concatenate([np.arange(size) for size in n])[order]
    state, marks = np.empty((m, N_STATE)), np.empty((m, N_MARKS), np.int64)
    for j, market in enumerate(markets):
        state[j], marks[j] = fresh(int(market.time[0]) if n[j] else 0, cash / m)
    orders, owner = np.empty((time.size, len(ORDER_FIELDS))), np.empty(time.size, np.int64)
    equity = np.empty((3, time.size))
    found = run_shared(
        whose, number, time[order], _sides(markets, order), np.concatenate(list(targets))[order],
        latency_ns, book_rules(costs, account, exits, None, max_age_ns),
        (rules or Rules()).table(m)[:, 1:].copy(), np.array(n), np.zeros((2, m), np.int64),
        state, marks, orders, owner, equity,
    )  # fmt: skip
    results = []
    for j, market in enumerate(markets):
        mid, touch, units = equity[:, whose == j]
        mine = orders[:found][owner[:found] == j]
        results.append(BookResult(market, cash / m, mid, touch, units, mine))
    return results


def _sides(markets: Sequence[BookMarket], order: I64) -> F64:
    """Levels of all books in one table, (4, n, k), NaN beyond an instrument's own."""
    depth = max(market.bid_price.shape[1] for market in markets)
    out, end = np.full((4, order.size, depth), np.nan), 0
    for market in markets:
        begin, end = end, end + market.time.size
        for side, table in zip(out, market.arrays[1:], strict=True):
            side[begin:end, : table.shape[1]] = table
    return out[:, order]
