"""Deviations that sums of squares lose: days that gain the same, one small loss among gains."""

from __future__ import annotations

import numpy as np
import pytest

import trade_research as tr
from tests.simulate.cases import market_of
from tests.sweep import naive
from tests.sweep.test_score import YEAR, assert_equal
from trade_research.simulate import Costs, Exits
from trade_research.sweep import Space, score, work

SPANS = np.array([[0, 48], [0, 96]])


@tr.strategy
def hold(close, size: float = 1.0):
    """Always in."""
    return np.full(close.size, size)


def market_with(returns):
    """Two days of these returns, then two wild ones; every bar opens where the last closed."""
    wild = np.tile([0.03, -0.03], 24)
    close = 100.0 * np.cumprod(1.0 + np.concatenate([returns, wild]))[:, None]
    open_ = np.vstack([[[100.0]], close[:-1]])
    bars = open_, np.maximum(open_, close), np.minimum(open_, close), close, np.ones_like(close)
    return market_of(bars)


def alike():
    """Two days that gain almost the same."""
    day = np.append(0.0, np.full(23, 0.004))
    return np.concatenate([day, day * (1.0 + 1e-9)])


def one_loss():
    """A small loss among gains."""
    out = np.full(48, 0.006)
    out[30] = -3e-9
    return out


@pytest.mark.parametrize("returns", [alike(), one_loss()], ids=["alike", "one loss"])
@pytest.mark.parametrize("min_fee", [0.0, 1e-9], ids=["events", "general"])
def test_small_deviations_are_those_of_a_run(returns, min_fee, monkeypatch):
    market = market_with(returns)
    columns, found = {"close": market.close[:, 0]}, Space({"size": [1.0]}).grid()
    rules = {"costs": Costs(fee_bps=0.0, spread_bps=0.0, slippage_bps=0.0, min_fee=min_fee)}
    game = naive.as_game(rules | {"exits": Exits()})
    _, want = naive.one(hold, market, columns, found.row(0), 0, SPANS, game, **YEAR)

    def compare():
        scores = score(hold, market, columns, found, spans=SPANS, threads=1, **rules, **YEAR)
        for s, numbers in enumerate(want):
            assert_equal(scores, 0, s, numbers)
        return scores

    assert np.isfinite(compare().moments).all()
    monkeypatch.setattr(work, "is_lost", lambda *rest: np.zeros((1, 2), np.bool_))
    with pytest.raises(AssertionError, match=r"sharpe_daily|sortino|calmar"):
        compare()
