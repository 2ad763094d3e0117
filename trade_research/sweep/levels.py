"""Settling the trades of configurations that hold parts, shorts or borrowed money.

Between two trades an account is money and units. Its returns there are summed eight bars side by
side, its drawdown comes from the extremes of the closes; a trade is sized as the fill step sizes
it. What the steps here do not cover, a margin call or a ruin, is left to the simulator's own loop.
"""

from __future__ import annotations

from trade_research.kernels.jit import F64, I64, bare_kernel, inline_kernel
from trade_research.kernels.lanes import LANES, growth_sums
from trade_research.simulate.codes import DUST
from trade_research.simulate.records import Records
from trade_research.sweep.events import extremes, loss, note_day, reaches
from trade_research.sweep.tables import Tables
from trade_research.sweep.tally import FINE, UNFIT, Tally, Terms


@bare_kernel
def settle_levels(
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
    lanes: F64,
) -> None:
    """As `events.settle`, for targets of any size; `lanes` (24,) is room to work in."""
    for c in range(signal.size):
        mine, j = terms[of_terms[c]], signal[c]
        for s in range(spans.shape[0]):
            me, span = tallies[c, s], spans[s]
            for q in range(begin.shape[0]):
                a, b = begin[q, j], begin[q, j + 1]
                if me.status == FINE and a < b and reaches(at[a], at[b - 1], span):
                    follow_levels(at[a:b], to[a:b], mine, tables, span, me, sums[c, s], lanes)
            if is_last and me.status == FINE:
                end_span(mine, tables, span, me, sums[c, s], lanes)


@inline_kernel
def follow_levels(
    rows: I64,
    targets: F64,
    terms: Terms,
    tables: Tables,
    span: I64,
    me: Tally,
    sums: F64,
    lanes: F64,
) -> None:
    """Take one configuration through changes of its target in one span."""
    first, last = span[0], span[1]
    for i in range(rows.size):
        row, x = rows[i] if rows[i] >= 0 else ~rows[i], targets[i]
        if row < first or x == me.wanted:
            continue
        bar = row + terms.lag
        if not abs(x) < 1e6:
            me.status = UNFIT
        me.wanted = x
        if bar >= last or me.status != FINE:
            continue
        if tables.fill[bar] != bar:
            me.status = UNFIT
            continue
        pass_bars(bar, terms, tables, me, lanes)
        resize(bar, x, terms, tables, span, me, sums)


@inline_kernel
def worth(close: float, me: Tally) -> float:
    """What the account is worth at a price."""
    return me.money + me.units * close


@inline_kernel
def pass_bars(bar: int, terms: Terms, tables: Tables, me: Tally, lanes: F64) -> None:
    """Sum up the bars from the last trade's on to before `bar`, on which nothing is traded."""
    a, units = me.since, me.units
    me.since = bar
    if units == 0.0:
        me.last_worth = me.money
        return
    low, high = extremes(a, bar, tables.extreme, tables.blocks)
    if units < 0.0:
        low, high = high, low
    low, high = worth(low, me), worth(high, me)
    if low <= 0.0 or is_called(a, bar, terms, tables, me):
        me.status = UNFIT
        return
    note_depth(a, bar, low, high, tables, me)
    me.held += bar - a
    if me.money == 0.0:
        # The first bar's return is noted where it was traded.
        now, then = tables.leave[bar], tables.entry[a]
        me.sum1 += now[2] - then[3]
        me.sum2 += now[3] - then[4]
        me.down2 += now[4] - then[5]
    elif bar - a > 1:
        growth_sums(tables.close, a + 1, bar - a - 1, me.money, units, me.cash_rate, lanes)
        for k in range(LANES):
            me.sum1 += lanes[k]
            me.sum2 += lanes[LANES + k]
            me.down2 += lanes[2 * LANES + k]
    me.noted += bar - a - 1
    me.last_worth = worth(tables.close[bar - 1], me)


@inline_kernel
def is_called(a: int, bar: int, terms: Terms, tables: Tables, me: Tally) -> bool:
    """Whether the margin may have been called on the bars [a, bar], judged a little too early."""
    if terms.is_margin == 0 or (me.units >= 0.0 and me.money >= 0.0):
        return False
    low, high = extremes(a, min(bar + 1, tables.close.size - LANES), tables.reach, tables.around)
    worst = high if me.units < 0.0 else low
    need = terms.maintenance * abs(me.units) * worst
    return bool(me.money + me.units * worst - need <= 1e-9 * abs(me.units) * worst)


@inline_kernel
def note_depth(a: int, bar: int, low: float, high: float, tables: Tables, me: Tally) -> None:
    """Peak and drawdown of the worths at the closes of [a, bar), between `low` and `high`."""
    if high <= me.peak:
        if low < me.depth * me.peak:
            me.depth = low / me.peak
    elif low >= me.depth * high:
        me.peak = high
    else:
        peak, depth = me.peak, me.depth
        for t in range(a, bar):
            now = worth(tables.close[t], me)
            if now > peak:
                peak = now
            elif now < depth * peak:
                depth = now / peak
        me.peak, me.depth = peak, depth


@inline_kernel
def resize(
    bar: int, x: float, terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64
) -> None:
    """Bring the units to the target at the reference price of `bar`: `market_orders` for one."""
    if me.status != FINE:
        return
    pass_level_days(int(tables.leave[bar, 5]), tables, span, me, sums)
    before, price = me.last_worth, tables.entry[bar, 0]
    asked = 0.0
    if x != 0.0:
        asked = max(worth(price, me), 0.0) * x / price
    if abs(asked - me.units) <= DUST * abs(me.units):
        asked = me.units
    wanted = max(asked, 0.0) if terms.is_margin == 0 else asked
    change = wanted - me.units if asked != me.units else 0.0
    if change * me.units < 0.0:
        part = change if abs(change) < abs(me.units) else -me.units
        fill(part, price, before, terms, me)
    rest = wanted - me.units
    if rest * change > 0.0 and rest * me.units >= 0.0:
        fill(affordable(rest, price, terms, me), price, before, terms, me)
    now = worth(tables.close[bar], me)
    if now <= 0.0:
        me.status = UNFIT
        return
    r = now / before - 1.0
    me.sum1 += r
    me.sum2 += r * r
    me.down2 += loss(r, me)
    me.noted += 1
    if now < me.depth * me.peak:
        me.depth = now / me.peak
    me.peak = now if now > me.peak else me.peak


@inline_kernel
def affordable(rest: float, price: float, terms: Terms, me: Tally) -> float:
    """An opening quantity, cut to what the account can carry, costs included."""
    side = 1.0 if rest > 0.0 else -1.0
    budget = me.money
    if terms.is_margin != 0:
        budget = terms.leverage * worth(price, me) - abs(me.units) * price
    paid = price * (1.0 + side * terms.worse)
    rate = terms.fee + (terms.tax if side < 0.0 else 0.0)
    most = max(budget / (paid + terms.leverage * (rate * paid)), 0.0)
    size = abs(rest)
    if most >= size:
        return rest
    return side * most if most > DUST * size else 0.0


@inline_kernel
def fill(quantity: float, price: float, before: float, terms: Terms, me: Tally) -> None:
    """Trade a quantity at a reference price and book it, round trips at average entry prices."""
    if quantity == 0.0:
        return
    side = 1.0 if quantity > 0.0 else -1.0
    size = abs(quantity)
    paid = price * (1.0 + side * terms.worse)
    notional = size * paid
    fees = terms.fee * notional + (terms.tax * notional if side < 0.0 else 0.0)
    money = me.money - (quantity * paid + fees)
    me.money = 0.0 if abs(money) <= 1e-12 * notional else money
    me.cost += fees + size * abs(paid - price)
    me.traded += notional / before / 2.0
    me.fills += 1
    if me.units * quantity >= 0.0:
        if me.units == 0.0:
            me.gross = me.fees = 0.0
        me.gross += notional
        me.fees += fees
        me.units += quantity
        return
    is_whole = size == abs(me.units)
    share = 1.0 if is_whole else size / abs(me.units)
    entry = me.gross / abs(me.units)
    gain = -side * (paid - entry) * size - (fees + me.fees * share)
    me.trades += 1
    me.wins += 1 if gain > 0.0 else 0
    me.won += gain if gain > 0.0 else 0.0
    me.lost -= gain if gain < 0.0 else 0.0
    me.gross -= me.gross * share
    me.fees -= me.fees * share
    me.units = 0.0 if is_whole else me.units + quantity


@inline_kernel
def pass_level_days(day: int, tables: Tables, span: I64, me: Tally, sums: F64) -> None:
    """Note the returns of the days that ended before `day`, at what is held now."""
    while me.day < day:
        note_day(worth(tables.days[me.day, 0], me), span, me, sums)
        me.day += 1


@inline_kernel
def end_span(terms: Terms, tables: Tables, span: I64, me: Tally, sums: F64, lanes: F64) -> None:
    """Mark at the last close of the span, and note its last day."""
    last = span[1]
    pass_bars(last, terms, tables, me, lanes)
    if me.status != FINE:
        return
    pass_level_days(int(tables.leave[last - 1, 5]), tables, span, me, sums)
    me.money = me.last_worth
    me.units = 0.0
    me.down2 += (last - span[19] - me.noted) * loss(0.0, me)
    note_day(me.money, span, me, sums)
