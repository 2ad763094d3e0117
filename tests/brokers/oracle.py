"""A venue of the mind on a virtual clock, a client of our machine, and what must hold of both.

The venue follows Binance's published rules: a request older than its window is refused at the
engine's door, an id is free again once its order is done, an order shows a little after it was
taken. Everything else goes wrong by the schedule's dice: requests and replies are lost or late,
answers are garbage, questions fail, trades come split, twice and out of order, and the client is
killed between any two things it does.
"""

from __future__ import annotations

import heapq
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from trade_research.brokers import order_machine as machine
from trade_research.brokers.order_machine import (
    WINDOW_NS,
    Absent,
    Action,
    Ask,
    Lost,
    Order,
    Refused,
    Report,
    Resume,
    Send,
    Submit,
    Tell,
    Tick,
    Trade,
    Unheard,
)

S = 1_000_000_000
FATES = (
    *("fine",) * 6,
    *("request lost", "reply lost", "slow reply", "held at the door", "5xx before", "5xx after"),
    *("garbage", "no connection", "no money", "wrong clock"),
)


class Killed(Exception):
    """The client is no more."""


@dataclass
class Placed:
    """An order as the venue has it."""

    order_id: str
    client_id: str
    seen_ns: int
    over_ns: int
    trades: list[tuple[int, Trade]]


@dataclass
class World:
    """One schedule: `problems` says afterwards what did not hold."""

    seed: int
    intents: int = 6
    journals_intent: bool = True
    step: Callable[..., tuple[Order, list[Action]]] = machine.step
    now: int = 0
    placed: list[Placed] = field(default_factory=list)
    journal: list[tuple[str, str, dict]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.heap: list[tuple[int, int, int, Callable[[], None]]] = []
        self.orders: dict[str, Order] = {}
        self.born = self.count = self.decided = self.kills = 0
        self.skew_ns = 0

    # ---- the clockwork

    def at(self, after: float, what: Callable[[], None], *, of_client: bool = False) -> None:
        self.count += 1
        born = self.born if of_client else -1
        heapq.heappush(self.heap, (self.now + int(after * S), self.count, born, what))

    def run(self) -> World:
        self.at(0.0, self.tick, of_client=True)
        while self.heap and self.now < 2_000 * S:
            self.now, _, born, what = heapq.heappop(self.heap)
            if born not in (-1, self.born):
                continue  # it was to be heard by a client that is dead
            try:
                what()
            except Killed:
                self.kills += 1
                self.born += 1
                self.orders = {}
                self.at(self.dice.uniform(0.0, 3.0), self.restart, of_client=True)
        return self

    def may_die(self) -> None:
        if self.kills < 3 and self.dice.random() < 0.03:
            raise Killed

    # ---- the client

    def restart(self) -> None:
        for name, about, fields in self.journal:
            if name == "intent":
                self.orders[about] = Order(about, "A", fields["quantity"], status=machine.SENT)
            else:
                self.orders[about] = machine.recalled(self.orders[about], name, fields)
        self.decided = len(self.orders)
        for order in list(self.orders.values()):
            self.feed(order.id, Resume())
        self.tick()

    def tick(self) -> None:
        for order in list(self.orders.values()):
            self.feed(order.id, Tick())
        if not any(order.is_open for order in self.orders.values()):
            if self.decided == self.intents:
                return
            self.decide()
        self.at(0.1, self.tick, of_client=True)

    def decide(self) -> None:
        self.decided += 1
        order = Order(f"i{self.decided}", "A", self.dice.choice([-1.0, 1.0, 2.5]))
        self.orders[order.id] = order
        self.may_die()
        if self.journals_intent:
            self.journal.append(("intent", order.id, {"quantity": order.quantity}))
        self.may_die()
        self.feed(order.id, Submit())

    def feed(self, about: str, event: machine.Event) -> None:
        order, actions = self.step(self.orders[about], event, self.now)
        self.orders[about] = order
        for action in actions:
            self.may_die()
            if isinstance(action, Tell):
                if not self.journals_intent and action.event == "order_placed":
                    self.journal.append(("intent", about, {"quantity": order.quantity}))
                if self.journals_intent or order.order_id:
                    self.journal.append((action.event, about, dict(action.fields)))
            elif isinstance(action, Send):
                self.send(order, 0 if action.syncs else self.skew_ns)
            else:
                self.ask(order, action)

    def hear(self, about: str, after: float, event: machine.Event) -> None:
        self.at(after, lambda: self.feed(about, event), of_client=True)

    # ---- the way there and back

    def send(self, order: Order, skew: int) -> None:
        fate = self.dice.choice(FATES)
        signed, there = self.now, self.dice.uniform(0.001, 0.2)
        lost = Lost(fate, signed)
        if fate == "wrong clock" and order.sends < 2:
            skew = -60 * S
        if fate == "no connection":
            self.hear(order.id, there, Refused(fate))
        elif fate == "no money":
            self.hear(order.id, there, Refused("-2010"))
        elif fate in ("request lost", "5xx before"):
            self.hear(order.id, there if fate[0] == "5" else 5.0, lost)
        else:
            if fate == "held at the door":
                there = self.dice.uniform(0.2, 6.0)
                self.hear(order.id, self.dice.uniform(0.05, 5.0), lost)
            elif fate in ("reply lost", "slow reply", "5xx after", "garbage"):
                self.hear(order.id, there + self.dice.choice([0.0, 0.0, 5.0]), lost)
            self.at(there, lambda: self.receive(order, signed + skew, fate))

    def receive(self, order: Order, stamp: int, fate: str) -> None:
        back = self.dice.uniform(0.001, 0.2)
        if self.now - stamp > WINDOW_NS:
            if fate in ("fine", "wrong clock"):
                self.hear(order.id, back, Refused("-1021", is_clock=True))
            return
        total, parts = abs(order.quantity), self.dice.randint(1, 3)
        done = self.dice.choice([1.0, 1.0, 1.0, 0.5, 0.0])  # the rest is cancelled
        number, over = len(self.placed), self.now
        trades = []
        for part in range(parts if done else 0):
            over += int(self.dice.choice([0.0, 0.0, 0.7]) * S)
            found = Trade(f"{number}.{part}", total * done / parts, 100.0 + part, 0.1, "USDT")
            trades.append((over, found))
        over += int(self.dice.choice([0.0, 0.5]) * S)
        seen = self.now + int(self.dice.choice([0.0, 0.0, 0.3, 1.5]) * S)
        self.placed.append(Placed(f"v{number}", order.id, seen, over, trades))
        if fate in ("fine", "wrong clock"):
            self.hear(order.id, back, self.report(self.placed[-1]))

    def report(self, placed: Placed) -> Report:
        known = [trade for t, trade in placed.trades if t <= self.now]
        executed = sum(trade.quantity for trade in known)
        shown = [t for t in known if self.dice.random() < 0.9]
        shown += [t for t in known if self.dice.random() < 0.3]
        self.dice.shuffle(shown)
        return Report(placed.order_id, executed, placed.over_ns <= self.now, tuple(shown))

    def ask(self, order: Order, action: Ask) -> None:
        there, asked = self.dice.uniform(0.001, 0.3), self.now
        if self.dice.random() < 0.25:
            self.hear(order.id, there, Unheard())
            return

        def answer() -> None:
            for placed in self.placed:
                if placed.client_id == order.id and placed.seen_ns <= self.now:
                    self.hear(order.id, there, self.report(placed))
                    return
            self.hear(order.id, there, Absent(asked, action.is_thorough))

        self.at(there, answer)

    # ---- what must hold

    def problems(self) -> list[str]:
        """In words; nothing here looks at how the client came to its journal."""
        found, told = [], defaultdict(float)
        last: dict[str, str] = {}
        venue, owners = defaultdict(float), defaultdict(list)
        for name, about, fields in self.journal:
            last[about] = fields.get("status", last.get(about, "open"))
            if name == "fill":
                told[about] += fields["qty"]
        for placed in self.placed:
            owners[placed.client_id].append(placed.order_id)
            venue[placed.client_id] += sum(trade.quantity for _, trade in placed.trades)
        for about, orders in owners.items():
            if len(orders) > 1:
                found.append(f"{about} is {len(orders)} orders")
            if about not in last:
                found.append(f"{about} has no intent")
        for about, status in last.items():
            if status not in machine.CLOSED:
                found.append(f"{about} is still {status}")
            if status in (machine.VOID, machine.REJECTED) and owners[about]:
                found.append(f"{about} was called {status}, the venue has it")
        apart = [about for about in {*told, *venue} if abs(told[about] - venue[about]) > 1e-9]
        found += [f"{a}: {told[a]} on record, {venue[a]} at the venue" for a in apart]
        return found
