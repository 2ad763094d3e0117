"""No sequence of orders, fills, days and restarts exceeds a limit; a limit mutated is found out."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.counts import count
from tests.risk.account import CASH, Account
from trade_research.risk.limits import Limits

LIMITS = Limits(
    max_order=60_000.0,
    max_position=50_000.0,
    max_gross=80_000.0,
    max_net=65_000.0,
    max_daily_loss=2_000.0,
    max_drawdown=5_000.0,
    max_orders_per_minute=2,
    max_orders_per_day=12,
    min_balance=30_000.0,
    price_band=0.03,
    max_lateness_s=30.0,
    max_losses_in_a_row=3,
    cooldown_minutes=45.0,
    hours="00:30-23:00",
    tz="America/New_York",
)
WEIGHTS = [0.0, 0.2, 0.45, 0.8, -0.2, -0.45, 1.5, float("nan")]
FACTORS = [1.0, 0.999, 1.001, 0.98, 1.02, 0.95, 1.06]
MINUTES = [1, 1, 1, 1, 7, 60, 600]
LATE = [0.0, 0.0, 0.0, 29.0, 31.0]


class Machine(RuleBasedStateMachine):
    """Any targets on any bars, with restarts and releases among them."""

    limits, rebalance = LIMITS, None

    def __init__(self) -> None:
        super().__init__()
        self.account = Account(self.limits, rebalance=self.rebalance)

    @rule(
        wanted=st.tuples(*[st.sampled_from(WEIGHTS)] * 2),
        gaps=st.tuples(*[st.sampled_from(FACTORS)] * 2),
        moves=st.tuples(*[st.sampled_from(FACTORS)] * 2),
        absent=st.sets(st.integers(0, 1), max_size=1),
        dry=st.sets(st.integers(0, 1), max_size=1),
        minutes=st.sampled_from(MINUTES),
        late_s=st.sampled_from(LATE),
    )
    def bar(self, **given: Any) -> None:
        self.account.bar(given.pop("wanted"), **given)

    @rule()
    def restart(self) -> None:
        self.account.restart()

    @rule()
    def release(self) -> None:
        self.account.release()

    @rule()
    def close(self) -> None:
        self.account.close_all()

    @invariant()
    def is_solvent(self) -> None:
        assert self.account.session.broker.equity > 0.5 * CASH


Machine.TestCase.settings = settings(max_examples=count(300), stateful_step_count=30, deadline=None)
TestMachine = Machine.TestCase


class Together(Machine):
    """Weights are brought back with every second bar, and orders pass all or none."""

    limits, rebalance = LIMITS.but(all_or_none=True), 2

    @invariant()
    def no_order_is_refused_alone(self) -> None:
        """Of the orders of a bar that do not reduce, all have passed or none has."""
        verdicts: dict[int, set[bool]] = {}
        for record in self.account.records:
            if record["event"] == "order_intent" and not record["reduces"]:
                verdicts.setdefault(record["decided_us"], set()).add(True)
            elif record["event"] == "risk_block" and "decided_us" in record["signal"]:
                verdicts.setdefault(record["signal"]["decided_us"], set()).add(False)
        assert all(len(found) == 1 for found in verdicts.values())


Together.TestCase.settings = Machine.TestCase.settings
TestTogether = Together.TestCase


def test_an_order_that_is_refused_brings_back_none_that_was_given_up() -> None:
    """Bought without volume, wanted no more, and then too much of it while there is no bar."""
    account = Account(LIMITS)
    account.bar((0.0, 0.2))
    account.bar((0.0, 0.0), dry={1})
    account.bar((0.0, 0.8), absent={1})
    account.bar((0.0, 0.0))
    assert account.session.broker.positions == {}


def lived(told: Limits, seed: int, n: int = 400) -> None:
    """Random bars through an account that was told other limits than were meant."""
    rng, account = random.Random(seed), Account(LIMITS, told, seed % 3 or None)
    for _ in range(n):
        pair = [rng.choice(WEIGHTS), rng.choice(WEIGHTS)]
        calm = [1.0, 0.999, 1.001] if seed % 2 else FACTORS
        account.bar(
            pair,
            gaps=[rng.choice(calm), rng.choice(calm)],
            moves=[rng.choice(FACTORS), rng.choice(calm)],
            minutes=rng.choice(MINUTES),
            late_s=rng.choice(LATE),
        )
        if rng.random() < 0.02:
            account.release()


def lives(told: Limits) -> None:
    for seed in range(6):
        lived(told, seed)


MUTATED = {
    "max_order": 70_000.0,
    "max_position": 55_000.0,
    "max_gross": 90_000.0,
    "max_net": 75_000.0,
    "max_daily_loss": 2_500.0,
    "max_drawdown": 6_000.0,
    "max_orders_per_minute": 3,
    "max_orders_per_day": 13,
    "min_balance": 20_000.0,
    "price_band": 0.08,
    "max_lateness_s": 40.0,
    "max_losses_in_a_row": 4,
    "cooldown_minutes": 30.0,
    "hours": "00:00-23:59",
    "tz": "America/Chicago",
}


def test_random_lives_keep_the_limits() -> None:
    lives(LIMITS)


@pytest.mark.parametrize("limit", MUTATED)
def test_each_limit_mutated_is_found_out(limit: str) -> None:
    told = LIMITS.but(**{limit: MUTATED[limit]})
    with pytest.raises(AssertionError):
        lives(told)
