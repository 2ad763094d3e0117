"""Value at risk, expected shortfall and tail ratio: by hand and against exact order statistics."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.metrics import naive
from trade_research.metrics import (
    expected_shortfall,
    quantile,
    tail_ratio,
    value_at_risk,
    value_at_risk_normal,
)

samples = arrays(np.float64, st.integers(1, 90), elements=st.floats(-1.0, 1.0))


def test_by_hand():
    # 0, 1 … 40 per cent, shuffled: the 5% quantile lies at rank 2.
    r = np.random.default_rng(0).permutation(41) / 100 - 0.2
    assert value_at_risk(r) == pytest.approx(-0.18)
    assert expected_shortfall(r) == pytest.approx((-0.20 - 0.19 - 0.18) / 3)
    assert tail_ratio(r) == pytest.approx(1.0)


@given(samples, st.sampled_from([0.0, 0.01, 0.05, 0.5, 0.95, 1.0]))
def test_quantiles_equal_exact_order_statistics(x, share):
    assert quantile(x, share) == pytest.approx(
        naive.quantile(x.tolist(), share), rel=1e-12, abs=1e-15
    )


def test_the_input_is_left_in_its_order():
    x = np.array([3.0, 1.0, 2.0])
    quantile(x, 0.5)
    np.testing.assert_array_equal(x, [3.0, 1.0, 2.0])


def test_normal_value_at_risk_has_another_name():
    r = np.array([0.02, -0.02])
    expected = NormalDist(0.0, 0.02 * math.sqrt(2)).inv_cdf(0.05)
    assert value_at_risk_normal(r) == pytest.approx(expected, rel=1e-12)


def test_undefined_without_returns_or_with_a_zero_tail():
    for metric in (value_at_risk, expected_shortfall, tail_ratio, value_at_risk_normal):
        assert math.isnan(metric(np.empty(0)))
    assert math.isnan(tail_ratio(np.zeros(30)))
