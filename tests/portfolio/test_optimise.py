"""Risk parity and mean-variance: equal contributions, and skfolio's own answer on the window."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from tests.portfolio.make import DAY, panel
from trade_research.errors import DataError
from trade_research.portfolio import MeanVariance, RiskParity


def window(seed=0, n_bars=101, n_symbols=4):
    """Correlated prices without holes: closes and their returns."""
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(n_bars, 1)) * 0.01
    own = rng.normal(size=(n_bars, n_symbols)) * (0.005 + 0.01 * np.arange(n_symbols))
    closes = 50.0 * np.exp(np.cumsum(common + own + 0.001, axis=0))
    return closes, closes[1:] / closes[:-1] - 1


def last(sizing, targets, closes):
    times = np.arange(1, len(closes) + 1) * DAY
    return sizing.weights(targets, closes, close_time=times)[-1]


@pytest.mark.parametrize("sides", [[1.0, 1.0, 1.0, 1.0], [1.0, -1.0, 1.0, -1.0]])
def test_each_symbol_adds_the_same_risk(sides):
    closes, returns = window()
    sizing = RiskParity(lookback=100, every=100, covariance="empirical")
    w = last(sizing, np.tile(sides, (101, 1)), closes)
    contributions = w * (np.cov(returns.T) @ w)
    np.testing.assert_allclose(contributions / contributions.sum(), 0.25, atol=1e-4)
    np.testing.assert_array_equal(np.sign(w), sides)
    np.testing.assert_allclose(np.abs(w).sum(), 1.0, rtol=1e-12)


def test_two_uncorrelated_symbols_by_hand():
    # risk parity of two is inverse volatility; minimum variance is inverse variance
    up, side = np.array([0.01, -0.01] * 50), np.array([0.02, 0.02, -0.02, -0.02] * 25)
    closes = np.vstack([[1, 1], np.cumprod(1 + np.column_stack([up, side]), axis=0)])
    ones = np.ones((101, 2))
    parity = RiskParity(lookback=100, every=100, covariance="empirical")
    least = MeanVariance(lookback=100, every=100, covariance="empirical")
    np.testing.assert_allclose(last(parity, ones, closes), [2 / 3, 1 / 3], atol=1e-4)
    np.testing.assert_allclose(last(least, ones, closes), [0.8, 0.2], atol=1e-3)


def test_equal_to_skfolio_on_the_same_window():
    from skfolio.moments import LedoitWolf
    from skfolio.optimization import MeanRisk, ObjectiveFunction, RiskBudgeting
    from skfolio.prior import EmpiricalPrior

    closes, returns = window(1)
    ones = np.ones(closes.shape)
    prior = EmpiricalPrior(covariance_estimator=LedoitWolf())
    pairs = [
        (RiskParity(100, 100), RiskBudgeting(prior_estimator=prior)),
        (MeanVariance(100, 100), MeanRisk(prior_estimator=prior)),
        (
            MeanVariance(100, 100, objective="max_sharpe"),
            MeanRisk(objective_function=ObjectiveFunction.MAXIMIZE_RATIO, prior_estimator=prior),
        ),
        (
            MeanVariance(100, 100, objective="utility", risk_aversion=5.0),
            MeanRisk(
                objective_function=ObjectiveFunction.MAXIMIZE_UTILITY,
                risk_aversion=5.0,
                prior_estimator=prior,
            ),
        ),
    ]
    for ours, theirs in pairs:
        expected = theirs.fit(returns).weights_
        np.testing.assert_allclose(last(ours, ones, closes), expected, atol=1e-9)


def test_symbols_without_history_or_movement_do_not_count():
    targets, closes, _ = panel(120, 4, 3, ragged=False)
    targets[:] = 1.0
    closes[:60, 1] = np.nan
    targets[:60, 1] = np.nan
    closes[:, 2] = 5.0
    w = last(RiskParity(lookback=100, every=119), targets, closes)
    assert w[1] == w[2] == 0.0
    np.testing.assert_allclose(w[[0, 3]].sum(), 1.0, rtol=1e-12)


def test_one_symbol_takes_all_and_falling_prices_are_not_held_for_their_sharpe():
    closes, _ = window(2)
    assert last(RiskParity(100, 100), np.ones((101, 1)), closes[:, :1])[0] == 1.0
    falling = np.exp(-np.cumsum(np.abs(np.random.default_rng(0).normal(size=(101, 3))), axis=0))
    w = last(MeanVariance(100, 100, objective="max_sharpe"), np.ones((101, 3)), falling)
    assert (w == 0.0).all()


def test_no_solution_is_one_clear_line(monkeypatch):
    from skfolio.exceptions import ConvexOptimizationError
    from skfolio.optimization import RiskBudgeting

    def fails(self, X, y=None):
        raise ConvexOptimizationError("infeasible")

    monkeypatch.setattr(RiskBudgeting, "fit", fails)
    closes, _ = window()
    with pytest.raises(DataError, match="4 symbols over 100 returns") as error:
        last(RiskParity(100, 100), np.ones(closes.shape), closes)
    assert "\n" not in str(error.value)


def test_nothing_heavy_is_imported_until_it_is_used():
    code = (
        "import sys, trade_research.portfolio as p; p.RiskParity, p.EqualWeight(), p.asset_class;"
        "print({'skfolio', 'numba', 'scipy', 'exchange_calendars'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
