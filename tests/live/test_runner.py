"""The shell: strategies that misbehave, disks that fill, latches, signals, a second runner."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.live.test_crash import LIMITS, child, paper, said
from trade_research.brokers.paper import PaperBroker
from trade_research.errors import JournalError
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Bar, Row
from trade_research.feeds.schedule import Schedule
from trade_research.frames.intervals import parse_interval
from trade_research.kernels.jit import F64
from trade_research.live import journal as room
from trade_research.live.bar_runner import BarRunner
from trade_research.live.clock import SystemClock
from trade_research.live.deciders import WithDeadline
from trade_research.live.journal import Journal, scan
from trade_research.live.latch import Latch
from trade_research.live.session import Session
from trade_research.simulate.costs import Costs

SECOND = 1_000_000
SCHEDULE = Schedule("24/7", parse_interval("1s"), 0, 0)


class Ticking:
    """A bar every `every` seconds, for `n` bars, closed as it is handed on."""

    def __init__(self, n: int, every: float = 0.0) -> None:
        self.n, self.every, self.sent = n, every, 0
        self.start = time.time_ns() // 1_000 // SECOND * SECOND - n * SECOND

    def poll(self, seconds: float) -> list[Bar] | None:
        if self.sent == self.n:
            return None
        time.sleep(self.every)
        self.sent += 1
        opened = self.start + self.sent * SECOND
        price = 100.0 + self.sent % 5
        return [Bar("A", opened, opened + SECOND, price, price, price, price, 1.0)]

    def backfill(self, symbol: str, start: int, end: int) -> list[Bar]:
        return []

    def troubles(self) -> list[str]:
        return []

    def close(self) -> None:
        return


class Wants:
    """A decider that calls `what(row number)`."""

    def __init__(self, what: Any) -> None:
        self.what, self.rows = what, 0

    def see(self, row: Row) -> None:
        self.rows += 1

    def decide(self, row: Row) -> tuple[F64, Mapping[str, float]]:
        return np.array([float(self.what(self.rows))]), {}


def rig(
    folder: Path,
    what: Any,
    feed: Ticking,
    *,
    deadline: float = 5.0,
    wide: bool = True,
    clock: SystemClock | None = None,
) -> tuple[BarRunner, Session]:
    latch, clock = Latch(folder), clock or SystemClock()
    journal = Journal(folder, clock, "rig")
    limits = LIMITS.but(max_orders_per_minute=10_000, max_orders_per_day=10_000)
    limits = limits.but(max_lateness_s=1e6) if wide else limits
    session = Session(
        "rig",
        WithDeadline(Wants(what), deadline, lambda: latch.is_set),
        PaperBroker(("A",), costs=Costs(), cash=100_000.0),
        journal.append,
        limits=limits,
        cash=100_000.0,
        schedule=SCHEDULE,
        may_trade=lambda: not latch.is_set,
    )
    bars = BarClock(("A",), feed.backfill, schedule=SCHEDULE, last_open=feed.start)
    return BarRunner(session, feed, bars, journal, latch, clock), session


def events(folder: Path) -> list[str]:
    return [r["event"] for r in scan(folder)]


def hangs(n: int) -> float:
    time.sleep(3.0 if n == 3 else 0.0)
    return 1.0


def raises(n: int) -> float:
    if n == 3:
        raise ZeroDivisionError("by nothing")
    return 1.0


def exits(n: int) -> float:
    if n == 3:
        sys.exit(7)
    return 1.0


@pytest.mark.parametrize(
    ("what", "word"),
    [
        (hangs, "no decision within 0.2 s"),
        (raises, "ZeroDivisionError: by nothing"),
        (exits, "SystemExit: 7"),
        (lambda n: np.inf if n == 3 else 1.0, "an infinite target"),
    ],
)
def test_a_strategy_that_misbehaves_is_on_record_and_what_is_held_stays(
    tmp_path: Path, what: Any, word: str
) -> None:
    runner, session = rig(tmp_path, what, Ticking(4), deadline=0.2)
    assert runner.run().how == "stopped"
    errors = [r for r in scan(tmp_path) if r["event"] == "strategy_error"]
    assert word in errors[0]["error"]
    assert session.broker.positions["A"] > 0.0
    assert events(tmp_path).count("fill") == 1


def test_a_target_beyond_reason_is_refused(tmp_path: Path) -> None:
    runner, session = rig(tmp_path, lambda n: 1e308, Ticking(4))
    runner.run()
    refused = [r for r in scan(tmp_path) if r["event"] == "risk_block"]
    assert [r["limit"] for r in refused] == ["finite"]  # once: the wish stays the same
    assert session.broker.positions == {}


def test_no_opinion_keeps_what_is_held(tmp_path: Path) -> None:
    runner, session = rig(tmp_path, lambda n: 1.0 if n == 1 else np.nan, Ticking(6))
    runner.run()
    assert session.broker.positions["A"] > 0.0
    assert events(tmp_path).count("order_intent") == 1


def test_a_strategy_that_keeps_failing_ends_the_session_flat(tmp_path: Path) -> None:
    runner, session = rig(tmp_path, lambda n: 1.0 if n < 3 else 1 / 0, Ticking(50))
    assert runner.run().how == "killed"
    assert session.broker.positions == {}
    assert events(tmp_path)[-1] == "emergency_shutdown"


def test_the_latch_does_not_wait_for_a_strategy_that_hangs(tmp_path: Path) -> None:
    def forever(n: int) -> float:
        if n == 3:
            assert Latch(tmp_path).set("tester", "now")
            time.sleep(4.0)
        return 1.0

    runner, session = rig(tmp_path, forever, Ticking(9), deadline=60.0)
    began = time.monotonic()
    assert runner.run().how == "killed"
    assert time.monotonic() - began < 3.0  # not a measurement: it did not wait for the strategy
    assert session.broker.positions == {}


def test_late_bars_are_seen_but_not_traded_on(tmp_path: Path) -> None:
    feed = Ticking(4)
    feed.start -= 3_600 * SECOND
    runner, session = rig(tmp_path, lambda n: 1.0, feed, wide=False)
    runner.run()
    assert session.n_rows == 4
    assert [r["limit"] for r in scan(tmp_path) if r["event"] == "risk_block"] == ["stale_bar"]


def test_a_full_disk_ends_it_flat_and_nothing_is_traded_without_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, writes = os.write, [0]

    def full(file: int, data: bytes) -> int:
        writes[0] += 1
        if writes[0] > 12 and data.startswith(b'{"v"'):
            raise OSError(28, "No space left on device")
        return real(file, data)

    runner, session = rig(tmp_path, lambda n: float(n % 2), Ticking(50))
    monkeypatch.setattr(room.os, "write", full)
    ended = runner.run()
    monkeypatch.undo()
    assert ended.how == "failed"
    assert "No space left" in ended.reason
    assert session.broker.positions == {}
    intents = sum(r["event"] == "order_intent" for r in scan(tmp_path))
    halts = sum(f["kind"] == 10 for f in session.broker.result().fills)
    assert len(session.broker.result().orders) - halts <= intents


def test_a_second_runner_on_the_same_folder_is_refused(tmp_path: Path) -> None:
    runner, _ = rig(tmp_path, lambda n: 0.0, Ticking(3))
    with pytest.raises(JournalError, match="has a running session"):
        rig(tmp_path, lambda n: 0.0, Ticking(3))
    runner.run()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_in_order_and_the_session_goes_on_later(
    tmp_path: Path, number: signal.Signals
) -> None:
    session = paper(tmp_path / "cut")
    pid = child(partial(session.replay, speed=60.0 * 100.0))
    while "fill" not in {r["event"] for r in scan(tmp_path / "cut", [])}:
        time.sleep(0.02)
    os.kill(pid, number)
    _, status = os.waitpid(pid, 0)
    assert os.WEXITSTATUS(status) == 0
    assert events(tmp_path / "cut")[-1] == "shutdown"
    session.replay()
    whole = paper(tmp_path / "whole")
    whole.replay()
    cut = [r for r in said(tmp_path / "cut") if r["event"] != "shutdown"]
    assert cut == [r for r in said(tmp_path / "whole") if r["event"] != "shutdown"]


def test_a_latch_set_while_the_runner_is_stopped_lets_no_order_follow(tmp_path: Path) -> None:
    session = paper(tmp_path)
    pid = child(partial(session.replay, speed=60.0 * 100.0))
    while "fill" not in {r["event"] for r in scan(tmp_path, [])}:
        time.sleep(0.02)
    os.kill(pid, signal.SIGSTOP)
    time.sleep(0.1)
    before = events(tmp_path).count("order_intent")
    assert Latch(tmp_path).set("tester", "while it slept")
    os.kill(pid, signal.SIGCONT)
    _, status = os.waitpid(pid, 0)
    assert os.WEXITSTATUS(status) == 0
    after = events(tmp_path)
    assert after.count("order_intent") - before <= 1  # one may have been on its way
    assert after[-1] == "emergency_shutdown"
    kill = after.index("kill")
    assert "order_intent" not in after[kill:]
