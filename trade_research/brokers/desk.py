"""`Desk`: the orders of a session at a venue, and the thread that sends them and asks for them."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from trade_research.brokers.order_machine import (
    Action,
    Event,
    Lost,
    Order,
    Refused,
    Resume,
    Send,
    Submit,
    Tell,
    Tick,
    Unheard,
    step,
)
from trade_research.brokers.order_port import Balances
from trade_research.errors import BrokerError


class Port(Protocol):
    """What a desk asks of a venue; `order_port.OrderPort` is one. Each call takes its time."""

    def place(self, order: Order) -> Event: ...
    def ask(self, order: Order, is_thorough: bool) -> Event: ...
    def sync(self) -> float: ...
    def balances(self) -> Balances: ...


@dataclass(frozen=True, slots=True)
class Holdings:
    """What the account was found to hold; None where it did not say."""

    found: Balances | None


Heard = tuple[str, Event] | Holdings


class Desk:
    """Orders from their submission to their end.

    Parameters
    ----------
    port : Port
        Used by the desk's thread alone.
    may_send : callable
        Asked right before an order leaves; False refuses it.

    Attributes
    ----------
    orders : dict of str to Order
        By id, also those that are closed.
    """

    def __init__(self, port: Port, may_send: Callable[[], bool]) -> None:
        self.orders: dict[str, Order] = {}
        self._port, self._may_send = port, may_send
        self._jobs: queue.SimpleQueue[Callable[[], Heard] | None] = queue.SimpleQueue()
        self._heard: queue.SimpleQueue[Heard] = queue.SimpleQueue()
        self._is_asked = False
        threading.Thread(target=self._work, name="orders", daemon=True).start()

    def submit(self, order: Order) -> None:
        """Send an order whose intent is on the disk."""
        self.orders[order.id] = order
        self._feed(order.id, Submit())

    def resume(self, order: Order) -> list[Tell]:
        """Take up an order of a process before this one."""
        self.orders[order.id] = order
        return self._feed(order.id, Resume())

    def ask_holdings(self) -> None:
        """Have the account looked at, once it comes to that."""
        if not self._is_asked:
            self._is_asked = True
            self._jobs.put(self._hold)

    def hear(self) -> list[tuple[str, Tell] | Holdings]:
        """What became known since the last call, each with the order's id; waits for nothing."""
        told: list[tuple[str, Tell] | Holdings] = []
        while True:
            try:
                heard = self._heard.get_nowait()
            except queue.Empty:
                break
            if isinstance(heard, Holdings):
                self._is_asked = False
                told.append(heard)
            else:
                told += [(heard[0], tell) for tell in self._feed(*heard)]
        for order in [order for order in self.orders.values() if order.is_open]:
            told += [(order.id, tell) for tell in self._feed(order.id, Tick())]
        return told

    def close(self) -> None:
        """Send and ask no more."""
        self._jobs.put(None)

    def _feed(self, about: str, event: Event) -> list[Tell]:
        order, actions = step(self.orders[about], event, time.monotonic_ns())
        self.orders[about] = order
        for action in actions:
            if not isinstance(action, Tell):
                self._jobs.put(partial(self._act, order, action))
        return [action for action in actions if isinstance(action, Tell)]

    def _act(self, order: Order, action: Action) -> Heard:
        """In the thread: do it; whatever goes wrong says nothing about the order."""
        try:
            if isinstance(action, Send):
                if action.syncs:
                    self._port.sync()
                if not self._may_send():
                    return order.id, Refused("the kill latch is set")
                return order.id, self._port.place(order)
            assert not isinstance(action, Tell)
            return order.id, self._port.ask(order, action.is_thorough)
        except Exception as error:
            reason = f"{type(error).__name__}"
            if isinstance(action, Send):
                return order.id, Lost(reason, time.monotonic_ns())
            return order.id, Unheard()

    def _hold(self) -> Heard:
        try:
            return Holdings(self._port.balances())
        except BrokerError:
            return Holdings(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            self._heard.put(job())
