"""`walkforward` and `trials` from the command line: axes as typed, JSON, exit codes."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

import trade_research as tr
from tests.sweep.test_walkforward import daily
from trade_research.cli.app import app
from trade_research.cli.axes import parse_axes
from trade_research.errors import ConfigError, ParameterError


def call(*words: str) -> tuple[int, str]:
    """Exit code and stdout; our own errors are raised."""
    found = CliRunner().invoke(app, [*words], catch_exceptions=True)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout


@pytest.fixture
def store(tmp_path):
    made = tr.Store(tmp_path / "store")
    made.write_bars(daily(), venue="binance", symbol="X", interval="1d")
    return tmp_path


def walk(store, *words):
    return call(
        *("walkforward", "ma_crossover", "--data", "binance:X@1d", "--store", str(store / "store")),
        *("--train", "150d", "--test", "50d", "-s", "fast=5:15:5", "-s", "slow=30,60", *words),
    )


def test_a_walk_is_counted_and_listed(store):
    code, text = walk(store, "--json", "--report", str(store / "walk.html"))
    document = json.loads(text)
    assert code == 0
    assert document["schema"] == "trade-research/walkforward/1"
    data = document["data"]
    assert data["trials"] == 6
    assert len(data["folds"]) == 4
    assert data["verdict"].startswith(data["word"])
    assert (store / "walk.html").read_text().startswith("<!doctype html>")

    root = ("--store", str(store / "store"))
    listed = json.loads(call("trials", "list", "--json", *root)[1])["data"]
    assert [(row["symbol"], row["trials"]) for row in listed] == [("X", 6)]
    shown = json.loads(call("trials", "show", "X@1d", "--json", *root)[1])["data"]
    assert shown["n"] == 6
    ratios = [row["sharpe"] for row in shown["trials"]]
    assert ratios == sorted(ratios, reverse=True)
    assert "6 trials" in call("trials", "show", "binance:X@1d", "--limit", "2", *root)[1]
    none = call("trials", "show", "binance:X@1d", "--since", "2030-01-01", *root)[1]
    assert "none yet" in none
    assert "none yet" in call("trials", "list", "--store", str(store / "nothing"))[1]


def test_people_see_spans_and_the_verdict(store):
    code, text = walk(store, "--anchored", "-p", "kind=ema", "--metric", "total_return")
    assert code == 0
    assert "out of sample:" in text
    assert "chosen among                         6 configurations by total_return" in text


def test_the_gate_says_no(store):
    code, text = walk(store, "--gate", "--fee-bps", "900", "--json")
    assert json.loads(text)["data"]["word"] == "Failed"
    assert code == 3


def test_axes_as_people_type_them():
    rule = tr.strategies.ma_crossover
    typed = ["fast=5:20:5", "slow=30:32", "band=0:0.3:0.1", "kind=sma,ema", "stop=none,0.05"]
    axes = parse_axes([*typed, "delay=0,1"], rule)
    assert axes == {
        "fast": [5, 10, 15, 20],
        "slow": [30, 31, 32],
        "band": [0.0, 0.1, 0.2, 0.3],
        "kind": ["sma", "ema"],
        "stop": [None, 0.05],
        "delay": [0, 1],
    }


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fast", "is not name=values"),
        ("fst=1", "did you mean 'fast'"),
        ("fast=a:b:c", "a range is low:high:step"),
        ("fast=9:5:1", "has 0 values"),
        ("fast=1:2:0", "has 0 values"),
        ("fast=1.5", "fast"),
        ("stop=wide", "give a number, or none"),
    ],
)
def test_axes_that_cannot_be_read(text, said):
    with pytest.raises(ParameterError, match=said):
        parse_axes([text], tr.strategies.ma_crossover)


def test_too_long_a_training_span_says_so(store):
    with pytest.raises(ConfigError, match="do not suffice to train on 5000"):
        walk(store, "--train", "5000d")
