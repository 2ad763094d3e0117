"""Full disks and logs that cannot be written end a session flat, and name what failed."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.counts import count
from tests.live.test_crash import LIMITS, child, paper
from tests.live.test_runner import Ticking, events, rig
from trade_research.errors import JournalError, SessionError
from trade_research.live import journal as room
from trade_research.live import latch as latches
from trade_research.live.journal import scan
from trade_research.live.latch import Latch

REAL = os.write


def wobbling(n: int) -> float:
    return float(n % 2)


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
