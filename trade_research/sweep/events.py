"""Settling the trades of configurations that are all in or out, in a few steps a trade.

Exact where costs are proportional: the account is then one number that a trade multiplies, and
what it is worth while it holds is that number times the close. Everything is summed from entry to
exit, so neither tiles nor threads change a bit.
"""

from __future__ import annotations

from trade_research.kernels.bits import log2
from trade_research.kernels.jit import F64, I64, bare_kernel, inline_kernel
from trade_research.simulate.records import Records
from trade_research.sweep.tables import Tables
from trade_research.sweep.tally import FINE, UNFIT, Tally, Terms


@bare_kernel
def settle(
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
) -> None:
    """Take every configuration and span through the changes of target found in some bars.

    Parameters
    ----------
    at, to : arrays of shape (room,)
        Rows that decide and their targets, ``~row`` where the target did not change: tile by tile,
        in each of one signal after the other.
    begin : int64 array of shape (n_tiles, n_signals + 1)
        Where those of each signal begin, tile by tile.
    signal, of_terms : int64 arrays of shape (n_configs,)
        Signal, and record of `terms`, of each configuration.
    spans : int64 array of shape (n_spans, 20)
        See `tables.span_table`.
    is_last : bool
        There are no more bars: mark what is held at the end of its span.
    tallies : records of shape (n_configs, n_spans)
    sums : float64 array of shape (n_configs, n_spans, 16, 2)
        Of day returns and of their squares, by stretch of days.
    """
    for c in range(signal.size):
        mine, j = terms[of_terms[c]], signal[c]
        for s in range(spans.shape[0]):
            me, span = tallies[c, s], spans[s]
            for q in range(begin.shape[0]):
                a, b = begin[q, j], begin[q, j + 1]
                if me.status == FINE and a < b and reaches(at[a], at[b - 1], span):
                    follow(at[a:b], to[a:b], mine, tables, span, me, sums[c, s])
            if is_last:
                close_books(mine, tables, span, me, sums[c, s])


@inline_kernel
def reaches(first: int, last: int, span: I64) -> bool:
    """Whether rows, oldest and newest given, reach into a span; ``~row`` is a row too."""
    oldest, newest = first if first >= 0 else ~first, last if last >= 0 else ~last
    return bool(newest >= span[0] and oldest < span[1])


@inline_kernel
def follow(
    rows: I64, targets: F64, terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64
) -> None:
    """Take one configuration through changes of its target in one span."""
    first, last = span[0], span[1]
    for i in range(rows.size):
        row, x = rows[i] if rows[i] >= 0 else ~rows[i], targets[i]
        if row < first or x == me.wanted:
            continue
        nominal = row + terms.lag
        if x != 0.0 and x != 1.0:
            me.status = UNFIT
            break
        me.wanted = x
        if nominal >= last:
            continue
        if me.waiting >= 0:
            if me.waiting < nominal:
                trade(me.waiting, terms, tables, span, me, sums)
            me.waiting = -1
        if (x == 1.0) == (me.is_long != 0):
            continue
        bar = tables.fill[nominal]
        if bar == nominal:
            trade(bar, terms, tables, span, me, sums)
        elif bar < last:
            me.waiting = bar
            if x == 1.0 and is_short_of_money(nominal, bar, terms, tables):
                me.status = UNFIT
                break


@inline_kernel
def trade(bar: int, terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64) -> None:
    """Out if in, in if out."""
    if me.is_long == 0:
        enter(bar, terms, tables, span, me, sums)
    else:
        leave(bar, terms, tables, span, me, sums)


@inline_kernel
def is_short_of_money(nominal: int, bar: int, terms: Terms, tables: Tables) -> bool:
    """Whether an entry sized at one bar and filled at a later one leaves money over."""
    return bool(tables.entry[nominal, 0] > tables.entry[bar, 0] * terms.buy * (1.0 + 1e-12))


@inline_kernel
def enter(bar: int, terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64) -> None:
    """All in at the reference price of `bar`."""
    line = tables.entry[bar]
    pass_days(int(line[6]), tables, span, me, sums)
    per = 1.0 / terms.buy
    me.is_long, me.since, me.asked = 1, bar, line[0] * terms.buy
    me.units = me.money * (per * line[1])
    r = line[2] * per - 1.0
    me.sum1 += r - line[3]
    me.sum2 += r * r - line[4]
    me.down2 += loss(r, me) - line[5]
    me.cost += me.money * per * terms.buy_cost
    me.traded += terms.bought
    me.fills += 1


@inline_kernel
def leave(bar: int, terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64) -> None:
    """All out at the reference price of `bar`."""
    line = tables.leave[bar]
    pass_days(int(line[5]), tables, span, me, sums)
    mark_depth(bar, tables, me)
    r = line[1] * terms.sell - 1.0
    me.sum1 += line[2] + r
    me.sum2 += line[3] + r * r
    me.down2 += line[4] + loss(r, me)
    got = line[0] * terms.sell
    me.money = me.units * got
    me.cost += me.units * line[0] * terms.sell_cost
    me.traded += line[1] * terms.sold
    gain = me.money - me.units * me.asked
    me.won += gain if got > me.asked else 0.0
    me.lost -= gain if got < me.asked else 0.0
    me.wins += 1 if got > me.asked else 0
    me.trades += 1
    me.held += bar - me.since
    me.is_long = 0
    me.fills += 1
    if me.money < me.depth * me.peak:
        me.depth = me.money / me.peak
    me.peak = me.money if me.money > me.peak else me.peak


@inline_kernel
def loss(r: float, me: Tally) -> float:
    """Square of a return's shortfall of that of cash."""
    short = r - me.cash_rate
    return short * short if short < 0.0 else 0.0


@inline_kernel
def mark_depth(bar: int, tables: Tables, me: Tally) -> None:
    """Peak and drawdown of the closes from entry to before `bar`.

    A new peak inside is taken without looking at the order of things where even the lowest close
    against the highest would be no new depth.
    """
    low, high = extremes(me.since, bar, tables.extreme, tables.blocks)
    top = me.units * high
    if top <= me.peak:
        if me.units * low < me.depth * me.peak:
            me.depth = me.units * low / me.peak
    elif low >= me.depth * high:
        me.peak = top
    else:
        peak, depth, units = me.peak, me.depth, me.units
        for t in range(me.since, bar):
            worth = units * tables.close[t]
            if worth > peak:
                peak = worth
            elif worth < depth * peak:
                depth = worth / peak
        me.peak, me.depth = peak, depth


@inline_kernel
def extremes(first: int, last: int, extreme: F64, blocks: F64) -> tuple[float, float]:
    """Least and greatest close of the bars [first, last)."""
    level = min(log2(last - first), 6)
    a, b = extreme[level, first], extreme[level, last - (1 << level)]
    low = a[0] if a[0] < b[0] else b[0]
    high = a[1] if a[1] > b[1] else b[1]
    if last - first > 128:
        for q in range((first + 64) // 64, (last - 1) // 64):
            low = blocks[q, 0] if blocks[q, 0] < low else low
            high = blocks[q, 1] if blocks[q, 1] > high else high
    return low, high


@inline_kernel
def pass_days(day: int, tables: Tables, span: I64, me: Tally, sums: F64) -> None:
    """Note the returns of the days that ended before `day`."""
    if day == me.day:
        return
    days = tables.days
    end = me.units * days[me.day, 0] if me.is_long != 0 else me.money
    block = note_day(end, span, me, sums)
    if me.is_long != 0 and me.day + 1 < day:
        a = me.day + 1
        me.cubes += days[day, 3] - days[a, 3]
        me.fourths += days[day, 4] - days[a, 4]
        while a < day:
            while span[2 + block + 1] <= a:
                block += 1
            b = min(day, span[2 + block + 1])
            sums[block, 0] += days[b, 1] - days[a, 1]
            sums[block, 1] += days[b, 2] - days[a, 2]
            a = b
        me.day_start = me.units * days[day - 1, 0]
    me.day = day


@inline_kernel
def note_day(end: float, span: I64, me: Tally, sums: F64) -> int:
    """Note the return of the day that is on, worth `end` at its close; returns its stretch."""
    block: int = (me.day - span[2]) * 16 // (span[18] - span[2])
    while span[2 + block + 1] <= me.day:
        block += 1
    r = end / me.day_start - 1.0
    z = r * r
    sums[block, 0] += r
    sums[block, 1] += z
    me.cubes += z * r
    me.fourths += z * z
    me.day_start = end
    return block


@inline_kernel
def close_books(terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64) -> None:
    """Fill what still waits, mark at the last close of the span, and note its last day."""
    last = span[1]
    if me.waiting >= 0 and me.status == FINE:
        trade(me.waiting, terms, tables, span, me, sums)
    pass_days(int(tables.leave[last - 1, 5]), tables, span, me, sums)
    if me.is_long != 0:
        line = tables.leave[last]
        mark_depth(last, tables, me)
        me.sum1 += line[2]
        me.sum2 += line[3]
        me.down2 += line[4]
        me.held += last - me.since
        me.money = me.units * tables.close[last - 1]
    n_flat = last - span[19] - me.held - me.trades
    me.down2 += n_flat * loss(0.0, me)
    note_day(me.money, span, me, sums)
