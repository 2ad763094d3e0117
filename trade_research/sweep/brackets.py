"""Settling the trades of configurations that are all in or out and leave at stops and targets.

Between entry and the next change of target an exit is searched for by the extremes of stretches of
bars, longer ones first; what is found is judged bar by bar as the fill step judges it. Fills are at
the open. What these steps do not cover, such as an exit and a new entry at one open, is left to the
simulator's own loop.
"""

from __future__ import annotations

import math

from trade_research.kernels.bits import log2
from trade_research.kernels.jit import F64, I64, bare_kernel, inline_kernel
from trade_research.simulate.records import Records
from trade_research.sweep.events import loss, mark_depth, note_day, pass_days, reaches
from trade_research.sweep.tables import Tables
from trade_research.sweep.tally import FINE, UNFIT, Tally, Terms

NEVER = 1 << 60


@bare_kernel
def settle_brackets(
    at: I64,
    to: F64,
    begin: I64,
    signal: I64,
    terms: Records,
    of_terms: I64,
    tables: Tables,
    spans: I64,
    is_last: bool,
    tallies: Records,
    sums: F64,
    bars: F64,
) -> None:
    """As `events.settle`, with exits; `bars` (n_bars, 4) are open, high, low and close."""
    for c in range(signal.size):
        mine, j = terms[of_terms[c]], signal[c]
        for s in range(spans.shape[0]):
            me, span = tallies[c, s], spans[s]
            for q in range(begin.shape[0]):
                a, b = begin[q, j], begin[q, j + 1]
                if me.status == FINE and a < b and reaches(at[a], at[b - 1], span):
                    follow_brackets(at[a:b], to[a:b], mine, tables, span, me, sums[c, s], bars)
            if is_last and me.status == FINE:
                end_brackets(mine, tables, span, me, sums[c, s], bars)


@inline_kernel
def follow_brackets(
    rows: I64,
    targets: F64,
    terms: Terms,
    tables: Tables,
    span: I64,
    me: Tally,
    sums: F64,
    bars: F64,
) -> None:
    """Take one configuration through changes of its target in one span."""
    first, last = span[0], span[1]
    for i in range(rows.size):
        is_new = rows[i] >= 0
        row, x = rows[i] if is_new else ~rows[i], targets[i]
        if row < first or (row > first and not is_new):
            continue
        bar = row + terms.lag
        if bar >= last or me.status != FINE:
            break
        if me.is_long != 0:
            look_for_exit(bar, terms, tables, span, me, sums, bars)
        if me.is_locked != 0:
            if terms.cooldown > 0 and row < me.exit_bar + terms.cooldown:
                continue
        elif x == me.wanted:
            continue
        if x != 0.0 and x != 1.0:
            me.status = UNFIT
            break
        me.is_locked = 0
        me.wanted = x
        if (x == 1.0) == (me.is_long != 0):
            continue
        if tables.fill[bar] != bar or (x == 1.0 and me.exit_bar == bar):
            me.status = UNFIT
            break
        if x == 1.0:
            open_long(bar, terms, tables, span, me, sums)
        else:
            close_long(bar, bars[bar, 0], False, terms, tables, span, me, sums, bars)


@inline_kernel
def open_long(bar: int, terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64) -> None:
    """All in at the open of `bar`; its return is noted when it is known how it ends."""
    pass_days(int(tables.entry[bar, 6]), tables, span, me, sums)
    price = tables.entry[bar, 0]
    paid = price * (1.0 + terms.worse)
    me.is_long, me.since, me.asked, me.before = 1, bar, price * terms.buy, me.money
    me.units = me.money * (1.0 / terms.buy * tables.entry[bar, 1])
    me.cost += me.money / terms.buy * terms.buy_cost
    me.traded += terms.bought
    me.fills += 1
    me.top, me.checked = paid, bar
    me.floor = paid * (1.0 - terms.stop) if terms.stop > 0.0 else -math.inf
    me.goal = paid * (1.0 + terms.take_profit) if terms.take_profit > 0.0 else math.inf
    me.until = bar + terms.max_hold if terms.max_hold > 0 else NEVER


@inline_kernel
def look_for_exit(
    bar: int, terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64, bars: F64
) -> None:
    """Leave at the first stop, target or end of time on the bars before `bar`, or at its open."""
    stop = min(bar, me.until)
    t, level = me.checked, 0
    while t < stop and me.is_long != 0:
        level = min(level, 6, log2(stop - t))
        low, high = tables.reach[level, t, 0], tables.reach[level, t, 1]
        top = high if high > me.top else me.top
        floor = me.floor
        if terms.trailing > 0.0:
            trail = top * (1.0 - terms.trailing)
            floor = trail if trail > floor else floor
        if low > floor and high < me.goal:
            me.top = top
            t += 1 << level
            level += 1
        elif level > 0:
            level -= 1
        else:
            if t > me.since:
                leave_at_open(t, terms, tables, span, me, sums, bars)
            if me.is_long != 0:
                leave_inside(t, terms, tables, span, me, sums, bars)
            me.top = top
            t += 1
    me.checked = t
    if me.is_long != 0 and stop < span[1]:
        leave_at_open(stop, terms, tables, span, me, sums, bars)
        if me.is_long != 0 and stop == me.until:
            leave_early(stop, bars[stop, 0], False, terms, tables, span, me, sums, bars)


@inline_kernel
def lowest_price(terms: Terms, me: Tally) -> float:
    """The nearer of stop and trailing stop, before the extremes of this bar."""
    if terms.trailing > 0.0:
        return max(me.floor, me.top * (1.0 - terms.trailing))
    return me.floor


@inline_kernel
def leave_at_open(
    t: int, terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64, bars: F64
) -> None:
    """Leave at the open of `t` where it lies beyond the stop or the target."""
    price = bars[t, 0]
    if price <= lowest_price(terms, me):
        leave_early(t, price, False, terms, tables, span, me, sums, bars)
    elif price >= me.goal:
        leave_early(t, price, True, terms, tables, span, me, sums, bars)


@inline_kernel
def leave_inside(
    t: int, terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64, bars: F64
) -> None:
    """Leave inside `t` where it touches the stop, else where it touches the target."""
    floor = lowest_price(terms, me)
    if bars[t, 2] <= floor:
        leave_early(t, min(floor, bars[t, 0]), False, terms, tables, span, me, sums, bars)
    elif bars[t, 1] >= me.goal:
        leave_early(t, max(me.goal, bars[t, 0]), True, terms, tables, span, me, sums, bars)


@inline_kernel
def leave_early(
    t: int,
    price: float,
    is_maker: bool,
    terms: Terms,
    tables: Tables,
    span: I64,
    me: Tally,
    sums: F64,
    bars: F64,
) -> None:
    """Leave at an exit: nothing is wanted until the target says something new."""
    if tables.fill[t] != t:
        me.status = UNFIT
    close_long(t, price, is_maker, terms, tables, span, me, sums, bars)
    me.is_locked, me.exit_bar = 1, t


@inline_kernel
def close_long(
    t: int,
    price: float,
    is_maker: bool,
    terms: Terms,
    tables: Tables,
    span: I64,
    me: Tally,
    sums: F64,
    bars: F64,
) -> None:
    """All out at a price of bar `t`; notes the returns from the bar of entry on."""
    pass_days(int(tables.leave[t, 5]), tables, span, me, sums)
    rate = (terms.maker if is_maker else terms.fee) + terms.tax
    got = price * (1.0 - terms.worse) * (1.0 - rate)
    worth = me.units * got
    was = me.before
    if t > me.since:
        mark_depth(t, tables, me)
        note_held(t, terms, tables, me)
        was = me.units * bars[t - 1, 3]
    note_return(worth / was - 1.0, me)
    me.cost += me.units * price * ((1.0 - terms.worse) * rate + terms.worse)
    me.traded += me.units * price * (1.0 - terms.worse) / was / 2.0
    gain = worth - me.units * me.asked
    me.won += gain if got > me.asked else 0.0
    me.lost -= gain if got < me.asked else 0.0
    me.wins += 1 if got > me.asked else 0
    me.trades += 1
    me.fills += 1
    me.held += t - me.since
    me.is_long, me.money = 0, worth
    if worth < me.depth * me.peak:
        me.depth = worth / me.peak
    me.peak = worth if worth > me.peak else me.peak


@inline_kernel
def note_held(t: int, terms: Terms, tables: Tables, me: Tally) -> None:
    """Returns of the bar of entry and of those after it, before `t`."""
    line, now = tables.entry[me.since], tables.leave[t]
    note_return(line[2] / terms.buy - 1.0, me)
    me.sum1 += now[2] - line[3]
    me.sum2 += now[3] - line[4]
    me.down2 += now[4] - line[5]
    me.noted += t - me.since - 1


@inline_kernel
def note_return(r: float, me: Tally) -> None:
    """Add the return of one bar."""
    me.sum1 += r
    me.sum2 += r * r
    me.down2 += loss(r, me)
    me.noted += 1


@inline_kernel
def end_brackets(terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64, bars: F64) -> None:
    """Look for an exit up to the end of the span; mark what is left and note the last day."""
    last = span[1]
    if me.is_long != 0:
        look_for_exit(last, terms, tables, span, me, sums, bars)
    pass_days(int(tables.leave[last - 1, 5]), tables, span, me, sums)
    if me.is_long != 0:
        mark_depth(last, tables, me)
        note_held(last, terms, tables, me)
        me.held += last - me.since
        me.money = me.units * tables.close[last - 1]
    me.down2 += (last - span[19] - me.noted) * loss(0.0, me)
    note_day(me.money, span, me, sums)
