"""The run by the state of its market: every bar once, each by what was known before it."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from trade_research.evidence.states import TRENDS, VOLATILITIES, states_of
from trade_research.indicators import regime


def made(n=2_000, seed=0, symbols=1):
    rng = np.random.default_rng(seed)
    drift = 0.002 * np.sign(np.sin(np.arange(n) / 120))[:, None]
    close = 100 * np.exp(np.cumsum(rng.normal(drift, 0.01, (n, symbols)), axis=0))
    reach = np.abs(rng.normal(0, 0.004, (n, symbols)))
    return SimpleNamespace(high=close * (1 + reach), low=close * (1 - reach), close=close)


def equity(n, seed=1):
    return 1_000 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, n)))


def test_every_known_bar_is_in_one_state_of_each_kind():
    market, value = made(), equity(2_000)
    found = states_of(market, value, 1_000.0, bars_per_year=365.0)
    assert tuple(s.name for s in found.trends) == TRENDS
    assert tuple(s.name for s in found.volatilities) == VOLATILITIES
    for states in (found.trends, found.volatilities):
        assert sum(s.bars for s in states) + found.unknown == 2_000
        assert sum(s.share for s in states) == pytest.approx(1.0)
        logs = sum(np.log1p(s.net_return) for s in states)
        assert logs == pytest.approx(np.log(value[-1] / value[found.unknown - 1]))
    assert found.unknown == 114  # 113 bars until the regime is known, and the one after


def test_numbers_of_one_state_by_hand():
    market, value = made(seed=5), equity(2_000)
    found = states_of(market, value, 1_000.0, bars_per_year=100.0, cash=1e-4)
    state = regime(market.high[:, 0], market.low[:, 0], market.close[:, 0])
    rows = [t for t in range(1, 2_000) if state.direction[t - 1] * state.strength[t - 1] == 1.0]
    own = np.array([value[t] / value[t - 1] - 1 for t in rows])
    close = market.close[:, 0]
    ours = found.trends[3]
    assert ours.bars == len(rows) > 100
    assert ours.net_return == pytest.approx(np.prod(1 + own) - 1)
    assert ours.market == pytest.approx(np.prod([close[t] / close[t - 1] for t in rows]) - 1)
    assert ours.sharpe == pytest.approx(10 * (own.mean() - 1e-4) / own.std(ddof=1))
    assert ours.hit_rate == pytest.approx((own > 0).mean())


def test_a_bar_is_never_told_by_itself():
    """A last bar that ends all calm changes what the next would be called, not itself."""
    market, value = made(), equity(2_000)
    known = states_of(market, value, 1_000.0, bars_per_year=None)
    for side in (market.high, market.close):
        side[-1] *= 5.0
    again = states_of(market, value, 1_000.0, bars_per_year=None)
    assert [s.bars for s in again.trends] == [s.bars for s in known.trends]
    assert [s.net_return for s in again.volatilities] == [s.net_return for s in known.volatilities]
    assert all(s.sharpe is None for s in again.trends)


def test_several_symbols_are_told_by_their_mean_move():
    both, value = made(symbols=2), equity(2_000)
    both.close[:700, 1] = np.nan  # listed later, and out once
    both.close[900:903, 1] = np.nan
    for side in (both.high, both.low):
        side[np.isnan(both.close)] = np.nan
    found = states_of(both, value, 1_000.0, bars_per_year=None)
    index = {"high": [1.0], "low": [1.0], "close": [1.0]}
    for t in range(1, 2_000):
        for name, side in index.items():
            moves = []
            for s in (0, 1):
                past = [x for x in both.close[:t, s] if x == x]
                if past and both.close[t, s] == both.close[t, s]:
                    moves.append(getattr(both, name)[t, s] / past[-1])
            level = index["close"][t - 1 if name != "close" else -1]
            side.append(level * sum(moves) / len(moves))
    alone = SimpleNamespace(**{k: np.array(v)[:, None] for k, v in index.items()})
    want = states_of(alone, value, 1_000.0, bars_per_year=None)
    assert [s.bars for s in found.trends] == [s.bars for s in want.trends]
    assert [s.bars for s in found.volatilities] == [s.bars for s in want.volatilities]
    np.testing.assert_allclose([s.market for s in found.trends], [s.market for s in want.trends])
    assert "mean of the symbols" in found.rule


def test_what_has_no_state():
    assert states_of(made(50), equity(50), 1_000.0, bars_per_year=None) is None
