"""While a session runs, a daily check demotes it with the reason, and no bar waits for it."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import trade_research as tr
from tests.live.test_crash import paper
from tests.live.test_relived import WIDE, Pushed, certificate, days
from tests.live.test_runner import Wants
from trade_research.brokers.paper import PaperBroker
from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Bar
from trade_research.feeds.schedule import Schedule
from trade_research.frames.intervals import parse_interval
from trade_research.live.bar_runner import BarRunner
from trade_research.live.clock import VirtualClock
from trade_research.live.journal import Journal, scan
from trade_research.live.latch import RELEASE, Latch
from trade_research.live.promotion import promote, stage_of, stage_path
from trade_research.live.session import Session
from trade_research.live.watch import Finding, Watch
from trade_research.research.data import read_data
from trade_research.research.relived import recheck_session
from trade_research.simulate.costs import Costs

DAY_NS = 86_400 * 1_000_000_000


def answer(watch: Watch, now_ns: int) -> Finding:
    """What a check that is under way finds."""
    found = None
    while found is None:
        found = watch.look(now_ns)
    return found


def test_a_check_is_begun_with_a_day_and_found_once() -> None:
    asked: list[int] = []
    watch = Watch(lambda: asked.append(1) or "", lambda now: now // DAY_NS, 0)  # type: ignore[func-returns-value]
    assert watch.look(DAY_NS - 1) is None
    assert not asked  # the day the session began on
    assert watch.look(DAY_NS) is None
    assert answer(watch, DAY_NS + 1) == Finding()
    assert watch.look(DAY_NS + 2) is None
    assert asked == [1]
    assert watch.look(2 * DAY_NS) is None
    assert answer(watch, 2 * DAY_NS) == Finding()
    assert asked == [1, 1]


def test_what_a_check_raises_is_a_finding_and_one_that_hangs_is_given_up() -> None:
    def fails() -> str:
        raise ValueError("X-MBX-APIKEY: abcdef\n")

    watch = Watch(fails, lambda now: now, 0)
    watch.look(1)
    found = answer(watch, 1)
    assert found.error.startswith("ValueError: ")
    assert "abcdef" not in found.error
    gate = threading.Event()
    watch = Watch(lambda: str(gate.wait(60.0)), lambda now: now, 0, deadline_s=0.0)
    watch.look(1)
    assert watch.look(1) == Finding(error="no answer within 0 s")
    assert watch.look(1) is None  # until the next day
    gate.set()


SIX_HOURS = 6 * 3_600 * 1_000_000


class Days:
    """A bar every six hours of a virtual clock; what the watch asks is answered before the next."""

    def __init__(self, n: int, clock: VirtualClock) -> None:
        self.n, self.sent, self.clock = n, 0, clock
        self.watch: Watch | None = None

    def poll(self, seconds: float) -> list[Bar] | None:
        assert self.watch is not None
        if self.watch._asked is not None:
            time.sleep(0.001)
            return []
        if self.sent == self.n:
            return None
        opened = self.sent * SIX_HOURS
        self.sent += 1
        self.clock.set((opened + SIX_HOURS) * 1_000)
        return [Bar("A", opened, opened + SIX_HOURS, 100.0, 100.0, 100.0, 100.0, 1.0)]

    def backfill(self, symbol: str, start: int, end: int) -> list[Bar]:
        return []

    def troubles(self) -> list[str]:
        return []

    def close(self) -> None:
        return


def on_virtual_days(folder: Path, n: int, check: Callable[[], str], tz: str = "UTC") -> Session:
    """A session that buys and sells by turns, over `n` bars from midnight on, checked daily."""
    clock, latch = VirtualClock(0), Latch(folder)
    feed, limits = Days(n, clock), WIDE.but(tz=tz)
    schedule = Schedule("24/7", parse_interval("6h"), 0, 0)
    with Journal(folder, clock, "days", is_daily=False) as journal:
        session = Session(
            "days",
            Wants(lambda row: float(row % 2)),
            PaperBroker(("A",), costs=Costs(), cash=100_000.0),
            journal.append,
            limits=limits,
            cash=100_000.0,
            schedule=schedule,
        )
        feed.watch = Watch(check, limits.day, limits.day(0))
        bars = BarClock(("A",), feed.backfill, schedule=schedule, last_open=-SIX_HOURS)
        runner = BarRunner(session, feed, bars, journal, latch, clock, watch=feed.watch)
        assert runner.run().how == "stopped"
    return session


def checks(folder: Path) -> list[tuple[float, str, str]]:
    """Hours since the start, demoted, error of every check on record."""
    return [
        (r["t_ns"] / 3_600e9, r["demoted"], r["error"])
        for r in scan(folder)
        if r["event"] == "recheck"
    ]


@pytest.mark.parametrize(
    ("tz", "first"), [("UTC", 24), ("America/New_York", 6), ("Asia/Tokyo", 18)]
)
def test_a_check_comes_with_every_midnight(tmp_path: Path, tz: str, first: int) -> None:
    """Bars close at 0, 6, 12 and 18 o'clock UTC; midnight is at 5 in New York, at 15 in Tokyo."""
    session = on_virtual_days(tmp_path, 21, lambda: "", tz)
    assert checks(tmp_path) == [(hour, "", "") for hour in range(first, 21 * 6 + 1, 24)]
    assert str(session.checked) == "as certified"
    assert session.risk.latch == ""


def test_a_demotion_lets_only_reducing_orders_pass_and_says_why(tmp_path: Path) -> None:
    found = iter(["", ZeroDivisionError("no bars"), "drift: returns fell", "drift: returns fell"])

    def check() -> str:
        one = next(found)
        if isinstance(one, Exception):
            raise one
        return one

    session = on_virtual_days(tmp_path, 4 * 4 + 2, check)
    assert [c[1:] for c in checks(tmp_path)] == [
        ("", ""),
        ("", "ZeroDivisionError: no bars"),
        ("drift: returns fell", ""),
        ("drift: returns fell", ""),
    ]
    records = list(scan(tmp_path))
    latched = [r for r in records if r["event"] == "risk_latch"]
    assert [(r["limit"], r["reason"]) for r in latched] == [("demoted", "drift: returns fell")]
    before, after = records[: latched[0]["seq"]], records[latched[0]["seq"] :]
    orders = [r["reduces"] for r in before if r["event"] == "order_intent"]
    assert {True, False} == set(orders)
    assert {r["reduces"] for r in after if r["event"] == "order_intent"} <= {True}
    assert {r["limit"] for r in after if r["event"] == "risk_block"} == {"demoted"}
    assert session.broker.positions == {}
    status = json.loads((tmp_path / "status.json").read_text())
    assert (status["latch"], status["recheck"]) == ("demoted", "demoted: drift: returns fell")


# ---- end to end: a session on a feed, its journal, the stages


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tr.Store:
    made = tr.Store(tmp_path_factory.mktemp("store"))
    made.write_bars(days(20), venue="binance", symbol="A/B", interval="1d")
    return made


class Asked(Pushed):
    """Hands on a row, and the others once the check that it led to is on record."""

    def __init__(self, frame: pl.DataFrame, symbol: str, after: int, folder: Path) -> None:
        super().__init__(frame, symbol, after)
        self.folder, self.polls, self.before = folder, 0, len(checks(folder))

    def poll(self, seconds: float) -> list[Bar] | None:
        self.polls += 1
        if self.polls > 1 and len(checks(self.folder)) == self.before:
            time.sleep(0.01)
            return []
        return super().poll(seconds)


def test_a_session_that_drifts_is_demoted_and_takes_no_new_risk_until_a_person_says_so(
    tmp_path: Path, store: tr.Store
) -> None:
    made = paper(tmp_path / "s", data=read_data(store.query("binance:A/B@1d")), limits=WIDE)
    bad, stages = certificate(made, floor=0.05), tmp_path / "stages"
    symbol = made.data.market.symbols[0]

    def go_on(n: int, check: Callable[[], str]) -> list[dict[str, object]]:
        """What the session says on the days up to the n-th that it has not seen."""
        before = len(list(scan(made.folder)))
        made.live(lambda after: Asked(days(n), symbol, after, made.folder), check=check)
        return list(scan(made.folder))[before:]

    def check() -> str:
        return recheck_session(made.folder, bad, stages, store=store.root)[1]

    for stage in ("certified", "paper"):
        promote(bad, stage, stages)
    made.live(lambda after: Pushed(days(60), symbol, after))  # drifts, and nobody looks
    said = go_on(100, check)  # taken up again, it is asked at once
    reason = json.loads(stage_path(stages, bad, "demoted").read_text())["reason"]
    assert "below the certified 5.0000%" in reason
    assert stage_of(bad, stages) == "certified"
    at = next(i for i, r in enumerate(said) if r["event"] == "recheck")
    assert (said[at]["demoted"], said[at + 1]["limit"]) == (reason, "demoted")
    after = [r["reduces"] for r in said[at:] if r["event"] == "order_intent"]
    assert set(after) <= {True}
    assert {r["limit"] for r in said[at:] if r["event"] == "risk_block"} == {"demoted"}
    # Restarted, it is still demoted; a word of its owner frees it, until the next check.
    said = go_on(120, check)
    assert not [r for r in said if r["event"] == "order_intent" and not r["reduces"]]
    Latch(made.folder, RELEASE).set("owner", "I know")
    said = go_on(200, lambda: "")
    assert next(r["by"] for r in said if r["event"] == "risk_release") == "owner"
    assert [r for r in said if r["event"] == "order_intent" and not r["reduces"]]
    assert not Latch(made.folder, RELEASE).is_set
