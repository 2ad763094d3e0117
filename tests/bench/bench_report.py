"""Time and size of the report: against quantstats on the same daily returns, and on minutes."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path

import polars as pl

import trade_research as tr
from tests.bench.table import Row, paired
from tests.report import factory
from trade_research.frames import to_bars
from trade_research.report import write
from trade_research.report.run import Run

_COLD = """
import time; start = time.perf_counter()
import pickle, sys
from trade_research.frames import to_bars
from trade_research.report import write
from trade_research.report.run import Run
before = time.perf_counter()
run = pickle.load(open(sys.argv[1], "rb"))
reading = time.perf_counter() - before
write(run, sys.argv[2])
print(time.perf_counter() - start - reading)
"""


def rows() -> list[Row]:
    """Daily report warm and its size beside quantstats; its script; 1.58M minutes cold."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_daily(Path(folder)), *_minutes(Path(folder))]


def _daily(folder: Path) -> list[Row]:
    run = factory.make_run(1_566)
    ours, theirs = folder / "ours.html", folder / "theirs.html"
    bars = run.prices.select("open_time", "open", "high", "low", "close", volume=pl.lit(1e9))
    frame = to_bars(bars, "1d")
    whole, slow = paired(
        lambda: _from_bars(frame, ours), lambda: _quantstats(run, theirs), rounds=3
    )
    fast, again = paired(lambda: write(run, ours), lambda: _quantstats(run, theirs), rounds=3)
    scripts = re.findall(r"<script>(.*?)</script>", ours.read_text(encoding="utf-8"), re.S)
    return [
        Row("report, 1,566 days, warm", fast, again, "quantstats 0.0.86", "s", "<= 1, >= 5x"),
        Row("from bars: run, laws, evidence, page", whole, slow, "quantstats 0.0.86", "s", ""),
        Row("the page's script", sum(map(len, scripts)) / 1e3, None, "", "KB", "<= 60"),
        Row(
            "report, 1,566 days, size",
            ours.stat().st_size / 1e3,
            theirs.stat().st_size / 1e3,
            "quantstats 0.0.86",
            "KB",
            "<= 600",
        ),
    ]


def _from_bars(frame: pl.DataFrame, path: Path) -> None:
    """All that stands behind a page: simulated, laws proven, evidence gathered, written."""
    run = tr.backtest(tr.strategies.ma_crossover, frame, calendar="24/7", fast=10, slow=50)
    run.report(path)


def _quantstats(run: Run, path: Path) -> None:
    import pandas as pd
    import quantstats

    assert run.benchmark is not None
    stamps = pd.DatetimeIndex(run.equity["close_time"].dt.replace_time_zone(None).to_numpy())
    returns = pd.Series(run.equity["return"].to_numpy(), stamps)
    level = run.benchmark["equity"].to_numpy()
    benchmark = pd.Series(level, stamps).pct_change().fillna(0.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its own, about fonts and frequencies
        quantstats.reports.html(returns, benchmark, output=str(path), periods_per_year=365)


def _minutes(folder: Path) -> list[Row]:
    import pickle

    run, page = folder / "run.pickle", folder / "minutes.html"
    run.write_bytes(pickle.dumps(factory.minutes(1_577_760)))
    command = [sys.executable, "-c", _COLD, str(run), str(page)]
    root = Path(__file__).parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=True)
    size = page.stat().st_size / 1e3
    return [
        Row("report, 1.58M minutes, fresh process", float(done.stdout), None, "", "s", "<= 3"),
        Row("report, 1.58M minutes, size", size, None, "", "KB", "<= 1,500"),
    ]
