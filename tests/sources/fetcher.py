"""A fetch of minutes from a stand-in, in a process of its own: to be killed, or measured."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from trade_research.frames.intervals import parse_interval
from trade_research.sources.fetch import CHUNK, fetch_bars
from trade_research.sources.registry import open_source
from trade_research.store.layout import Name
from trade_research.store.store import Store

START = datetime(2020, 11, 1, tzinfo=UTC)  # the series crosses a year's end
NAME = Name("binance", "BTC/USDT", parse_interval("1m"))


def start_fetch(root: Path, at: str, bars: int, chunk: int = CHUNK) -> subprocess.Popen[str]:
    """A process that says "ready" before it fetches `bars` into `root`, and then its figures."""
    words = [sys.executable, "-m", __name__, str(root), at, str(bars), str(chunk)]
    made = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    assert made.stdout.readline() == "ready\n"
    return made


def measure_fetch(root: Path, at: str, bars: int) -> tuple[float, float]:
    """Seconds of a fetch, and the most memory that its process ever had, in MB (Linux)."""
    with start_fetch(root, at, bars) as process:
        seconds, peak_kb = map(float, process.communicate()[0].split())
    return seconds, peak_kb / 1000


def main(root: str, at: str, bars: str, chunk: str) -> None:
    source = open_source("binance", to=at)
    source.symbols()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    begin, end = time.perf_counter(), START + timedelta(minutes=int(bars))
    done = fetch_bars(source, Store(root), NAME, start=START, end=end, chunk=int(chunk))
    assert done.error is None, done.error
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    peak = next((line.split()[1] for line in lines if line.startswith("VmHWM")), "nan")
    sys.stdout.write(f"{time.perf_counter() - begin} {peak}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
