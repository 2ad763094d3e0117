"""Standard error, interval, probability and luck discount of Sharpe ratios."""

import math

import numpy as np
import pytest

from trade_research.metrics import (
    annual_sharpe_error,
    deflated_sharpe_ratio,
    expected_maximum_sharpe,
    probabilistic_sharpe_ratio,
    sharpe_error,
    sharpe_error_normal,
    sharpe_interval,
    sharpe_ratio,
)

# mean 5%, std(ddof 1) = √(0.05/3), biased skewness 0, raw kurtosis 25625e-8/0.0125² = 1.64
SMALL = np.array([0.1, -0.1, 0.2, 0.0])
SR = 0.05 / math.sqrt(0.05 / 3)


def skewed(n=500, seed=1):
    return np.random.default_rng(seed).gamma(2.0, 0.01, n) - 0.019


def test_lo_2002_by_hand():
    assert sharpe_error_normal(SMALL) == pytest.approx(math.sqrt((1 + SR**2 / 2) / 4), rel=1e-12)


def test_lo_2002_table_one():
    # Lo (2002), table 1: monthly ratio 0.50 over 60 months has a standard error of 0.137.
    x = np.tile([1.0, -1.0], 30)
    x = x / x.std(ddof=1) + 0.5
    assert sharpe_ratio(x, periods_per_year=1) == pytest.approx(0.5)
    assert round(sharpe_error_normal(x), 3) == 0.137


def test_mertens_by_hand():
    expected = math.sqrt((1 - 0 * SR + (1.64 - 1) / 4 * SR**2) / 4)
    assert sharpe_error(SMALL) == pytest.approx(expected, rel=1e-12)


def test_mertens_is_lo_for_normal_moments():
    x = np.random.default_rng(0).normal(0.05, 1.0, 200_000)
    assert sharpe_error(x) == pytest.approx(sharpe_error_normal(x), rel=2e-3)


def test_the_error_is_that_of_repeated_samples():
    rng = np.random.default_rng(2)
    ratios, errors = [], []
    for _ in range(1500):
        x = rng.gamma(2.0, 0.01, 250) - 0.019
        ratios.append(sharpe_ratio(x, periods_per_year=1))
        errors.append(sharpe_error(x))
    assert np.mean(errors) == pytest.approx(np.std(ratios), rel=0.06)


def test_lags_allow_for_serial_correlation():
    # AR(1) with 0.5: the mean's standard error grows by √((1+φ)/(1-φ)) = √3 for small ratios.
    rng = np.random.default_rng(5)
    noise, x = rng.normal(size=60_000), np.empty(60_000)
    x[0] = 0.0
    for t in range(1, x.size):
        x[t] = 0.5 * x[t - 1] + noise[t]
    assert sharpe_error(x, lags=60) / sharpe_error(x) == pytest.approx(math.sqrt(3), rel=0.05)


def test_lags_of_a_short_series_stop_at_its_length():
    assert math.isfinite(sharpe_error(SMALL, lags=50))


def test_the_interval_is_annual_and_ninety_per_cent():
    a, error = 252, sharpe_error(SMALL) * math.sqrt(252)
    assert annual_sharpe_error(SMALL, periods_per_year=a) == pytest.approx(error, rel=1e-12)
    low, high = sharpe_interval(SMALL, periods_per_year=a)
    middle = SR * math.sqrt(a)
    assert low == pytest.approx(middle - 1.6448536269514722 * error, rel=1e-12)
    assert high == pytest.approx(middle + 1.6448536269514722 * error, rel=1e-12)


def test_probability_by_hand():
    z = (SR - 0.1) * math.sqrt(3) / math.sqrt(1 + 0.16 * SR**2)
    expected = 0.5 * (1 + math.erf(z / math.sqrt(2)))
    assert probabilistic_sharpe_ratio(SMALL, threshold=0.1) == pytest.approx(expected, rel=1e-12)


def test_probability_with_unbiased_moments():
    stats = pytest.importorskip("scipy.stats")
    x = skewed()
    skew, kurt = stats.skew(x, bias=False), stats.kurtosis(x, bias=False, fisher=False)
    sr = x.mean() / x.std(ddof=1)
    z = sr * math.sqrt(x.size - 1) / math.sqrt(1 - skew * sr + (kurt - 1) / 4 * sr**2)
    assert probabilistic_sharpe_ratio(x, bias=False) == pytest.approx(stats.norm.cdf(z), rel=1e-12)
    assert probabilistic_sharpe_ratio(x, bias=False) != probabilistic_sharpe_ratio(x)


def test_luck_grows_with_trials_and_one_trial_has_none():
    assert expected_maximum_sharpe(1, 0.5) == 0.0
    # Bailey & López de Prado (2014): 10 independent trials of unit variance expect 1.57.
    assert expected_maximum_sharpe(10, 1.0) == pytest.approx(1.5746, abs=1e-4)
    assert expected_maximum_sharpe(10, 4.0) == pytest.approx(2 * expected_maximum_sharpe(10, 1.0))


def test_the_deflated_ratio_of_one_trial_is_the_probabilistic_one():
    x = skewed()
    assert deflated_sharpe_ratio(x, trials=1, variance=0.3) == probabilistic_sharpe_ratio(x)
    luck = expected_maximum_sharpe(200, 0.001)
    assert deflated_sharpe_ratio(x, trials=200, variance=0.001) == pytest.approx(
        probabilistic_sharpe_ratio(x, threshold=luck), rel=1e-15
    )


@pytest.mark.parametrize("x", [np.empty(0), np.array([0.1]), np.full(9, 0.01)])
def test_undefined_without_variation(x):
    assert math.isnan(sharpe_error(x))
    assert math.isnan(sharpe_error_normal(x))
    assert math.isnan(probabilistic_sharpe_ratio(x))
    assert all(math.isnan(b) for b in sharpe_interval(x, periods_per_year=252))


def test_undefined_arguments():
    assert all(math.isnan(b) for b in sharpe_interval(SMALL, periods_per_year=None))
    assert math.isnan(probabilistic_sharpe_ratio(SMALL[:3], bias=False))
    assert math.isnan(expected_maximum_sharpe(0.5, 1.0))
    assert math.isnan(expected_maximum_sharpe(5, -1.0))
