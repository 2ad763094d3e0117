"""`screen` and `strategies` from the command line: tables, JSON, spark lines, one-line errors."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import trade_research as tr
from tests.cli.test_runs import call, data
from tests.research.test_screen import DAY, bars, stored
from trade_research.cli.strategies import spark_line
from trade_research.errors import ExpressionError, MissingDataError

MAIN = "from trade_research.cli import main; main()"


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("store")
    stored(folder, {"made:ONE": bars(seed=1), "made:TWO": bars(seed=2, scale=2.0)})
    return str(folder)


def test_screen_prints_matches_and_what_it_chose_from(root):
    code, text = call("screen", "close > 100000", "--show", "roc(close, 20)", "--store", root)
    assert code == 0
    assert "1 of 2 instruments match" in text
    assert "made:TWO" in text
    assert "made:ONE" not in text
    assert "Survivorship" in text


def test_screen_as_json(root):
    rules = ("close > 0", "rsi(close, 14) < 101")
    code, text = call("screen", *rules, "--as-of", "2022-06-01", "--store", root, "--json")
    found = data(text)
    assert code == 0
    assert found["schema"] == "trade-research/screen/1"
    assert found["data"]["as_of"] == "2022-06-01T00:00:00Z"
    assert [row["instrument"] for row in found["data"]["rows"]] == ["made:ONE", "made:TWO"]
    assert all(row["match"] for row in found["data"]["rows"])
    assert any("Survivorship" in note for note in found["warnings"])
    _, text = call("screen", "--preset", "tradable", "--store", root, "--json")
    assert set(data(text)["data"]["rules"]) == {"turnover", "spread"}
    _, text = call(
        "screen", "--preset", "tradable", "--strategy", "ma_crossover", "--store", root, "--json"
    )
    assert set(data(text)["data"]["rules"]) == {"turnover", "spread", "signals"}


def test_screen_errors_are_one_line(root):
    with pytest.raises(ExpressionError, match="did you mean 'rsi'"):
        call("screen", "rsl(close) < 3", "--store", root)
    line = [sys.executable, "-c", MAIN, "screen", "1 <", "--store", root]
    found = subprocess.run(line, capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1
    assert found.stderr.startswith("error: ")


def test_a_spark_line():
    assert spark_line([1.0, 2.0, 3.0, 8.0]) == "▁▂▃█"
    assert spark_line([5.0, 5.0]) == "▁▁"
    assert spark_line([]) == ""
    assert spark_line([float(k) for k in range(480)]) == spark_line([float(k) for k in range(48)])


def test_strategies_show_ranges_and_a_spark_line(root):
    code, text = call("strategies", "show", "ma_crossover", "--store", root, "--json")
    found = json.loads(text)["data"]
    assert code == 0
    assert {"parameter": "fast", "type": "int", "default": "20", "range": "2 to 200"} in found[
        "parameters"
    ]
    assert found["warmup"] == tr.strategies.ma_crossover.warmup()
    assert len(found["spark"]) == 48
    assert "S&P 500" in found["said"]
    name = f"made:ONE@{DAY}"
    _, text = call("strategies", "show", "ma_crossover", "--data", name, "--store", root)
    assert name in text
    assert "warm-up 100 bars" in text
    with pytest.raises(MissingDataError):
        call("strategies", "show", "ma_crossover", "--data", "made:NO@1d", "--store", root)
    _, text = call("strategies", "show", "l2_imbalance", "--json")
    assert "no spark line" in json.loads(text)["data"]["said"]


def test_strategies_show_presets():
    _, text = call("strategies", "show", "rsi_reversion", "--json")
    presets = json.loads(text)["data"]["presets"]
    assert presets == {
        "connors": {"window": 2, "oversold": 10.0, "overbought": 90.0, "middle": 65.0}
    }
    _, text = call("strategies", "show", "rsi_reversion")
    assert "window=2, oversold=10.0, overbought=90.0, middle=65.0" in text
    assert "rsi_reversion:connors" in text


def test_strategies_list_has_ranges():
    _, text = call("strategies", "list", "--json")
    rows = {row["name"]: row for row in json.loads(text)["data"]}
    assert rows["ma_crossover"]["parameters"][0]["range"] == "2 to 200"
    assert rows["ma_crossover"]["warm-up"] == 100
