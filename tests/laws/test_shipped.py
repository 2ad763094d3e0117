"""The laws over every strategy that ships, on made and on real bars, with the bounds check on."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache

import numpy as np
import polars as pl
import pytest

from tests.counts import FULL
from tests.data import needs_data, shared
from tests.evidence.test_rebuilt import bars
from tests.laws.shipped import CASES, COMPOSED, IDS, with_the_rest
from trade_research.evidence.check import check
from trade_research.frames.bars import to_bars

N_BARS = 60_000 if FULL else 1_500


@cache
def made():
    return with_the_rest(bars(N_BARS), np.random.default_rng(1))


@pytest.mark.parametrize(("strategy", "params"), CASES, ids=IDS)
def test_the_laws_hold(strategy, params):
    found = check(strategy, made(), params, budget_s=10.0 if FULL else 1.0)
    assert found.passed, str(found)


def coin():
    """Hours of bitcoin: one lost bar, one without volume."""
    frame = pl.read_parquet(shared("ohlcv/binance_spot_1h_10symbols.parquet"))
    frame = frame.filter(pl.col("symbol") == "BTCUSDT").rename({"ts": "open_time"})
    return to_bars(frame[10_000:], "1h", "24/7")


def share():
    """23 years of a share as traded: splits of 2, 2, 7 and 4 for one are jumps."""
    frame = pl.read_parquet(shared("ohlcv/us_equity_daily_unadjusted.parquet"))
    frame = frame.filter(pl.col("symbol") == "AAPL").rename({"ts": "open_time"})
    return to_bars(frame.drop("symbol"), "1d", "XNYS")


def outage():
    """Minutes of a market's first winter: hours missing, many without a trade."""
    path = "ohlcv/defects/binance_spot_1m_BTCUSDT_2017-08_2018-02.parquet"
    frame = pl.read_parquet(shared(path)).rename({"ts": "open_time"})
    return to_bars(frame[250_000:], "1m", "24/7")


def perpetual():
    """Hours of a perpetual with its funding as it was known; open interest is made up."""
    frame = pl.read_parquet(shared("ohlcv/binance_usdm_1m/ETHUSDT.parquet"))
    frame = to_bars(frame.rename({"ts": "open_time"}), "1m", "24/7")
    rates = pl.read_parquet(shared("ohlcv/binance_usdm_funding_rate.parquet"))
    rates = rates.filter(pl.col("symbol") == "ETHUSDT").select(
        pl.col("ts").alias("close_time"), "funding_rate"
    )
    from trade_research.frames.align import align
    from trade_research.frames.resample import resample

    return align(resample(frame, "5m", "24/7"), rates)


MARKETS = {f.__name__: cache(f) for f in (coin, share, outage, perpetual)}


@needs_data
@pytest.mark.parametrize(("strategy", "params"), CASES, ids=IDS)
def test_the_laws_hold_on_real_bars(strategy, params):
    """By default on one market each, in turn; at the full count on every one."""
    at = next(k for k, case in enumerate(CASES) if case == (strategy, params))
    names = list(MARKETS) if FULL else [list(MARKETS)[at % len(MARKETS)]]
    if "funding_rate" in strategy.columns:
        names = ["perpetual"]
    for name in names:
        frame = with_the_rest(
            MARKETS[name]()[: 80_000 if FULL else 2_000], np.random.default_rng(2)
        )
        found = check(strategy, frame, params, budget_s=10.0 if FULL else 0.5)
        assert found.passed, f"{name}: {found}"
        assert np.isfinite(strategy.targets(frame, **params)["target"].to_numpy()).any()


CHECKED = """
import numpy as np
from tests.evidence.test_rebuilt import bars
from tests.laws.shipped import CASES, with_the_rest
frame = with_the_rest(bars(500), np.random.default_rng(1))
for one, params in CASES[::{step}]:
    columns = one.columns_of(frame)
    whole = one.raw(columns, **params).target
    for t in range(len(frame)):
        part = one.raw({{name: values[:t] for name, values in columns.items()}}, **params).target
        assert np.array_equal(part, whole[:t], equal_nan=True), (one.name, t)
"""


def test_no_shipped_strategy_reads_outside_its_arrays(tmp_path):
    """On every prefix. All of it compiles anew: by default every eleventh case, else each."""
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "TRADE_RESEARCH_CACHE": str(tmp_path)}
    code = CHECKED.format(step=1 if FULL else 11)
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]


def test_compositions_are_among_them():
    assert {one.name for one, _ in CASES} >= {one.name for one in COMPOSED}
