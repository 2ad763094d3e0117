"""Compiled strategies that hang, write, or give numbers that are no targets; errors of our own.

Strategies that misbehave in Python are in `test_runner`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import trade_research as tr
from tests.live.test_crash import child, paper
from tests.live.test_runner import Ticking, events, rig
from trade_research.errors import StrategyError
from trade_research.feeds.bars import Bar
from trade_research.live.deciders import History
from trade_research.live.journal import scan
from trade_research.research import paper as papers


def wobbling(n: int) -> float:
    return float(n % 2)


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
