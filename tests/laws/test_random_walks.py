"""On random walks no shipped strategy earns anything, and each loses what its trades cost."""

from __future__ import annotations

import numpy as np
import pytest

from tests.bench.walks import SIDE, STEPS, account, bars_of, columns_of, outcomes
from tests.counts import FULL, count
from tests.laws.shipped import CASES, IDS
from trade_research.simulate.accounts import Account
from trade_research.simulate.costs import Costs
from trade_research.simulate.market import Market
from trade_research.simulate.run import simulate
from trade_research.strategies.load import shipped
from trade_research.strategies.strategy import strategy


def test_no_strategy_has_an_edge_and_each_loses_its_costs():
    for name, found in zip(IDS, outcomes(CASES, 10_000 if FULL else 300), strict=True):
        assert found.has_no_edge, f"{name}: {found}"
        assert found.loses_its_costs, f"{name}: {found}"
        assert found.sides > 0, name


@strategy
def peeks(close, high):
    """Knows a little of the next bar."""
    out = np.zeros(close.size)
    for t in range(close.size - 1):
        out[t] = 1.0 if high[t + 1] > close[t] * 1.005 else 0.0
    return out


def test_an_edge_is_seen():
    (found,) = outcomes([(peeks, {})], 50)
    assert found.gross > found.gross_width
    assert not found.has_no_edge


def test_the_walk_is_bars_and_goes_nowhere():
    opens, high, low, close = (columns_of(3, 500)[c] for c in ("open", "high", "low", "close"))
    assert (high >= np.maximum(opens, close)).all()
    assert (low <= np.minimum(opens, close)).all()
    rng = np.random.default_rng(0)
    draws = [rng.standard_normal((50, STEPS + 1)) for _ in range(count(40_000))]
    ends = np.array([bars_of(draw)[3, -1] for draw in draws]) / 100.0 - 1.0
    assert abs(ends.mean()) < 3.0 * ends.std() / ends.size**0.5
    np.testing.assert_array_equal(columns_of(3, 500)["low"], low)


def test_accounts_by_hand():
    """Opens 10, 10, 20, 10. Long over the rise, then flat: 1 → 2; a side costs 1% of its value."""
    opens = np.array([10.0, 10.0, 20.0, 10.0])
    target = np.array([1.0, 0.0, 0.0, 0.0])
    assert account(target, opens, 0.0) == pytest.approx((1.0, 2.0))
    # 0.1 units for 1, fee 0.01; sold for 2, fee 0.02.
    assert account(target, opens, 0.01) == pytest.approx((0.97, 2.0))
    assert account(np.array([np.nan, 1.0, np.nan, 1.0]), opens, 0.0) == pytest.approx((-0.5, 1.0))
    assert account(np.array([-1.0, -1.0, 0.0, 0.0]), opens, 0.0) == pytest.approx((0.0, 2.0))


@pytest.mark.parametrize("name", ["macd", "donchian"])
@pytest.mark.parametrize("side", [0.0, SIDE])
def test_the_account_agrees_with_the_simulator(name, side):
    cols, one = columns_of(5), shipped()[name]
    target = one.compute({c: cols[c] for c in one.columns}, short=True).target
    target[-3:] = target[-4]  # nothing is traded at the last open, where our account ends
    times = np.arange(target.size) * 3_600_000_000
    prices = (cols[c] for c in ("open", "high", "low", "close", "volume"))
    market = Market(times, times + 3_600_000_000, *prices, ("X",))
    costs = Costs(fee_bps=1e4 * side, spread_bps=0.0, slippage_bps=0.0)
    run = simulate(market, target, costs=costs, account=Account("margin", leverage=3.0))
    ends = np.append(cols["open"][:-1], cols["close"][-1])
    growth, sides = account(target, ends, side)
    assert run.equity[-1] / run.initial_cash - 1.0 == pytest.approx(growth, rel=1e-9)
    assert sides == len(run.orders)
