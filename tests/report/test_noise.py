"""What has no edge is not called one: the verdict on rules of chance, through the whole path.

Every run is a real `backtest` with its evidence and its verdict, on prices without a drift: noise,
and real days in shuffled blocks less their mean. Costs are small enough to leave every gate a way
to pass; with ordinary costs these rules lose. The laws are proven once a rule, not once a run.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import FULL, count
from tests.data import SHARED, shared
from trade_research.frames import to_bars
from trade_research.sources.demo import demo_bars

N_DAYS, BLOCK = 1_000, 20
RUNS = count(400)
CHEAP = tr.Costs(fee_bps=0.1, spread_bps=0.0, slippage_bps=0.0)


@tr.strategy(warmup=60)
def dice(close, throw: int = 1):
    """Thrown with the far digits of each close: one day in five anew, long or short."""
    out, side = np.zeros(close.size), 1.0
    for t in range(close.size):
        thrown = int(close[t] * 1e7) * throw % 7_919
        if thrown % 5 == 0:
            side = 1.0 if thrown % 2 == 0 else -1.0
        out[t] = side
    return out


def bars(log_returns: np.ndarray) -> pl.DataFrame:
    """Daily bars that open where the day before closed."""
    close = 100.0 * np.exp(np.cumsum(log_returns))
    first = np.concatenate([[100.0], close[:-1]])
    frame = {
        "open_time": np.datetime64("2018-01-01", "us")
        + np.arange(close.size) * np.timedelta64(1, "D"),
        "open": first,
        "high": np.maximum(first, close),
        "low": np.minimum(first, close),
        "close": close,
        "volume": np.full(close.size, 1e9),
    }
    return to_bars(pl.DataFrame(frame), "1d")


def real_days() -> np.ndarray:
    """Log returns of S&P 500 days, and of Bitcoin's where they are here."""
    levels = [demo_bars()["SP500"]["close"]]
    if SHARED is not None:
        daily = pl.read_parquet(shared("ohlcv/binance_spot_1d_10symbols.parquet"))
        levels.append(daily.filter(pl.col("symbol").str.starts_with("BTC")).sort("ts")["close"])
    return np.concatenate([np.diff(np.log(level.to_numpy())) for level in levels])


REAL = real_days()
PRICES = {
    "normal noise": lambda rng: rng.normal(0.0, 0.012, N_DAYS),
    "fat-tailed noise": lambda rng: rng.standard_t(3, N_DAYS) * 0.008,
    "real days, shuffled": lambda rng: shuffled(rng),
}
RULES = {
    "dice": (dice, lambda rng: {"throw": int(rng.integers(1, 7_000))}),
    "crossover": (
        tr.strategies.ma_crossover,
        lambda rng: {"fast": int(rng.integers(2, 6)), "slow": int(rng.integers(7, 20))},
    ),
}


def shuffled(rng: np.random.Generator) -> np.ndarray:
    starts = rng.integers(0, REAL.size - BLOCK, N_DAYS // BLOCK)
    moves = np.concatenate([REAL[start : start + BLOCK] for start in starts])
    return moves - moves.mean()


def judged(rule: str, frame: pl.DataFrame, check: Any, params: dict[str, Any]) -> str:
    strategy = RULES[rule][0]
    run = tr.backtest(strategy, frame, calendar="24/7", account="margin", costs=CHEAP, **params)
    run.__dict__["check"] = check  # a cached property: the laws were proven on these parameters
    return run.verdict.word


@pytest.fixture(scope="module", params=RULES)
def proven(request: pytest.FixtureRequest) -> tuple[str, Any]:
    """A rule and its laws, proven on one draw."""
    strategy, draw = RULES[request.param]
    rng = np.random.default_rng(11)
    frame = bars(PRICES["normal noise"](rng))
    check = tr.check(strategy, frame, calendar="24/7", budget_s=0.5, **draw(rng))
    assert check.passed
    return request.param, check


@pytest.mark.parametrize("prices", PRICES)
def test_noise_is_called_weak_at_best(
    proven: tuple[str, Any], prices: str, record_property: Any
) -> None:
    rule, check = proven
    words = Counter()
    for k in range(RUNS):
        rng = np.random.default_rng((k, 5))
        frame = bars(PRICES[prices](rng))
        words[judged(rule, frame, check, RULES[rule][1](rng))] += 1
    good = (words["Promising"] + words["Supported"]) / RUNS
    record_property("words", dict(words))
    assert good <= (0.05 if FULL else 0.15), words
    assert words["No evidence"] >= 0.7 * RUNS, words
