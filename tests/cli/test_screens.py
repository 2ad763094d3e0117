"""The full-screen status: all that the list of it names, at two widths, whatever is in it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from tests.live.test_crash import LIMITS, paper
from trade_research.cli import screens
from trade_research.cli.screens import MOST_ROWS, screen, watching

STATUS: dict[str, Any] = {
    "session": "trend", "is_running": True, "rows": 1_234, "last_open_us": 1_704_067_200_000_000,
    "equity": 98_765.4321, "cash": -1_234.5, "pnl": -1_234.5679, "day_pnl": 56.7,
    "positions": {"BTC/USDT": 0.25, "ETH/USDT": -3.5},
    "marks": {"BTC/USDT": 60_123.4, "ETH/USDT": 3_000.0, "SOL/USDT": 150.25},
    "open_pnl": {"BTC/USDT": 321.5, "ETH/USDT": -12.25},
    "targets": {"BTC/USDT": 0.5, "ETH/USDT": -0.125, "SOL/USDT": None, "NEW/USDT": 0.0},
    "bars": {
        "BTC/USDT": [60_000.0, 60_200.0, 59_900.0, 60_123.4, 5.0],
        "ETH/USDT": [2_990.0, 3_010.0, 2_980.0, 3_000.0, None],
        "SOL/USDT": [None, None, None, None, None],
        "NEW/USDT": [None, None, None, None, None],
    },
    "orders_today": 7, "latch": "", "recheck": "as certified", "strategy_errors": 0,
    "duplicates": 3, "lag_ms": 12.4, "records": 9_876,
    "limits": [
        ("daily loss", 0.0, 5_000.0), ("gross", 90_000.0, 100_000.0), ("orders a day", 7, 7)
    ],
}  # fmt: skip


def drawn(status: dict[str, Any], width: int) -> list[str]:
    """The lines that a terminal of that width shows; none is wider."""
    console = Console(width=width, record=True, file=io.StringIO(), force_terminal=True)
    console.print(screen(status))
    lines = console.export_text().splitlines()
    assert {len(line) for line in lines} == {width}
    return lines


def row(lines: list[str], name: str) -> list[str]:
    """Words of the line that begins with this, without its frame."""
    found = [line.strip("│ ") for line in lines]
    return next(line for line in found if line.startswith(name)).split()


@pytest.mark.parametrize("width", [80, 120])
def test_the_screen_has_all_of_the_list(width: int) -> None:
    lines = drawn(STATUS, width)
    assert "trend  running" in lines[0]
    assert row(lines, "equity") == ["equity", "98,765.43", "P&L", "in", "all", "-1,234.57"]
    assert row(lines, "cash") == ["cash", "-1,234.50", "P&L", "today", "+56.70"]
    assert row(lines, "bars") == ["bars", "1,234", "last", "opened", "2024-01-01", "00:00", "UTC"]
    assert row(lines, "lag") == ["lag", "12", "ms", "repeated", "bars", "3"]
    assert row(lines, "orders today") == ["orders", "today", "7", "records", "9,876"]
    assert row(lines, "recheck") == ["recheck", "as", "certified"]
    assert not [line for line in lines if "latch" in line or "errors" in line]
    bar = "60,000 60,200 59,900 60,123.4"
    assert row(lines, "BTC/USDT") == f"BTC/USDT {bar} +50.0% 0.25 +321.50".split()
    bar = "2,990 3,010 2,980 3,000"
    assert row(lines, "ETH/USDT") == f"ETH/USDT {bar} -12.5% -3.5 -12.25".split()
    assert row(lines, "SOL/USDT") == ["SOL/USDT", "150.25"]  # absent: its last close
    assert row(lines, "NEW/USDT") == ["NEW/USDT", "+0.0%"]  # nobody knows its price
    assert row(lines, "daily loss")[2:] == ["░" * 20, "0%", "0.00", "of", "5,000.00"]
    assert row(lines, "gross")[1:] == ["█" * 18 + "░" * 2, "90%", "90,000.00", "of", "100,000.00"]
    assert row(lines, "orders a day")[3:] == ["█" * 20, "100%", "7", "of", "7"]


@pytest.mark.parametrize("width", [80, 120])
def test_what_keeps_it_from_trading_is_said(width: int) -> None:
    reason = "demoted: drift: daily returns are below the certified 0.0500%"
    status = STATUS | {"latch": "demoted", "recheck": reason, "strategy_errors": 2}
    lines = drawn(status | {"is_running": False, "limits": []}, width)
    assert "trend  ended" in lines[0]
    assert row(lines, "latch")[1:] == ["demoted:", "only", "reducing", "orders", "pass"]
    assert reason in " ".join(line.strip("│ ") for line in lines)
    assert row(lines, "errors") == ["errors", "2", "of", "the", "strategy"]
    assert not [line for line in lines if "gross" in line]


def test_many_symbols_stay_on_the_screen_and_names_are_only_names() -> None:
    names = [f"[red]C{i:03}/USDT" for i in range(50)]
    quiet = {"positions": {}, "marks": {}, "open_pnl": {}, "bars": {}}
    lines = drawn(STATUS | quiet | {"targets": dict.fromkeys(names)}, 80)
    assert sum("[red]C0" in line for line in lines) == MOST_ROWS
    assert row(lines, "and ") == ["and", "30", "more"]


def test_a_session_shows_itself_as_it_goes(tmp_path: Path) -> None:
    seen: list[dict[str, Any]] = []
    session = paper(tmp_path, limits=LIMITS.but(max_orders_per_day=3))
    session.replay(on_look=seen.append)
    last = seen[-1]
    assert last["targets"].keys() == last["bars"].keys() == {"S0", "S1"}
    assert last["pnl"] == last["equity"] - 100_000.0
    lines = drawn(last, 100)
    assert "crash  ended" in lines[0]
    assert row(lines, "orders a day")[4:] == ["100%", "3", "of", "3"]


def test_it_is_drawn_on_a_terminal_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(quiet=True) as look:
        assert look is None
    with watching(quiet=False) as look:
        assert look is None  # pytest has the output
    monkeypatch.setattr(screens.sys.stdout, "isatty", lambda: True, raising=False)
    with watching(quiet=False) as look:
        assert look is not None
        look(STATUS)
