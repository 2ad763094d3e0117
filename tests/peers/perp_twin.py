"""The naive twin of a perpetual account: a wallet, a margin for each position, and dated fundings.

Money is kept the way a venue shows it (wallet balance and isolated margins), not as our step does
(one ledger of cash), and opening sizes are found by bisection.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tests.peers.twin import Twin


@dataclass
class PerpTwin(Twin):
    margin: bool = True
    buffer: float = 0.0
    rates: list = field(default_factory=list)  # (bar, is inside, symbol, rate, mark)
    paid: float = 0.0

    def run(self, bars, target):
        self.wallet = self.cash
        self.margins = [0.0] * len(target[0])
        return super().run(bars, target)

    @property
    def free(self):
        return self.wallet - sum(self.margins)

    def trade(self, s, units, ref, kind, at_close=False, fee=None):
        before, entry = self.pos[s].units, self.pos[s].entry
        super().trade(s, units, ref, kind, at_close, fee)
        _, _, _, price, cost, _ = self.fills[-1]
        self.settle(s, before, entry, units, price, cost)

    def settle(self, s, before, entry, units, price, cost):
        self.wallet -= cost
        if before * units >= 0:
            self.margins[s] += abs(units) * price / self.leverage
        else:
            self.wallet += -units * (price - entry)
            left = 0.0 if units == -before else 1 - abs(units) / abs(before)
            self.margins[s] *= left

    def margin_call(self, inside):
        for bar, is_inside, s, rate, mark in self.rates:
            if (bar, is_inside) == (self.t, inside) and self.pos[s].units:
                self.fund(s, rate, mark)
        for s in range(self.n):
            if self.pos[s].units and not math.isnan(self.open[s]):
                self.liquidate(s, inside)
        if self.buffer and not inside:
            self.halve()

    def fund(self, s, rate, mark):
        price = mark
        if math.isnan(mark):
            price = self.wish[s].mark if math.isnan(self.open[s]) else self.open[s]
        due = self.pos[s].units * price * rate
        from_margin = max(due - max(self.free, 0), 0)
        self.wallet -= due
        self.cash -= due
        self.margins[s] -= from_margin
        self.paid += due

    def liquidate(self, s, inside):
        p, margin = self.pos[s], self.margins[s]
        stop, _, goal = self.levels(s)
        worst = self.open[s]
        if inside and p.units > 0:
            worst = max(self.low[s], min(stop, worst))
        elif inside:
            worst = min(self.high[s], max(stop, worst))
        # margin + unrealised against the maintenance of the value, each at the worst price
        value = abs(p.units) * worst
        if margin + p.units * (worst - p.entry) - self.maintenance * value > 1e-12 * value:
            return
        is_hit = self.high[s] >= goal if p.units > 0 else self.low[s] <= goal
        self.ambiguous += inside and is_hit
        size, side, units, entry = abs(p.units), math.copysign(1, p.units), p.units, p.entry
        bankrupt = entry - side * margin / size
        fee = self.fee_of(size, bankrupt)
        fee += self.tax * size * bankrupt if side > 0 else 0.0
        price = bankrupt + side * fee / size
        self.cash -= -units * price + fee
        if abs(self.cash) <= 1e-12 * size * price:
            self.cash = 0.0  # a rounding error, not money: the account is ruined
        self.fills.append((self.t, s, -units, price, fee, "liquidation"))
        self.settle(s, units, entry, -units, price, fee)
        p.units = 0.0
        self.forget(s)

    def halve(self):
        equity = self.worth(self.open)
        prices = [
            self.wish[s].mark if math.isnan(self.open[s]) else self.open[s] for s in range(self.n)
        ]
        values = [
            abs(p.units) * x if p.units else 0.0 for p, x in zip(self.pos, prices, strict=True)
        ]
        if equity >= (1 + self.buffer) * self.maintenance * sum(values):
            return
        can = [s for s in range(self.n) if values[s] and self.volume[s] != 0]
        can = [s for s in can if not math.isnan(self.open[s])]
        if can:
            s = max(can, key=lambda s: values[s])
            before, order = self.pos[s].units, self.wish[s].order
            self.wish[s].order = "deleverage"
            self.part(s, -0.5 * before, self.open[s], False, False)
            self.wish[s].order = order
            self.wish[s].units += self.pos[s].units - before

    def affordable(self, side, price, prices):
        free = self.free
        tax = self.tax if side < 0 else 0.0

        def fits(q):
            return q * price / self.leverage + self.fee_of(q, price) + tax * q * price <= free

        low, high = 0.0, 4 * self.leverage * max(self.worth(prices), free, 0.0) / price
        if not fits(low):
            return 0.0
        for _ in range(200):
            middle = (low + high) / 2
            low, high = (middle, high) if fits(middle) else (low, middle)
        return low
