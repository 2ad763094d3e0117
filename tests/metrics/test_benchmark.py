"""Numbers relative to a benchmark: by hand, identities, and where undefined."""

import math

import numpy as np
import pytest

from trade_research.metrics import (
    alpha,
    beta,
    compounded,
    correlation,
    down_capture,
    information_ratio,
    sharpe_ratio,
    tracking_error,
    up_capture,
)

B = np.array([0.01, -0.02, 0.03, -0.01])
RNG = np.random.default_rng(0)


def test_a_levered_benchmark_with_a_constant_on_top():
    ours = 0.001 + 1.5 * B
    assert beta(ours, B) == pytest.approx(1.5, rel=1e-12)
    assert alpha(ours, B, periods_per_year=252) == pytest.approx(1.001**252 - 1, rel=1e-10)
    assert correlation(ours, B) == pytest.approx(1.0, rel=1e-12)
    assert correlation(-ours, B) == pytest.approx(-1.0, rel=1e-12)


def test_beta_by_hand():
    # b deviates from its mean 0.0025 by 75, -225, 275, -125 (bp/1e4 · 1e-0): squares sum 147500.
    ours = np.array([0.02, 0.0, 0.02, 0.0])
    # deviations of ours: ±100: cov = (75 + 225 + 275 + 125)·100/4, var = 147500/4.
    assert beta(ours, B) == pytest.approx(70_000 / 147_500, rel=1e-12)


def test_active_returns():
    active = np.array([0.01, 0.02, 0.03, -0.02])
    std = math.sqrt(0.0014 / 3)  # mean 0.01; squares 0, 1, 4, 9 (%²)
    assert tracking_error(active, periods_per_year=100) == pytest.approx(std * 10, rel=1e-12)
    assert information_ratio(active, periods_per_year=100) == pytest.approx(0.01 / std * 10)
    assert information_ratio(active, periods_per_year=100) == sharpe_ratio(
        active, periods_per_year=100
    )


def test_capture_by_hand():
    ours = np.array([0.02, -0.01, 0.0, -0.03])
    # Up bars 1 and 3, down bars 2 and 4: geometric means of two bars each.
    expected = (math.sqrt(1.02) - 1) / (math.sqrt(1.01 * 1.03) - 1)
    assert up_capture(ours, B) == pytest.approx(expected, rel=1e-12)
    expected = (math.sqrt(0.99 * 0.97) - 1) / (math.sqrt(0.98 * 0.99) - 1)
    assert down_capture(ours, B) == pytest.approx(expected, rel=1e-12)
    assert up_capture(B, B) == down_capture(B, B) == 1.0


def test_a_flat_bar_of_the_benchmark_belongs_to_neither_capture():
    ours, theirs = np.array([0.02, 0.5, -0.01]), np.array([0.01, 0.0, -0.02])
    assert up_capture(ours, theirs) == pytest.approx(2.0)
    assert down_capture(ours, theirs) == pytest.approx(0.5)


def test_capture_of_more_gains_than_a_product_holds_and_of_a_total_loss():
    up = np.full(200_000, 0.01)
    assert up_capture(2 * up, up) == pytest.approx(2.0)
    assert down_capture(np.array([-1.0, 0.1]), np.array([-0.5, 0.1])) == pytest.approx(2.0)


def test_compounding():
    assert compounded(np.array([0.1, -0.1])) == pytest.approx(0.99)
    assert compounded(np.empty(0)) == 1.0


def test_undefined():
    flat, r = np.zeros(4), RNG.normal(size=4)
    assert math.isnan(beta(r, flat))
    assert math.isnan(alpha(r, flat, periods_per_year=252))
    assert math.isnan(correlation(r, flat))
    assert math.isnan(correlation(flat, r))
    assert math.isnan(information_ratio(flat, periods_per_year=252))
    assert math.isnan(alpha(r, B, periods_per_year=None))
    assert math.isnan(up_capture(r, -np.abs(B)))
    assert math.isnan(beta(np.empty(0), np.empty(0)))
