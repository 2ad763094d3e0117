"""Mutations of restarts, orders, fills, funding and the journal."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

import trade_research as tr
from tests.live.mutations import MUTATIONS, Patch, around, mutation
from trade_research.brokers.paper import PaperBroker
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Row
from trade_research.live import journal as journal_room
from trade_research.live import session as session_room
from trade_research.live.deciders import History
from trade_research.live.journal import Journal
from trade_research.live.session import Session
from trade_research.research import rig as rig_room
from trade_research.research.rig import Rig
from trade_research.simulate.funding import Funding

# --- restarts --------------------------------------------------------------------------------


@mutation
def history_lost_on_restart(patch: Patch) -> None:
    made: list[Any] = []

    def decider(before: Any, rig: Rig, history: History) -> Any:
        made.append(history)
        return before(rig, history if len(made) == 1 else History(history.symbols))

    around(patch, Rig, "_decider", decider)


@mutation
def indicator_state_reused_across_a_restart(patch: Patch) -> None:
    """What was seen before the restart is seen once more."""
    made: list[History] = []

    def decider(before: Any, rig: Rig, history: History) -> Any:
        made.append(history)
        for i in range(history.n_rows):
            made[0].add(Row(history._opened[i], history._closed[i], 0, history._bars[:, :, i]))
        return before(rig, made[0])

    around(patch, Rig, "_decider", decider)


@mutation
def a_row_left_out_after_a_restart(patch: Patch) -> None:
    def bar_clock(before: Any, rig: Rig, last_open: int) -> BarClock:
        return before(rig, last_open if last_open % 60_000_000 else last_open + 60_000_000)

    around(patch, Rig, "_bar_clock", bar_clock)


@mutation
def a_row_taken_again_after_a_restart(patch: Patch) -> None:
    def bar_clock(before: Any, rig: Rig, last_open: int) -> BarClock:
        return before(rig, last_open if last_open % 60_000_000 else last_open - 60_000_000)

    around(patch, Rig, "_bar_clock", bar_clock)


@mutation
def the_account_new_after_a_restart(patch: Patch) -> None:
    def again(before: Any, rig: Rig) -> Any:
        journal, session, decider = before(rig)
        session.broker = PaperBroker(session.broker.symbols, **rig._setup.of_the_account)
        return journal, session, decider

    around(patch, Rig, "_again", again)


@mutation
def open_orders_lost_on_restart(patch: Patch) -> None:
    def again(before: Any, rig: Rig) -> Any:
        journal, session, decider = before(rig)
        for symbol in list(session._open):
            session.broker.withdraw(symbol)
        return journal, session, decider

    around(patch, Rig, "_again", again)


# --- orders and fills ------------------------------------------------------------------------


def on_account(name: str, **changes: Any) -> None:
    """A mutation of what the paper account is made of."""

    def apply(patch: Patch) -> None:
        def made(before: Any, self: PaperBroker, symbols: Any, **setup: Any) -> None:
            given = {k: v(setup[k]) if callable(v) else v for k, v in changes.items()}
            before(self, symbols, **setup | given)

        around(patch, PaperBroker, "__init__", made)

    MUTATIONS[name] = apply


on_account("fees_left_out", costs=lambda c: replace(c, fee_bps=0.0))
on_account("spread_left_out", costs=lambda c: replace(c, spread_bps=0.0))
on_account("slippage_left_out", costs=lambda c: replace(c, slippage_bps=0.0))
on_account("exits_left_out", exits=None)
on_account("a_stop_at_another_distance", exits=lambda e: replace(e, stop=2.0 * e.stop))
on_account("another_lot", rules=tr.Rules(lot=0.02))
on_account("quantities_not_rounded_to_lots", rules=None)
on_account("a_cent_less_cash", cash=lambda c: c - 0.01)
on_account("an_account_of_another_kind", account="margin")
on_account("no_rebalancing", rebalance=None)


def on_order(name: str, change: Callable[[float], float]) -> None:
    """A mutation of the weight that is submitted."""

    def apply(patch: Patch) -> None:
        def submit(before: Any, broker: PaperBroker, order: Any) -> None:
            intent = replace(order.intent, weight=change(order.intent.weight))
            before(broker, replace(order, intent=intent))

        around(patch, PaperBroker, "submit", submit)

    MUTATIONS[name] = apply


on_order("an_order_rounded_the_other_way", lambda w: np.nextafter(w, 2.0 * w))
on_order("an_order_sent_twice", lambda w: 2.0 * w)
on_order("an_order_filled_in_part_taken_for_whole", lambda w: 0.9 * w)


@mutation
def an_order_lost(patch: Patch) -> None:
    sent = [0]

    def submit(before: Any, broker: PaperBroker, order: Any) -> None:
        sent[0] += 1
        if sent[0] % 20:
            before(broker, order)

    around(patch, PaperBroker, "submit", submit)


@mutation
def an_order_sent_a_bar_late(patch: Patch) -> None:
    waiting: list[Any] = []

    def submit(before: Any, broker: PaperBroker, order: Any) -> None:
        waiting.append(order)
        if len(waiting) > 1:
            before(broker, waiting.pop(0))

    around(patch, PaperBroker, "submit", submit)


@mutation
def an_order_trimmed_by_risk(patch: Patch) -> None:
    def weighed(before: Any, session: Session, intent: Any, row: Row) -> Any:
        return before(session, replace(intent, weight=min(intent.weight, 0.1)), row)

    around(patch, Session, "_weighed", weighed)


@mutation
def the_wrong_session(patch: Patch) -> None:
    def session_of(before: Any, rig: Rig, *args: Any) -> Session:
        session = before(rig, *args)
        session._session_of = lambda close_time: (close_time + 3_600_000_000) // 86_400_000_000
        return session

    around(patch, Rig, "_session", session_of)


# --- funding ---------------------------------------------------------------------------------


def on_funding(name: str, change: Callable[[Funding], Mapping[str, Any] | None]) -> None:
    """A mutation of every funding; None forgets it."""

    def apply(patch: Patch) -> None:
        def known(before: Any, market: Any) -> dict[int, list[Funding]]:
            found = before(market)
            return {
                bar: [one._replace(**how) for one in due if (how := change(one)) is not None]
                for bar, due in found.items()
            }

        around(patch, rig_room, "fundings_of", known)

    MUTATIONS[name] = apply


on_funding("funding_forgotten", lambda one: None)
on_funding("funding_paid_by_the_other_side", lambda one: {"rate": -one.rate})
on_funding("funding_at_another_mark", lambda one: {"mark": np.nan})
on_funding("funding_charged_after_the_fills", lambda one: {"time": one.time + 60_000_000})


# --- the journal -----------------------------------------------------------------------------


@mutation
def a_record_skipped(patch: Patch) -> None:
    """Only after the last restart: nothing reads the journal again."""
    written = [0]

    def append(before: Any, journal: Journal, event: str, *encoded: str, **fields: Any) -> int:
        written[0] += event == "fill"
        is_late = journal.seq > LATE and event == "fill" and written[0] % 3 == 0
        return journal.seq if is_late else before(journal, event, *encoded, **fields)

    around(patch, Journal, "append", append)


LATE = 1_500


@mutation
def numbers_written_with_12_digits(patch: Patch) -> None:
    def short(before: Any, *fields: Any) -> str:
        text = before(*fields)
        whole = json.loads(f"{{{text}}}", parse_float=lambda x: float(f"{float(x):.12g}"))
        return json.dumps(whole, separators=(",", ":"))[1:-1]

    around(patch, session_room, "bar_text", short)


@mutation
def money_written_with_12_digits(patch: Patch) -> None:
    def short(before: Any, fields: Any) -> str:
        rounded = json.loads(json.dumps(fields), parse_float=lambda x: float(f"{float(x):.12g}"))
        return before(rounded)

    around(patch, journal_room, "_dumps", short)
