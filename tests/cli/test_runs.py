"""`runs`, `report` and `verify` from the command line: exit codes, JSON, one-line errors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tests.research import pages
from trade_research.cli.app import app
from trade_research.errors import ConfigError, FormatError, MissingDataError


def call(*words: str) -> tuple[int, str]:
    """Exit code and stdout; our own errors are raised."""
    found = CliRunner().invoke(app, [*words], catch_exceptions=True)
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        raise found.exception
    return found.exit_code, found.stdout


@pytest.fixture
def saved(tmp_path):
    """Two runs below `runs`, and a page of the first."""
    first = pages.daily()
    first.save(tmp_path / "runs")
    first.report(tmp_path / "page.html")
    pages.several().save(tmp_path / "runs")
    return tmp_path


def data(text: str) -> dict:
    document = json.loads(text)
    assert set(document) == {"schema", "ok", "data", "warnings", "artifacts"}
    return document


def test_list_sorts_and_chooses_columns(saved):
    where = ("--runs", str(saved / "runs"))
    code, text = call("runs", "list", "--sort", "sharpe", "--json", *where)
    rows = data(text)["data"]
    assert code == 0
    assert rows[0]["sharpe"] >= rows[1]["sharpe"]
    assert "cagr" in rows[0]
    _, text = call("runs", "list", "--columns", "run,sharpe", "--json", *where)
    assert set(data(text)["data"][0]) == {"run", "sharpe"}
    with pytest.raises(ConfigError, match="did you mean 'sharpe'"):
        call("runs", "list", "--sort", "sharp", *where)
    assert "none" in call("runs", "list", "--runs", str(saved / "nothing"))[1]


def test_show_report_and_compare(saved):
    where = ("--runs", str(saved / "runs"))
    _, text = call("runs", "show", "latest", "--json", *where)
    assert data(text)["data"]["manifest"]["strategy"]["name"] == "swing"
    out = saved / "new" / "page.html"
    code, text = call("report", "latest", "-o", str(out), "--json", *where)
    assert code == 0
    assert Path(data(text)["artifacts"]["report"]).is_file()
    code, text = call("runs", "compare", "latest", "latest~1", "--report", str(out), *where)
    assert code == 0
    assert "settings that differ" in text
    with pytest.raises(MissingDataError, match="no run 'abc'"):
        call("runs", "show", "abc", *where)


def test_rm_removes_only_when_asked_to(saved):
    where = ("--runs", str(saved / "runs"))
    assert "would remove" in call("runs", "rm", "latest", "latest~1", "--dry-run", *where)[1]
    assert len(list((saved / "runs").iterdir())) == 2
    call("runs", "rm", "latest", "latest~1", *where)
    assert list((saved / "runs").iterdir()) == []


def test_verify_answers_by_its_exit_code(saved):
    page = saved / "page.html"
    code, text = call("verify", str(page), "--json")
    assert (code, data(text)["ok"], data(text)["data"]["findings"]) == (0, True, [])
    page.write_text(page.read_text().replace("level = 100", "level = 200"))
    code, text = call("verify", str(page), "--json")
    assert (code, data(text)["ok"]) == (3, False)
    assert "parameter" in {finding["kind"] for finding in data(text)["data"]["findings"]}
    assert "DOES NOT HOLD" in call("verify", str(page))[1]
    with pytest.raises(FormatError, match="cannot read"):
        call("verify", str(saved / "no.html"))


def test_verify_repeats_the_run_on_a_file_of_bars(saved, tmp_path):
    file = tmp_path / "bars.parquet"
    pages.bars(300).write_parquet(file)
    words = ("verify", str(saved / "page.html"), "--rerun", "--data", str(file), "--json")
    code, text = call(*words)
    assert code == 0, text
    again = data(text[text.index("{") :])["data"]["rerun"]
    assert again == {"source": True, "data": True, "equity": True, "trades": True}


def test_backtest_saves_unless_told_not_to(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pages.bars(300).write_parquet("bars.parquet")
    words = ("backtest", "ma_crossover", "--data", "bars.parquet", "-p", "fast=5", "-p", "slow=20")
    assert call(*words, "--no-save")[0] == 0
    assert not (tmp_path / "reports").exists()
    _, text = call(*words, "--calendar", "24/7", "--json")
    assert Path(data(text)["artifacts"]["run"]).parent == Path("reports/runs")
    assert len(list((tmp_path / "reports" / "runs").iterdir())) == 1
