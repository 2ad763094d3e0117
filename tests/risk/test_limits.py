"""Risk: every limit binds, none traps a position, and the state is a value."""

from __future__ import annotations

import math
from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trade_research.errors import RiskError
from trade_research.orders import Intent
from trade_research.risk.check import Approved, Refused, breach, check, is_reducing, misfit
from trade_research.risk.limits import Limits
from trade_research.risk.state import RiskState

NOW = 1_700_000_000_000_000_000
WIDE = Limits.of_cash(100_000.0)


def wish(quantity: float, symbol: str = "A", price: float = 100.0, age_s: float = 0.0) -> Intent:
    decided = NOW // 1_000 - int(age_s * 1e6)
    return Intent("id", symbol, decided, math.copysign(0.5, quantity), quantity, price)


def state(**changes: object) -> RiskState:
    base = RiskState.at_start(100_000.0).marked(
        WIDE, NOW, equity=100_000.0, cash=100_000.0, positions={}, marks={"A": 100.0, "B": 10.0}
    )
    return RiskState(**{f.name: getattr(base, f.name) for f in fields(base)} | changes)  # type: ignore[arg-type]


def test_what_fits_is_approved_with_the_size_it_may_have_at_the_fill() -> None:
    found = check(wish(100.0), WIDE, state(), NOW)
    assert isinstance(found, Approved)
    assert found.max_quantity == pytest.approx(105.0)
    assert not found.reduces


BINDING = {
    "order": (WIDE.but(max_order=10_499.0), {}, wish(100.0)),
    "position": (WIDE.but(max_position=10_499.0), {}, wish(100.0)),
    "gross": (
        WIDE.but(max_gross=15_499.0),
        {"positions": {"B": 500.0}},
        wish(100.0),
    ),
    "net": (WIDE.but(max_net=15_499.0), {"positions": {"B": 500.0}}, wish(100.0)),
    "balance": (WIDE.but(min_balance=89_501.0), {}, wish(100.0)),
    "orders_per_minute": (
        WIDE.but(max_orders_per_minute=2),
        {"orders": (NOW - 59_000_000_000, NOW - 1)},
        wish(1.0),
    ),
    "orders_per_day": (WIDE.but(max_orders_per_day=3), {"orders_today": 3}, wish(1.0)),
    "hours": (WIDE.but(hours="23:00-01:00"), {}, wish(1.0)),
    "stale_bar": (WIDE, {}, wish(1.0, age_s=60.1)),
    "clock": (WIDE, {}, wish(1.0, age_s=-60.0)),
    "cooldown": (
        WIDE,
        {"losses_in_a_row": 10, "last_loss_ns": NOW - 3_599_000_000_000},
        wish(1.0),
    ),
    "symbols": (WIDE.but(symbols=("B",)), {}, wish(1.0)),
    "daily_loss": (WIDE, {"latch": "daily_loss"}, wish(1.0)),
    "finite": (WIDE, {}, wish(math.nan)),
}


@pytest.mark.parametrize("limit", BINDING)
def test_each_limit_refuses_just_beyond_itself(limit: str) -> None:
    limits, changes, intent = BINDING[limit]
    found = check(intent, limits, state(**changes), NOW)
    assert isinstance(found, Refused)
    assert found.limit == limit


LOOSER = {
    "order": {"max_order": 10_501.0},
    "position": {"max_position": 10_501.0},
    "gross": {"max_gross": 15_501.0},
    "net": {"max_net": 15_501.0},
    "balance": {"min_balance": 89_499.0},
    "orders_per_minute": {"max_orders_per_minute": 3},
    "orders_per_day": {"max_orders_per_day": 4},
    "hours": {"hours": "22:00-23:00"},
    "stale_bar": {"max_lateness_s": 60.2},
    "cooldown": {"cooldown_minutes": 59.9},
    "symbols": {"symbols": ("A",)},
}


@pytest.mark.parametrize("limit", LOOSER)
def test_each_limit_lets_pass_what_is_just_within(limit: str) -> None:
    limits, changes, intent = BINDING[limit]
    found = check(intent, limits.but(**LOOSER[limit]), state(**changes), NOW)
    assert isinstance(found, Approved)


@pytest.mark.parametrize("limit", [name for name in BINDING if name != "finite"])
def test_a_position_can_always_be_closed(limit: str) -> None:
    limits, changes, _ = BINDING[limit]
    held = {"positions": {"A": 1_000.0}}
    found = check(wish(-1_000.0, age_s=1e6), limits, state(**(changes | held)), NOW)
    assert isinstance(found, Approved)
    assert found.reduces


def test_an_order_that_would_turn_a_position_round_and_may_not_closes_it() -> None:
    found = check(wish(-30.0), WIDE, state(positions={"A": 10.0}, latch="drawdown"), NOW)
    assert isinstance(found, Approved)
    assert (found.intent.quantity, found.intent.weight, found.reduces) == (-10.0, 0.0, True)
    assert found.trimmed.startswith("drawdown")


def test_open_orders_count_at_their_worst() -> None:
    limits = WIDE.but(max_position=15_000.0)
    after = state().ordered("A", 100.0, NOW, reduces=False)
    assert isinstance(check(wish(49.0), limits, after, NOW), Refused)
    assert isinstance(check(wish(47.0), limits, after, NOW), Approved)
    # An order the other way may be filled while the first is not.
    short = check(wish(-143.0), limits, after, NOW)
    assert isinstance(short, Refused)
    assert short.limit == "position"


def test_loss_limits() -> None:
    assert breach(WIDE, state(equity=95_000.1)) == ("", "")
    assert breach(WIDE, state(equity=95_000.0))[0] == "daily_loss"
    assert breach(WIDE, state(equity=96_000.0, day_equity=96_000.0, peak=106_001.0))[0] == (
        "drawdown"
    )
    assert breach(WIDE, state(equity=math.nan))[0] == "drawdown"
    assert breach(WIDE, state(equity=90_000.0))[0] == "drawdown"


def test_a_drawdown_on_a_day_of_losses_is_latched_beyond_the_day() -> None:
    latched = state().latched("daily_loss")
    assert latched.latched("drawdown").latch == "drawdown"
    assert latched.latched("drawdown").latched("daily_loss").latch == "drawdown"


def test_a_new_day_begins_at_midnight_of_the_zone_and_frees_the_daily_latch() -> None:
    limits = WIDE.but(tz="America/New_York")
    # 2025-03-09 has 23 hours in New York: 05:00 UTC to 04:00 UTC of the next day.
    before, after = 1_741_579_199_000_000_000, 1_741_579_200_000_000_000
    assert limits.day(after) - limits.day(before) == 1
    one = RiskState.at_start(100.0).marked(
        limits, before, equity=90.0, cash=90.0, positions={}, marks={}
    )
    held = one.latched("daily_loss").ordered("A", 1.0, before, reduces=False)
    next_day = held.marked(limits, after, equity=91.0, cash=91.0, positions={}, marks={})
    assert (next_day.latch, next_day.day_equity, next_day.orders_today) == ("", 90.0, 0)
    assert one.latched("drawdown").marked(
        limits, after, equity=91.0, cash=91.0, positions={}, marks={}
    ).latch == ("drawdown")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_order", math.inf),
        ("max_position", 0.0),
        ("max_gross", math.nan),
        ("max_orders_per_day", 1.5),
        ("tz", "Mars/Base"),
        ("hours", "9-5"),
        ("hours", "10:00-10:00"),
        ("cooldown_minutes", -1.0),
        ("min_balance", math.inf),
    ],
)
def test_a_limit_that_is_none_is_refused(field: str, value: object) -> None:
    with pytest.raises(RiskError, match=field):
        WIDE.but(**{field: value})


def test_no_limit_has_a_default() -> None:
    with pytest.raises(TypeError, match="max_order"):
        Limits()  # type: ignore[call-arg]


@settings(deadline=None, max_examples=300)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["A", "B"]),
            st.floats(-3_000, 3_000, allow_nan=False),
            st.floats(0.0, 1.0),
            st.booleans(),
        ),
        max_size=40,
    )
)
def test_no_sequence_of_orders_and_fills_exceeds_a_limit(
    steps: list[tuple[str, float, float, bool]],
) -> None:
    """Orders are filled in part, in full or not at all, at prices that do not move."""
    limits = WIDE.but(max_position=50_000.0, max_gross=80_000.0, max_net=60_000.0)
    marks = {"A": 100.0, "B": 10.0}
    positions: dict[str, float] = {}
    now, risk = NOW, state()
    waiting: list[tuple[str, float, float]] = []
    for symbol, quantity, part, is_bar in steps:
        now += 10_000_000_000
        if is_bar:
            for name, size, share in waiting:
                positions[name] = positions.get(name, 0.0) + size * share
            waiting.clear()
            risk = risk.settled().marked(
                limits, now, equity=1e5, cash=1e5, positions=positions, marks=marks
            )
        if symbol in {name for name, _, _ in waiting}:
            continue  # one order a symbol and bar, as a session has it
        intent = Intent("i", symbol, now // 1_000, 1.0, quantity, marks[symbol])
        found = check(intent, limits, risk, now)
        if isinstance(found, Approved):
            held = positions.get(symbol, 0.0)
            assert found.reduces == is_reducing(held, found.intent.quantity)
            signed = math.copysign(found.max_quantity, found.intent.quantity)
            risk = risk.ordered(symbol, signed, now, reduces=found.reduces)
            waiting.append((symbol, signed, part))
        for name, size in positions.items():
            closing = check(
                Intent("c", name, now // 1_000, 0.0, -size, marks[name]), limits, risk, now
            )
            assert size == 0.0 or isinstance(closing, Approved)
        money = {name: size * marks[name] for name, size in positions.items()}
        assert all(abs(m) <= limits.max_position * (1 + 1e-9) for m in money.values())
        assert sum(map(abs, money.values())) <= limits.max_gross * (1 + 1e-9)
        assert abs(sum(money.values())) <= limits.max_net * (1 + 1e-9)


def test_a_limit_that_does_not_exist_is_named() -> None:
    with pytest.raises(RiskError, match="there is no limit 'max_ordr'"):
        WIDE.but(max_ordr=1.0)


def test_a_price_that_is_not_known_is_refused() -> None:
    found = check(wish(1.0, price=math.nan), WIDE, state(), NOW)
    assert isinstance(found, Refused)
    assert found.limit == "finite"


@pytest.mark.parametrize(
    ("held", "quantity", "units", "price", "limit"),
    [
        (0.0, 100.0, 105.0, 100.0, ""),
        (0.0, 100.0, 105.1, 99.0, "risk_cap"),  # more units than were weighed
        (0.0, 100.0, 104.0, 102.0, "risk_cap"),  # more money
        (0.0, 100.0, -1.0, 100.0, "risk_cap"),  # the other side
        (0.0, 100.0, 0.0, 100.0, ""),
        (10.0, -4.0, -9.0, 90.0, ""),  # it still reduces
        (10.0, -4.0, 1.0, 80.0, "risk_cap"),  # a gap has made it an increase
        (10.0, -4.0, -11.0, 120.0, "risk_cap"),  # or a turn
    ],
)
def test_a_fill_is_what_was_weighed(
    held: float, quantity: float, units: float, price: float, limit: str
) -> None:
    order = check(wish(quantity), WIDE, state(positions={"A": held}), NOW)
    assert isinstance(order, Approved)
    assert misfit(order, held, units, price)[0] == limit


def test_orders_that_wait_stay_open() -> None:
    two = state().ordered("A", 1.0, NOW, reduces=False).ordered("B", 2.0, NOW, reduces=False)
    assert two.settled({"B"}).open_orders == {"B": 2.0}
    assert two.settled().open_orders == {}
