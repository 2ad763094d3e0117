"""An account of real money is closed whatever hangs, is late, refuses or is full."""

from __future__ import annotations

import os
import signal
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.live.test_crash import child
from tests.live.test_disk import failing
from tests.live.trading import FENCE_S, SYMBOL, ports, run, trading, wait_for
from tests.standins.orders import Venue
from trade_research.brokers import emergency, order_port
from trade_research.brokers.emergency import Emergency, flatten
from trade_research.brokers.order_machine import Order
from trade_research.errors import SessionError
from trade_research.live import journal as room
from trade_research.live.journal import scan
from trade_research.live.latch import Latch


def test_the_latch_closes_everything_and_for_good(at_venue: Venue, tmp_path: Path) -> None:
    made = trading(tmp_path, at_venue.at, 60)
    pid = child(partial(run, made, per_second=3.0))
    wait_for(lambda: float(at_venue.balances["BTC"]) > 0.01)
    Latch(tmp_path).set("tester", "enough")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    assert float(at_venue.balances["BTC"]) < 1e-5
    names = [r["event"] for r in scan(tmp_path)]
    after = names[names.index("kill") + 1 :]
    assert set(after[:-1]) <= {"fill"}
    assert after[-1] == "emergency_shutdown"
    with pytest.raises(SessionError, match="was killed by tester"):
        run(trading(tmp_path, at_venue.at, 60))


def test_what_is_not_flat_is_said_as_loudly_as_can_be(
    at_venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emergency, "PATIENCE_S", 0.2)
    monkeypatch.setattr("trade_research.research.trading.SETTLE_S", 0.0)
    made = trading(tmp_path, at_venue.at, 60)

    def failing() -> None:
        ended = run(made, per_second=3.0)
        assert (ended.how, "NOT flat" in ended.reason) == ("failed", True)

    pid = child(failing)
    wait_for(lambda: float(at_venue.balances["BTC"]) > 0.01)
    at_venue.faults.extend(["-2015 before"] * 99)
    Latch(tmp_path).set("tester", "enough")
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
    ends = [r for r in scan(tmp_path) if r["event"] in ("emergency_shutdown", "execution_error")]
    assert ends[0]["positions_closed"] == []
    assert "the account is NOT flat, left: {'BTC/USDT'" in ends[1]["error"]


def test_a_trader_that_stands_still_sends_nothing_when_it_wakes(
    at_venue: Venue, tmp_path: Path
) -> None:
    pid = child(partial(run, trading(tmp_path, at_venue.at, 60), per_second=8.0))
    wait_for(lambda: float(at_venue.balances["BTC"]) > 0.01)
    os.kill(pid, signal.SIGSTOP)
    Latch(tmp_path).set("tester", "it hangs")
    flat = flatten(ports(at_venue.at)(True), "money", settle_s=0.0)
    assert flat.is_flat
    before = len(at_venue.orders)
    os.kill(pid, signal.SIGCONT)
    os.waitpid(pid, 0)
    assert [o["side"] for o in at_venue.orders[before:]] == []
    assert float(at_venue.balances["BTC"]) < 1e-5


def test_an_order_that_comes_late_is_sold_too(
    at_venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The emergency has a connection of its own, and watches until nothing can come any more."""
    monkeypatch.setattr(order_port, "WINDOW_NS", 60_000_000_000)
    at_venue.balances["BTC"] += 1
    trader, urgent = ports(at_venue.at)(False), ports(at_venue.at)(True)
    before, is_there = at_venue.before, threading.Event()

    def until_sold(handler: Any, request: Any) -> bool:
        if "side=BUY" in request.body:
            is_there.set()
            wait_for(lambda: bool(at_venue.orders))
        return before(handler, request)

    at_venue.before = until_sold
    pid = child(lambda: trader.place(Order("12345678-0000-0000-0000-000000000000", SYMBOL, 0.01)))
    assert is_there.wait(60.0)
    latch = Latch(tmp_path)
    watching = Emergency(urgent, "money", lambda: latch.is_set, lambda: FENCE_S)
    latch.set("tester", "now")
    flat = watching.now()
    watching.close()
    os.waitpid(pid, 0)
    assert flat.is_flat
    assert [o["side"] for o in at_venue.orders] == ["SELL", "BUY", "SELL"]
    assert float(at_venue.balances["BTC"]) < 1e-5


def test_what_cannot_be_sold_is_said_and_tried_until_patience_ends(at_venue: Venue) -> None:
    at_venue.balances["BTC"] += 1
    at_venue.faults.extend(["503 before", "429 before", "request lost"])
    flat = flatten(ports(at_venue.at)(True), "money", settle_s=0.0)
    assert flat.is_flat
    assert len(flat.problems) == 3
    at_venue.balances["BTC"] += 1
    at_venue.faults.extend(["-2015 before"] * 99)
    flat = flatten(ports(at_venue.at)(True), "money", settle_s=0.0, patience_s=0.5)
    assert not flat.is_flat
    assert flat.left == {SYMBOL: pytest.approx(1.0)}
    assert "-2015" in flat.problems[-1]


def test_a_full_disk_leaves_nothing_open(
    at_venue: Venue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = trading(tmp_path, at_venue.at, 60)
    monkeypatch.setattr(room.os, "write", failing(14, False))
    assert run(made).how == "failed"
    assert float(at_venue.balances["BTC"]) < 1e-5
    intents = {r["order_id"] for r in scan(tmp_path) if r["event"] == "order_intent"}
    buys = {o["clientOrderId"] for o in at_venue.orders if o["side"] == "BUY"}
    assert buys
    assert buys <= intents
