"""What risk knows of an account: a value, made anew by each event from the one before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from trade_research.risk.limits import Limits


@dataclass(frozen=True)
class RiskState:
    """An account as of its last event.

    Attributes
    ----------
    equity, cash, peak, day_equity : float
        Money now, highest equity, equity when the day began.
    day : int
        `Limits.day` of the last event.
    positions : mapping
        Units by symbol.
    marks : mapping
        Last close by symbol.
    open_orders : mapping
        Signed units, at their largest, of approved orders that are not filled yet.
    orders : tuple of int
        Times (ns) of the approved orders of the last minute that did not reduce.
    orders_today, losses_in_a_row : int
    last_loss_ns : int
    latch : str
        Why only reducing orders pass; empty while it is not so.
    """

    equity: float
    cash: float
    peak: float
    day_equity: float
    day: int = -1
    positions: Mapping[str, float] = field(default_factory=dict)
    marks: Mapping[str, float] = field(default_factory=dict)
    open_orders: Mapping[str, float] = field(default_factory=dict)
    orders: tuple[int, ...] = ()
    orders_today: int = 0
    losses_in_a_row: int = 0
    last_loss_ns: int = 0
    latch: str = ""

    @classmethod
    def at_start(cls, cash: float) -> RiskState:
        """An account that holds `cash` and has done nothing."""
        return cls(equity=cash, cash=cash, peak=cash, day_equity=cash)

    def marked(
        self,
        limits: Limits,
        now_ns: int,
        *,
        equity: float,
        cash: float,
        positions: Mapping[str, float],
        marks: Mapping[str, float],
    ) -> RiskState:
        """After a bar: what is held and what it is worth. The first bar of a day begins it."""
        day = limits.day(now_ns)
        is_new = day != self.day
        return replace(
            self,
            equity=equity,
            cash=cash,
            positions=dict(positions),
            marks=dict(marks),
            peak=max(self.peak, equity),
            day=day,
            # A day is measured from where the one before ended.
            day_equity=self.equity if is_new else self.day_equity,
            orders_today=0 if is_new else self.orders_today,
            latch="" if is_new and self.latch == "daily_loss" else self.latch,
        )

    def ordered(self, symbol: str, quantity: float, now_ns: int, *, reduces: bool) -> RiskState:
        """After an approved order: `quantity` signed units at their largest."""
        waiting = dict(self.open_orders)
        waiting[symbol] = waiting.get(symbol, 0.0) + quantity
        if reduces:
            return replace(self, open_orders=waiting)
        recent = tuple(t for t in self.orders if now_ns - t < 60_000_000_000)
        return replace(
            self,
            open_orders=waiting,
            orders=(*recent, now_ns),
            orders_today=self.orders_today + 1,
        )

    def recent(self, now_ns: int) -> int:
        """Approved orders of the last minute that did not reduce."""
        return sum(1 for t in self.orders if now_ns - t < 60_000_000_000)

    def settled(self, waiting: Collection[str] = ()) -> RiskState:
        """After orders were filled or given up: only those of the symbols `waiting` are open."""
        still = {symbol: q for symbol, q in self.open_orders.items() if symbol in waiting}
        return replace(self, open_orders=still) if len(still) < len(self.open_orders) else self

    def closed(self, pnl: float, now_ns: int) -> RiskState:
        """After a round trip that made `pnl`."""
        if pnl < 0.0:
            return replace(self, losses_in_a_row=self.losses_in_a_row + 1, last_loss_ns=now_ns)
        return replace(self, losses_in_a_row=0)

    def latched(self, why: str) -> RiskState:
        """With only reducing orders passing, because of `why`.

        The first reason stays, but for a day's loss, which would be forgotten at midnight.
        """
        return self if self.latch not in ("", "daily_loss") else replace(self, latch=why)

    def released(self) -> RiskState:
        """With the latch taken off by a person; losses are counted from here."""
        return replace(self, latch="", peak=self.equity, day_equity=self.equity)
