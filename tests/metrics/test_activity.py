"""Turnover, costs and exposure: by hand and where undefined."""

import math

import numpy as np
import pytest

from trade_research.metrics import (
    average_exposure,
    costs_of,
    per_year,
    share_of_gross,
    time_in_market,
    times_traded,
)


def test_all_in_and_out_again_turns_the_equity_over_once():
    equity = np.array([100.0, 100.0, 110.0, 110.0])
    # Buys 1 unit at 100 in bar 1, sells it at 110 in bar 3: (100/100 + 110/110) / 2.
    bar, quantity, price = np.array([1, 3]), np.array([1.0, 1.0]), np.array([100.0, 110.0])
    assert times_traded(bar, quantity, price, equity, 100.0) == pytest.approx(1.0)
    assert times_traded(bar, -quantity, price, equity, 100.0) == pytest.approx(1.0)
    # Four bars of a year that has 252: 63 times a year.
    assert per_year(1.0, 4, 252) == 63.0


def test_a_fill_in_the_first_bar_is_measured_by_the_initial_capital():
    equity = np.array([50.0, 50.0])
    assert times_traded(np.array([0]), np.array([2.0]), np.array([100.0]), equity, 400.0) == 0.25


def test_turnover_without_fills_is_zero_and_after_ruin_undefined():
    nothing = np.empty(0)
    assert times_traded(np.empty(0, np.int64), nothing, nothing, np.array([1.0]), 1.0) == 0.0
    ruined = np.array([0.0, 0.0])
    assert math.isnan(times_traded(np.array([1]), np.ones(1), np.ones(1), ruined, 1.0))


def test_rates_need_bars_and_a_year():
    assert math.isnan(per_year(1.0, 0, 252))
    assert math.isnan(per_year(1.0, 4, None))


def test_costs_are_summed_by_kind_and_an_absent_column_is_nothing():
    fills = {"fee": np.array([1.0, -0.25]), "slippage": np.array([0.5, 0.5])}
    assert costs_of(fills) == {
        "fees": 0.75,
        "spread": 0.0,
        "slippage": 1.0,
        "impact": 0.0,
        "tax": 0.0,
    }


def test_costs_as_a_share_of_the_profit_before_them():
    assert share_of_gross(75.0, 25.0) == 0.25
    assert share_of_gross(-5.0, 25.0) == 1.25
    assert math.isnan(share_of_gross(-25.0, 25.0))
    assert math.isnan(share_of_gross(-50.0, 25.0))


def test_exposure_counts_positions_and_averages_over_all_bars():
    gross, net = np.array([0.0, 2.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0, 0.0])
    assert time_in_market(gross) == 0.5
    assert average_exposure(gross) == 0.75
    assert average_exposure(net) == -0.25
    assert math.isnan(time_in_market(np.empty(0)))
    assert math.isnan(average_exposure(np.empty(0)))
