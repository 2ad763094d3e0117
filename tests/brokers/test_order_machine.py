"""Orders are sent once and never lost sight of, whatever happens to requests, replies and us."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.brokers.oracle import World
from tests.counts import count
from trade_research.brokers import order_machine as machine
from trade_research.brokers.order_machine import (
    Absent,
    Ask,
    Lost,
    Order,
    Refused,
    Report,
    Resume,
    Send,
    Submit,
    Tell,
    Tick,
    Trade,
    Unheard,
    step,
)

S = 1_000_000_000


@settings(max_examples=count(10_000))
@given(seed=st.integers(0, 2**40))
def test_the_venues_truth_and_ours_are_one(seed: int) -> None:
    assert World(seed).run().problems() == []


def counted_twice(order, event, now):
    if isinstance(event, Report):
        event = replace(event, trades=tuple(replace(t, id=f"{t.id}@{now}") for t in event.trades))
    return step(order, event, now)


def silence_is_absence(order, event, now):
    return step(order, Absent(now, True) if isinstance(event, Unheard) else event, now)


def sent_again(order, event, now):
    if isinstance(event, Lost):
        return order, [Send()]
    return step(order, event, now)


def no_fence(order, event, now):
    return step(replace(order, fence_ns=-1), event, now)


BUGS = {
    "only the answer is journaled": {"journals_intent": False},
    "no fence": {"step": no_fence},
    "silence is absence": {"step": silence_is_absence},
    "sent again at once": {"step": sent_again},
    "a trade counted as often as heard of": {"step": counted_twice},
}


@pytest.mark.parametrize("bug", BUGS)
def test_the_oracle_sees_each_seeded_bug(bug: str) -> None:
    assert any(World(seed, **BUGS[bug]).run().problems() for seed in range(100))


# ---- the table, row by row

SENT = step(Order("a", "A", 2.0), Submit(), 0)[0]
UNKNOWN = step(SENT, Lost("no answer", 1 * S), 2 * S)[0]


def events(actions: list) -> list:
    return [a.event if isinstance(a, Tell) else a for a in actions]


def test_an_intent_is_sent_once() -> None:
    assert step(Order("a", "A", 2.0), Submit(), 0)[1] == [Send()]
    assert step(SENT, Submit(), 1) == (SENT, [])


def test_a_wrong_clock_is_set_once_and_then_it_is_refused() -> None:
    again, actions = step(SENT, Refused("-1021", is_clock=True), 1)
    assert actions == [Send(syncs=True)]
    refused, actions = step(again, Refused("-1021", is_clock=True), 2)
    assert (refused.status, events(actions)) == ("rejected", ["order_rejected"])
    refused, actions = step(SENT, Refused("-2010"), 2)
    assert (refused.status, events(actions)) == ("rejected", ["order_rejected"])


def test_what_is_unknown_is_void_only_when_asked_thoroughly_behind_the_fence() -> None:
    assert UNKNOWN.fence_ns == 8 * S  # signed at 1 s, window 5 s, margin 2 s
    asking, actions = step(UNKNOWN, Tick(), 2 * S)
    assert actions == [Ask(False)]
    for early in (Absent(2 * S, False), Absent(8 * S, True), Absent(9 * S, False), Unheard()):
        later, actions = step(asking, early, 9 * S)
        assert (later.status, actions) == ("unknown", [])
    asking, actions = step(later, Tick(), later.ask_ns)
    assert actions == [Ask(True)]
    void, actions = step(asking, Absent(9 * S, True), 10 * S)
    assert (void.status, events(actions)) == ("void", ["order_void"])


def test_it_is_asked_for_more_and_more_seldom_and_right_behind_the_fence() -> None:
    order, times = UNKNOWN, []
    for _ in range(8):
        asking, _ = step(order, Tick(), order.ask_ns)
        order, _ = step(asking, Unheard(), order.ask_ns)
        times.append(order.ask_ns)
    behind = [n * S + 1 for n in (8, 10, 12, 14)]
    assert times == [2.75 * S, 3.75 * S, 5.75 * S, 7.75 * S, *behind]


def test_fills_come_split_twice_and_out_of_order_and_before_and_after_everything() -> None:
    one, two = Trade("1", 0.5, 100.0, 0.05, "USDT"), Trade("2", 1.5, 104.0, 0.15, "USDT")
    order, actions = step(SENT, Report("v", 2.0, True, (two, two)), 1)
    assert (order.status, events(actions)) == ("placed", ["order_placed", "fill"])
    order, actions = step(order, Report("v", 2.0, True, (one, two)), 2)
    assert (order.status, events(actions)) == ("filled", ["fill", "order_closed"])
    assert actions[-1].fields == {"status": "filled", "executed": 2.0, "price": 103.0}
    assert step(order, Report("v", 2.0, True, (two, one)), 3)[1] == []

    order, actions = step(SENT, Report("v", 0.5, True, (one,)), 1)
    assert (order.status, events(actions)[-1]) == ("cancelled", "order_closed")
    order, actions = step(order, Report("v", 2.0, True, (two,)), 2)
    assert (order.status, events(actions)) == ("cancelled", ["fill"])  # after the cancel
    assert order.average_price == 103.0


def test_an_order_that_shows_up_after_it_was_given_up_is_taken_as_ours() -> None:
    void = replace(UNKNOWN, status="void")
    order, actions = step(void, Report("v", 0.0, False), 30 * S)
    assert (order.status, events(actions)) == ("placed", ["order_placed"])


def test_after_a_restart_what_was_sent_is_unknown_and_what_was_placed_is_asked_for() -> None:
    for status in ("intent", "sent", "unknown"):
        order, actions = step(replace(SENT, status=status), Resume(), 50 * S)
        assert (order.status, order.fence_ns, events(actions)) == (
            "unknown",
            57 * S,
            ["order_unknown"],
        )
    order, actions = step(replace(SENT, status="placed", ask_ns=-1), Resume(), 50 * S)
    assert (order.status, order.ask_ns, actions) == ("placed", 50 * S, [])
    for status in machine.CLOSED:
        closed = replace(SENT, status=status)
        assert step(closed, Resume(), 50 * S) == (closed, [])


def test_a_journal_folded_is_what_was_known() -> None:
    for seed in range(count(400)):
        world = World(seed).run()
        known: dict[str, Order] = {}
        for name, about, fields in world.journal:
            if name == "intent":
                known[about] = Order(about, "A", fields["quantity"])
            else:
                known[about] = machine.recalled(known[about], name, fields)
        for about, order in world.orders.items():
            same = known[about]
            assert (same.status, same.order_id, dict(same.trades)) == (
                order.status,
                order.order_id,
                dict(order.trades),
            )
