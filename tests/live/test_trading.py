"""Real orders on a stand-in venue: the venue's truth and the journal are one, whatever happens.

The stand-in keeps its own truth; `problems` compares it with the journal and knows nothing of the
code that wrote it.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.counts import FULL, count
from tests.live.test_crash import child, fatal
from tests.live.trading import LIMITS, SYMBOL, minutes, run, trading, venue, wait_for
from tests.standins.orders import Venue
from trade_research.brokers.order_machine import Order
from trade_research.brokers.order_port import OrderPort
from trade_research.errors import SessionError
from trade_research.live.journal import scan
from trade_research.live.latch import RELEASE, Latch


def problems(at_venue: Venue, folder: Path) -> list[str]:
    """What does not agree between the journal and the venue, in words."""
    found: list[str] = []
    intents, ends, fills = {}, {}, defaultdict(list)
    for record in scan(folder):
        about = record.get("order_id")
        if record["event"] == "order_intent":
            intents[about] = record
        elif "status" in record:
            ends[about] = record["status"]
        elif record["event"] == "fill":
            fills[about].append((record["trade_id"], record["qty"], record["price"]))
    ours = [o for o in at_venue.orders if not o["clientOrderId"].startswith("web_")]
    for about, times in Counter(o["clientOrderId"] for o in ours).items():
        if times > 1:
            found.append(f"{about} is {times} orders")
        if about not in intents:
            found.append(f"{about} has no intent")
    for about in intents:
        orders = {o["orderId"] for o in ours if o["clientOrderId"] == about}
        theirs = [
            (str(t["id"]), float(t["qty"]), float(t["price"]))
            for t in at_venue.trades
            if t["orderId"] in orders
        ]
        if sorted(theirs) != sorted(fills[about]):
            found.append(f"{about}: fills {fills[about]}, at the venue {theirs}")
        if about not in ends or (orders and ends[about] in ("void", "rejected")):
            found.append(f"{about} ends as {ends.get(about)} with {len(orders)} orders")
    last = [r for r in scan(folder) if r["event"] == "shutdown"][-1]
    held = last["positions"].get(SYMBOL, 0.0)
    for asset, mine in (("BTC", held), ("USDT", last["balance"])):
        if abs(mine - float(at_venue.balances[asset])) > 1e-6:
            found.append(f"{asset}: {mine} on record, {at_venue.balances[asset]} at the venue")
    return found


def events(folder: Path) -> Counter[str]:
    return Counter(record["event"] for record in scan(folder))


def test_a_session_trades_and_goes_on_after_a_restart(at_venue: Venue, tmp_path: Path) -> None:
    assert run(trading(tmp_path, at_venue.at, 30)).how == "stopped"
    assert problems(at_venue, tmp_path) == []
    placed = len(at_venue.orders)
    assert placed >= 5
    assert run(trading(tmp_path, at_venue.at, 60)).how == "stopped"
    assert problems(at_venue, tmp_path) == []
    assert len(at_venue.orders) > placed
    seen = events(tmp_path)
    assert seen["order_closed"] == len(at_venue.orders)
    assert seen["bar_received"] == 60
    records = list(scan(tmp_path))
    assert records[0]["mode"] == "live"
    assert not any(word in str(records) for word in ("k" * 64, "s" * 64, "signature"))


def test_orders_go_as_they_are_weighed_in_the_venues_steps(at_venue: Venue, tmp_path: Path) -> None:
    run(trading(tmp_path, at_venue.at, 30))
    intents = {r["order_id"]: r for r in scan(tmp_path) if r["event"] == "order_intent"}
    for order in at_venue.orders:
        intent = intents[order["clientOrderId"]]
        assert float(order["origQty"]) == intent["qty"] <= intent["max_qty"]
        if order["side"] == "BUY":
            assert order["type"] == "LIMIT"
            assert intent["price"] < float(order["price"]) <= intent["price"] * 1.005 + 1e-9
        else:
            assert order["type"] == "MARKET"


FAULTS = ("request lost", "reply lost", "slow reply", "held", "503 before", "503 after", "html",
          "-2010 before", "-1007 after", "403 before", "truncated", "")  # fmt: skip


@pytest.mark.parametrize("seed", range(count(40)))
def test_faults_on_every_other_order_change_nothing_but_when(
    at_venue: Venue, tmp_path: Path, seed: int
) -> None:
    dice = random.Random(seed)
    at_venue.faults.extend(dice.choice([*FAULTS, "", "", ""]) for _ in range(60))
    at_venue.asking.extend(dice.choice(["503 before", "request lost", "", ""]) for _ in range(60))
    at_venue.script = ["0.5", "0.25"] if seed % 2 else ["1"]
    made = trading(tmp_path, at_venue.at, 60 if FULL else 20)
    assert run(made).how == "stopped"
    assert problems(at_venue, tmp_path) == []


def dying(made: Any, when: str, nth: int) -> None:
    """Run, and die around the nth order: before it leaves, or when its answer is there."""
    place, seen = OrderPort.place, [0]

    def fatal_place(port: OrderPort, order: Order) -> Any:
        seen[0] += 1
        if seen[0] == nth and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        said = place(port, order)
        if seen[0] == nth:
            os.kill(os.getpid(), signal.SIGKILL)
        return said

    OrderPort.place = fatal_place
    run(made)


def crashing(made: Any, event: str, nth: int, how: str) -> None:
    fatal(event, nth, how)
    run(made)


def survived(at_venue: Venue, folder: Path, deaths: list[Callable[[Any], None]]) -> int:
    """Sessions that die as told, one after the other, then one that lives; how many were killed."""
    kills = 0
    for death in deaths:
        _, status = os.waitpid(child(partial(death, trading(folder, at_venue.at, 60))), 0)
        kills += os.WIFSIGNALED(status)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    assert run(trading(folder, at_venue.at, 60)).how == "stopped"
    assert problems(at_venue, folder) == []
    return kills


@pytest.mark.timeout(3_600)
def test_killed_around_orders_and_records_it_sends_none_twice_and_loses_none(
    at_venue: Venue, tmp_path: Path
) -> None:
    dice = random.Random(9)
    points: list[Callable[[Any], None]] = [
        partial(dying, when="before", nth=2),
        partial(dying, when="after", nth=2),
        partial(crashing, event="order_intent", nth=3, how="synced"),
        partial(crashing, event="fill", nth=1, how="half"),
    ]
    for event in ("order_intent", "order_placed", "fill", "order_closed", "bar_received"):
        for how in ("before", "half", "after", "synced"):
            points += [partial(crashing, event=event, nth=dice.randint(1, 4), how=how)] * 5
    rest = points[4:]
    dice.shuffle(rest)
    deaths = (points[:4] + rest)[: count(80)]
    kills, per_session = 0, 6
    for at in range(0, len(deaths), per_session):
        part = deaths[at : at + per_session]
        with venue() as fresh:
            kills += survived(fresh, tmp_path / str(at), part)
    assert kills >= min(len(deaths), 3)


@pytest.mark.timeout(3_600)
def test_killed_at_random_moments_position_and_venue_agree(at_venue: Venue, tmp_path: Path) -> None:
    dice, kills, turn, wanted = random.Random(4), 0, 0, 120 if FULL else 2
    while kills < wanted:
        turn += 1
        with venue() as fresh:
            folder = tmp_path / str(turn)
            for _ in range(5):
                fresh.faults.append(dice.choice(["", "", "held", "reply lost", "request lost"]))
                made = trading(folder, fresh.at, 60)
                pid = child(partial(run, made, per_second=40.0))
                time.sleep(dice.uniform(0.1, 0.9))
                os.kill(pid, signal.SIGKILL)
                kills += os.WIFSIGNALED(os.waitpid(pid, 0)[1])
                if kills >= wanted:
                    break
            fresh.faults.clear()
            run(trading(folder, fresh.at, 60))
            assert problems(fresh, folder) == []


def test_other_hands_in_the_account_are_seen_put_on_record_and_not_fought(
    at_venue: Venue, tmp_path: Path
) -> None:
    run(trading(tmp_path, at_venue.at, 30))
    before = len(at_venue.orders)
    at_venue.balances["BTC"] += Decimal("0.01")  # F24: sent there by the owner
    run(trading(tmp_path, at_venue.at, 60))
    records = [r for r in scan(tmp_path) if r["event"] in ("reconcile", "risk_latch")][1:]
    assert [r["event"] for r in records] == ["reconcile", "risk_latch"]
    apart = records[0]["found"]["BTC"] - records[0]["expected"]["BTC"]
    assert apart == pytest.approx(0.01)
    assert (records[1]["limit"], records[1]["reason"]) == (
        "reconcile",
        "the account changed by other hands",
    )
    assert len(at_venue.orders) == before  # not even a sale
    assert problems(at_venue, tmp_path) == []
    Latch(tmp_path, RELEASE).set("tester", "mine")
    run(trading(tmp_path, at_venue.at, 90))
    assert len(at_venue.orders) > before
    assert problems(at_venue, tmp_path) == []


def test_orders_that_go_wrong_one_after_the_other_stop_new_ones(
    at_venue: Venue, tmp_path: Path
) -> None:
    at_venue.faults.extend(["-2015 before"] * 60)
    run(trading(tmp_path, at_venue.at, 60))
    latches = [r for r in scan(tmp_path) if r["event"] == "risk_latch"]
    assert [(r["limit"], r["reason"]) for r in latches] == [
        ("broker", "5 orders in a row went wrong")
    ]
    assert events(tmp_path)["order_intent"] == 5


def test_one_account_has_one_session(at_venue: Venue, tmp_path: Path) -> None:
    first, second = (trading(tmp_path / name, at_venue.at, 60) for name in ("a", "b"))
    pid = child(partial(run, first, per_second=3.0))
    wait_for(lambda: (tmp_path / "a" / "status.json").exists())
    with pytest.raises(SessionError, match="another session trades this account"):
        run(second)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    with pytest.raises(SessionError, match="began with"):  # the lock is free: it gets further
        run(trading(tmp_path / "a", at_venue.at, 60, limits=LIMITS.but(max_order=1.0)))


def test_real_orders_are_for_bars_that_close_now(at_venue: Venue, tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="stored bars"):
        trading(tmp_path, at_venue.at).replay()


def test_an_account_that_holds_something_is_not_taken_for_the_sessions_own(
    at_venue: Venue, tmp_path: Path
) -> None:
    at_venue.balances["BTC"] += 1
    with pytest.raises(SessionError, match="holds 1 BTC"):
        trading(tmp_path, at_venue.at)


def test_other_steps_or_another_account_are_refused_on_restart(
    at_venue: Venue, tmp_path: Path
) -> None:
    assert minutes(10)
    run(trading(tmp_path, at_venue.at, 10))
    made = trading(tmp_path, at_venue.at, 10)
    for change in ({"uid": "1"}, {"lot": [0.1]}):
        other = trading(tmp_path, at_venue.at, 10, account=dict(made.account) | change)
        with pytest.raises(SessionError, match="began with account"):
            run(other)
