"""A second runner waits for nobody; a session goes on only as what it began as."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import trade_research as tr
from tests.live.test_crash import LIMITS, child, paper, said
from trade_research.errors import JournalError, SessionError
from trade_research.live.deciders import History
from trade_research.live.journal import scan
from trade_research.live.latch import Latch
from trade_research.live.session import Session
from trade_research.research import paper as papers


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


def test_an_order_that_the_latch_stopped_at_the_last_moment_is_lived_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = Session._signal

    def latched(session: Session, *given: Any) -> dict[str, Any]:
        Latch(tmp_path).set("tester", "between the signal and its order")
        return told(session, *given)

    with monkeypatch.context() as patch:
        patch.setattr(Session, "_signal", latched)
        assert paper(tmp_path).replay().how == "killed"
    (refused,) = (r for r in scan(tmp_path) if r["event"] == "risk_block")
    assert refused["limit"] == "kill"
    assert "order_intent" not in {r["event"] for r in scan(tmp_path)}
    past = list(scan(tmp_path))
    session, *_ = paper(tmp_path).relived(past, History(paper(tmp_path).data.market.symbols))
    assert session.risk.latch == "kill"
    received = [r["bar"]["open_us"] for r in past if r["event"] == "bar_received"]
    assert session.n_rows == len(set(received))


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
