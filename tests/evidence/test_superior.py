"""Superior predictive ability: bits, sizes under the null, and power as published."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import pytest

from tests.counts import FULL, count
from tests.evidence.sweeps import noise
from trade_research.errors import ConfigError
from trade_research.evidence.bootstrap import stationary
from trade_research.evidence.superior import bootstrap_error, resampled_means, superior

Z = NormalDist()


def test_same_seed_same_bits_however_many_columns():
    x = noise(300, 130, np.random.default_rng(0))
    whole, part = (resampled_means(y, block=4.0, draws=50, seed=3) for y in (x, x[:, 60:70]))
    np.testing.assert_array_equal(whole.draws[:, 60:70], part.draws)
    np.testing.assert_array_equal(whole.error[60:70], part.error)


@pytest.mark.parametrize("block", [1.0, 3.0, 12.0])
def test_the_error_of_the_mean_is_that_of_many_draws(block):
    rng = np.random.default_rng(1)
    x = noise(200, 3, rng)
    x[1:] += 0.4 * x[:-1]  # neighbours resemble each other: longer blocks vary more
    drawn = stationary(x, block=block, draws=20_000, seed=0).sums / 200
    np.testing.assert_allclose(bootstrap_error(x, block), drawn.std(0) * math.sqrt(200), rtol=0.03)


def test_independent_days_have_the_plain_error():
    x = noise(250, 4, np.random.default_rng(2))
    np.testing.assert_allclose(bootstrap_error(x, 1.0), x.std(0), rtol=1e-10)


def test_a_planted_column_is_the_best_and_named():
    x = noise(500, 40, np.random.default_rng(0))
    x[:, 11] += 0.006
    found = superior(x, draws=500)
    assert found.best == 11
    assert found.superior == (11,)
    assert found.p_value == 0.0


def test_a_poor_column_does_not_hide_a_good_one():
    """White's check is ruined by worthless columns, Hansen's is not."""
    x = noise(400, 60, np.random.default_rng(5))
    x[:, 1:] -= 0.01
    x[:, 1:] *= 4.0
    x[:, 0] += 0.0025
    found = superior(x, draws=500, studentised=False)
    assert found.p_value < 0.05
    assert found.p_upper > 0.5


def test_columns_that_do_not_vary_are_never_better():
    x = noise(300, 5, np.random.default_rng(0))
    x[:, 2] = 0.0
    found = superior(x, draws=300)
    assert np.isfinite(found.statistics).all()
    assert 2 not in found.superior


def test_a_benchmark_is_subtracted():
    x = noise(300, 4, np.random.default_rng(0))
    one, two = superior(x + 0.01, x[:, 0] + 0.01, draws=200), superior(x - x[:, :1], draws=200)
    assert one.p_value == two.p_value
    np.testing.assert_allclose(one.statistics, two.statistics, rtol=1e-9, atol=1e-12)


def test_too_little_is_refused():
    with pytest.raises(ConfigError, match="three days"):
        superior(np.zeros((2, 3)))


def test_the_size_is_as_asked_for():
    """Under the null the 5% test errs in about one of twenty."""
    runs = count(400)
    wrong = sum(
        superior(noise(250, 30, np.random.default_rng((s, 1)), 0.3), draws=300).p_value <= 0.05
        for s in range(runs)
    )
    # Three deviations of a binomial, and what 250 days leave of the asymptotics.
    assert wrong / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs) + 0.01


@pytest.mark.parametrize("theta", [2.0, 3.0, 4.0])
def test_the_power_is_as_published(theta):
    """Type II error of the best of K independent trials, López de Prado (2022), Journal of
    Financial Data Science 4(1): β = Φ(z((1 - α)^(1/K)) - θ), θ the true ratio over its error.

    One of K columns has the edge; the others reject falsely with at most the rest of α.
    """
    n, k, alpha, runs = 250, 20, 0.05, count(600)
    published = 1.0 - Z.cdf(Z.inv_cdf((1.0 - alpha) ** (1.0 / k)) - theta)
    hits = 0
    for s in range(runs):
        x = noise(n, k, np.random.default_rng((s, 2)))
        x[:, 0] += theta * 0.02 / math.sqrt(n)
        hits += 0 in superior(x, block=1.0, draws=500).superior
    error = math.sqrt(published * (1.0 - published) / runs)
    assert hits / runs == pytest.approx(published, abs=3.5 * error + (0.02 if FULL else 0.05))
