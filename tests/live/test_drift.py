"""The drift test: fair bets, and alarms that are as rare as promised however often one looks."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.counts import count
from trade_research.live.drift import drift, wealth_against


def test_two_days_by_hand() -> None:
    """floor 0, bound 1, alpha 0.05: variance starts at 1/16, stakes are at most 1/2."""
    wealth = wealth_against(np.array([-0.2, 0.4]), 0.0, 1.0, 0.05)
    pay = 2.0 * math.log(20.0)
    first = min(math.sqrt(pay / (0.0625 * 1 * math.log(2))), 0.5)
    one = 1.0 + first * 0.2
    mean = -0.1
    square = 0.0625 + ((-0.2 - 0.0) * (-0.2 - mean) - 0.0625) / 2
    second = min(math.sqrt(pay / (square * 2 * math.log(3))), 0.5)
    assert wealth.tolist() == pytest.approx([one, one * (1.0 - second * 0.4)], rel=1e-15)


def test_false_alarms_are_rarer_than_alpha() -> None:
    """Heavy tails, mean exactly at the floor, looked at on every day of a year."""
    rng, n = np.random.default_rng(1), count(4_000)
    alarms = 0
    for _ in range(n):
        x = np.clip(rng.standard_t(4, 365) * 0.007, -0.03, 0.03)
        alarms += drift(x + 0.0004, floor=0.0004, bound=0.0304).drifted
    assert alarms / n <= 0.05 + 1.645 * math.sqrt(0.05 * 0.95 / n)


def test_a_strategy_that_loses_is_found() -> None:
    rng = np.random.default_rng(2)
    found = [drift(rng.normal(-0.003, 0.01, 250), floor=0.0, bound=0.03) for _ in range(50)]
    assert sum(f.drifted for f in found) >= 48
    assert all(f.day is None or f.day < f.n_days for f in found)


def test_a_day_that_is_not_known_is_left_out() -> None:
    x = np.array([0.01, np.nan, -0.01])
    assert drift(x, floor=0.0, bound=0.03).n_days == 2


def test_a_floor_outside_of_what_is_possible_is_refused() -> None:
    with pytest.raises(ValueError, match="must lie inside"):
        drift(np.zeros(3), floor=0.05, bound=0.03)
