"""The laws over panel strategies: those that ship hold, cheats across symbols are caught."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Annotated

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import FULL
from tests.data import needs_data, shared
from tests.strategies.make_panel import ragged
from trade_research.evidence import check_causality, check_warmup
from trade_research.evidence.check import check
from trade_research.frames import to_bars
from trade_research.simulate import Market
from trade_research.strategies.load import PANELS, load_strategy
from trade_research.strategies.strategy import Col, Panel, strategy

SHORT = {
    "cross_momentum": {"lookback": 20, "every": 5},
    "funding_carry": {"window": 12, "every": 6},
    "pairs_spread": {"window": 30, "entry": 1.0},
}


def passes(one, frame, params, account="margin", funding=None):
    market = Market.from_frame(frame)
    if funding is not None:
        market = market.with_funding(funding)
    found = check(one, frame, params, setup={"account": account}, market=market, budget_s=20.0)
    assert found.passed, str(found)
    return found


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_laws_hold(name, seed):
    found = passes(load_strategy(name), ragged(seed=seed), SHORT[name])
    assert found.replay.fills > 10
    assert found.causality.flips == found.causality.changes > 10


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize(("factor", "decimals"), [(600.0, 2), (1e-8, 10)])
def test_the_laws_hold_at_prices_near_60_000_and_near_a_millionth(name, factor, decimals):
    prices = pl.col("open", "high", "low", "close")
    frame = ragged(200, seed=3).with_columns((prices * factor).round(decimals))
    passes(load_strategy(name), frame, SHORT[name])


@pytest.mark.parametrize("name", PANELS)
def test_no_bars_are_no_targets(name):
    assert load_strategy(name).targets(ragged(50)[:0]).height == 0


def test_the_laws_hold_on_perpetuals_that_pay():
    found = passes(
        load_strategy("funding_carry"), ragged(), SHORT["funding_carry"], "perp", funding=1e-3
    )
    assert found.replay.fills > 10


@pytest.mark.parametrize("name", PANELS)
def test_equal_prices_one_bar_and_one_symbol_are_no_reason_to_fail(name):
    one = load_strategy(name)
    flat = ragged(60).with_columns(pl.col("open", "high", "low", "close") * 0.0 + 5.0)
    for frame in (flat, flat.filter(symbol="S0"), flat.filter(symbol="S0").head(1)):
        target = one.targets(frame, **SHORT[name])["target"].to_numpy()
        assert np.isin(target[~np.isnan(target)], [0.0, 0.25, -0.25, 0.5, -0.5]).all()


@strategy(warmup=9)
def slow_and_dear(close: Panel, slow: Annotated[Panel, Col("close", interval="4h")]):
    """A quarter in each symbol above its last four-hour close."""
    n, k = close.shape
    target = np.zeros((n, k))
    for t in range(n):
        for s in range(k):
            target[t, s] = 0.25 if close[t, s] > slow[t, s] else 0.0
    return target


def test_inputs_built_anew_keep_the_symbols_that_come_later():
    found = passes(slow_and_dear, ragged(200 if FULL else 100), {})
    assert found.causality.rebuilt > (200 if FULL else 100)


# -- cheats --------------------------------------------------------------------------------------
@strategy
def knows_tomorrow_of_another(close: Panel):
    """Buys the first symbol when the second rises on the next bar."""
    n, k = close.shape
    target = np.zeros((n, k))
    for t in range(n - 1):
        target[t, 0] = 1.0 if close[t + 1, 1] > close[t, 1] else 0.0
    return target


@strategy
def knows_who_is_listed_later(close: Panel):
    """Owns the symbols that have no bar yet by weighting the others."""
    n, k = close.shape
    target = np.zeros((n, k))
    for t in range(n):
        for s in range(k):
            target[t, s] = 1.0 if np.isnan(close[: n - 1, s]).any() else 0.5
    return target


@strategy
def knows_the_mean(close: Panel):
    return np.where(close > np.nanmean(close), 0.1, 0.0)


@strategy
def knows_the_slow_close(close: Panel, slow: Annotated[Panel, Col("close", interval="4h")]):
    n, k = close.shape
    target = np.zeros((n, k))
    for t in range(n - 4):
        for s in range(k):
            target[t, s] = 1.0 if slow[t + 4, s] > close[t, s] else 0.0
    return target


CHEATS = [
    knows_tomorrow_of_another,
    knows_who_is_listed_later,
    knows_the_mean,
    knows_the_slow_close,
]


@pytest.mark.parametrize("one", CHEATS, ids=lambda s: s.name)
def test_a_cheat_is_caught_and_the_symbol_named(one):
    leak = check_causality(one, ragged(200)).leak
    assert leak is not None
    assert leak.column in {f"target of S{s}" for s in range(4)}


def test_the_leak_is_named():
    leak = check_causality(knows_tomorrow_of_another, ragged(200)).leak
    assert (leak.column, leak.ahead) == ("target of S0", 1)
    assert leak.known == f"knew the close of bar {leak.bar + 1} (the next bar)"


def test_compiled_tiles_find_what_tiles_in_python_find(monkeypatch):
    from trade_research.evidence import causality, tiles

    monkeypatch.setattr(causality, "FIRST_CUTS", 1)
    for one in (knows_tomorrow_of_another, load_strategy("pairs_spread")):
        found = []
        for least in (0, 10**9):
            monkeypatch.setattr(tiles, "COMPILED_FROM", least)
            found.append(check_causality(one, ragged(900)).leak)
        assert str(found[0]) == str(found[1])
        assert (found[0] is None) == (one is not knows_tomorrow_of_another)


@strategy
def counts_bars(close: Panel):
    """Changes with the number of bars since the data began: no declared warm-up covers it."""
    n, k = close.shape
    target = np.zeros((n, k))
    for t in range(n):
        target[t] = 0.1 if t % 7 < 3 else 0.0
    return target


@strategy(warmup=3)
def silent_for_long(close: Panel):
    target = np.full(close.shape, np.nan)
    target[10:] = 0.1
    return target


def test_a_warm_up_that_is_too_short_is_told():
    found = check_warmup(counts_bars, ragged(100))
    assert not found.passed
    assert found.first_difference is not None
    found = check_warmup(silent_for_long, ragged(100))
    assert (found.passed, found.silent) == (False, 10)


CHECKED = """
from tests.laws.test_panels import SHORT
from tests.strategies.make_panel import ragged
from trade_research.evidence import check_causality, check_warmup
from trade_research.strategies.load import PANELS, load_strategy
for name in PANELS:
    for law in (check_causality, check_warmup):
        found = law(load_strategy(name), ragged(200), SHORT[name])
        assert found.passed, str(found)
"""


@pytest.mark.full
def test_no_panel_strategy_reads_outside_its_arrays(tmp_path):
    env = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "TRADE_RESEARCH_CACHE": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", CHECKED], env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]


# -- real bars -----------------------------------------------------------------------------------
def spot(interval, n_symbols):
    rows = pl.read_parquet(shared(f"ohlcv/binance_spot_{interval}_10symbols.parquet"))
    names = rows["symbol"].unique(maintain_order=True).to_list()[:n_symbols]
    return pl.concat(
        to_bars(rows.filter(symbol=name).drop("symbol"), interval, "24/7").select(
            pl.lit(name).alias("symbol"), pl.all()
        )
        for name in names
    )


@needs_data
@pytest.mark.parametrize("name", ["cross_momentum", "pairs_spread"])
def test_the_laws_hold_on_real_days_with_starts_years_apart(name):
    run = tr.backtest(load_strategy(name), spot("1d", 10), account="margin", calendar="24/7")
    assert run.check.passed, str(run.check)
    assert len(run.trades) > 50
