"""A naive simulator in plain Python, holding our rules and vectorbt's: the oracle both must equal.

Written from `semantics.md`, not from the compiled step: floats, lists and dictionaries, one bar
after the other, no short cuts. Slow on purpose.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

NAN = math.nan


@dataclass
class Position:
    units: float = 0.0
    entry: float = NAN  # average fill price
    since: int = -1
    at_close: bool = False
    peak: float = NAN


@dataclass
class Wish:
    """What is wanted of one symbol."""

    held: float = 0.0
    row: float = NAN
    locked: bool = False
    left: int = -1  # bar of the last exit
    kind: str | None = None  # change to be sized
    units: float = 0.0
    order: str = "signal"
    mark: float = NAN
    volume: float = NAN


@dataclass
class Twin:
    """Settings in plain fractions and money; `rules` is "ours" or "vectorbt"."""

    rules: str = "ours"
    cash: float = 100_000.0
    fee: float = 0.0
    maker: float | None = None
    slip: float = 0.0  # slippage and half the spread
    impact: float = 0.0
    fixed: float = 0.0
    least: float = 0.0
    per_unit: float = 0.0
    tax: float = 0.0
    stop: float | None = None
    take_profit: float | None = None
    trailing: float | None = None
    max_hold: int | None = None
    cooldown: int = 0
    margin: bool = False
    leverage: float = 1.0
    maintenance: float = 0.25
    fill: str = "next_open"
    delay: int = 0
    every: int = 0  # rebalance every so many rows
    lot: float = 0.0
    min_notional: float = 0.0
    optimistic: bool = False
    start: int = 0
    fills: list = field(default_factory=list)  # (bar, symbol, quantity, price, fee, reason)
    equity: list = field(default_factory=list)
    ambiguous: int = 0

    def run(self, bars, target):
        """`bars`: five lists of rows (open … volume), `target`: rows; each row one per symbol."""
        self.bars, self.target = bars, target
        n, self.n = len(target), len(target[0]) if target else 0
        self.pos = [Position() for _ in range(self.n)]
        self.wish = [Wish() for _ in range(self.n)]
        self.is_ruined = False
        for t in range(n):
            self.t = t
            self.open, self.high, self.low, self.close, self.volume = (b[t] for b in bars)
            if not self.is_ruined:
                (self.bar_vectorbt if self.rules == "vectorbt" else self.bar_ours)()
            self.equity.append(self.worth())
        return self

    # -- a bar -----------------------------------------------------------------------------------
    def bar_ours(self):
        self.margin_call(inside=False)
        self.exits_at(self.open, self.fill == "next_open", gaps=True)
        if self.fill == "next_open":
            self.market(self.open, at_close=False)
        self.margin_call(inside=True)
        self.exits_inside()
        if self.fill != "next_open":
            self.exits_at(self.close, True, gaps=False)
            self.market(self.close, at_close=True)
        for s in range(self.n):
            if not math.isnan(self.close[s]):
                self.wish[s].mark = self.close[s]
        if self.worth() <= 0:
            self.is_ruined = True
            for s in range(self.n):
                if self.pos[s].units:
                    self.trade(s, -self.pos[s].units, self.wish[s].mark, "liquidation", True)
        for s, p in enumerate(self.pos):
            if self.volume[s] > 0:
                self.wish[s].volume = self.volume[s]
            if p.units and not (p.since == self.t and p.at_close):
                best = self.high[s] if p.units > 0 else self.low[s]
                if not math.isnan(best):
                    p.peak = max(p.peak, best) if p.units > 0 else min(p.peak, best)

    def bar_vectorbt(self):
        """One symbol: the stop of a position carried into the bar goes before any signal."""
        p = self.pos[0]
        if p.units:
            stop, kind, goal = self.levels(0)
            side = 1 if p.units > 0 else -1
            worst, best = (self.low[0], self.high[0])[::side]
            price = NAN
            if side * (self.open[0] - stop) <= 0:
                price = self.open[0]
            elif side * (worst - stop) <= 0:
                price = stop
            elif side * (self.open[0] - goal) >= 0:
                price, kind = self.open[0], "take_profit"
            elif side * (best - goal) >= 0:
                price, kind = goal, "take_profit"
            if not math.isnan(price):
                self.leave(0, price, kind)
                self.read_row(0)
                self.wish[0].kind, self.wish[0].locked = None, True  # the signal is lost
                self.wish[0].mark = self.close[0]
                return
            p.peak = max(p.peak, self.high[0]) if side > 0 else min(p.peak, self.low[0])
        self.market(self.open, at_close=False)
        for s in range(self.n):
            self.wish[s].mark = self.close[s]

    # -- prices and money ------------------------------------------------------------------------
    def worth(self, prices=None):
        value = self.cash
        for s, p in enumerate(self.pos):
            if p.units:
                price = NAN if prices is None else prices[s]
                value += p.units * (self.wish[s].mark if math.isnan(price) else price)
        return value

    def gross(self, prices):
        return sum(
            abs(p.units) * (self.wish[s].mark if math.isnan(prices[s]) else prices[s])
            for s, p in enumerate(self.pos)
            if p.units
        )

    def price_of(self, s, side, size, ref):
        known = self.wish[s].volume
        impact = self.impact * math.sqrt(size / known) if self.impact and known > 0 else 0.0
        return ref * (1 + side * (self.slip + impact))

    def fee_of(self, size, price, maker=False):
        rate = self.maker if maker and self.maker is not None else self.fee
        fee = rate * size * price + self.per_unit * size
        return (max(self.least, fee) if self.least else fee) + self.fixed

    def trade(self, s, units, ref, kind, at_close=False, fee=None):
        side = 1 if units > 0 else -1
        size, p = abs(units), self.pos[s]
        price = self.price_of(s, side, size, ref)
        fee = self.fee_of(size, price, kind == "take_profit") if fee is None else fee
        if side < 0:
            fee += self.tax * size * price
        self.cash -= units * price + fee
        if p.units == 0:
            self.pos[s] = Position(units, price, self.t, at_close, price)
        else:
            if p.units * units > 0:
                p.entry = (p.entry * abs(p.units) + price * size) / (abs(p.units) + size)
            p.units = 0.0 if units == -p.units else p.units + units
        self.fills.append((self.t, s, units, price, fee, kind))

    # -- exits -----------------------------------------------------------------------------------
    def levels(self, s):
        p = self.pos[s]
        side = 1 if p.units > 0 else -1
        stop, kind, goal = -side * math.inf, None, side * math.inf
        if self.stop:
            stop, kind = p.entry * (1 - side * self.stop), "stop"
        if self.trailing and side * (p.peak * (1 - side * self.trailing) - stop) > 0:
            stop, kind = p.peak * (1 - side * self.trailing), "trailing"
        if self.take_profit:
            goal = p.entry * (1 + side * self.take_profit)
        return stop, kind, goal

    def leave(self, s, ref, kind, at_close=False):
        if self.volume[s] == 0:
            return
        self.trade(s, -self.pos[s].units, ref, kind, at_close)
        self.forget(s)

    def forget(self, s):
        w = self.wish[s]
        w.locked, w.left, w.kind, w.units = True, self.t, None, 0.0

    def exits_at(self, prices, may_time_out, gaps):
        for s, p in enumerate(self.pos):
            if not p.units or math.isnan(prices[s]):
                continue
            stop, kind, goal = self.levels(s)
            side = 1 if p.units > 0 else -1
            if gaps and side * (prices[s] - stop) <= 0:
                self.leave(s, prices[s], kind)
            elif gaps and side * (prices[s] - goal) >= 0:
                self.leave(s, prices[s], "take_profit")
            elif may_time_out and self.max_hold and self.t - p.since >= self.max_hold:
                self.leave(s, prices[s], "max_hold", not gaps)

    def exits_inside(self):
        for s, p in enumerate(self.pos):
            if not p.units or math.isnan(self.open[s]):
                continue
            stop, kind, goal = self.levels(s)
            side = 1 if p.units > 0 else -1
            worst, best = (self.low[s], self.high[s])[::side]
            is_stopped, is_hit = side * (worst - stop) <= 0, side * (best - goal) >= 0
            if is_stopped and is_hit and self.volume[s] != 0:
                self.ambiguous += 1
            if is_stopped and not (is_hit and self.optimistic):
                ref = min(stop, self.open[s]) if side > 0 else max(stop, self.open[s])
                self.leave(s, ref, kind)
            elif is_hit:
                ref = max(goal, self.open[s]) if side > 0 else min(goal, self.open[s])
                self.leave(s, ref, "take_profit")

    def margin_call(self, inside):
        if not self.margin or not any(p.units for p in self.pos):
            return
        first, last = [], []
        for s, p in enumerate(self.pos):
            a = self.wish[s].mark if math.isnan(self.open[s]) else self.open[s]
            b = a
            if inside and p.units and not math.isnan(self.open[s]):
                stop, _, _ = self.levels(s)
                if p.units > 0:
                    b = max(self.low[s], min(stop, a))
                else:
                    b = min(self.high[s], max(stop, a))
            first.append(a)
            last.append(b)
        x0 = self.worth(first) - self.maintenance * self.gross(first)
        x1 = self.worth(last) - self.maintenance * self.gross(last)
        if x1 > 0:
            return
        share = max(x0, 0) / (max(x0, 0) - x1) if inside else 0.0
        for s, p in enumerate(self.pos):
            if p.units and (math.isnan(self.open[s]) or self.volume[s] == 0):
                self.forget(s)
                self.wish[s].order = "liquidation"
            elif p.units:
                _, _, goal = self.levels(s)
                is_hit = self.high[s] >= goal if p.units > 0 else self.low[s] <= goal
                self.ambiguous += inside and is_hit
                self.leave(s, first[s] + share * (last[s] - first[s]), "liquidation")

    # -- market orders ---------------------------------------------------------------------------
    def read_row(self, s):
        d = self.t - self.delay - (self.fill != "this_close")
        if d < self.start or d < 0:
            return
        x, w = self.target[d][s], self.wish[s]
        if math.isnan(x) and math.isnan(self.bars[3][d][s]):
            return
        before, w.row = w.row, x
        if w.locked:
            is_over = self.cooldown == 0 or d >= w.left + self.cooldown
            is_new = is_over and not math.isnan(x) and x != before
        else:
            is_new = not math.isnan(x) and x != w.held
        if is_new:
            w.locked, w.held, w.kind = False, x, "signal"
        elif self.every and d % self.every == 0 and not w.locked and w.kind is None:
            w.kind = "rebalance"

    def market(self, prices, at_close):
        for s in range(self.n):
            self.read_row(s)
        value, wants = self.worth(prices), {}
        for s, w in enumerate(self.wish):
            if w.kind and not math.isnan(prices[s]):
                w.units = max(value, 0.0) * w.held / prices[s]
                if not self.margin and w.units < 0:
                    w.units = 0.0
                if abs(w.units - self.pos[s].units) <= 1e-9 * abs(self.pos[s].units):
                    w.units = self.pos[s].units
                w.order, w.kind = w.kind, None
            want = w.units - self.pos[s].units
            is_waiting = w.kind or math.isnan(prices[s]) or self.volume[s] == 0
            if want and not is_waiting:
                wants[s] = want
        closing = []
        for s, want in wants.items():
            held = self.pos[s].units
            if want * held < 0:
                part = want if abs(want) < abs(held) else -held
                closing.append((self.share(part * prices[s], value), s, part))
        is_reversal = {}
        for _, s, part in sorted(closing):
            is_reversal[s] = abs(wants[s]) > abs(part)
            is_shared = self.rules == "vectorbt" and is_reversal[s]
            self.part(s, part, prices[s], at_close, is_shared)
        opening = []
        for s in wants:
            rest = self.wish[s].units - self.pos[s].units
            if rest * wants[s] > 0 and rest * self.pos[s].units >= 0:
                opening.append((self.share(rest * prices[s], value), s, rest))
        for _, s, rest in sorted(opening):
            side = 1 if rest > 0 else -1
            price = self.price_of(s, side, abs(rest), prices[s])
            most = self.affordable(side, price, prices)
            size = min(abs(rest), most if most > 1e-9 * abs(rest) else 0.0)
            if self.rules == "vectorbt":  # a signal is all in, also where slippage lends a little
                size = most
            self.part(s, side * size, prices[s], at_close, False)
        for s in wants:
            self.wish[s].units = self.pos[s].units

    @staticmethod
    def share(money, value):
        """Cash an order takes, in billionths of the account."""
        return math.floor(money / (1e-9 * value) + 0.5) if value > 0 else money

    def part(self, s, units, ref, at_close, is_fee_shared):
        """One part of an order; vectorbt charges fixed fees once for a reversal."""
        if units and units != -self.pos[s].units:
            size = abs(units)
            lots = math.floor(size / self.lot + 1e-9) * self.lot if self.lot else size
            if lots == 0 or lots * ref < self.min_notional:
                return
            if abs(lots - size) > 1e-9 * size:
                units = math.copysign(lots, units)
        if not units:
            return
        fee = None
        if is_fee_shared:
            fee = self.fee * abs(units) * self.price_of(s, math.copysign(1, units), abs(units), ref)
        self.trade(s, units, ref, self.wish[s].order, at_close, fee)

    def affordable(self, side, price, prices):
        """Largest opening size, by bisection on what the account can carry."""
        tax = self.tax if side < 0 else 0.0
        if self.margin:
            equity, gross = self.worth(prices), self.gross(prices)

            def fits(q):
                cost = self.fee_of(q, price) + tax * q * price
                return gross + q * price <= self.leverage * (equity - cost)
        else:

            def fits(q):
                return q * price + self.fee_of(q, price) + tax * q * price <= self.cash

        low, high = 0.0, 4 * self.leverage * max(self.worth(prices), 0.0) / price
        if not fits(low):
            return 0.0
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low
