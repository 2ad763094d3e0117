"""The command `sweep`: axes as options, one JSON document, results on disk, clear refusals."""

from __future__ import annotations

import json

import polars as pl
import pytest
from typer.testing import CliRunner

from tests.frames.make import grid, walk
from trade_research.cli.app import app
from trade_research.errors import ParameterError


@pytest.fixture(scope="module")
def bars(tmp_path_factory):
    path = tmp_path_factory.mktemp("bars") / "bars.parquet"
    walk(grid(1_500, "1h"), "1h", seed=2).write_parquet(path)
    return str(path)


def run(*words):
    return CliRunner().invoke(app, ["sweep", "ma_crossover", *words])


def test_axes_are_options(bars, tmp_path):
    out, page = tmp_path / "all.parquet", tmp_path / "sweep.html"
    done = run(
        *("--data", bars, "--calendar", "24/7", "--fast", "5:15:5", "--slow=20,40"),
        *("--stop", "none,0.02", "--fee-bps", "0,10", "--where", "fast < slow", "--json"),
        *("--out", str(out), "--report", str(page)),
    )
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert found["schema"] == "trade-research/sweep/1"
    assert found["data"]["configurations"] == 3 * 2 * 2 * 2
    assert found["data"]["evidence"]["verdict"]
    best = found["data"]["best"]
    assert [row["sharpe"] for row in best] == sorted((r["sharpe"] for r in best), reverse=True)
    table = pl.read_parquet(out)
    assert table.height == 24
    assert set(table["fee_bps"]) == {0.0, 10.0}
    assert table["stop"].null_count() == 12
    assert page.read_text().startswith("<!doctype html>")


def test_every_way_to_name_an_axis_is_the_same(bars):
    ways = [("--fast", "5:15:5"), ("-s", "fast=5:15:5"), ("-p", "fast=5:15:5")]
    fixed = ("--data", bars, "--calendar", "24/7", "-p", "slow=40", "--no-evidence", "--json")
    found = [json.loads(run(*fixed, *way).stdout)["data"]["best"] for way in ways]
    assert len(found[0]) == 3
    assert found[0] == found[1] == found[2]


def test_people_get_the_verdict_first(bars):
    done = run("--data", bars, "--calendar", "24/7", "--fast", "5", "--slow", "20:60:20")
    assert done.exit_code == 0, done.output
    assert "evidence" in done.stdout.splitlines()[0]
    assert "3 configurations of 1,500 bars" in done.stdout


def test_steps_of_the_logarithm(bars):
    words = ("--data", bars, "--calendar", "24/7", "--slow", "50", "--no-evidence", "--json")
    done = run(*words, "--fast", "2:32:log5", "--band", "1e-5:1e-3:log3", "--top", "20")
    assert done.exit_code == 0, done.output
    rows = json.loads(done.stdout)["data"]["best"]
    assert {row["fast"] for row in rows} <= {2, 4, 8, 16, 32}
    assert {row["band"] for row in rows} == {1e-5, 1e-4, 1e-3}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--fats", "5"), "no axis 'fats'; did you mean 'fast'"),
        (("--fast",), "--fast needs values"),
        (("5:10",), "'5:10' is not expected"),
        (("--fast", "5:1:1"), "has 0 values"),
        (("--fast", "1:9:log1"), "low:high:log9"),
        (("--fast", "x"), "fast must be a number"),
    ],
)
def test_what_is_no_axis_is_one_line(bars, words, message):
    done = run("--data", bars, "--calendar", "24/7", *words)
    assert done.exit_code == 1
    assert isinstance(done.exception, ParameterError)
    assert message in str(done.exception)
