"""The ledger counts each trial once, on the bars it was tried on, whoever dies while writing."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from tests.counts import count
from trade_research.errors import SchemaError, StoreError
from trade_research.frames.intervals import parse_interval
from trade_research.store import Ledger
from trade_research.store.trials import as_json, trials_of

NAME = "binance:BTC/USDT@1h"
WHERE = ("binance", "BTC/USDT", "1h")
YEAR = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))
NO_EXITS = pl.DataFrame()


def query(*names: tuple[str, str], interval: str = "1h") -> SimpleNamespace:
    pairs = names or (("binance", "BTC/USDT"),)
    return SimpleNamespace(
        venues=tuple(v for v, _ in pairs),
        symbols=tuple(s for _, s in pairs),
        interval=parse_interval(interval),
    )


def trials(
    fast: list[int],
    sharpe: list[float | None] | None = None,
    *,
    on: SimpleNamespace | None = None,
    span: tuple[datetime, datetime] = YEAR,
    exits: pl.DataFrame = NO_EXITS,
    source: str = "a" * 64,
) -> pl.DataFrame:
    return trials_of(
        on or query(),
        start=span[0],
        end=span[1],
        strategy="rule",
        source=source,
        params=pl.DataFrame({"fast": fast, "slow": [50] * len(fast)}),
        exits=exits,
        days=366,
        sharpe=pl.Series(sharpe or [0.01] * len(fast), dtype=pl.Float64),
        kind="backtest",
    )


def test_a_trial_counts_once_and_its_latest_ratio_stands(tmp_path):
    ledger = Ledger(tmp_path)
    assert ledger.count(NAME).n == 0
    ledger.record(trials([5, 10], [0.01, 0.02]))
    ledger.record(trials([5], [0.05]))

    found = ledger.count(NAME)
    assert found.n == 2
    assert found.variance == pytest.approx(np.var([0.05, 0.02], ddof=1), rel=1e-12)
    assert ledger.trials(*WHERE)["sharpe"].to_list() == [0.02, 0.05]


def test_source_parameters_and_exits_make_a_trial(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.record(trials([5]))
    ledger.record(trials([5], source="b" * 64))
    ledger.record(trials([5], exits=pl.DataFrame({"stop": [0.05]})))
    ledger.record(trials([5], exits=pl.DataFrame({"stop": [0.05], "trailing": [None]})))
    assert ledger.count(NAME).n == 3


def test_spans_that_do_not_overlap_are_other_data(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.record(trials([5, 10]))
    later = (datetime(2021, 1, 1, tzinfo=UTC), datetime(2022, 1, 1, tzinfo=UTC))
    ledger.record(trials([5, 15, 20], span=later))

    assert ledger.count(NAME, *YEAR).n == 2
    assert ledger.count(NAME, *later).n == 3
    assert ledger.count(NAME, "2020-12-31", "2021-01-02").n == 4  # 5 was tried on both
    assert ledger.count(NAME, "2020-01-01", "2021-01-01").n == 2  # spans are [start, end)
    assert ledger.count(NAME).n == 4


def test_a_run_on_several_instruments_counts_on_each_and_once_together(tmp_path):
    ledger, both = Ledger(tmp_path), query(("binance", "BTC/USDT"), ("kraken", "ETH/USD"))
    ledger.record(trials([5, 10], on=both))
    ledger.record(trials([15], on=query(("kraken", "ETH/USD"))))
    assert ledger.count(NAME).n == 2
    assert ledger.count("kraken:ETH/USD@1h").n == 3
    assert ledger.count([NAME, "kraken:ETH/USD@1h"]).n == 3
    assert ledger.count("binance:BTC/USDT@4h").n == 0
    assert ledger.datasets()["trials"].to_list() == [2, 3]


def test_undefined_ratios_count_and_do_not_spread(tmp_path):
    ledger = Ledger(tmp_path)
    ledger.record(trials([5, 10], [0.01, None]))
    assert ledger.count(NAME).n == 2
    assert ledger.count(NAME).variance is None


@pytest.mark.parametrize("n", [1, 7, 2_000])
def test_values_are_written_as_python_writes_them(n):
    rng = np.random.default_rng(n)
    rows = [
        {
            "fast": int(rng.integers(2, 50)),
            "x": float(rng.normal()),
            "level": [0.1, 1e-7, 2.0][k % 3],
            "short": bool(k % 2),
            "kind": ["sma", 'a "quoted" name', "ü"][k % 3],
            "stop": None if k % 2 else 0.05,
        }
        for k in range(n)
    ]
    schema = {"fast": pl.Int64, "x": pl.Float64, "level": pl.Float64, "short": pl.Boolean}
    table = pl.DataFrame(rows, {**schema, "kind": pl.String, "stop": pl.Float64})
    expected = [json.dumps({k: row[k] for k in sorted(row) if row[k] is not None}) for row in rows]
    assert as_json(table).to_list() == expected


def test_small_files_are_merged_and_nothing_is_lost(tmp_path):
    ledger = Ledger(tmp_path)
    for k in range(150):
        ledger.record(trials([k], [k / 1000]))
    files = list(tmp_path.rglob("*.parquet"))
    assert len(files) <= 65
    assert ledger.count(NAME).n == 150
    assert ledger.count(NAME).variance == pytest.approx(np.arange(150).var(ddof=1) / 1e6)


def test_writers_and_readers_at_once(tmp_path):
    ledger, seen = Ledger(tmp_path), []

    def write(part: int) -> None:
        for k in range(60):
            ledger.record(trials([1_000 * part + k]))

    writers = [threading.Thread(target=write, args=(part,)) for part in range(3)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        seen.append(ledger.count(NAME).n)
    for writer in writers:
        writer.join()
    assert seen == sorted(seen)  # merging hides no trial from a reader
    assert ledger.count(NAME).n == 180


def test_what_is_wrong_is_said(tmp_path):
    ledger = Ledger(tmp_path)
    with pytest.raises(SchemaError, match="trials lack the columns sharpe"):
        ledger.record(trials([5]).drop("sharpe"))
    ledger.record(trials([5]))
    file = next(tmp_path.rglob("*.parquet"))
    file.write_bytes(b"not parquet")
    with pytest.raises(StoreError, match="is damaged"):
        ledger.count(NAME)


WRITER = """
import sys
from tests.store.test_ledger import trials
from trade_research.store import Ledger
ledger, k = Ledger(sys.argv[1]), int(sys.argv[2])
while True:
    ledger.record(trials([k]))
    print(k, flush=True)
    k += 1
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_writer_loses_nothing_it_acknowledged(tmp_path):
    rng, ledger, acknowledged = random.Random(1), Ledger(tmp_path), -1
    for _ in range(count(100)):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(acknowledged + 1)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert writer.stdout is not None
        said = [writer.stdout.readline()]
        time.sleep(rng.uniform(0.0, 0.6))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        said += writer.stdout.read().split("\n")
        writer.stdout.close()
        acknowledged = max(int(line) for line in said if line.strip())

        found = ledger.trials(*WHERE)["params"].to_list()
        known = {json.loads(text)["fast"] for text in found}
        # All that were acknowledged, perhaps the one that was being written, and none twice.
        assert set(range(acknowledged + 1)) <= known <= set(range(acknowledged + 2))
        assert len(found) == len(known)
        acknowledged = max(known)
