"""Break-even fee, slippage and delay, against cases solved by hand."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.counts import count
from tests.evidence.stand_in import prices
from trade_research.evidence.budget import edge_budget
from trade_research.simulate.costs import Costs
from trade_research.simulate.market import PRICES, Market
from trade_research.simulate.run import simulate


@dataclass
class Run:
    equity: np.ndarray
    initial_cash: float = 1_000.0


def round_trips(price_ratio, trips):
    """All in and out again `trips` times, the price moving by `price_ratio` each time."""

    def again(costs, delay):
        fee = costs.fee_bps / 1e4
        slip = (costs.slippage_bps + costs.spread_bps / 2) / 1e4
        kept = price_ratio * (1 - slip) / (1 + slip) * (1 - fee) / (1 + fee)
        return Run(1_000.0 * kept ** np.arange(trips + 1))

    return again


@pytest.mark.parametrize("ratio", [1.0005, 1.01, 1.2, 3.0])
@pytest.mark.parametrize("trips", [1, 40])
def test_fee_and_slippage_of_round_trips_break_even_where_algebra_says(ratio, trips):
    # (1 − f) / (1 + f) × ratio = 1  ⇒  f = (ratio − 1) / (ratio + 1), for slippage likewise.
    found = edge_budget(round_trips(ratio, trips), Costs.zero())
    exact = min((ratio - 1) / (ratio + 1) * 1e4, 5_000.0)
    assert found.break_even_fee_bps == pytest.approx(exact, abs=1e-6)
    assert found.break_even_slippage_bps == pytest.approx(exact, abs=1e-6)
    assert found.ratio is None


def test_the_other_costs_stay_as_assumed():
    # Spread 20 bps: half of it, 10, a side. (1−s)/(1+s) × (1−f)/(1+f) × 1.01 = 1 with s = 0.0010.
    costs = Costs(fee_bps=10.0, spread_bps=20.0, slippage_bps=0.0)
    found = edge_budget(round_trips(1.01, 5), costs)
    left = 1.01 * (1 - 0.001) / (1 + 0.001)
    assert found.break_even_fee_bps == pytest.approx((left - 1) / (left + 1) * 1e4, abs=1e-6)
    assert found.assumed_cost_bps == 20.0


def test_an_edge_that_loses_without_costs_has_no_budget():
    found = edge_budget(round_trips(0.99, 5), Costs())
    assert (found.break_even_fee_bps, found.break_even_delay_bars) == (0.0, None)
    assert found.gross_pnl == pytest.approx(1_000 * (0.99**5 - 1))


def test_without_trades_there_is_nothing_to_break_even():
    found = edge_budget(lambda costs, delay: Run(np.full(3, 1_000.0)), Costs())
    assert found.break_even_fee_bps is None
    assert "nothing was traded" in str(found)


def test_delay_counts_the_bars_up_to_the_first_loss():
    gains = [5.0, 4.0, 1.0, -0.5, 2.0]
    found = edge_budget(lambda costs, delay: Run(np.array([1_000.0 + gains[delay]])), Costs())
    assert found.break_even_delay_bars == 2


def test_delay_counts_on_top_of_the_runs_own():
    gains = [5.0, 4.0, 1.0, -0.5]
    found = edge_budget(lambda costs, delay: Run(np.array([1_000.0 + gains[delay]])), Costs(), 1)
    assert found.break_even_delay_bars == 1


def simulated(target, seed=0):
    columns = prices(len(target), seed)
    hour = 3_600_000_000
    opened = np.arange(len(target)) * hour
    market = Market(opened, opened + hour, *(columns[n] for n in PRICES), symbols=("A",))
    return market, lambda costs, delay: simulate(market, target, costs=costs, delay=delay)


def test_one_purchase_breaks_even_where_the_price_rose_by_the_fee():
    # All in at the open of bar 1 for cash / (open × (1 + f)) units, marked at the last close.
    market, again = simulated(np.ones(500), seed=5)
    rise = market.close[-1, 0] / market.open[1, 0] - 1
    found = edge_budget(again, Costs.zero())
    assert rise > 0
    assert found.break_even_fee_bps == pytest.approx(rise * 1e4, abs=1e-6)
    assert found.break_even_slippage_bps == pytest.approx(rise * 1e4, abs=1e-6)
    assert found.gross_pnl == pytest.approx(100_000 * rise)


@pytest.mark.parametrize("seed", range(count(200)))
def test_the_break_even_is_where_another_hair_of_cost_loses(seed):
    rng = np.random.default_rng(seed)
    target = np.repeat(rng.choice([0.0, 0.5, 1.0], 40), rng.integers(1, 12, 40))
    _, again = simulated(target, seed)

    def profit(**changed):
        return again(replace(Costs(), **changed), 0).equity[-1] - 100_000.0

    found = edge_budget(again, Costs())
    for name, value in (
        ("fee_bps", found.break_even_fee_bps),
        ("slippage_bps", found.break_even_slippage_bps),
    ):
        if value == 0.0:
            assert profit(**{name: 0.0}) < 0
        else:
            assert profit(**{name: value * (1 - 1e-7)}) >= 0
            assert profit(**{name: value * (1 + 1e-7)}) < 0


def test_the_grid_falls_with_the_costs():
    grid = edge_budget(round_trips(1.01, 30), Costs(), periods_per_year=365.0).grid
    assert [level.multiple for level in grid] == [0.0, 0.5, 1.0, 2.0, 4.0]
    assert grid[0].net_return == pytest.approx(1.01**30 - 1)
    assert all(a.net_return > b.net_return for a, b in itertools.pairwise(grid))
