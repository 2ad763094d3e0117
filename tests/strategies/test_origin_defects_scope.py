"""Defects of S11, S25 and S26, and the rest of S5 to S7: `test_origin_defects` has the others."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.bench.walks import columns_of
from tests.evidence.test_tracker import record, rows_of
from tests.frames.make import grid, walk
from trade_research.indicators import adx, macd
from trade_research.research.presets import PRESETS
from trade_research.strategies import book_pressure, breakout, rsi_divergence

COLS = columns_of(11, 3_000)


def test_s5_a_divergence_is_verified():
    """S5 "its verification … is implied by the precondition, so it never rejects".

    Both times the second low is lower; only where the fall to it is slower is the index higher.
    """
    before = 100.0 + 0.5 * (-1.0) ** np.arange(160)
    for first, second, under, wanted in ((3.0, 0.7, 2.0, 1.0), (0.7, 3.0, 12.0, 0.0)):
        down = 100.0 - first * np.arange(1, 9)
        up = down[-1] + 0.5 * first * np.arange(1, 9)
        n = int(np.ceil((up[-1] - down[-1] + under) / second))
        again = up[-1] - second * np.arange(1, n + 1)
        close = np.concatenate([before, down, up, again, again[-1] + np.arange(1.0, 12.0)])
        cols = {"high": close + 0.1, "low": close - 0.1, "close": close}
        found = rsi_divergence.compute(cols, oversold=50.0).extras["divergence"]
        assert np.nansum(found[168:] == 1.0) == wanted


def test_s6_the_bar_before_the_first_change_has_no_range():
    """S6 "the artificial first TR/DM enters the seed": bar 0 has no bar before it."""
    high, low, close = (COLS[name][:200].copy() for name in ("high", "low", "close"))
    high[0], low[0] = high[:2].max() * 1.5, low[:2].min() * 0.5
    one = adx(high, low, close)
    high[0], low[0] = high[0] * 2.0, low[0] * 0.5
    for line, again in zip(one, adx(high, low, close), strict=True):
        np.testing.assert_array_equal(line, again)
        assert np.isfinite(line[-1])


def test_s7_sizes_have_no_unit():
    """S7 "depth term counts raw coin units (1000 BTC = good)"."""
    rng = np.random.default_rng(0)
    bids, asks = rng.exponential(size=(2, 500, 10))
    books = [
        {"bid_size": k * bids, "ask_size": k * asks, "book_age": np.zeros(500)} for k in (1.0, 1e3)
    ]
    one, many = (book_pressure.compute(book).target for book in books)
    np.testing.assert_array_equal(one, many)
    assert set(np.unique(one)) == {-1.0, 0.0, 1.0}


def test_s7_walls_are_not_lost():
    """S7 "the wall penalty is lost": more than two walls ahead and there is no vote."""
    bids, asks = np.full((1, 20), 9.0), np.ones((1, 20))
    asks[0, :3] = 30.0
    cols = {"bid_size": bids, "ask_size": asks, "book_age": np.zeros(1)}
    assert book_pressure.compute(cols).target[0] == 0.0
    assert book_pressure.compute(cols, walls=3).target[0] == 1.0


@pytest.fixture(scope="module")
def run():
    bars = walk(grid(2_000, "1h", "2011-01-01"), "1h", seed=3)
    return tr.backtest(tr.strategies.ma_crossover, bars, calendar="24/7", fast=5, slow=20)


def test_s11_signals_of_long_ago_are_there(run):
    """S11 "prunes by wall clock: a historical signal vanishes at once"."""
    whole = tr.track(run).frame.row(0, named=True)
    assert whole["trades"] == run.trades.filter(~pl.col("open")).height > 20


def test_s11_times_have_zones(run):
    """S11 "a time-zone-aware time raises"; and "the cache is not cleared by a new signal"."""
    when = [datetime(2011, 2, day, tzinfo=UTC) for day in (1, 20)]
    early, late = (tr.track(run, as_of=moment).frame["trades"][0] for moment in when)
    assert 0 < early < late


def test_s11_an_exit_is_that_of_its_entry():
    """S11 "exits match the latest pending by symbol, mis-pairing overlaps": here one of two ends.

    What was decided first ends last; each keeps its own result and its own regime.
    """
    mood = np.array(["up"] * 5 + ["down"] * 35)
    found, _ = rows_of(record([0.03, -0.01], regime=mood, decided=[2, 10], ended=[30, 12]))
    assert found["s", "crypto", "up"]["expectancy_bp"] == pytest.approx(300.0)
    assert found["s", "crypto", "down"]["expectancy_bp"] == pytest.approx(-100.0)


def test_s11_wins_are_not_worth():
    """S11 "the score is dominated by win rate, ignoring cost", "no confidence interval"."""
    found, _ = rows_of(record([0.001] * 32 + [-0.01] * 8))
    row = found["s", "crypto", "all"]
    assert row["hit_rate"] == 0.8
    assert row["expectancy_bp"] == pytest.approx(-12.0)
    assert row["hit_low"] < row["hit_rate"] < row["hit_high"]
    assert row["expectancy_low"] < row["expectancy_bp"] < row["expectancy_high"]


def test_s25_a_break_far_above_the_level_is_one():
    """S25 "a level must be ≥ 99.5 % of price and exceeded by 0.5 %: a window of 0.0025 %"."""
    found = breakout.compute({name: COLS[name] for name in breakout.columns})
    rows = np.flatnonzero(np.diff(found.target) > 0) + 1
    beyond = COLS["close"][rows] / found.extras["resistance"][rows] - 1.0
    assert len(rows) > 3
    assert beyond.min() > 1.0 / 0.995 - 1.0  # there nothing of this was a break


def test_s25_without_derivatives_the_score_reaches_one():
    """S25 "the risk weight is never added, so … the maximum confidence is exactly .70"."""
    score = breakout.compute({name: COLS[name] for name in breakout.columns}).extras["score"]
    assert 0.75 < np.nanmax(score) <= 1.0


def test_s25_macd_begins_once():
    """S25 "MACD is re-seeded from a sliding 50-bar window": one line, whatever is looked at."""
    line = macd(COLS["close"]).line
    later = macd(COLS["close"][500:]).line
    np.testing.assert_allclose(later[300:], line[800:], rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(macd(COLS["close"][:900]).line, line[:900])
    assert abs(macd(COLS["close"][850:900]).line[-1] - line[899]) > 1e-6


def test_s25_today_is_not_in_its_own_high():
    """S25 "today is inside its own 20-day high and mean"; "needs 210 bars but fetches … 206"."""
    rules = PRESETS["breakout"].rules
    assert "ago(rolling_max(high, 20), 1)" in rules["breakout"]
    volume = np.append(np.full(20, 100.0), 300.0)
    assert tr.indicators.relative_volume(volume, 20)[-1] == 3.0


def test_s26_likeness_tells_bars_apart(run):
    """S26 "cosine on near-1 ratios is almost always high": ours are distances in own spreads."""
    found = tr.fingerprints(run, similar=5, same_regime=False)
    rows = np.flatnonzero((found.frame["neighbours"] == 5).to_numpy())
    nearest = [found.like(int(row))["distance"][0] for row in rows]
    assert max(nearest) > 2.0 * min(nearest) > 0.0
