"""Laws of the simulator: one bar at a time, conservation, the compiled code and its source."""

from __future__ import annotations

import inspect
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import count
from tests.peers.twin import Twin
from tests.simulate.cases import FAMILIES, assert_same, market_of, random_case, settings_of
from trade_research.kernels.jit import Kernel
from trade_research.simulate import (
    Costs,
    Market,
    Simulator,
    booking,
    exit_orders,
    loop,
    market_orders,
    simulate,
    step,
    trades,
)

SEEDS = st.integers(0, 2**32 - 1)
FAMILY = st.sampled_from(sorted(FAMILIES))


def case_of(seed, family):
    """Bars, targets and the arguments of `simulate` of one random case."""
    rng = np.random.default_rng(seed)
    bars, target, given_ = random_case(rng, **FAMILIES[family])
    if family.startswith("many") or "holes" in family:
        given_ |= {"every": 3} if seed % 3 == 0 else {}
    arguments = settings_of(Twin(**given_))
    if given_.get("margin") and seed % 2:
        arguments["costs"] = Costs(borrow_bps=500.0)
    if seed % 5 == 0:
        arguments["rebalance"] = 0.05
    elif seed % 5 == 1:
        arguments["rebalance"] = "1d"
    return bars, target, arguments


@settings(max_examples=count(400))
@given(SEEDS, FAMILY, st.floats(0.0, 1.0))
def test_one_bar_at_a_time_gives_the_same_bits(seed, family, from_python):
    bars, target, arguments = case_of(seed, family)
    market = market_of(bars)
    whole = simulate(market, target, **arguments)
    account = Simulator(market.symbols, **arguments)
    cut = int(from_python * market.n_bars)
    n_fills = 0
    for t in range(cut):
        bar = np.stack([b[t] for b in bars])
        n_fills += len(account.advance(market.open_time[t], market.close_time[t], bar, target[t]))
        assert account.equity == whole.equity[t] or t == market.n_bars - 1
    assert n_fills == (whole.fills["bar"] < cut).sum()
    account.extend(market.since(cut), target[cut:])
    single = account.result()
    assert single.equity.tobytes() == whole.equity.tobytes()
    assert single.fills.tobytes() == whole.fills.tobytes()
    assert single.orders.tobytes() == whole.orders.tobytes()
    assert single.cash.tobytes() == whole.cash.tobytes()


@settings(max_examples=count(400))
@given(SEEDS, FAMILY, st.booleans())
def test_money_is_conserved(seed, family, finalize):
    bars, target, arguments = case_of(seed, family)
    result = simulate(market_of(bars), target, finalize=finalize, **arguments)
    scale = max(1.0, arguments["cash"], np.abs(result.equity).max(initial=0.0))
    # cash and value make equity, at every bar
    np.testing.assert_allclose(
        result.cash + result.value.sum(axis=1), result.equity, rtol=0, atol=1e-9 * scale
    )
    # what the round trips made is what the equity made, but for borrowing
    made = result.equity[-1] - result.initial_cash
    assert result.trades.pnl.sum() - result.borrow_paid == pytest.approx(made, abs=1e-8 * scale)
    # fees are the difference between the money moved and the cash
    fills = result.fills
    moved = fills["quantity"] * fills["price"] + fills["fee"] + fills["tax"]
    assert result.initial_cash - moved.sum() - result.borrow_paid == pytest.approx(
        result.cash[-1], abs=1e-8 * scale
    )
    # the price is the reference and its costs
    paid = fills["spread"] + fills["slippage"] + fills["impact"]
    away = np.abs(fills["price"] - fills["reference"]) * np.abs(fills["quantity"])
    np.testing.assert_allclose(paid, away, rtol=1e-9, atol=1e-9 * scale)
    # fills add up to positions and to orders
    for s in range(len(result.symbols)):
        units = fills["quantity"][fills["symbol"] == s].sum()
        assert units == pytest.approx(result.position[-1, s], abs=1e-6)
    filled = np.bincount(fills["order"], weights=fills["quantity"], minlength=len(result.orders))
    np.testing.assert_allclose(filled, result.orders["filled"], rtol=1e-9, atol=1e-9)


@settings(max_examples=count(400))
@given(SEEDS, FAMILY)
def test_every_order_that_was_not_filled_says_why(seed, family):
    bars, target, arguments = case_of(seed, family)
    frame = simulate(market_of(bars), target, **arguments).orders_frame
    silent = frame.filter(
        (frame["status"] != "filled") & frame["reason"].is_null() & frame["quantity"].is_not_null()
    )
    assert silent.is_empty(), silent


@settings(max_examples=count(200))
@given(SEEDS)
def test_a_spot_account_never_owes(seed):
    bars, target, arguments = case_of(seed, "many")
    result = simulate(market_of(bars), target, **arguments | {"costs": Costs()})
    assert result.cash.min(initial=0.0) >= 0.0
    assert result.position.min(initial=0.0) >= 0.0


def test_costs_of_zero_give_the_gross_curve():
    rng = np.random.default_rng(3)
    bars, target, arguments = random_case(rng, **FAMILIES["exits"])
    arguments = settings_of(Twin(**arguments)) | {"costs": Costs.zero()}
    result = simulate(market_of(bars), target, **arguments)
    assert result.cost[-1] == 0.0
    assert np.array_equal(result.fills["price"], result.fills["reference"])


def test_same_inputs_give_the_same_bits_however_the_journals_grow():
    rng = np.random.default_rng(5)
    n = 3_000
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (n, 1)), axis=0))
    bars = (close, close * 1.001, close * 0.999, close, np.full((n, 1), 10.0))
    target = rng.integers(0, 2, (n, 1)).astype(float)
    one, two = (simulate(market_of(bars), target) for _ in range(2))
    assert len(one.fills) > 1_000
    assert one.fills.tobytes() == two.fills.tobytes()
    assert one.equity.tobytes() == two.equity.tobytes()


KERNELS = [
    value
    for module in (booking, exit_orders, market_orders, step, loop, trades)
    for value in vars(module).values()
    if isinstance(value, Kernel) and value.__module__ == module.__name__
]


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_compiled_code_gives_the_bits_of_its_source(family, monkeypatch):
    rng = np.random.default_rng(11)
    cases = []
    for seed in range(count(40)):
        bars, target, given_ = random_case(rng, **FAMILIES[family])
        arguments = settings_of(Twin(**given_)) | ({"rebalance": 0.05} if seed % 2 else {})
        cases.append((bars, target, arguments))
    compiled = [simulate(market_of(b), t, **a) for b, t, a in cases]
    rows = [c.trades.rows.tobytes() for c in compiled]
    for kernel in KERNELS:
        monkeypatch.setattr(kernel, "_dispatcher", kernel.py_func)
    for case, result, row in zip(cases, compiled, rows, strict=True):
        bars, target, arguments = case
        plain = simulate(market_of(bars), target, **arguments)
        assert plain.fills.tobytes() == result.fills.tobytes()
        assert plain.equity.tobytes() == result.equity.tobytes()
        assert plain.trades.rows.tobytes() == row


def test_kernels_take_each_other_as_documented():
    assert {k.__name__ for k in KERNELS} >= {"run", "step", "hold", "execute", "match_fills"}
    assert all(inspect.getdoc(k.py_func) for k in KERNELS)


def test_the_optimistic_reading_is_the_twin_with_targets_first():
    rng = np.random.default_rng(2)
    seen = 0
    for _ in range(count(200) * 4):
        bars, target, given_ = random_case(rng, exits=True)
        given_ |= {"optimistic": True, "stop": 0.004, "take_profit": 0.004}
        twin = Twin(**given_).run([b.tolist() for b in bars], target.tolist())
        result = simulate(market_of(bars), target, **settings_of(Twin(**given_)))
        assert result.rerun is not None
        assert_same(result.rerun(True), twin)
        if result.ambiguous:
            seen += 1
            low, high = result.pnl_bounds
            assert low <= high
            ends = sorted((result.equity[-1], twin.equity[-1]))
            assert (low, high) == pytest.approx([e - result.initial_cash for e in ends])
    assert seen > 0


def test_time_only_moves_forward_for_the_simulator():
    from trade_research.errors import SimulationError

    account = Simulator(("A",))
    for t in range(600):  # past the first columns
        account.advance(t, t + 1, np.array([1.0, 1.0, 1.0, 1.0, 5.0]), 0.0)
    with pytest.raises(SimulationError, match="not after the bar before"):
        account.advance(599, 600, np.ones(5), 0.0)
    late = Market(*(np.array([599, 800]), np.array([600, 801])), *np.ones((5, 2)), symbols=("A",))
    with pytest.raises(SimulationError, match="not after the bar before"):
        account.extend(late, np.ones((2, 1)))
    with pytest.raises(SimulationError, match="targets have shape"):
        account.extend(late, np.ones((3, 1)))
    with pytest.raises(SimulationError, match="not among"):
        account.advance(700, 701, np.ones(5), 0.0, delisted=("B",))
    assert account.n_bars == 600
    assert all(a < b for a, b in pairwise(account.result().close_time))
