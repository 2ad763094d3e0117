"""A new strategy from nothing to report, as a new user would: one file, and no other word."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from tests.research import pages
from trade_research.research.rerun import run_again
from trade_research.store.store import Store

MINE = '''
"""My own idea."""
from typing import Annotated

import numpy as np

import trade_research as tr
from trade_research.indicators import sma
from trade_research.strategies import macd


@tr.strategy(warmup=lambda window: window, presets={"slow": {"window": 50}})
def dip(close, window: Annotated[int, tr.Span(5, 100)] = 20, depth: float = 0.01):
    """Long while the close is well below its average."""
    return np.where(close < (1 - depth) * sma(close, window), 1.0, 0.0)


careful = tr.confirm(dip, by=macd, required=False, confidence=0.7, name="careful")
both = tr.vote([dip.preset("slow"), macd, careful], k=2, name="both")
'''

PEEKS = """
import numpy as np
import trade_research as tr

@tr.strategy
def peeks(close):
    out = np.zeros(close.size)
    out[:-1] = np.where(close[1:] > close[:-1], 1.0, 0.0)
    return out

hidden = tr.vote([peeks, tr.strategies.buy_and_hold], k=2, name="hidden")
"""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "mine.py").write_text(MINE)
    (tmp_path / "peeks.py").write_text(PEEKS)
    store = Store(tmp_path / "datasets")
    store.write_bars(pages.bars(500), venue="binance", symbol="BTC/USDT", interval="1d")
    return tmp_path


def call(folder, *words):
    """The command in a process of its own, started in that folder."""
    code = "import sys; from trade_research.cli import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-c", code, *words],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


BARS = ("--data", "binance:BTC/USDT@1d")


def test_from_one_file_to_a_report(folder):
    checked = call(folder, "check", "mine.py:dip", *BARS, "-p", "window=10", "--seconds", "1")
    assert checked.returncode == 0, checked.stderr
    assert "dip(window=10, depth=0.01): all laws hold" in checked.stdout
    made = call(folder, "backtest", "mine.py:dip", *BARS, "--report", "page.html", "--json")
    assert made.returncode == 0, made.stderr
    found = json.loads(made.stdout)
    assert found["data"]["metrics"]["trades"] > 0
    page = (folder / "page.html").read_text(encoding="utf-8")
    assert "Long while the close is well below its average" in page
    assert "By state of the market" in page


def test_a_composition_in_the_file_is_a_strategy_like_any(folder):
    checked = call(folder, "check", "mine.py:both", *BARS, "--seconds", "1")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "all laws hold" in checked.stdout
    words = ("-p", "careful__confidence=0.5", "-p", "dip_slow__window=30")
    made = call(
        folder, "backtest", "mine.py:both", *BARS, *words, "--report", "page.html", "--json"
    )
    assert made.returncode == 0, made.stderr
    manifest = json.loads(made.stdout)["data"]["manifest"]
    assert manifest["params"]["dip_slow__window"] == 30
    assert re.search(r"both = vote\(\[careful, dip_slow, macd\]", manifest["strategy"]["source"])
    # Its text alone, with all that it is made of, gives the run again.
    told = []
    again = run_again(manifest, folder / "datasets", say=told.append)
    assert again.ok, again.hashes
    assert told == ["executing the embedded source of both: run again only what you trust"]


def test_a_leak_in_a_part_is_a_leak_of_the_whole(folder):
    for name in ("peeks", "hidden"):
        found = call(folder, "check", f"peeks.py:{name}", *BARS)
        assert found.returncode == 3
        assert "knew the close of bar" in found.stdout


def test_presets_by_name(folder):
    found = call(folder, "strategies", "show", "ma_crossover:golden_cross", "--json")
    assert found.returncode == 0, found.stderr
    shown = json.loads(found.stdout)["data"]
    assert {p["parameter"]: p["default"] for p in shown["parameters"]}["slow"] == "200"
    wrong = call(folder, "strategies", "show", "ma_crossover:golden")
    assert "did you mean 'golden_cross'?" in wrong.stderr
