"""Monte Carlo on trades, against brute force and against what cannot change."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from trade_research.evidence.montecarlo import replay_trades, shuffle, trade_paths


def pnl_of(returns, initial=1_000.0):
    level = initial * np.cumprod(1.0 + np.asarray(returns))
    return np.diff(np.append(initial, level))


def depth_of(returns):
    level = np.append(1.0, np.cumprod(1.0 + np.asarray(returns)))
    return float((level / np.maximum.accumulate(level) - 1.0).min())


def test_every_order_is_as_likely_as_another():
    order, seen = np.empty(4, np.int64), {}
    for d in range(24_000):
        shuffle(order, np.uint64(7), np.uint64(d * 4))
        key = tuple(order.tolist())
        seen[key] = seen.get(key, 0) + 1
    assert len(seen) == 24
    # 1,000 each, give or take four deviations.
    assert max(abs(n - 1_000) for n in seen.values()) < 4 * math.sqrt(1_000)


def test_drawdowns_of_all_orders():
    returns = [0.05, -0.1, 0.02, -0.03, 0.04]
    logs = np.log1p(np.array(returns))
    growth, depth = replay_trades(logs, np.zeros(5), np.uint64(3), 30_000, 0.0, 0.0)
    np.testing.assert_allclose(growth, np.prod(1.0 + np.array(returns)), rtol=1e-12)
    every = sorted(depth_of(order) for order in itertools.permutations(returns))
    assert depth.mean() == pytest.approx(np.mean(every), abs=4e-4)
    for value in np.unique(np.round(every, 10)):
        mine, theirs = np.mean(depth < value - 1e-9), np.mean(np.array(every) < value - 1e-9)
        assert mine == pytest.approx(theirs, abs=0.015)


def test_missed_trades_and_dearer_ones():
    logs = np.full(50, math.log(1.01))
    growth, _ = replay_trades(logs, np.zeros(50), np.uint64(5), 20_000, 0.2, 0.0)
    kept = np.log(growth) / math.log(1.01)
    assert kept.mean() == pytest.approx(40.0, abs=0.1)
    assert kept.std() == pytest.approx(math.sqrt(50 * 0.2 * 0.8), rel=0.03)
    extra = np.full(50, math.log(0.999))
    growth, _ = replay_trades(logs, extra, np.uint64(5), 20_000, 0.0, 3.0)
    paid = (np.log(growth) - 50 * math.log(1.01)) / math.log(0.999)
    assert paid.mean() == pytest.approx(50 * 1.5, rel=0.005)  # 3 u, u even in [0, 1)


def test_a_run_and_its_alternatives():
    rng = np.random.default_rng(0)
    returns = rng.normal(0.004, 0.02, 120)
    found = trade_paths(pnl_of(returns), 1_000.0, cost=2.0)
    assert found.growth == pytest.approx(np.prod(1.0 + returns), rel=1e-12)
    assert found.depth == pytest.approx(depth_of(returns), rel=1e-12)
    assert found.growth_skipped.low < found.growth < found.growth_skipped.high
    assert found.growth_shocked.high < found.growth
    assert 0.0 < found.deeper < 1.0
    assert found == trade_paths(pnl_of(returns), 1_000.0, cost=2.0)
    assert found != trade_paths(pnl_of(returns), 1_000.0, cost=2.0, seed=1)


def test_the_luckiest_order_has_deeper_others():
    up_then_down = trade_paths(pnl_of([0.01, -0.009] * 20), 1_000.0)
    assert up_then_down.deeper > 0.99


def test_too_little_says_nothing():
    assert trade_paths(np.ones(9), 1_000.0) is None
    assert trade_paths(np.append(np.ones(20), -1_050.0), 1_000.0) is None
