"""Run folders: saved whole, read again without simulating, listed, removed; records as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.research import pages
from trade_research.errors import AmbiguousNameError, MissingDataError, StoreError
from trade_research.report.record import Kept, decode, encode, identity
from trade_research.research import runs as room
from trade_research.research.runs import list_runs, load_run, remove_run


@dataclass(frozen=True)
class Foreign:
    """A record of a package that is not ours."""

    passed: bool

    def __str__(self) -> str:
        return "all well"


@pytest.mark.parametrize("kind", ["daily", "minute", "several", "no_trades", "ruined", "one_bar"])
def test_a_saved_run_reports_the_same_bytes(tmp_path, kind):
    run = pages.KINDS[kind]()
    saved = run.save(tmp_path / "runs")
    again = load_run(saved.name, tmp_path / "runs")
    assert again.id == run.manifest["run_id"]
    assert dict(again.metrics) == dict(run.metrics)
    for name in ("equity", "trades", "fills", "orders"):
        assert getattr(again, name).equals(getattr(run, name), null_equal=True)
    assert again.verdict["sentence"] == run.verdict.sentence == again.judged().sentence
    first, second = run.report(tmp_path / "a.html"), again.report(tmp_path / "b.html")
    assert first.read_bytes() == second.read_bytes()


def test_reading_and_reporting_simulates_nothing(tmp_path, monkeypatch):
    saved = pages.daily().save(tmp_path)
    import sys

    monkeypatch.setattr(sys.modules["trade_research.research.setup"], "simulate", None)
    load_run(saved.name, tmp_path).report(tmp_path / "page.html")


def test_saving_again_changes_nothing_and_other_results_replace(tmp_path):
    run = pages.daily()
    folder = run.save(tmp_path).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert run.save(tmp_path).folder == folder
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    text = (folder / "manifest.json").read_text().replace(run.manifest["results"]["trades"], "0")
    (folder / "manifest.json").write_text(text)
    (folder / "stray.parquet").write_bytes(b"")
    run.save(tmp_path)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert [path.name for path in tmp_path.iterdir()] == [folder.name]


def test_a_save_that_fails_leaves_nothing(tmp_path, monkeypatch):
    run = pages.daily()
    kept, calls = room.write_durably, []

    def failing(path, data):  # type: ignore[no-untyped-def]  # as the function it stands for
        calls.append(path)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        kept(path, data)

    monkeypatch.setattr(room, "write_durably", failing)
    with pytest.raises(StoreError, match="No space left"):
        run.save(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert list_runs(tmp_path).is_empty()


def test_list_has_every_metric_and_the_newest_first(tmp_path):
    first = tr.backtest(pages.swing, pages.bars(300), calendar="24/7").save(tmp_path)
    second = tr.backtest(pages.swing, pages.bars(300), calendar="24/7", level=101).save(tmp_path)
    import os

    os.utime(first.folder, (1, 1))
    found = list_runs(tmp_path)
    assert found["run"].to_list() == [second.name, first.name]
    assert found["params"].to_list()[0] == "level=101.0, size=0.75"
    assert found["sharpe"][1] == first.metrics["sharpe"]
    assert load_run("latest", tmp_path).id == second.id
    assert load_run("latest~1", tmp_path).id == first.id
    assert load_run(first.id, tmp_path).id == first.id
    assert load_run(str(first.folder)).id == first.id


def test_what_cannot_be_found_or_told_apart(tmp_path):
    saved = pages.daily().save(tmp_path)
    with pytest.raises(MissingDataError, match="runs list"):
        load_run("zzz", tmp_path)
    with pytest.raises(MissingDataError, match="1 runs are saved"):
        load_run("latest~1", tmp_path)
    twin = saved.folder.with_name(saved.name[:-1] + ("0" if saved.name[-1] != "0" else "1"))
    twin.mkdir()
    (twin / "manifest.json").write_bytes((saved.folder / "manifest.json").read_bytes())
    with pytest.raises(AmbiguousNameError, match="fits several runs"):
        load_run(saved.name[:6], tmp_path)
    (twin / "manifest.json").write_text("{")
    with pytest.raises(StoreError, match="damaged"):
        load_run(twin.name, tmp_path)
    (saved.folder / "equity.parquet").unlink()
    with pytest.raises(StoreError, match=r"equity\.parquet cannot be read"):
        _ = load_run(saved.name, tmp_path).equity


def test_removed_is_gone(tmp_path):
    saved = pages.daily().save(tmp_path)
    assert remove_run(saved.name[:5], tmp_path) == saved.folder
    assert list(tmp_path.iterdir()) == []


def test_the_run_id_depends_on_all_that_goes_in():
    base = pages.daily().manifest
    bars = pages.bars(300)
    others = [
        tr.backtest(pages.swing, bars, calendar="24/7"),
        tr.backtest(pages.swing, bars, calendar="24/7", risk_free=0.01, level=101),
        tr.backtest(pages.swing, bars, calendar="24/7", risk_free=0.01, delay=1),
        tr.backtest(pages.swing, bars, calendar="24/7", risk_free=0.01, portfolio=tr.EqualWeight()),
    ]
    ids = {run.manifest["run_id"] for run in others} | {base["run_id"]}
    assert len(ids) == 5
    assert identity(base) == base["run_id"]


def test_records_survive_json():
    frame = pl.DataFrame({"a": [1.5, None]})
    value = {
        "numbers": [1, 2.5, float("inf"), np.float64(0.1), True, None],
        "pair": (1, ("x",)),
        "when": datetime(2024, 1, 2, 3, tzinfo=UTC),
        "day": date(2024, 1, 2),
        "array": np.array([[1.0, np.nan], [3.0, 4.0]]),
        "frame": frame,
        "keys": {1: "one", "$": "dollar"},
        "costs": tr.Costs(fee_bps=3.0),
    }
    frames: dict[str, pl.DataFrame] = {}
    text = json.dumps(encode(value, frames, "v"), allow_nan=False)
    back = decode(json.loads(text), frames)
    np.testing.assert_array_equal(back.pop("array"), value.pop("array"))
    assert back.pop("frame").equals(value.pop("frame"))
    assert back == value


def test_records_of_others_keep_fields_and_text():
    back = decode(json.loads(json.dumps(encode(Foreign(True), {}))), {})
    assert isinstance(back, Kept)
    assert back.passed is True
    assert str(back) == "all well"
    with pytest.raises(AttributeError):
        _ = back.missing


def test_long_values_leave_their_size():
    frames: dict[str, pl.DataFrame] = {}
    value = {"a": np.zeros(11), "f": pl.DataFrame({"x": range(11)}), "l": list(range(11))}
    back = decode(encode(value, frames, "v", 10), frames)
    assert back["a"] is None
    assert back["l"] is None
    assert back["f"].height == 11
    assert back["f"]["x"].null_count() == 11


@pytest.mark.parametrize(
    "value",
    [
        {"$": "record", "is": "errors:ConfigError", "v": {}},
        {"$": "record", "is": "os.path:join", "v": {}},
        {"$": "record", "is": "x y:z", "v": {}},
        {"$": "record", "is": "simulate.costs:Costs", "v": {"fee_bps": "much"}},
        {"$": "what"},
    ],
)
def test_only_our_records_are_made(value):
    with pytest.raises((StoreError, tr.TradeResearchError)):
        decode(value, {})
