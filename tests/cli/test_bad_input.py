"""Each kind of bad input gives one line that says what, where, what was found and what to do."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

DAY = 86_400_000


def run(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    code = "from trade_research.cli.app import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words], cwd=cwd, capture_output=True, text=True, check=False
    )


def one_line(found: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 1, nothing on stdout, and one line of error with these parts."""
    assert found.returncode == 1, found.stderr + found.stdout
    assert found.stdout == ""
    lines = found.stderr.strip().splitlines()
    assert len(lines) == 1, found.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0], (part, lines[0])


def bars_csv(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(["ts,open,high,low,close,volume", *rows]) + "\n")
    return path


GOOD = [f"2024-01-0{d}T00:00:00Z,10,12,9,11,100" for d in range(1, 6)]


@pytest.mark.parametrize(
    ("rows", "parts"),
    [
        ([], ("bad.csv",)),
        ([*GOOD, "2024-01-06T00:00:00Z,ten,12,9,11,100"], ("open", "ten")),
        ([*GOOD, "2024-01-06T00:00:00Z,-10,12,-11,11,100"], ("2024-01-06",)),
        ([*GOOD, "2024-01-06T00:00:00Z,10,8,9,9,100"], ("2024-01-06", "high", "low")),
        ([GOOD[0], GOOD[2], GOOD[1]], ("out of order",)),
        ([*GOOD, "2024-01-05T00:00:00Z,10,12,9,10.5,100"], ("repeat",)),
        ([*GOOD, "2024-01-06T00:00:00Z,,12,9,11,100"], ("2024-01-06",)),
        ([*GOOD, "2024-01-06T00:00:00Z,NaN,12,9,11,100"], ("2024-01-06",)),
        ([*GOOD, "2024-01-06T00:00:00,10,12,9,11,100"], ("zone",)),
    ],
    ids=[
        "no rows",
        "text in numbers",
        "negative",
        "high below low",
        "unsorted",
        "duplicate",
        "null",
        "NaN",
        "mixed time zones",
    ],
)
def test_bad_rows_are_named_and_nothing_is_written(tmp_path, rows, parts):
    path = bars_csv(tmp_path / "bad.csv", rows)
    found = run(
        *("data", "import", str(path), "--venue", "binance", "--symbol", "X", "--interval", "1d"),
        cwd=tmp_path,
    )
    one_line(found, *parts)
    assert not list((tmp_path / "datasets").rglob("*.parquet"))


def test_a_missing_and_an_empty_file_and_wrong_columns(tmp_path):
    options = ("--venue", "binance", "--symbol", "X", "--interval", "1d")
    one_line(run("data", "import", "no.csv", *options, cwd=tmp_path), "no.csv")
    (tmp_path / "empty.csv").write_text("")
    one_line(run("data", "import", "empty.csv", *options, cwd=tmp_path), "empty.csv", "empty")
    (tmp_path / "wrong.csv").write_text("when,what\n1,2\n")
    one_line(run("data", "import", "wrong.csv", *options, cwd=tmp_path), "wrong.csv")


@pytest.fixture(scope="module")
def stored(tmp_path_factory) -> Path:
    """A folder with a small store."""
    import trade_research as tr

    folder = tmp_path_factory.mktemp("stored")
    first, last = (pl.datetime(2024, month, 1, time_zone="UTC") for month in (1, 3))
    prices = {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0, "volume": 1.0}
    flat = pl.select(open_time=pl.datetime_range(first, last, "1d")).with_columns(
        **{name: pl.lit(value) for name, value in prices.items()}
    )
    store = tr.Store(folder / "datasets")
    store.write_bars(
        tr.frames.to_bars(flat, "1d"), venue="binance", symbol="BTC/USDT", interval="1d"
    )
    return folder


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("ma_crossover", "--data", "binance:BTC/USD@1d"), ("BTC/USD", "BTC/USDT")),
        (("ma_crossover", "--data", "binance:BTC/USDT@1h"), ("1h", "1d")),
        (("ma_crosover", "--data", "binance:BTC/USDT@1d"), ("ma_crossover",)),
        (("ma_crossover", "--data", "binance:BTC/USDT@1d", "-p", "fats=2"), ("fats", "fast")),
        (("ma_crossover", "--data", "binance:BTC/USDT@1d", "-p", "fast=two"), ("fast", "two")),
        (("ma_crossover", "--data", "nowhere"), ("nowhere",)),
        (("none.py:f", "--data", "binance:BTC/USDT@1d"), ("none.py",)),
        (
            ("mine.py:raises", "--data", "binance:BTC/USDT@1d"),
            ("raises", "on purpose"),
        ),
        (("mine.py:short", "--data", "binance:BTC/USDT@1d"), ("short", "61")),
        (("mine.py:dictly", "--data", "binance:BTC/USDT@1d"), ("mine.py", "line 21")),
        (("mine.py:needs", "--data", "binance:BTC/USDT@1d"), ("clsoe", "close")),
    ],
    ids=lambda value: value[0] + value[-1] if isinstance(value[0], str) else "",
)
def test_bad_strategies_names_and_parameters(stored, words, parts):
    (stored / "mine.py").write_text(
        "from trade_research import strategy\n\n"
        "@strategy\ndef raises(close):\n"
        "    if close[0] > 0:\n        raise ValueError('on purpose')\n    return close * 0.0\n\n\n"
        "@strategy\ndef short(close):\n    return close[1:] * 0.0\n\n\n"
        "import json\n\n\n"
        "@strategy\ndef dictly(close):\n"
        "    # the next line is what Numba cannot compile\n"
        "    json.dumps(close)\n    return close\n\n\n"
        "@strategy\ndef needs(clsoe):\n    return clsoe\n"
    )
    one_line(run("backtest", *words, cwd=stored), *parts)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_named(tmp_path):
    path = bars_csv(tmp_path / "good.csv", GOOD)
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(stat.S_IRUSR | stat.S_IXUSR)
    found = run(
        *("data", "import", str(path), "--venue", "binance", "--symbol", "X", "--interval", "1d"),
        *("--store", "locked/store"),
        cwd=tmp_path,
    )
    one_line(found, "locked")


def test_a_store_where_a_file_is_in_the_way(tmp_path):
    path = bars_csv(tmp_path / "good.csv", GOOD)
    (tmp_path / "file").write_text("not a folder")
    found = run(
        *("data", "import", str(path), "--venue", "binance", "--symbol", "X", "--interval", "1d"),
        *("--store", "file"),
        cwd=tmp_path,
    )
    one_line(found, "file")


@pytest.mark.parametrize(
    "name", ["../x", "a';drop table bars;--", "<script>alert(1)</script>", "*[0]?"]
)
def test_hostile_symbols_are_only_names(tmp_path, name):
    path = bars_csv(tmp_path / "good.csv", GOOD)
    found = run(
        *("data", "import", str(path), "--venue", "binance", "--symbol", name, "--interval", "1d"),
        cwd=tmp_path,
    )
    assert found.returncode == 0, found.stderr
    files = list(tmp_path.rglob("*.parquet"))
    assert files
    assert all((tmp_path / "datasets") in p.parents for p in files)
    shown = run("data", "sql", "select distinct symbol from bars", "--json", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    report = tmp_path / "r.html"
    words = ("backtest", "buy_and_hold", "--data", f"binance:{name}@1d", "--report", str(report))
    ran = run(*words, cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert "<script>alert" not in report.read_text()


def test_a_console_without_some_signs_shows_a_question_mark(tmp_path: Path) -> None:
    code = "from trade_research.cli.app import main; main()"
    found = subprocess.run(
        [sys.executable, "-c", code, "strategies", "list"], cwd=tmp_path, capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"}, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert b"breakout ? reversion" in found.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_behind_stdout_is_one_line(tmp_path: Path) -> None:
    code = "from trade_research.cli.app import main; main()"
    with Path("/dev/full").open("w") as full:
        found = subprocess.run(
            [sys.executable, "-c", code, "data", "sources"], cwd=tmp_path, stdout=full,
            stderr=subprocess.PIPE, text=True, check=False,
        )  # fmt: skip
    assert found.returncode == 1
    assert "error: the system refused: [Errno 28] No space left on device" in found.stderr
    assert "Traceback" not in found.stderr
