"""A session killed at any moment goes on as if it had not been."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable
from functools import partial
from itertools import cycle, product
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import trade_research as tr
from tests.counts import FULL
from tests.live.test_replay import walk
from trade_research.errors import SessionError
from trade_research.live import journal as room
from trade_research.live.journal import scan
from trade_research.live.latch import Latch
from trade_research.research import paper as of_paper
from trade_research.research.data import read_data
from trade_research.research.paper import Paper
from trade_research.research.setup import Setup
from trade_research.simulate.accounts import Account

BARS = walk(11, n=160, symbols=2)
LIMITS = tr.Limits.of_cash(100_000.0).but(max_orders_per_day=30, max_losses_in_a_row=3)
LATCHING = LIMITS.but(max_drawdown=1_500.0, max_losses_in_a_row=5)
KILLS = 500 if FULL else 5
SHELL = {"session_start", "recovered", "heartbeat"}


def paper(folder: Path, bars: pl.DataFrame = BARS, **changes: Any) -> Paper:
    setup = Setup(tr.Costs(), Account.of("spot"), None, None, 1e5, "next_open", 0, None, False)
    strategy = tr.strategies.ma_crossover
    given = {
        "name": "crash",
        "folder": folder,
        "strategy": strategy,
        "params": strategy.bind(fast=3, slow=9),
        "data": read_data(bars, "24/7"),
        "setup": setup,
        "limits": LATCHING,
    }
    made = Paper(**given | changes)
    assert made.data.market.n_bars  # made here: Polars does not survive a fork
    return made


def said(folder: Path) -> list[dict[str, Any]]:
    """What the session itself said: without the shell's records and what only a crash changes."""
    drop = {"seq", "ts", "t_ns", "h", "received_ns"}
    records = [r for r in scan(folder) if r["event"] not in SHELL]
    # Killed after its last word, a session says it once more.
    ends = [i for i, r in enumerate(records) if r["event"] == "shutdown"][:-1]
    kept = [r for i, r in enumerate(records) if i not in ends]
    return [{k: v for k, v in r.items() if k not in drop} for r in kept]


@pytest.fixture(scope="module")
def uncrashed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("whole")
    assert paper(folder).replay().how == "stopped"
    records = said(folder)
    kinds = {r["event"] for r in records}
    assert {"bar_received", "fill", "risk_block", "order_placed", "bar_skipped"} <= kinds
    assert "risk_latch" in kinds
    return records


def child(work: Callable[[], object]) -> int:
    """Start `work` in a forked process; its id."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            sys.stderr.flush()
            os._exit(9)
    return pid


def fatal(event: str, nth: int, how: str) -> None:
    """Make this process die at its nth record of an event: around its write, or its sync."""
    seen, write, sync = [0], os.write, os.fdatasync

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def fatal_write(file: int, data: bytes) -> int:
        is_named = f'"event":"{event}"'.encode() in data
        seen[0] += is_named
        if not (is_named and seen[0] == nth) or how == "synced":
            return write(file, data)
        if how != "before":
            write(file, data if how == "after" else data[: len(data) // 2])
        die()
        return 0

    def fatal_sync(file: int) -> None:
        sync(file)
        if how == "synced" and seen[0] >= nth:
            die()

    room.os.write, room.os.fdatasync = fatal_write, fatal_sync


def crashing(session: Paper, event: str, nth: int, how: str) -> None:
    fatal(event, nth, how)
    session.replay()


@pytest.mark.timeout(3_600)
def test_killed_at_named_points(tmp_path: Path, uncrashed: list[dict[str, Any]]) -> None:
    """Before, half-way through and after the write of every kind of record, and after its sync."""
    rng, kills, turn = random.Random(3), 0, 0
    often = Counter(r["event"] for r in uncrashed) + Counter(["session_start", "recovered"])
    points = list(product(often, ["before", "half", "after", "synced"]))
    rng.shuffle(points)
    named = cycle(points)
    while kills < KILLS:
        session, turn = paper(tmp_path / str(turn)), turn + 1
        while True:
            event, how = next(named)
            at = partial(crashing, session, event, rng.randint(1, often[event]), how)
            _, status = os.waitpid(child(at), 0)
            if not os.WIFSIGNALED(status):
                break
            kills += 1
        assert os.WEXITSTATUS(status) == 0
        assert said(session.folder) == uncrashed


@pytest.mark.timeout(3_600)
def test_killed_at_random_moments(tmp_path: Path, uncrashed: list[dict[str, Any]]) -> None:
    rng, kills, turn = random.Random(5), 0, 0
    session = paper(tmp_path / "0")
    while kills < KILLS:
        pid = child(partial(session.replay, speed=60.0 * 200.0))
        time.sleep(rng.uniform(0.0, 0.5))
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFSIGNALED(status):
            kills += 1
        else:
            assert os.WEXITSTATUS(status) == 0
            assert said(session.folder) == uncrashed
            turn += 1
            session = paper(tmp_path / str(turn))
    session.replay()
    assert said(session.folder) == uncrashed


def test_other_settings_are_refused_on_restart(tmp_path: Path) -> None:
    paper(tmp_path).replay()
    other = tr.strategies.ma_crossover.bind(fast=4, slow=9)
    with pytest.raises(SessionError, match="began with params"):
        paper(tmp_path, params=other).replay()
    with pytest.raises(SessionError, match="began with limits"):
        paper(tmp_path, limits=LIMITS.but(max_order=1.0)).replay()


def test_another_strategy_behind_the_same_records_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hashes that agree although the numbers do not: the records themselves are compared."""
    paper(tmp_path).replay()
    other = tr.strategies.ma_crossover.bind(fast=4, slow=9)
    monkeypatch.setattr(of_paper, "check_same", lambda *_: None)
    with pytest.raises(SessionError, match="of the journal is"):
        paper(tmp_path, params=other).replay()


def test_the_latch_ends_it_flat_and_for_good(tmp_path: Path) -> None:
    """Set while the session runs: everything is closed within the second, and no start after."""
    session = paper(tmp_path, limits=LIMITS.but(max_orders_per_day=999))
    pid = child(partial(session.replay, speed=60.0 * 100.0))
    latch = Latch(tmp_path)
    while not any(r["event"] == "fill" and r["position"] for r in scan(tmp_path, [])):
        time.sleep(0.02)
    set_at = time.time_ns()
    assert latch.set("tester", "enough")
    assert not latch.set("another", "again")
    _, status = os.waitpid(pid, 0)
    took_ms = (time.time_ns() - set_at) / 1e6
    assert os.WEXITSTATUS(status) == 0
    records = list(scan(tmp_path))
    names = [r["event"] for r in records]
    at = names.index("kill")
    assert names[at + 1 :] == ["fill"] * (len(names) - at - 2) + ["emergency_shutdown"]
    assert {r["reason"] for r in records[at + 1 : -1]} <= {"halt"}
    assert (records[at]["by"], records[at]["reason"]) == ("tester", "enough")
    assert took_ms < 5_000  # not a measurement: that it did not run to its end
    with pytest.raises(SessionError, match="was killed by tester"):
        session.replay()
