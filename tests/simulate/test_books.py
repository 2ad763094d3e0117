"""Market orders on recorded books: walked exactly, never on a book not yet seen, in event time."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import count
from tests.data import needs_data, shared
from trade_research.errors import ConfigError, SimulationError
from trade_research.frames.books import SIDES
from trade_research.frames.columns import columns
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.book_fills import walk_cost
from trade_research.simulate.book_run import BookMarket, BookResult, simulate_books
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits

MS = 1_000_000
FREE = Costs(fee_bps=0.0)


def market(rng: np.random.Generator, n: int = 400, k: int = 4, holes: bool = True) -> BookMarket:
    mid = 1000.0 + np.cumsum(rng.integers(-3, 4, n)) * 0.5
    steps = np.cumsum(rng.integers(1, 4, (2, n, k)), axis=2) * 0.5
    sizes = rng.integers(1, 40, (2, n, k)) / 100
    bid, ask = mid[:, None] - steps[0], mid[:, None] + steps[1]
    if holes:
        at = rng.random(n) < 0.03
        for table in (bid, ask, sizes[0], sizes[1]):
            table[at] = np.nan
    time = np.cumsum(rng.integers(1, 200, n)) * MS
    return BookMarket("X", time, bid, sizes[0], ask, sizes[1])


def test_walked_cost_equals_adding_up_lot_by_lot() -> None:
    """10,000 random orders against the sum of their parts in decimal arithmetic."""
    rng = np.random.default_rng(3)
    for _ in range(count(10_000)):
        k = int(rng.integers(1, 12))
        price = np.round(60_000 + np.cumsum(rng.integers(1, 9, k)) * 0.1, 1)
        size = rng.integers(1, 9_999, k) / 1000
        if rng.random() < 0.2:
            size[rng.integers(0, k) :] = np.nan
        want = float(rng.integers(1, 40_000)) / 1000
        left, money = Decimal(repr(want)), Decimal(0)
        for p, s in zip(price, size, strict=True):
            if np.isnan(s):
                break
            take = min(left, Decimal(repr(float(s))))
            left, money = left - take, money + take * Decimal(repr(float(p)))
        got, paid = walk_cost(price, size, want)
        assert got == pytest.approx(float(Decimal(repr(want)) - left), rel=1e-12)
        assert paid == pytest.approx(float(money), rel=1e-12)


def naive(
    m: BookMarket,
    target: np.ndarray,
    *,
    fee: float,
    latency: int,
    exits: Exits,
    cash: float,
    max_age: int = 5_000 * MS,
) -> tuple[list[tuple[int, int, float, str]], float]:
    """The rules of a margin run, said again in plain Python over whole histories of rows."""
    orders: list[tuple[int, int, float, str]] = []
    position, entry, entered, desired, unlock = 0.0, 0.0, 0, 0.0, 0
    locked, flying, last_mid, listened = False, None, None, np.nan
    hold, rest = exits.in_nanos("max_hold"), exits.in_nanos("cooldown")
    for i, now in enumerate(m.time):
        if flying is not None and flying[0] <= now:
            arrival, quantity, why = flying
            flying = None
            at = int(np.searchsorted(m.time, arrival, side="right")) - 1 if arrival < now else i
            levels = (m.ask_price, m.ask_size) if quantity > 0 else (m.bid_price, m.bid_size)
            left, money = abs(quantity), 0.0
            if not np.isnan(levels[0][at][0]) and arrival - m.time[at] <= max_age:
                for p, s in zip(levels[0][at], levels[1][at], strict=True):
                    take = min(left, s)
                    left, money = left - take, money + take * p
            got = abs(quantity) - left
            if got > 0:
                signed = np.copysign(got, quantity)
                cash -= np.copysign(money, quantity) + fee * money
                after = position + signed
                if abs(after) < 1e-9:
                    after = 0.0
                if position * after <= 0:
                    entry, entered = money / got, arrival
                elif abs(after) > abs(position):
                    entry = (entry * position + money / got * signed) / after
                position = after
                if why != "signal" and position == 0.0:
                    unlock = arrival + rest
                orders.append((arrival, i, signed, why))
        bid, ask = m.bid_price[i, 0], m.ask_price[i, 0]
        if np.isnan(bid):
            continue
        last_mid = (bid + ask) / 2
        wanted, before = target[i], target[i - 1] if i else np.nan
        is_new = wanted != (before if locked else listened)
        if not np.isnan(wanted) and is_new and not (locked and now < unlock):
            listened = wanted
            locked, desired = False, wanted * (cash + position * last_mid) / last_mid
        if flying is not None:
            continue
        quantity, why = desired - position, "signal"
        if position:
            gain = np.sign(position) * ((bid if position > 0 else ask) / entry - 1)
            found = None
            if exits.stop and gain <= -exits.stop:
                found = "stop"
            elif exits.take_profit and gain >= exits.take_profit:
                found = "take_profit"
            elif hold and now - entered > hold:
                found = "max_hold"
            if found:
                quantity, why, desired, locked = -position, found, 0.0, True
                unlock = max(unlock, now + rest)
        closes = desired == 0.0 and position != 0.0
        dust = 1e-6 * (cash + position * last_mid) / last_mid
        if abs(quantity) >= dust or (closes and abs(quantity) > 1e-9):
            flying = (now + latency, quantity, why)
    return orders, cash + position * (last_mid or 0.0)


@pytest.mark.parametrize("seed", range(6))
def test_the_loop_does_what_the_rules_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    kinds = set()
    for _ in range(count(200)):
        m = market(rng)
        target = rng.choice(
            [1.0, -1.0, 0.0, 0.5, np.nan], m.time.size, p=[0.03, 0.03, 0.03, 0.03, 0.88]
        )
        exits = Exits(stop=0.004, take_profit=0.005, max_hold="1s", cooldown="300ms")
        latency = int(rng.integers(0, 300)) * MS
        ours = simulate_books(
            m, target, costs=Costs(fee_bps=3.0), account=Account("margin"), exits=exits,
            cash=500.0, latency=latency,
        )  # fmt: skip
        theirs, equity = naive(m, target, fee=3e-4, latency=latency, exits=exits, cash=500.0)
        fills = ours.fills
        assert fills.height == len(theirs)
        kinds |= set(fills["reason"].to_list())
        arrived = fills["arrived"].to_physical().to_list()
        assert arrived == [arrival for arrival, *_ in theirs]
        for fill, (_arrival, _row, signed, why) in zip(
            fills.iter_rows(named=True), theirs, strict=True
        ):
            assert fill["filled"] == pytest.approx(signed, rel=1e-9)
            assert fill["reason"] == why
        assert ours.mid_equity[-1] == pytest.approx(equity, rel=1e-9)
    assert kinds == {"signal", "stop", "take_profit", "max_hold"}


@pytest.mark.parametrize("seed", range(3))
def test_what_comes_later_changes_nothing_before(seed: int) -> None:
    rng = np.random.default_rng(100 + seed)
    m = market(rng)
    target = rng.choice([1.0, -1.0, 0.0, np.nan], m.time.size)
    whole = run(m, target)
    for cut in rng.integers(2, m.time.size, 12):
        part = BookMarket("X", m.time[:cut], *(getattr(m, s)[:cut] for s in SIDES))
        short = run(part, target[:cut])
        np.testing.assert_array_equal(short.mid_equity, whole.mid_equity[:cut])
        changed = [getattr(m, s).copy() for s in SIDES]
        for table in changed:
            table[cut:] *= 1.5
        other = run(BookMarket("X", m.time, *changed), target)
        np.testing.assert_array_equal(other.mid_equity[:cut], whole.mid_equity[:cut])


def run(m: BookMarket, target: np.ndarray, **more: object) -> BookResult:
    settings: dict[str, object] = {
        "costs": Costs(fee_bps=2.0), "account": Account("margin"), "cash": 1000.0,
        "exits": Exits(stop=0.003, max_hold="3s", cooldown="1s"), "latency": "70ms",
    }  # fmt: skip
    return simulate_books(m, target, **(settings | more))  # type: ignore[arg-type]


def test_a_market_without_edge_loses_its_costs() -> None:
    n = 50
    level = np.ones((n, 1))
    m = BookMarket(
        "X", np.arange(n) * 100 * MS, 99.0 * level, 100 * level, 101.0 * level, 100 * level
    )
    target = np.where(np.arange(n) % 4 < 2, 1.0, 0.0)
    result = run(m, target, costs=Costs(fee_bps=10.0), exits=None, latency="0ms")
    fills = result.fills
    paid = float((fills["filled"].abs() * fills["price"]).sum())
    crossed = float((fills["filled"].abs() * 1.0).sum())  # half the spread of two each time
    held = result.units[-1] * 100.0
    assert fills.height > 20
    assert result.mid_equity[-1] == pytest.approx(1000.0 - 0.001 * paid - crossed)
    assert result.touch_equity[-1] == pytest.approx(result.mid_equity[-1] - abs(held) / 100.0)


def test_partial_fills_cash_lots_and_late_books() -> None:
    time = np.array([0, 100, 200, 9_000, 9_100]) * MS
    one = np.ones((5, 1))
    m = BookMarket("X", time, 99.0 * one, 2.0 * one, 100.0 * one, 2.0 * one)
    deep = run(m, np.full(5, 1.0), exits=None, cash=500.0, latency="10ms")
    assert deep.orders["status"].to_list()[:3] == ["book_exhausted", "book_exhausted", "filled"]
    assert deep.fills["filled"].to_list()[:2] == [2.0, 2.0]
    late = run(m, np.array([np.nan, np.nan, 1.0, 1.0, 1.0]), exits=None, cash=100.0, latency="6s")
    assert late.orders["status"].to_list()[0] == "stale_book"
    spot = run(m, np.full(5, 1.0), exits=None, cash=150.0, account=Account("spot"), latency="0ms")
    assert spot.orders.height == 1
    assert spot.fills["filled"][0] == pytest.approx(150.0 / (100.0 * 1.0002), rel=1e-12)
    short = run(m, np.full(5, -1.0), exits=None, account=Account("spot"), latency="0ms")
    assert short.orders.height == 0
    lots = run(m, np.full(5, 1.0), exits=None, cash=150.0, rules=Rules(lot=0.4), latency="0ms")
    assert lots.fills["filled"][0] == pytest.approx(1.2)


def test_every_kind_of_fee_is_charged() -> None:
    one = np.ones((4, 1))
    m = BookMarket("X", np.arange(4) * 100 * MS, 99.0 * one, 9.0 * one, 101.0 * one, 9.0 * one)
    target = np.array([1.0, np.nan, 0.0, np.nan])
    costs = Costs(fee_bps=10.0, fee_per_unit=0.5, fixed_fee=0.25, min_fee=3.0, sell_tax_bps=20.0)
    fees = run(m, target, costs=costs, exits=None, cash=200.0, latency="0ms").fills["fee"]
    bought, sold = 2 * 101 * 0.001 + 2 * 0.5, 2 * 99 * 0.001 + 2 * 0.5
    assert bought < 3.0 > sold
    assert fees.to_list() == pytest.approx([3.25, 3.25 + 2 * 99 * 0.002])
    cheap = Costs(fee_bps=10.0, fee_per_unit=0.5)
    paid = run(m, target, costs=cheap, exits=None, cash=200.0, latency="0ms").fills["fee"]
    assert paid.to_list() == pytest.approx([bought, sold])
    spot = run(m, target, costs=cheap, exits=None, cash=200.0, account=Account("spot"),
               latency="0ms").fills  # fmt: skip
    assert spot["filled"][0] == pytest.approx(200 / (101 * 1.001 + 0.5), rel=1e-12)


def test_the_rest_counts_from_the_exit_and_not_from_the_entry() -> None:
    """Bought at 0 s, stopped out at 10 s: with five seconds of rest nothing before 15 s."""
    n = 40
    one, price = np.ones((n, 1)), np.where(np.arange(n) < 10, 100.0, 98.0)[:, None]
    m = BookMarket("X", np.arange(n) * 1000 * MS, price, 99.0 * one, price, 99.0 * one)
    target = np.where(np.arange(n) % 2 == 0, 1.0, np.nan)
    exits = Exits(stop=0.01, cooldown="5s")
    fills = run(m, target, costs=FREE, exits=exits, latency="0ms").fills
    assert fills["row"].to_list() == [0, 10, 16]
    assert fills["reason"].to_list() == ["signal", "stop", "signal"]


def test_arguments_that_cannot_be_run() -> None:
    m = market(np.random.default_rng(0), 10)
    with pytest.raises(SimulationError, match="10 books need as many targets"):
        run(m, np.zeros(3))
    with pytest.raises(ConfigError, match="a duration such as '60s'"):
        run(m, np.zeros(10), exits=Exits(max_hold=5))
    with pytest.raises(ConfigError, match="one int64 of nanoseconds"):
        run(m, np.zeros(10), latency=np.zeros(4, np.int64))
    bars = tr.Exits(max_hold="60s")
    with pytest.raises(ConfigError, match="whole number of bars"):
        bars.in_bars("max_hold")


@needs_data
def test_s1_on_a_real_recording_is_the_same_at_any_batch_size() -> None:
    frame = pl.read_parquet(shared("l2/binance_usdm_BTCUSDT_2024-08-08_l2_100ms.parquet"))
    books = tr.frames.to_books(frame)
    s1 = tr.strategies.l2_imbalance
    inputs = columns(books, SIDES)
    whole = s1.compute(inputs).target
    for size in (1, 7, 500):
        ends = range(size, 1500 if size == 1 else books.height + size, size)
        seen = [s1.compute({k: v[:end] for k, v in inputs.items()}).target[end - size :] for end in
                list(ends)[: 300 if size == 1 else None]]  # fmt: skip
        joined = np.concatenate(seen)
        np.testing.assert_array_equal(joined, whole[: joined.size])
    again = tr.backtest(s1, books, costs=tr.Costs.venue("binance_usdm"), account="margin")
    assert (
        again.result.mid_equity.tobytes()
        == tr.backtest(
            s1, books, costs=tr.Costs.venue("binance_usdm"), account="margin"
        ).result.mid_equity.tobytes()
    )
    m = again.metrics
    assert m["gross"] > m["net"]
    assert m["break_even_bps"] == pytest.approx(1e4 * m["gross"] / m["notional"])
    parts = m["mid_bps"] - m["latency_bps"] - m["spread_bps"] - m["walk_bps"]
    assert parts == pytest.approx(m["break_even_bps"])
    free = tr.backtest(s1, books, costs=FREE, account="margin", cash=1e-6)
    at_break_even = tr.Costs(fee_bps=max(free.metrics["break_even_bps"], 0.0))
    paid = tr.backtest(s1, books, costs=at_break_even, account="margin", cash=1e-6)
    assert abs(paid.metrics["net"]) < 0.02 * abs(paid.metrics["fees"])
    assert "books are 100 ms apart" in " ".join(again.warnings)
