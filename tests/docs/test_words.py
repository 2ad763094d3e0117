"""What README, `--help` and the notebooks say is true: every example runs as it stands."""

from __future__ import annotations

import os
import re
import shlex
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from trade_research.errors import TradeResearchError

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()


@dataclass(frozen=True)
class Done:
    """How a command ended, as `main` would have it."""

    returncode: int
    stderr: str


def run(line: str, cwd: Path) -> Done:
    """A line of a console session, typed in a folder."""
    from typer.testing import CliRunner

    from trade_research.cli.app import app

    program, *words = shlex.split(line)
    assert program == "trade-research"
    here = Path.cwd()
    os.chdir(cwd)
    try:
        alone = {"TRADE_RESEARCH_STAND_IN": "127.0.0.1:9"}  # nobody listens there
        found = CliRunner().invoke(app, words, env=alone)
    finally:
        os.chdir(here)
    if isinstance(found.exception, TradeResearchError):
        return Done(1, f"error: {found.exception}")
    if found.exception is not None and not isinstance(found.exception, SystemExit):
        trace = traceback.format_exception(found.exception)
        return Done(-1, "".join(trace))
    return Done(found.exit_code, found.output)


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder as a newcomer has it after the demo, with README's strategy and some bars."""
    folder = tmp_path_factory.mktemp("desk")
    made = run("trade-research demo", folder)
    assert made.returncode == 0, made.stderr
    for strategy in ("buy_and_hold", "ma_crossover"):  # two saved runs, to compare
        saved = run(f"trade-research backtest {strategy} --data index:SP500@1d", folder)
        assert saved.returncode == 0, saved.stderr
    (folder / "my_strategy.py").write_text(blocks("python")[0])
    rows = "\n".join(f"2024-01-{day:02d}T00:00:00Z,10,12,9,11,100" for day in range(1, 29))
    header = "ts,open,high,low,close,volume\n"
    (folder / "bars.csv").write_text(header + rows + "\n")
    books = run("trade-research demo --books", folder)
    assert books.returncode == 0, books.stderr
    snapshot = '{"timestamp": "2024-01-01T00:00:00", "bids": [[99.0, 1.0]], "asks": [[101.0, 1.0]]}'
    snapshot = snapshot.replace("}", ', "exchange_timestamp": null}')
    (folder / "l2_BTCUSDT_20240101.jsonl").write_text(snapshot + "\n")
    import polars as pl

    logs = [["paper", "run", "--replay", "--session", name] for name in ("paper", "trend", "old")]
    certify = ["certify", "ma_crossover", "--data", "index:SP500@1d", "--seconds", "0.5"]
    for words in [*logs, [*certify, "--out", "made"]]:
        done = run(shlex.join(["trade-research", *words]), folder)
        assert done.returncode == 0, done.stderr
    (folder / "reports" / "certificates").mkdir()
    (made_file,) = (folder / "made").iterdir()
    made_file.rename(folder / "reports" / "certificates" / "ma_crossover.json")
    config = run("trade-research config init", folder)
    assert config.returncode == 0, config.stderr
    (folder / "watch.txt").write_text("index:SP500@1d\n")
    bars = pl.read_csv(folder / "bars.csv", try_parse_dates=True)
    bars[:14].write_parquet(folder / "BTC_2020.parquet")
    bars[14:].write_parquet(folder / "BTC_2021.parquet")
    return folder


def blocks(language: str) -> list[str]:
    """The fenced blocks of README in that language."""
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def commands() -> Iterator[str]:
    """Every call that a command's help gives as an example."""
    from typer.main import get_command

    from trade_research.cli.app import app

    waiting = [get_command(app)]
    while waiting:
        command = waiting.pop()
        waiting += getattr(command, "commands", {}).values()
        yield from re.findall(r"^trade-research .*$", command.epilog or "", flags=re.MULTILINE)


# They ask a venue, or need what nobody has at first: understood, and refused in one line.
ASKING = tuple(
    f"trade-research {words}"
    for words in (
        "data fetch",
        "data update",
        "data quote",
        "data symbols",
        "data consensus",
        "paper stop",
        "live",
        "promote reports/certificates/ma_crossover.json --to live",
        "books record",
        "paper books binance",
    )
)


@pytest.mark.parametrize("line", sorted(set(commands())))
def test_examples_of_the_help_run(desk, line):
    if line.startswith("trade-research demo"):
        line += " --store other --runs others"
    if line.startswith("trade-research books record"):
        line += " --for 1s"
    where = desk
    if " init" in line:
        where = desk / "empty"
        where.mkdir(exist_ok=True)
    found = run(line, where)
    if line.startswith(ASKING):
        assert found.returncode in (0, 1, 4), found.stderr
        assert "Traceback" not in found.stderr
        return
    assert found.returncode == 0, found.stderr


def test_every_command_has_an_example():
    from typer.main import get_command

    from trade_research.cli.app import app

    groups = get_command(app).commands
    for group in groups.values():
        for command in getattr(group, "commands", {"": group}).values():
            assert "trade-research " in (command.epilog or ""), command.name


def test_readme_console_session_runs(desk):
    lines = [
        line.removeprefix("$ ")
        for block in blocks("console")
        for line in block.splitlines()
        if line.startswith("$ ")
    ]
    assert lines
    for line in lines:
        found = run(line, desk)
        assert found.returncode == 0, (line, found.stderr)


def test_the_strategy_of_the_readme_is_short():
    assert len(blocks("python")[0].strip().splitlines()) <= 9


@pytest.mark.parametrize("script", sorted((ROOT / "notebooks").glob("*.py")), ids=lambda p: p.stem)
def test_notebooks_and_their_scripts_say_the_same(script):
    import jupytext

    def cells(path: Path) -> list[tuple[str, str]]:
        return [(cell.cell_type, cell.source) for cell in jupytext.read(path).cells]

    assert cells(script.with_suffix(".ipynb")) == cells(script)
