"""A session that is driven bar by bar, and a checker of its records that shares no code with it."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from trade_research.brokers.paper import PaperBroker
from trade_research.feeds.bars import Row, Skipped
from trade_research.feeds.schedule import Schedule
from trade_research.frames.intervals import parse_interval
from trade_research.live.recovery import Retold, relive, rows_of
from trade_research.live.session import Session
from trade_research.risk.limits import Limits
from trade_research.simulate.costs import Costs

MINUTE = 60_000_000
CASH = 100_000.0
SYMBOLS = ("A", "B")
# An hour before New York loses one, on 9 March 2025.
START = int(datetime(2025, 3, 9, 6, 0, tzinfo=UTC).timestamp()) * 1_000_000
SLACK = 1.0 + 1e-9


class Account:
    """Drives a session that has the limits `told`, and checks it by the limits `meant`."""

    def __init__(
        self, meant: Limits, told: Limits | None = None, rebalance: int | None = None
    ) -> None:
        self.told, self.records, self.rebalance = told or meant, [], rebalance
        self.targets: dict[int, np.ndarray] = {}
        self.time, self.close = START, np.array([100.0, 20.0])
        self.checker = Checker(meant)
        self.session = self._session(self.append)

    def append(self, event: str, encoded: str = "", /, **fields: Any) -> None:
        """Keep a record, as a journal would."""
        fields = json.loads(f"{{{encoded}}}") if encoded else fields
        self.records.append({"event": event, "seq": len(self.records) + 1} | fields)

    def bar(
        self,
        targets: Sequence[float],
        *,
        gaps: Sequence[float] = (1.0, 1.0),
        moves: Sequence[float] = (1.0, 1.0),
        absent: Collection[int] = (),
        dry: Collection[int] = (),
        minutes: int = 1,
        late_s: float = 0.0,
    ) -> None:
        """One row: opens at the last closes times `gaps`, closes at the opens times `moves`."""
        self.time += minutes * MINUTE
        opened = self.close * gaps
        closed = opened * moves
        volume = np.array([0.0 if s in dry else 1e9 for s in range(2)])
        bars = np.stack(
            [opened, np.maximum(opened, closed), np.minimum(opened, closed), closed, volume]
        )
        bars[:, list(absent)] = np.nan
        self.close = np.where(np.isnan(bars[3]), self.close, bars[3])
        self.targets[self.time] = np.array(targets, dtype=np.float64)
        known, end = len(self.records), self.time + MINUTE
        row = Row(self.time, end, end * 1_000 + int(late_s * 1e9), bars)
        for s in absent:
            self.session.on_skipped(Skipped(SYMBOLS[s], self.time, self.time + 1, "absent"))
        self.session.on_row(row)
        self.checker.row(row, self.records[known:])
        for s, symbol in enumerate(SYMBOLS):
            if targets[s] == 0.0 and self.checker.held[symbol] == 0.0:
                self.checker.open.pop(symbol, None)  # nothing is wanted any more
        assert np.isclose(self.session.broker.equity, self.checker.equity, rtol=1e-9)

    def restart(self) -> None:
        """Make the session anew from its records."""
        before, risk = list(self.records), self.session.risk
        retold = Retold(self, before)  # type: ignore[arg-type]  # as much of a journal as it needs
        self.session = self._session(retold)
        relive(self.session, retold, rows_of(before, SYMBOLS))
        assert self.records == before
        assert self.session.risk == risk

    def release(self) -> None:
        """A person takes the latch off."""
        self.session.release("tester")
        self.checker.release()

    def close_all(self) -> None:
        """Whatever the limits: what is held can be closed."""
        for _ in range(2):
            self.bar([0.0, 0.0], late_s=1e6)
        assert self.session.broker.positions == {}

    def see(self, row: Row) -> None:
        """As a decider."""

    def decide(self, row: Row) -> tuple[np.ndarray, Mapping[str, float]]:
        """As a decider: what was asked for."""
        return self.targets[row.open_time], {}

    def _session(self, record: Any) -> Session:
        return Session(
            "s",
            self,
            PaperBroker(
                SYMBOLS, costs=Costs(), cash=CASH, account="margin", rebalance=self.rebalance
            ),
            record,
            limits=self.told,
            cash=CASH,
            schedule=Schedule("24/7", parse_interval("1m"), 0, 0),
        )


class Checker:
    """Recomputes from bars and records what an account may do, by brute force where it can."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.cash, self.equity, self.peak = limits, CASH, CASH, CASH
        self.day_equity, self.day = CASH, None
        self.held, self.marks = dict.fromkeys(SYMBOLS, 0.0), dict.fromkeys(SYMBOLS, np.nan)
        self.trip, self.losses, self.lost_at = dict.fromkeys(SYMBOLS, 0.0), 0, 0
        self.is_drawn_down = self.is_down_today = False
        self.sent: list[int] = []
        self.today = 0
        self.open: dict[str, dict[str, Any]] = {}

    def release(self) -> None:
        self.is_drawn_down = self.is_down_today = False
        self.peak = self.day_equity = self.equity

    def row(self, row: Row, records: Sequence[Mapping[str, Any]]) -> None:
        """What a row led to."""
        decided = next(
            (i for i, r in enumerate(records) if r["event"] == "signal_generated"), len(records)
        )
        filled = dict.fromkeys(self.open, 0.0)
        for record in records[:decided]:
            if record["event"] == "fill":
                self._fill(record, row, filled)
            elif record["event"] == "risk_block":
                self.open.pop(record["signal"]["symbol"], None)
        for s, symbol in enumerate(SYMBOLS):
            if row.bars[4, s] > 0.0:
                self.open.pop(symbol, None)
            if row.bars[3, s] == row.bars[3, s]:
                self.marks[symbol] = float(row.bars[3, s])
        self._mark(row)
        for record in records[decided:]:
            if record["event"] == "order_intent":
                self._order(record, row.received_ns)
            elif record["event"] == "signal_generated":  # in place of one that waits
                self.open.pop(record["signal"]["symbol"], None)

    def _fill(self, fill: Mapping[str, Any], row: Row, filled: dict[str, float]) -> None:
        symbol, s = fill["symbol"], SYMBOLS.index(fill["symbol"])
        signed = fill["qty"] if fill["side"] == "buy" else -fill["qty"]
        before, after = self.held[symbol], fill["position"]
        assert np.isclose(before + signed, after)
        order = self.open.get(symbol)
        is_less = abs(after) < abs(before) and after * before >= 0.0
        if fill["reason"] in ("signal", "rebalance") and order is not None:
            filled[symbol] += abs(signed)
            if not is_less:
                assert not order["reduces"]
                assert abs(row.bars[0, s] / order["price"] - 1.0) <= self.limits.price_band * SLACK
                assert filled[symbol] <= order["max_qty"] * SLACK
                assert filled[symbol] * row.bars[0, s] <= order["max_qty"] * order["price"] * SLACK
        else:
            assert is_less, "what nobody weighed may only reduce"
        self.cash -= signed * fill["price"] + fill["fee"]
        self.trip[symbol] -= signed * fill["price"] + fill["fee"]
        if before * after <= 0.0 and before != 0.0:
            pnl = self.trip[symbol] + after * fill["price"]
            self.losses = self.losses + 1 if pnl < 0.0 else 0
            self.lost_at = row.received_ns if pnl < 0.0 else self.lost_at
            self.trip[symbol] = -after * fill["price"]
        self.held[symbol] = after

    def _mark(self, row: Row) -> None:
        day = self._local(row.close_time * 1_000).date()
        if day != self.day:
            self.day, self.day_equity, self.today = day, self.equity, 0
            self.is_down_today = False
        self.equity = self.cash + sum(q * self.marks[s] for s, q in self.held.items() if q)
        self.peak = max(self.peak, self.equity)
        self.is_down_today |= self.day_equity - self.equity >= self.limits.max_daily_loss
        self.is_drawn_down |= self.peak - self.equity >= self.limits.max_drawdown

    def _order(self, order: Mapping[str, Any], now: int) -> None:
        symbol, limits = order["symbol"], self.limits
        held, sign = self.held[symbol], 1.0 if order["side"] == "buy" else -1.0
        if order["reduces"]:
            assert held * sign < 0.0
            assert order["max_qty"] <= abs(held) * SLACK
            self.open[symbol] = dict(order)
            return
        assert not self.is_drawn_down
        assert not self.is_down_today
        assert limits.symbols is None or symbol in limits.symbols
        assert now / 1e9 - order["decided_us"] / 1e6 <= limits.max_lateness_s
        waited = (now - self.lost_at) / 60e9
        assert self.losses < limits.max_losses_in_a_row or waited >= limits.cooldown_minutes
        if limits.hours is not None:
            first, last = limits.hours.split("-")
            assert first <= f"{self._local(now):%H:%M}" < last
        self.sent, self.today = [*self.sent, now], self.today + 1
        assert sum(now - t < 60e9 for t in self.sent) <= limits.max_orders_per_minute
        assert self.today <= limits.max_orders_per_day
        assert order["max_qty"] >= order["qty"] * (1.0 + limits.price_band) / SLACK
        self._sizes(order, sign)
        self.open[symbol] = dict(order)

    def _sizes(self, order: Mapping[str, Any], sign: float) -> None:
        """Money in the worst of all cases: each open order filled or not."""
        limits, symbol = self.limits, order["symbol"]
        assert order["max_qty"] * order["price"] <= limits.max_order * SLACK
        waiting = {**{s: o for s, o in self.open.items() if s != symbol}, symbol: order}
        for chosen in product([False, True], repeat=len(waiting)):
            held = dict(self.held)
            for is_filled, (name, other) in zip(chosen, waiting.items(), strict=True):
                side = 1.0 if other["side"] == "buy" else -1.0
                held[name] += side * other["max_qty"] if is_filled else 0.0
            money = {s: q * self.marks[s] for s, q in held.items() if q}
            if chosen[-1]:
                assert abs(money.get(symbol, 0.0)) <= limits.max_position * SLACK
                assert sum(map(abs, money.values())) <= limits.max_gross * SLACK
                assert abs(sum(money.values())) <= limits.max_net * SLACK
        spent = sum(
            o["max_qty"] * self.marks[s] for s, o in waiting.items() if o["side"] == "buy"
        ) - (order["max_qty"] * order["price"] if sign < 0.0 else 0.0)
        assert limits.min_balance == 0.0 or self.cash - spent >= limits.min_balance / SLACK

    def _local(self, now_ns: int) -> datetime:
        return datetime.fromtimestamp(now_ns / 1e9, ZoneInfo(self.limits.tz))
