"""Means by group, runs of luck, serial correlation and concentration: by hand and against NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest

from trade_research.metrics import (
    autocorrelation,
    effective_number,
    expected_longest_streak,
    group_means,
)
from trade_research.metrics.periods import period_returns


def test_means_and_standard_errors_by_hand() -> None:
    found = group_means(np.array([3, 1, 3, 3, 1, 9]), np.array([1.0, 4.0, 2.0, 6.0, np.nan, 5.0]))
    assert found.key.tolist() == [1, 3, 9]
    assert found.count.tolist() == [1, 3, 1]
    assert found.total.tolist() == [4.0, 9.0, 5.0]
    assert found.mean.tolist() == [4.0, 3.0, 5.0]
    # 1, 2, 6 deviate by -2, -1, 3 from 3: variance 14 / 2, error √(7 / 3).
    assert found.error[1] == pytest.approx(math.sqrt(7 / 3))
    assert np.isnan(found.error[[0, 2]]).all()


def test_no_value_makes_no_group() -> None:
    assert group_means(np.empty(0, np.int64), np.empty(0)).key.size == 0


@pytest.mark.parametrize(("n", "share"), [(200, 0.5), (1_000, 0.5), (500, 0.4), (300, 0.7)])
def test_longest_streak_is_that_of_coins(n: int, share: float) -> None:
    rng = np.random.default_rng(5)
    longest = []
    for _ in range(2_000):
        ends = np.flatnonzero(np.append(np.append(True, rng.random(n) >= share), True))
        longest.append(np.diff(ends).max() - 1)
    assert expected_longest_streak(n, share) == pytest.approx(np.mean(longest), abs=0.2)


@pytest.mark.parametrize(("n", "share"), [(0, 0.5), (10, 0.0), (10, 1.0)])
def test_no_streak_to_expect(n: int, share: float) -> None:
    assert math.isnan(expected_longest_streak(n, share))


def test_autocorrelation_by_hand_and_by_numpy() -> None:
    # 1, 2, 3 about 2: -1, 0, 1; lag 1 is 0, lag 2 is -1 over 2, lag 3 does not exist.
    np.testing.assert_allclose(autocorrelation(np.array([1.0, 2.0, 3.0]), 3), [0, -0.5, np.nan])
    x = np.random.default_rng(1).normal(size=400)
    whole = np.correlate(x - x.mean(), x - x.mean(), "full")[399:]
    np.testing.assert_allclose(autocorrelation(x, 20), whole[1:21] / whole[0], atol=1e-12)
    assert np.isnan(autocorrelation(np.ones(9), 2)).all()


def test_effective_number() -> None:
    rows = np.array([[0.5, -0.5, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 0.0], [0.6, 0.2, np.nan]])
    np.testing.assert_allclose(effective_number(rows), [2.0, 1.0, np.nan, 0.64 / 0.4])


def test_weeks_begin_on_monday() -> None:
    days = np.arange("2024-01-04", "2024-01-11", dtype="M8[D]")  # Thursday to Wednesday
    level = np.array([101.0, 102.0, 103.0, 104.0, 110.0, 111.0, 114.4])
    weeks, gains = period_returns(days, level, 100.0, "W")
    assert weeks.size == 2
    np.testing.assert_allclose(gains, [0.04, 0.10])
