"""Several instruments over books with one cash: by hand, and of one the run of its own."""

from __future__ import annotations

import numpy as np
import pytest

from tests.counts import count
from tests.simulate.test_books import market
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.book_run import BookMarket, BookResult, simulate_books
from trade_research.simulate.book_shared import simulate_shared
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits

MS = 1_000_000
EXITS = Exits(stop=0.004, take_profit=0.006, max_hold="3s", cooldown="1s")


def books(rows: list[tuple[int, float]], size: float = 100.0) -> BookMarket:
    """Rows of milliseconds and mid; one unit of price to each best price."""
    when, mid = (np.array(column) for column in zip(*rows, strict=True))
    full = np.full((when.size, 1), size)
    return BookMarket("X", when * MS, mid[:, None] - 1.0, full, mid[:, None] + 1.0, full)


@pytest.mark.parametrize("seed", range(count(60)))
def test_of_one_instrument_it_is_its_own_run_to_the_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n = market(rng), 400
    target = rng.choice([-1.0, 0.0, 0.5, 1.0, 2.0, np.nan], n)
    settings = {
        "costs": Costs(fee_bps=3.0), "account": Account.of(("spot", "margin")[seed % 2]),
        "exits": (EXITS, Exits())[seed // 2 % 2], "rules": Rules(lot=0.001, min_notional=10.0),
        "cash": 5_000.0,
    }  # fmt: skip
    alone = simulate_books(m, target, latency=150 * MS, **settings)
    (shared,) = simulate_shared([m], [target], latency_ns=150 * MS, **settings)
    for name in ("mid_equity", "touch_equity", "units", "table"):
        np.testing.assert_array_equal(getattr(shared, name), getattr(alone, name))
    assert alone.table.shape[0] > 5


def test_what_one_has_not_spent_another_may_worked_by_hand() -> None:
    """1,000 of cash, two instruments: each target is a share of half of the equity.

    0 ms: A wants all of its 500: 5 units at a mid of 100; they meet the ask of 101 at 10 ms: 505.
    20 ms: A's mid is 120, the equity 495 + 600 = 1,095. 25 ms: B wants its half, 547.5: 10.95
    units at 50; they arrive at 35 ms at 51, where the 495 of both buy 495 / 51. 30 ms: A wants
    none: the sale arrives at 40 ms, too late to pay for B, at 109: 545.
    70 ms: B wants half of its part of 545 + 495 / 51 × 60.
    """
    a = books([(0, 100.0), (20, 120.0), (30, 110.0), (50, 110.0), (90, 110.0)])
    b = books([(5, 50.0), (25, 50.0), (60, 60.0), (70, 60.0), (95, 60.0)])
    results = simulate_shared(
        [a, b], [np.array([1.0, 1, 0, 0, 0]), np.array([0.0, 1, 1, 0.5, 0.5])],
        costs=Costs(fee_bps=0.0), account=Account.of("spot"), cash=1_000.0, latency_ns=10 * MS,
    )  # fmt: skip
    first, second = (r.orders for r in results)
    assert first["filled"].to_list() == [5.0, -5.0]
    assert first["price"].to_list() == [101.0, 109.0]
    assert second["quantity"][0] == pytest.approx(10.95)
    assert second["filled"][0] == pytest.approx(495 / 51)
    assert second["status"][0] == "no_cash"
    wanted = 0.5 * (545 + 495 / 51 * 60) / 2 / 60
    assert second["filled"][1] == pytest.approx(wanted - 495 / 51)
    own = [r.mid_equity for r in results]
    assert own[0].tolist() == pytest.approx([500, 595, 545, 540, 540])
    sold = (495 / 51 - wanted) * 59
    assert own[1][-1] == pytest.approx(500 - 495 + sold + wanted * 60)


def test_arrivals_are_those_of_the_moment_and_lots_each_instruments_own() -> None:
    a, b = (
        books([(0, 100.0), (10, 200.0), (20, 300.0)]),
        books([(10, 50.0), (20, 60.0), (30, 70.0)]),
    )
    results = simulate_shared(
        [a, b], [np.array([1.0, 1, 1]), np.array([1.0, 1, 1])], costs=Costs(fee_bps=0.0),
        account=Account.of("margin"), rules=Rules(lot=(1.0, 3.0)), cash=1_000.0, latency_ns=10 * MS,
    )  # fmt: skip
    # A's order arrives with its own book of 10 ms and meets that one.
    assert results[0].table[:, 6].tolist() == [201.0]
    # B sizes on 1,000 - 5 × 201 + 5 × 200 = 995: 497.5 / 50 = 9.95 units, three lots of three.
    assert results[1].table[:, 4].tolist() == [9.0]
    assert results[1].table[:, 6].tolist() == [61.0]


def money(results: list[BookResult], cash: float) -> np.ndarray:
    """Cash of all after each fill, in the order of arrival."""
    fills = [(t[2] + r.market.time[0], t[5] * t[6] + t[7]) for r in results for t in r.table
             if t[5] != 0.0]  # fmt: skip
    return cash - np.cumsum([paid for _, paid in sorted(fills)])


@pytest.mark.parametrize("seed", range(count(60)))
def test_a_spot_account_never_spends_what_all_of_them_do_not_have(seed: int) -> None:
    rng = np.random.default_rng(1_000 + seed)
    markets = [market(rng, k=k) for k in (2, 4, 3)]
    targets = [rng.choice([0.0, 1.0, np.nan], 400, p=[0.1, 0.2, 0.7]) for _ in markets]
    results = simulate_shared(
        markets, targets, costs=Costs(fee_bps=5.0), account=Account.of("spot"), cash=900.0,
        latency_ns=120 * MS,
    )  # fmt: skip
    left = money(results, 900.0)
    assert left.min() >= -1e-9
    assert left[-1] == pytest.approx(
        sum(r.mid_equity[-1] - r.units[-1] * _last(r) for r in results)
    )
    assert sum(r.table.shape[0] for r in results) > 100
    assert min(r.units.min() for r in results) >= 0.0


def _last(result: BookResult) -> float:
    mid = result.market.mid
    return float(mid[np.isfinite(mid)][-1])
