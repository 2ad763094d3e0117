"""Resting quotes against recorded events: one cursor for the exchange, one behind it for us.

A quoter looks at the book as it was received and wants one bid and one ask. What it wants arrives
`entry` nanoseconds later, replaces what rested there and goes to the back of its queue; it never
takes: a price that would is refused. What happens at the exchange is known `response` nanoseconds
later: until then the quoter believes what it last heard, and a side with a request under way waits.

Of each side, `order` holds what rests at the exchange (tick, size left, size ahead, size traded
there since the level last changed, and when we hear that it is gone) and `coming` what was sent
last (arrival, tick, size, and when we hear of its arrival).
"""

from __future__ import annotations

from functools import lru_cache
from types import FunctionType
from typing import NamedTuple

import numpy as np

from trade_research.kernels.book_ladder import CLEAR, DEPTH, TRADE, set_tick
from trade_research.kernels.jit import F64, I8, I64, Kernel, inline_kernel, inner_kernel
from trade_research.simulate.book_queue import FRONT, after_cancel

NONE = -1


class QuoteRow(NamedTuple):
    """What a quoter sees: seconds, best prices and sizes, and the mid's variance a second."""

    time: float
    bid: float
    ask: float
    bid_size: float
    ask_size: float
    variance: float


class Quotes(NamedTuple):
    """What a quoter wants: prices and sizes; NaN where it wants no order."""

    bid: float
    bid_size: float
    ask: float
    ask_size: float


class QuoteRules(NamedTuple):
    """Ticks, lots, times in nanoseconds, the queue model."""

    base: int
    tick: float
    lot: float
    width: int
    every: int
    entry: int
    response: int
    maker_fee: float
    model: int
    power: float
    half_life: float
    partial: bool


@inner_kernel
def clear_ladder(ladder: F64, best: I64) -> None:
    """Empty the book."""
    ladder[:, :] = 0.0
    best[0], best[1] = 0, ladder.shape[1] - 1


@inner_kernel
def fill(
    side: int, when: int, quantity: float, order: F64, tape: F64, state: F64, rules: QuoteRules
) -> None:
    """Write a fill of our order on the tape and into the account (units, cash, fees, count)."""
    price = (rules.base + order[side, 0]) * rules.tick
    signed = quantity if side == 0 else -quantity
    fee = rules.maker_fee * price * quantity
    state[0] = np.rint((state[0] + signed) / rules.lot) * rules.lot  # no dust to quote against
    state[1] -= signed * price + fee
    state[2] += fee
    row = int(state[3])
    if row < tape.shape[0]:
        tape[row, 0], tape[row, 1] = when, price
        tape[row, 2], tape[row, 3] = signed, fee
    state[3] += 1.0
    order[side, 1] -= quantity
    if order[side, 1] < rules.lot * 0.5:
        order[side, 0], order[side, 4] = NONE, when + rules.response


@inner_kernel
def arrive(
    side: int, when: int, ladder: F64, best: I64, order: F64, coming: F64, rules: QuoteRules
) -> None:
    """What was sent reaches the exchange: it replaces our order there, at the back of its queue."""
    at, size = int(coming[side, 1]), coming[side, 2]
    coming[side, 0], order[side, 4] = NONE, np.inf
    takes = at >= best[1] if side == 0 else at <= best[0]
    if takes or at >= rules.width - 1 or at <= 0:
        order[side, 0], order[side, 4] = NONE, when + rules.response
        return
    order[side, 0], order[side, 1] = at, size
    order[side, 2] = 0.0 if rules.model == FRONT else ladder[side, at]
    order[side, 3] = 0.0


@inline_kernel
def meet(
    kind: int,
    event_side: int,
    at: int,
    size: float,
    when: int,
    ladder: F64,
    best: I64,
    order: F64,
    tape: F64,
    state: F64,
    rules: QuoteRules,
) -> None:
    """One event at the exchange: our orders first, then the book."""
    if kind == TRADE:
        side = 0 if event_side < 0 else 1  # a sale meets bids
        mine = int(order[side, 0])
        if mine >= 0:
            if (side == 0 and at < mine) or (side == 1 and at > mine):
                fill(side, when, order[side, 1], order, tape, state, rules)
            elif at == mine:
                over = np.floor((size - order[side, 2]) / rules.lot + 1e-9) * rules.lot
                order[side, 2] = max(order[side, 2] - size, 0.0)
                order[side, 3] += size  # explains the level's next fall
                if over > 0.0:
                    got = min(over, order[side, 1]) if rules.partial else order[side, 1]
                    fill(side, when, got, order, tape, state, rules)
        return
    if kind == CLEAR:
        clear_ladder(ladder, best)
        return
    side = 0 if event_side > 0 else 1
    if int(order[side, 0]) == at:
        before = max(ladder[side, at] - order[side, 3], 0.0)
        order[side, 2] = after_cancel(
            rules.model, order[side, 2], before, min(size, before), rules.power
        )
        order[side, 2] = min(order[side, 2], size)
        order[side, 3] = 0.0
    set_tick(ladder, best, event_side, at, size)
    for which in range(2):
        mine = int(order[which, 0])
        if mine >= 0 and ((which == 0 and best[1] <= mine) or (which == 1 and best[0] >= mine)):
            fill(which, when, order[which, 1], order, tape, state, rules)


def quote(row: QuoteRow, position: float, *params: float) -> Quotes:
    """Where the quoter stands in `run_quotes`; see `quoting`."""
    raise NotImplementedError


def run_quotes(
    params: tuple[float, ...],
    kind: I8,
    event_side: I8,
    at: I64,
    size: F64,
    time: I64,
    recv: I64,
    rules: QuoteRules,
    cash: float,
    tape: F64,
    marks: F64,
) -> tuple[int, int]:
    """A quoter over recorded events, compiled by `quoting`; returns the numbers of fills and marks.

    Parameters
    ----------
    params : tuple of float
        Of the quoter.
    kind, event_side, at, size, time, recv : arrays, (n,)
        Events in the order of the exchange's `time`, with when we received them.
    tape : float64 array, (rows, 4)
        Set to time since the first event, price, signed units and fee of each fill.
    marks : float64 array, (rows, 5)
        Set at each decision: time since the first event, mid, units, cash, fees so far.
    """
    theirs, ours = np.zeros((2, rules.width)), np.zeros((2, rules.width))
    their_best, our_best = np.array([0, rules.width - 1]), np.array([0, rules.width - 1])
    order, coming = np.full((2, 5), -1.0), np.full((2, 4), -1.0)
    state = np.array([0.0, cash, 0.0, 0.0])
    start, n = time[0], time.size
    head, tail, known, row = 0, 0, 0, 0
    position, variance, last_mid = 0.0, np.nan, np.nan
    decay = 0.5 ** (rules.every / 1e9 / rules.half_life)
    now = start + rules.every
    while head < n or tail < n:
        # --- the exchange, up to now: events and our arrivals in the order of time
        while True:
            first = min(
                coming[0, 0] if coming[0, 0] >= 0 else 9e18,
                coming[1, 0] if coming[1, 0] >= 0 else 9e18,
            )
            event = time[head] - start if head < n else 2**62
            if min(first, event) > now - start:
                break
            if first < event:
                which = 0 if coming[0, 0] == first else 1
                arrive(which, int(first), theirs, their_best, order, coming, rules)
            else:
                meet(
                    kind[head], event_side[head], at[head], size[head], event, theirs,
                    their_best, order, tape, state, rules,
                )  # fmt: skip
                head += 1
        # --- our copy of the book, as received
        while tail < n and recv[tail] <= now:
            if kind[tail] == DEPTH:
                set_tick(ours, our_best, event_side[tail], at[tail], size[tail])
            elif kind[tail] == CLEAR:
                clear_ladder(ours, our_best)
            tail += 1
        while (
            known < int(state[3])
            and known < tape.shape[0]
            and (tape[known, 0] + rules.response <= now - start)
        ):
            position = np.rint((position + tape[known, 2]) / rules.lot) * rules.lot
            known += 1
        bid_at, ask_at = our_best[0], our_best[1]
        if bid_at > 0 and ask_at < rules.width - 1:
            bid, ask = (rules.base + bid_at) * rules.tick, (rules.base + ask_at) * rules.tick
            mid = 0.5 * (bid + ask)
            if last_mid == last_mid:
                squared = (mid - last_mid) ** 2 / (rules.every / 1e9)
                variance = (
                    squared
                    if variance != variance
                    else (decay * variance + (1.0 - decay) * squared)
                )
            last_mid = mid
            seen = QuoteRow(
                (now - start) / 1e9, bid, ask, ours[0, bid_at], ours[1, ask_at], variance
            )
            wanted = quote(seen, position, *params)
            send(0, wanted.bid, wanted.bid_size, now - start, order, coming, rules)
            send(1, wanted.ask, wanted.ask_size, now - start, order, coming, rules)
            if row < marks.shape[0]:
                marks[row, 0], marks[row, 1], marks[row, 2] = now - start, mid, state[0]
                marks[row, 3], marks[row, 4] = state[1], state[2]
                row += 1
        now += rules.every
    return int(state[3]), row


@inner_kernel
def send(
    side: int, price: float, size: float, when: int, order: F64, coming: F64, rules: QuoteRules
) -> None:
    """Send what is wanted unless we believe it rests or is on its way; bids round down."""
    if when < coming[side, 3]:
        return
    if order[side, 4] <= when:
        coming[side, 1] = NONE
    lots = np.floor(size / rules.lot + 1e-9) * rules.lot if size == size else 0.0
    at = -1.0
    if price == price and lots > 0.0:
        ticks = price / rules.tick
        whole = np.floor(ticks + 1e-9) if side == 0 else np.ceil(ticks - 1e-9)
        at = whole - rules.base
    if at == coming[side, 1] or (at < 0.0 and coming[side, 1] < 0.0):
        return
    coming[side, 0], coming[side, 1], coming[side, 2] = when + rules.entry, at, lots
    coming[side, 3] = when + rules.entry + rules.response


@lru_cache(32)
def quoting(asked: Kernel[Quotes]) -> Kernel[tuple[int, int]]:
    """`run_quotes` of one quoter, compiled as one, so that the next process finds it in the cache.

    Given as an argument a compiled function would be known by its address alone.
    """
    made = FunctionType(run_quotes.__code__, run_quotes.__globals__ | {"quote": asked})
    made.__module__ = asked.__module__
    return Kernel(made)
