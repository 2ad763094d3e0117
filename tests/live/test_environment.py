"""What the machine does to a session: full disks, wrong clocks, sleep, second runners, edits.

Each row of the list in the issue has its test here or, for strategies that misbehave in Python, in
`test_runner`. None of it may pass in silence: what happened is on record, or nothing was traded.
"""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import trade_research as tr
from tests.counts import count
from tests.live.test_crash import LIMITS, child, paper, said
from tests.live.test_runner import Ticking, events, rig
from trade_research.errors import JournalError, SessionError, StrategyError
from trade_research.feeds.bars import Bar
from trade_research.live import journal as room
from trade_research.live import latch as latches
from trade_research.live.clock import SystemClock
from trade_research.live.deciders import History
from trade_research.live.journal import scan
from trade_research.live.latch import Latch
from trade_research.research import paper as papers

SECOND, US = 1_000_000_000, 1_000_000
REAL = os.write


def wobbling(n: int) -> float:
    return float(n % 2)


# ---- disk


def failing(after: int, short: bool) -> Callable[[int, bytes], int]:
    """A disk that is full from some write on; the first that does not fit may be cut short."""
    seen = [0]

    def write(file: int, data: bytes) -> int:
        if not data.startswith(b'{"v"'):
            return REAL(file, data)
        seen[0] += 1
        if seen[0] <= after:
            return REAL(file, data)
        if short and seen[0] == after + 1:
            return REAL(file, data[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    return write


@pytest.mark.parametrize("short", [False, True])
def test_a_disk_that_is_full_at_any_write_ends_it_flat_and_no_order_is_without_a_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: bool
) -> None:
    every = max(1, 200 // count(200))
    for after in range(0, 200, every):
        folder = tmp_path / str(after)
        runner, session = rig(folder, wobbling, Ticking(120))
        with monkeypatch.context() as patch:
            patch.setattr(room.os, "write", failing(after, short))
            ended = runner.run()
        assert (ended.how, session.broker.positions) == ("failed", {})
        assert str(folder) in ended.reason
        assert Latch(folder).is_set
        assert len(list(scan(folder))) == after  # whole records, and nothing after them
        made = session.broker.result()
        halts = int((made.fills["kind"] == 10).sum())
        assert len(made.orders) - halts <= events(folder).count("order_intent")


def test_a_limit_on_the_size_of_files_is_a_full_disk_too(tmp_path: Path) -> None:
    """Not made up: the kernel cuts the write short, then refuses with EFBIG."""
    session = paper(tmp_path, limits=LIMITS.but(max_orders_per_day=999))

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
        ended = session.replay()
        assert ended.how == "failed", ended
        assert "File too large" in ended.reason or "bytes were written" in ended.reason

    _, status = os.waitpid(child(work), 0)
    assert os.WEXITSTATUS(status) == 0
    records = list(scan(tmp_path))  # whole to the last byte
    assert records
    assert (tmp_path / "audit_2024-01-01.jsonl").stat().st_size <= 30_000
    with pytest.raises(SessionError, match="was killed by runner"):
        session.replay()


@pytest.mark.parametrize("at", ["open", "write"])
def test_a_latch_that_the_disk_does_not_take_keeps_no_position_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    runner, session = rig(tmp_path, wobbling, Ticking(60))
    monkeypatch.setattr(room.os, "write", failing(30, False))
    if at == "write":
        monkeypatch.setattr(latches.os, "fdopen", full)
    else:
        real = os.open
        monkeypatch.setattr(
            latches.os, "open", lambda p, *a: full() if "KILL" in str(p) else real(p, *a)
        )
    ended = runner.run()
    assert (ended.how, session.broker.positions) == ("failed", {})
    assert Latch(tmp_path).is_set == (at == "write")


def test_a_log_that_cannot_be_written_is_said_before_anything_is_traded(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match=r"file/logs cannot be written: .*Not a directory"):
        paper(tmp_path / "file" / "logs").replay()


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EMFILE, errno.EIO])
def test_a_log_that_is_refused_names_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    real = os.open

    def refused(path: Any, *flags: Any) -> int:
        if "audit_" in str(path):
            raise OSError(code, os.strerror(code))
        return real(path, *flags)

    monkeypatch.setattr(room.os, "open", refused)
    with pytest.raises(JournalError, match=os.strerror(code)) as caught:
        paper(tmp_path).replay()
    assert str(tmp_path) in str(caught.value)


# ---- clocks


class Stepping(SystemClock):
    """A clock that somebody sets, by seconds, when the feed has handed on so many bars."""

    def __init__(self, feed: Ticking, steps: dict[int, float]) -> None:
        super().__init__()
        self._feed, self._steps = feed, steps

    def now_ns(self) -> int:
        ahead = sum(by for at, by in self._steps.items() if self._feed.sent >= at)
        return super().now_ns() + int(ahead * SECOND)


def test_a_clock_set_back_is_on_record_and_nothing_comes_twice_or_is_traded(
    tmp_path: Path,
) -> None:
    feed = Ticking(12)
    runner, session = rig(tmp_path, wobbling, feed, clock=Stepping(feed, {6: -3_600.0}))
    assert runner.run().how == "stopped"
    records = list(scan(tmp_path))  # one chain, over both hours
    stepped = [r for r in records if r["event"] == "clock_step"]
    assert [round(r["seconds"]) for r in stepped] == [-3_600]
    opens = [r["bar"]["open_us"] for r in records if r["event"] == "bar_received"]
    assert len(opens) == len(set(opens)) == session.n_rows == 12
    assert opens == sorted(opens)
    after = records[records.index(stepped[0]) :]
    assert "clock" in {r.get("limit") for r in after if r["event"] == "risk_block"}
    assert not [r for r in after if r["event"] == "order_intent" and not r["reduces"]]


def test_a_clock_set_forward_is_on_record_and_old_bars_are_not_traded(tmp_path: Path) -> None:
    feed = Ticking(12)
    runner, session = rig(tmp_path, wobbling, feed, clock=Stepping(feed, {6: 3_600.0}), wide=False)
    runner.run()
    records = list(scan(tmp_path))
    stepped = [r for r in records if r["event"] == "clock_step"]
    assert [round(r["seconds"]) for r in stepped] == [3_600]
    after = records[records.index(stepped[0]) :]
    assert "stale_bar" in {r.get("limit") for r in after if r["event"] == "risk_block"}
    assert not [r for r in after if r["event"] == "order_intent" and not r["reduces"]]
    assert session.n_rows == 12


class Slept(Ticking):
    """Ten minutes without a word, then the next bar; what was missed can be asked for."""

    GAP = 600

    def poll(self, seconds: float) -> list[Bar] | None:
        bars = super().poll(seconds)
        if not bars or self.sent <= 6:
            return bars
        opened = bars[0].open_time + self.GAP * US
        return [bars[0]._replace(open_time=opened, close_time=opened + US)]

    def backfill(self, symbol: str, start: int, end: int) -> list[Bar]:
        return [Bar(symbol, t, t + US, 1e2, 1e2, 1e2, 1e2, 1.0) for t in range(start, end, US)]


def test_a_laptop_that_slept_gets_every_bar_it_missed_and_trades_on_none_of_them(
    tmp_path: Path,
) -> None:
    feed = Slept(12)
    clock = Stepping(feed, {7: float(Slept.GAP)})
    runner, _ = rig(tmp_path, wobbling, feed, clock=clock, wide=False)
    runner.run()
    records = list(scan(tmp_path))
    opens = [r["bar"]["open_us"] for r in records if r["event"] == "bar_received"]
    assert len(opens) == 12 + Slept.GAP
    assert opens == list(range(opens[0], opens[-1] + US, US))
    slept = next(i for i, r in enumerate(records) if r["event"] == "clock_step")
    assert "slept" in records[slept]["reason"]
    old = opens[6 : 6 + Slept.GAP - 10]  # of the last ten seconds some may be fresh
    orders = [r for r in records if r["event"] == "order_intent" and not r["reduces"]]
    traded = {r["decided_us"] - US for r in orders}
    assert not traded & set(old)
    assert "stale_bar" in {r["limit"] for r in records[slept:] if r["event"] == "risk_block"}


# ---- a second runner, a restart with something else


def test_a_second_runner_waits_for_nobody_and_a_killed_one_leaves_no_lock(tmp_path: Path) -> None:
    session = paper(tmp_path)
    pid = child(partial(session.replay, speed=60.0))
    while "bar_received" not in {r["event"] for r in scan(tmp_path, [])}:
        time.sleep(0.02)
    before = len(list(scan(tmp_path, [])))
    with pytest.raises(JournalError, match="has a running session; stop it first"):
        session.replay()
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert len(list(scan(tmp_path, []))) >= before
    assert session.replay().how == "stopped"
    assert len(said(tmp_path)) > before


def other_code() -> tr.Strategy:
    @tr.strategy(warmup=lambda slow: slow)
    def ma_crossover(close, fast: int = 20, slow: int = 50):  # type: ignore[no-untyped-def]
        """The same name and parameters, other code."""
        return close * 0.0

    return ma_crossover


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("source_hash", lambda p: {"strategy": other_code()}),
        ("params", lambda p: {"params": p.strategy.bind(fast=4, slow=9)}),
        ("limits", lambda p: {"limits": LIMITS.but(tz="Europe/Berlin")}),
        ("limits", lambda p: {"limits": LIMITS.but(max_order=1.0)}),
        ("setup", lambda p: {"setup": replace(p.setup, cash=5.0)}),
        ("setup", lambda p: {"setup": replace(p.setup, costs=tr.Costs.zero())}),
        ("portfolio", lambda p: {"portfolio": tr.EqualWeight(gross=1.0)}),
    ],
)
def test_a_session_goes_on_only_as_what_it_began_as(
    tmp_path: Path, name: str, change: Callable[[Any], dict[str, Any]]
) -> None:
    session = paper(tmp_path)
    session.replay()
    before = (tmp_path / "audit_2024-01-01.jsonl").read_bytes()
    with pytest.raises(SessionError, match=f"began with {name} .*start another"):
        paper(tmp_path, **change(session)).replay()
    assert (tmp_path / "audit_2024-01-01.jsonl").read_bytes() == before


def test_other_versions_of_what_computes_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper(tmp_path).replay()
    monkeypatch.setattr(papers, "versions", lambda: {"numba": "0.0"})
    with pytest.raises(SessionError, match="began with versions"):
        paper(tmp_path).replay()


# ---- compiled strategies that misbehave


def test_a_compiled_strategy_that_never_returns_ends_the_session_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @tr.strategy(warmup=1)
    def endless(close):  # type: ignore[no-untyped-def]
        """Holds, and on its 21st bar never comes back."""
        x, n = 0.5, close.size
        while n > 20 and x < 2.0:
            x = 0.1 + x * 0.5
        return close * 0.0 + 0.2

    monkeypatch.setattr(papers, "DEADLINE_S", 0.3)
    session = paper(tmp_path, strategy=endless, params=endless.bind())
    session._warm(History(session.data.market.symbols))  # compiled before the fork

    def work() -> None:
        assert session.replay().how == "killed"

    _, status = os.waitpid(child(work), 0)
    assert os.WEXITSTATUS(status) == 0
    records = list(scan(tmp_path))
    said_ = [r["error"] for r in records if r["event"] == "strategy_error"]
    assert "no decision within 0.3 s" in said_[0]
    assert ["still busy" in text for text in said_[1:]] == [True] * 4
    assert records[-1]["event"] == "emergency_shutdown"
    assert len(records[-1]["positions_closed"]) == 2


def test_a_strategy_that_never_returns_does_not_keep_the_process(tmp_path: Path) -> None:
    text = """
import time
from trade_research.live.deciders import WithDeadline
class Endless:
    def see(self, row): pass
    def decide(self, row): time.sleep(3600)
try:
    WithDeadline(Endless(), 0.05).decide(None)
except Exception as error:
    print(error)
"""
    ran = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60)
    assert (ran.returncode, ran.stdout) == (0, "no decision within 0.05 s\n")


@pytest.mark.parametrize(
    ("body", "limit"), [("nan", None), ("1e308", "finite"), ("1e300 * close", "order")]
)
def test_numbers_that_are_no_targets_trade_nothing(
    tmp_path: Path, body: str, limit: str | None
) -> None:
    file = tmp_path / "odd.py"
    file.write_text(
        "from trade_research import strategy\nimport numpy as np\nnan = np.nan\n\n\n"
        f"@strategy(warmup=1)\ndef odd(close):\n    return close * 0.0 + {body}\n"
    )
    odd = tr.load_strategy(f"{file}:odd")
    folder = tmp_path / "s"
    assert paper(folder, strategy=odd, params=odd.bind()).replay().how == "stopped"
    names = set(events(folder))
    assert not names & {"order_intent", "fill"}
    blocked = {r["limit"] for r in scan(folder) if r["event"] == "risk_block"}
    assert blocked == (set() if limit is None else {limit})


def test_a_strategy_that_writes_into_its_bars_does_not_start(tmp_path: Path) -> None:
    @tr.strategy(warmup=1)
    def vandal(close):  # type: ignore[no-untyped-def]
        """Changes the past."""
        close[0] = 1.0
        return close * 0.0

    with pytest.raises(StrategyError, match="writes into a column"):
        paper(tmp_path, strategy=vandal, params=vandal.bind()).replay()
    assert list(scan(tmp_path)) == []  # said before the session began


def test_an_error_of_our_own_is_on_record_before_it_ends_the_session(tmp_path: Path) -> None:
    class Broken(Ticking):
        def poll(self, seconds: float) -> list[Bar] | None:
            if self.sent == 5:
                raise KeyError("a feed that is broken")
            return super().poll(seconds)

    runner, _ = rig(tmp_path, wobbling, Broken(9))
    with pytest.raises(KeyError, match="broken"):
        runner.run()
    last = list(scan(tmp_path))[-1]
    assert (last["event"], "a feed that is broken" in last["error"]) == ("execution_error", True)
