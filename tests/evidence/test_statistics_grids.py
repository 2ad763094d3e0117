"""Cost and delay grids, lead and lag, capacity, and positions shifted in time."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from trade_research.evidence.capacity import capacity_of, participation
from trade_research.evidence.days import days_of
from trade_research.evidence.grids import DELAYS, LAGS, MULTIPLES, cost_grids
from trade_research.evidence.noise import Held, held_of, open_returns, shift_test
from trade_research.metrics.returns import returns_of, sharpe_ratio
from trade_research.simulate.costs import Costs
from trade_research.simulate.market import Market
from trade_research.simulate.run import simulate

DAY = 86_400_000_000


def market_of(n=600, seed=0, bars_per_day=1, symbols=1):
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0, 0.02, (n, symbols)), axis=0))
    open_ = np.vstack([close[:1], close[:-1]]) * np.exp(rng.normal(0, 0.002, (n, symbols)))
    time = np.arange(n) * (DAY // bars_per_day)
    high, low = np.maximum(open_, close), np.minimum(open_, close)
    volume = rng.uniform(1e3, 1e4, (n, symbols))
    names = tuple("ABC"[:symbols])
    return Market(time, time + DAY // bars_per_day, open_, high, low, close, volume, names)


def dates_of(market):
    return (market.open_time // DAY).astype("datetime64[D]")


def target_of(n, seed=1, hold=10):
    rng = np.random.default_rng(seed)
    return np.repeat(rng.integers(0, 2, n // hold + 1).astype(float), hold)[:n]


def days_in(run, market, per_year=365.0):
    return days_of(run.equity, run.initial_cash, dates_of(market), per_year=per_year)


COSTS = Costs(fee_bps=10.0, spread_bps=2.0, slippage_bps=1.0)


@pytest.fixture(scope="module")
def case():
    market, target = market_of(bars_per_day=2), target_of(600)
    run = simulate(market, target, costs=COSTS, delay=1)

    def again(costs, delay, target):
        return simulate(market, target, costs=costs, delay=delay)

    return market, target, run, again


def test_grid_is_the_run_simulated_again(case):
    market, target, run, again = case
    found = cost_grids(again, target, days_in(run, market), costs=COSTS, delay=1)
    assert [(c.multiple, c.bars) for c in found.costs] == [
        (m, d) for m in MULTIPLES for d in DELAYS
    ]
    for cell in found.costs:
        other = simulate(market, target, costs=COSTS.scaled(cell.multiple), delay=1 + cell.bars)
        r = returns_of(other.equity[1::2], 100_000.0)
        assert cell.net_return == other.equity[-1] / 100_000.0 - 1
        assert cell.sharpe == pytest.approx(sharpe_ratio(r, periods_per_year=365.0))
        assert not cell.uses_future
    own = next(c for c in found.costs if (c.multiple, c.bars) == (1.0, 0))
    assert own.net_return == run.equity[-1] / 100_000.0 - 1
    by_cost = [c.net_return for c in found.costs if c.bars == 0]
    assert by_cost == sorted(by_cost, reverse=True)


def test_negative_lags_use_the_future_and_say_so():
    market = market_of()
    # Long after the open-to-open gain of the bar before: it holds that gain two bars too late.
    gain = np.append(market.open[1:, 0] / market.open[:-1, 0] - 1, 0.0)
    target = np.append(0.0, (gain[:-1] > 0) * 1.0)

    def again(costs, delay, target):
        return simulate(market, target, costs=costs, delay=delay)

    run = again(Costs.zero(), 0, target)
    found = cost_grids(again, target, days_in(run, market), costs=Costs.zero())
    assert [level.bars for level in found.lags] == list(LAGS)
    assert [level.uses_future for level in found.lags] == [bars < 0 for bars in LAGS]
    # Decided at the close of t and filled at the open of t + 1, it saw the gain of bar t - 1; two
    # bars earlier it holds just that gain.
    moved = np.append(target[2:], [np.nan, np.nan])
    assert found.lags[0].net_return == again(Costs.zero(), 0, moved).equity[-1] / 1e5 - 1
    assert found.lags[0].sharpe > 10 > 3 > found.lags[2].sharpe
    assert found.lags[3].net_return == again(Costs.zero(), 1, target).equity[-1] / 1e5 - 1


def test_runs_with_many_orders_get_a_coarser_grid(case):
    market, target, run, again = case
    found = cost_grids(again, target, days_in(run, market), costs=COSTS, orders=10**6)
    assert len(found.costs) == 9
    assert [level.bars for level in found.lags] == [-1, 0, 1, 5, 10]


def test_costs_that_cannot_be_multiplied_are_left_out(case):
    market, target, run, again = case
    dear = replace(COSTS, fee_bps=4_000.0)
    found = cost_grids(again, target, days_in(run, market), costs=dear)
    assert {c.multiple for c in found.costs} == {0.0, 1.0, 2.0}


def test_capacity_by_hand():
    traded, volume = np.array([10.0, 20.0, 30.0, 5.0]), np.array([1e3, 1e3, 1e3, np.nan])
    found = capacity_of(traded, volume, 500.0)
    assert (found.fills, found.unknown) == (3, 1)
    assert (found.median, found.largest) == (0.02, 0.03)
    high = np.quantile([0.01, 0.02, 0.03], 0.95)
    assert found.capital[1] == (0.05, pytest.approx(500.0 * 0.05 / high))
    assert capacity_of(traded, np.zeros(4), 500.0).capital == ()


def test_participation_is_of_the_last_bar_that_traded_before(case):
    market = market_of(40)
    volume = market.volume.copy()
    volume[:5] = np.nan
    volume[12:20] = 0.0
    gappy = replace(market, volume=volume)
    target = np.zeros(40)
    target[2:9] = 0.5
    target[21:30] = 0.5
    fills = simulate(gappy, target).fills
    traded, money = participation(fills, gappy)
    for fill, paid, found in zip(fills, traded, money, strict=True):
        assert paid == pytest.approx(abs(fill["quantity"]) * fill["price"])
        before = [t for t in range(fill["bar"]) if volume[t, 0] > 0]
        if before:
            assert found == volume[before[-1], 0] * market.close[before[-1], 0]
        else:
            assert np.isnan(found)
    assert np.isnan(money).any()
    assert not np.isnan(money).all()


def shifted_by_hand(weights, returns, rows, by, cost):
    """Day returns of a matrix of weights moved `by` bars in a circle."""
    w = np.roll(weights, by, axis=0)
    before = np.vstack([np.zeros((1, w.shape[1])), weights[:-1]])
    turn = np.roll(np.abs(weights - before), by, axis=0)
    bar = (w * returns - cost * turn).sum(axis=1)
    return np.add.reduceat(bar, np.append(0, rows[:-1] + 1))


@pytest.mark.parametrize("symbols", [1, 2])
@pytest.mark.parametrize("bars_per_day", [1, 3])
def test_shifted_positions_are_those_rolled_by_hand(symbols, bars_per_day):
    n = 360
    market = market_of(n, 3, bars_per_day, symbols)
    weights = np.stack([target_of(n, s, 7) * 0.5 for s in range(symbols)], axis=1)
    starts, values, first = [], [], [0]
    for s in range(symbols):
        at = np.append(0, np.flatnonzero(np.diff(weights[:, s])) + 1)
        starts.append(at)
        values.append(weights[at, s])
        first.append(first[-1] + at.size)
    held = Held(np.array(first), np.concatenate(starts), np.concatenate(values))
    days = days_of(np.full(n, 1.0), 1.0, dates_of(market), per_year=365.0)
    returns = open_returns(market)
    found = shift_test(held, returns, days, cost=0.001, shifts=10**6)
    begins = np.append(0, days.rows[:-1] + 1)
    near = days.n // 20
    ratios = [
        sharpe_ratio(shifted_by_hand(weights, returns, days.rows, by, 0.001), periods_per_year=365)
        for by in np.append(0, begins[near : days.n - near + 1])
    ]
    assert found.sharpe == pytest.approx(ratios[0])
    assert found.shifts == len(ratios) - 1 == days.n - 2 * near + 1
    as_good = sum(r >= ratios[0] for r in ratios[1:])
    assert found.p_value == (1 + as_good) / (1 + found.shifts)
    assert found.middle == pytest.approx(np.median(ratios[1:]))
    assert sum(found.counts) == found.shifts


def test_positions_that_know_the_future_stand_out_and_luck_does_not():
    market = market_of(800)
    returns = open_returns(market)[:, 0]
    knows = (np.append(returns[1:], 0.0) > 0) * 1.0  # filled at the next open, holds that gain
    for target, least, most in ((knows, 0.0, 0.005), (target_of(800), 0.02, 1.0)):
        run = simulate(market, target, costs=COSTS)
        found = shift_test(
            held_of(run.fills, market, run.equity),
            open_returns(market),
            days_in(run, market),
            cost=0.0012,
        )
        assert least <= found.p_value <= most
        own = sharpe_ratio(returns_of(run.equity, 100_000.0), periods_per_year=365.0)
        assert found.sharpe == pytest.approx(own, rel=0.05, abs=0.1)


def test_p_values_of_luck_are_even():
    p = []
    for seed in range(40):
        market = market_of(300, seed)
        run = simulate(market, target_of(300, seed + 1_000, 5), costs=COSTS)
        held = held_of(run.fills, market, run.equity)
        p.append(shift_test(held, open_returns(market), days_in(run, market), cost=0.0012).p_value)
    assert 0.35 < np.mean(p) < 0.65
    assert 0.2 < np.std(p) < 0.37  # of an even spread: 0.289


def test_a_position_that_never_changes_cannot_be_shifted():
    market = market_of(300)
    held = Held(np.array([0, 1]), np.array([0]), np.array([1.0]))
    days = days_of(np.ones(300), 1.0, dates_of(market), per_year=365.0)
    assert shift_test(held, open_returns(market), days, cost=0.0) is None


def test_stops_count_from_the_bar_after():
    from trade_research.simulate.exits import Exits

    market = market_of(300, 5)
    target = target_of(300, 2, 30)
    run = simulate(market, target, exits=Exits(stop=0.03))
    held = held_of(run.fills, market, run.equity)
    stopped = run.fills[run.fills["kind"] > 2]
    assert len(stopped)
    for fill in stopped:
        at = np.flatnonzero(held.start == fill["bar"] + 1)
        if fill["bar"] + 1 < 300 and at.size:
            assert held.weight[at[0]] in (0.0, pytest.approx(1.0, abs=0.01))
        covering = np.searchsorted(held.start, fill["bar"], side="right") - 1
        assert held.weight[covering] > 0.9
