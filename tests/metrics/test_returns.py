"""Returns and the ratios made of them: by hand, against plain Python, and where undefined."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.metrics import naive
from trade_research.metrics import (
    Moments,
    cagr,
    cagr_calendar,
    calmar_ratio,
    excess_returns,
    growth_rate,
    kurtosis,
    omega_ratio,
    returns_of,
    risk_free_per_period,
    sharpe_ratio,
    skewness,
    sortino_ratio,
    total_return,
    volatility,
    win_rate_bars,
)

US_PER_DAY = 86_400_000_000
equities = arrays(np.float64, st.integers(1, 60), elements=st.floats(1.0, 1e5))
some_returns = arrays(
    np.float64, st.integers(2, 60), elements=st.floats(-0.5, 0.5).map(lambda x: round(x, 6))
)


def near(x, rel=1e-12, tiny=1e-15):
    return pytest.approx(x, rel=rel, abs=tiny, nan_ok=True)


def test_the_first_bar_returns_from_the_initial_capital():
    found = returns_of(np.array([110.0, 99.0, 99.0]), 100.0)
    np.testing.assert_allclose(found, [0.1, -0.1, 0.0], rtol=0, atol=1e-15)


def test_returns_are_zero_once_the_equity_is_gone():
    np.testing.assert_array_equal(returns_of(np.array([50.0, 0.0, 0.0]), 100.0), [-0.5, -1.0, 0.0])
    np.testing.assert_array_equal(returns_of(np.array([-20.0, -20.0]), 100.0), [-1.2, 0.0])


def test_no_bars_have_no_returns():
    assert returns_of(np.empty(0), 100.0).size == 0
    assert math.isnan(total_return(np.empty(0), 100.0))
    assert math.isnan(cagr(np.empty(0), 100.0, periods_per_year=252))


@given(equities)
def test_returns_equal_a_plain_loop(equity):
    np.testing.assert_array_equal(returns_of(equity, 100.0), naive.returns(equity, 100.0))


def test_ratios_by_hand():
    # r = 10%, -10%, 20%, 0: mean 5%, deviations 5, -15, 15, -5: sum of squares 500 (%²).
    r = np.array([0.1, -0.1, 0.2, 0.0])
    std = math.sqrt(0.05 / 3)
    assert sharpe_ratio(r, periods_per_year=252) == near(0.05 / std * math.sqrt(252))
    assert volatility(r, periods_per_year=252) == near(std * math.sqrt(252))
    # Downside: one loss of 10% among four bars: √(0.01/4) = 0.05.
    assert sortino_ratio(r, periods_per_year=252) == near(0.05 * 252 / (0.05 * math.sqrt(252)))
    assert omega_ratio(r) == near(3.0)
    assert win_rate_bars(r) == near(2 / 3)
    # m2 = 0.0125, m3 = (125 - 3375 + 3375 - 125)/4 = 0, m4 = 2·(625 + 50625)/4 · 1e-8.
    assert skewness(r) == near(0.0, tiny=1e-14)
    assert kurtosis(r) == near(25625e-8 / 0.0125**2)


@given(some_returns, st.sampled_from([1.0, 252.0, 365.0, 525_600.0]))
def test_ratios_equal_plain_python(r, a):
    x = r.tolist()
    std = naive.std(x)
    assert volatility(r, periods_per_year=a) == near(std * math.sqrt(a), tiny=1e-13)
    if std > 1e-9:
        assert sharpe_ratio(r, periods_per_year=a) == near(
            naive.mean(x) / std * math.sqrt(a), tiny=1e-9
        )
        m2 = naive.central(x, 2)
        assert skewness(r) == near(naive.central(x, 3) / m2**1.5, rel=1e-9, tiny=1e-9)
        assert kurtosis(r) == near(naive.central(x, 4) / m2**2, rel=1e-9)
    losses = [min(v, 0.0) for v in x]
    down = math.sqrt(math.fsum(v * v for v in losses) / len(x))
    if down > 0.0:
        expected = naive.mean(x) * a / (down * math.sqrt(a))
        assert sortino_ratio(r, periods_per_year=a) == near(expected, tiny=1e-9)
        gains = math.fsum(v for v in x if v > 0.0)
        assert omega_ratio(r) == near(gains / -math.fsum(losses), rel=1e-9, tiny=1e-9)


@pytest.mark.parametrize("r", [[], [0.01], [0.01] * 50, [0.0] * 50])
def test_a_ratio_without_variation_is_undefined(r):
    x = np.array(r)
    for found in (
        sharpe_ratio(x, periods_per_year=252),
        sortino_ratio(x, periods_per_year=252),
        omega_ratio(x),
        skewness(x),
        kurtosis(x),
    ):
        assert math.isnan(found)


def test_growth_at_a_constant_rate_has_no_sharpe_ratio():
    # E_t / E_{t-1} of a curve that grows by exactly 0.1% a bar differs by rounding only.
    equity = 100.0 * 1.001 ** np.arange(1, 2001)
    assert math.isnan(sharpe_ratio(returns_of(equity, 100.0), periods_per_year=252))


def test_unknown_bars_per_year_leave_annual_numbers_undefined():
    r = np.array([0.1, -0.1, 0.2])
    for metric in (volatility, sharpe_ratio, sortino_ratio):
        assert math.isnan(metric(r, periods_per_year=None))
    assert math.isnan(cagr(np.array([110.0]), 100.0, periods_per_year=None))


def test_compound_growth_by_hand():
    # Half a year of 126 days from 100 to 121: 46.41% a year.
    equity = np.full(126, 121.0)
    assert cagr(equity, 100.0, periods_per_year=252) == near(0.4641)
    # Two years of 365.25 days from 100 to 121: 10% a year.
    close = np.array([1, 730.5]) * US_PER_DAY
    assert cagr_calendar(np.array([100.0, 121.0]), 100.0, close.astype("i8"), 0) == near(0.1)


def test_growth_that_no_float_holds_is_undefined_and_ruin_is_minus_one():
    assert math.isnan(growth_rate(2.0, 1e-6))
    assert growth_rate(0.0, 1.0) == growth_rate(-0.2, 3.0) == -1.0
    assert math.isnan(growth_rate(1.1, 0.0))


def test_the_rate_of_cash_compounds_to_a_year():
    per_day = risk_free_per_period(0.05, 252)
    assert (1 + per_day) ** 252 == near(1.05)
    r = np.array([0.01, -0.02, 0.03])
    np.testing.assert_array_equal(excess_returns(r, 0.05, 252), r - per_day)
    assert excess_returns(r, 0.0, None) is r
    assert np.isnan(excess_returns(r, 0.05, None)).all()


def test_calmar_needs_a_drawdown():
    assert calmar_ratio(0.3, -0.15) == near(2.0)
    assert math.isnan(calmar_ratio(0.3, 0.0))


def test_moments_of_a_long_series_with_a_large_mean_lose_no_digits():
    # Mean 1e6, deviations of ±1e-3: a one-pass variance would lose them entirely.
    x = 1e6 + np.tile([1e-3, -1e-3], 50_000)
    exact = np.tile([x[0] - 1e6, x[1] - 1e6], 50_000)
    assert Moments(x).m2 == near(float(np.mean(exact**2)), rel=1e-6)


def test_moments_span_blocks():
    x = np.random.default_rng(3).standard_t(4, 20_001) / 100
    m = Moments(x)
    assert m.mean == near(math.fsum(x) / x.size)
    assert m.std == near(naive.std(x.tolist()))
    assert m.m3 == near(naive.central(x.tolist(), 3), rel=1e-9)
    assert m.m4 == near(naive.central(x.tolist(), 4), rel=1e-11)
    assert m.losses == near(-math.fsum(v for v in x if v < 0))
    assert m.gains == near(math.fsum(v for v in x if v > 0))
    assert (m.up, m.down) == (sum(x > 0), sum(x < 0))


def test_moments_agree_with_scipy():
    stats = pytest.importorskip("scipy.stats")
    x = np.random.default_rng(4).gamma(2.0, size=5000)
    assert skewness(x) == near(float(stats.skew(x)))
    assert kurtosis(x) == near(float(stats.kurtosis(x, fisher=False)))


def test_a_series_without_a_gain_has_an_omega_of_zero():
    assert omega_ratio(np.array([-0.1, 0.0])) == 0.0
    assert math.copysign(1.0, omega_ratio(np.array([-0.1, 0.0]))) == 1.0


def test_nan_in_nan_out():
    x = np.array([0.1, np.nan, 0.2])
    assert math.isnan(sharpe_ratio(x, periods_per_year=252))
    assert math.isnan(volatility(x, periods_per_year=252))
    assert math.isnan(omega_ratio(x))
