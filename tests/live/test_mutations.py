"""Every mutation of a session's code or data breaks its certificate."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import FULL
from tests.live import mutated_bars, mutated_orders
from tests.live.mutations import MUTATIONS
from tests.live.test_replay import hourly, walk
from trade_research.indicators import sma
from trade_research.live.certificate import Gate
from trade_research.live.transport import Rough
from trade_research.research import certify as room
from trade_research.research.backtest import Backtest

N_BARS = 2_000 if FULL else 260


@tr.strategy(warmup=lambda slow: slow)
def leaning(close, volume, fast=3, slow=9):
    """Leans with the trend, to any fraction; every bit of a price or volume shows in it."""
    ratio = sma(close, fast) / sma(close, slow) - 1.0
    out = np.minimum(np.maximum(40.0 * ratio + 1e-3 * sma(volume, slow), -1.0), 1.0)
    # No opinion on small changes: what is held stays.
    return np.where(np.abs(ratio) < 0.003, np.nan, out)


@pytest.fixture(scope="module")
def run() -> Backtest:
    """Two perpetuals over midnight with lots, exits, daily rebalancing and hourly funding."""
    since = timedelta(hours=22)
    bars = walk(5, n=N_BARS, symbols=2).with_columns(pl.col("open_time", "close_time") + since)
    found = tr.backtest(
        leaning,
        bars,
        account="perp",
        funding=hourly(2, N_BARS // 60 + 2).with_columns(pl.col("time") + since),
        exits=tr.Exits(stop=0.02, take_profit=0.012, cooldown=2),
        rules=tr.Rules(lot=0.01),
        rebalance="1d",
        calendar="24/7",
    )
    kinds = set(found.fills["reason"].to_list())
    assert {"signal", "stop", "take_profit", "rebalance"} <= kinds, kinds
    return found


def gate(run: Backtest) -> Gate:
    decided = run.result.orders["decided"]
    restarts = decided[[decided.size // 10, decided.size // 2]].tolist()
    rough = Rough(1, restarts, lost=0.03, delayed=0.05, doubled=0.1)
    return room._replay(run, room._again(run, rough, 0.2), rough, is_lawful=True)


def test_what_is_not_mutated_is_certified(run: Backtest) -> None:
    assert gate(run).passed, gate(run)


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_breaks_the_certificate(
    run: Backtest, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    MUTATIONS[name](monkeypatch)
    assert not gate(run).passed


def test_there_are_forty_of_them() -> None:
    assert len(MUTATIONS) >= 40
    assert mutated_bars.__doc__
    assert mutated_orders.__doc__
