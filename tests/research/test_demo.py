"""The demo leaves behind what it shows: data, a page, and a run that can be listed."""

from __future__ import annotations

from pathlib import Path

from trade_research.report.verify import verify
from trade_research.research.demo import NAME, run_demo
from trade_research.research.runs import list_runs, load_run


def test_the_demo_keeps_its_run_and_its_page(tmp_path: Path) -> None:
    said: list[str] = []
    runs = tmp_path / "runs"
    made = run_demo(tmp_path / "store", tmp_path / "demo.html", runs, on_step=said.append)
    assert len(said) == 4
    assert made.check.passed
    assert [part.name.partition("@")[0] for part in made.written] == ["index:SP500", "index:NASDAQ"]
    assert list_runs(runs)["run"].to_list() == [made.saved.name]
    assert load_run("latest", runs).manifest["data"]["names"] == [NAME]
    assert verify(made.report).ok
