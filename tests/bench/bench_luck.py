"""What the ledger and the evidence on sweeps cost, beside arch and ffn."""

from __future__ import annotations

import shutil
import tempfile
import time
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import polars as pl

from tests.bench.table import Row, paired
from tests.evidence.sweeps import evidence, noise, sums_of
from trade_research.evidence.overfit import pbo
from trade_research.evidence.superior import superior
from trade_research.frames.intervals import parse_interval
from trade_research.store.ledger import Ledger
from trade_research.store.trials import trials_of

YEAR = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC))


def _trials(n, first=0):
    k = np.arange(first, first + n)
    return trials_of(
        SimpleNamespace(venues=("binance",), symbols=("BTC/USDT",), interval=parse_interval("1h")),
        start=YEAR[0],
        end=YEAR[1],
        strategy="rule",
        source="a" * 64,
        params=pl.DataFrame({"fast": k // 1_000, "slow": k % 1_000}),
        exits=pl.DataFrame({"stop": [0.05]}),
        days=366,
        sharpe=pl.Series(np.random.default_rng(0).normal(size=n)),
        kind="sweep",
    )


def _once(call):
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _ledger():
    folder = tempfile.mkdtemp()
    try:
        ledger = Ledger(folder)
        ledger.record(_trials(1))
        single = _once(lambda: [ledger.record(_trials(1, k)) for k in range(100)]) / 100
        many = _once(lambda: ledger.record(_trials(1_000_000)))
        counted = _once(lambda: ledger.count("binance:BTC/USDT@1h"))
        return single, many, counted
    finally:
        shutil.rmtree(folder)


def rows() -> list[Row]:
    """Seconds, warm; arch resamples 200 columns, ours the same."""
    from arch.bootstrap import StepM

    single, many, counted = _ledger()
    rng = np.random.default_rng(0)
    x = noise(1_000, 200, rng)
    ours, theirs = paired(
        lambda: superior(x, block=5.0, draws=1_000),
        lambda: StepM(np.zeros(1_000), -x, block_size=5, reps=1_000, seed=0).compute(),
        rounds=3,
    )
    many_blocks, wide_blocks = (sums_of(noise(1_000, k, rng))[1:] for k in (2_000, 20_000))
    split, _ = paired(lambda: pbo(*many_blocks), lambda: None, rounds=3)
    wide, _ = paired(lambda: pbo(*wide_blocks), lambda: None, rounds=1)
    large = noise(1_826, 2_000, rng)
    whole, _ = paired(lambda: evidence(large, draws=1_000), lambda: None, rounds=3)
    return [
        Row("ledger, one backtest recorded", single * 1e3, None, "", "ms", "≤ 5"),
        Row("ledger, a million configurations recorded", many, None, "", "s", "≤ 2"),
        Row("ledger, a million trials counted", counted, None, "", "s", "≤ 1"),
        Row("SPA and StepM, 200 × 1,000 days × 1,000", ours, theirs, "arch", "s", "faster"),
        Row("overfitting, 2,000 configurations", split, None, "", "s", "≤ 0.5"),
        Row("overfitting, 20,000 configurations", wide, None, "", "s", "≤ 4"),
        Row("all evidence, 2,000 × 5 years of days", whole, None, "", "s", "≤ 3"),
    ]


if __name__ == "__main__":
    for row in rows():
        print(f"{row.work:50} {row.ours:8.3f} {row.unit}   {row.goal}   {row.ratio}")
