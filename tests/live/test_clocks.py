"""Clocks that are set, and a laptop that slept: on record, and nothing old is traded on."""

from __future__ import annotations

from pathlib import Path

from tests.live.test_runner import Ticking, rig
from trade_research.feeds.bars import Bar
from trade_research.live.clock import SystemClock
from trade_research.live.journal import scan

SECOND, US = 1_000_000_000, 1_000_000


def wobbling(n: int) -> float:
    return float(n % 2)


class Stepping(SystemClock):
    """A clock that somebody sets, by seconds, when the feed has handed on so many bars."""

    def __init__(self, feed: Ticking, steps: dict[int, float]) -> None:
        super().__init__()
        self._feed, self._steps = feed, steps

    def now_ns(self) -> int:
        ahead = sum(by for at, by in self._steps.items() if self._feed.sent >= at)
        return super().now_ns() + int(ahead * SECOND)


def test_a_clock_set_back_is_on_record_and_nothing_comes_twice_or_is_traded(
    tmp_path: Path,
) -> None:
    feed = Ticking(12)
    runner, session = rig(tmp_path, wobbling, feed, clock=Stepping(feed, {6: -3_600.0}))
    assert runner.run().how == "stopped"
    records = list(scan(tmp_path))  # one chain, over both hours
    stepped = [r for r in records if r["event"] == "clock_step"]
    assert [round(r["seconds"]) for r in stepped] == [-3_600]
    opens = [r["bar"]["open_us"] for r in records if r["event"] == "bar_received"]
    assert len(opens) == len(set(opens)) == session.n_rows == 12
    assert opens == sorted(opens)
    after = records[records.index(stepped[0]) :]
    assert "clock" in {r.get("limit") for r in after if r["event"] == "risk_block"}
    assert not [r for r in after if r["event"] == "order_intent" and not r["reduces"]]


def test_a_clock_set_forward_is_on_record_and_old_bars_are_not_traded(tmp_path: Path) -> None:
    feed = Ticking(12)
    runner, session = rig(tmp_path, wobbling, feed, clock=Stepping(feed, {6: 3_600.0}), wide=False)
    runner.run()
    records = list(scan(tmp_path))
    stepped = [r for r in records if r["event"] == "clock_step"]
    assert [round(r["seconds"]) for r in stepped] == [3_600]
    after = records[records.index(stepped[0]) :]
    assert "stale_bar" in {r.get("limit") for r in after if r["event"] == "risk_block"}
    assert not [r for r in after if r["event"] == "order_intent" and not r["reduces"]]
    assert session.n_rows == 12


class Slept(Ticking):
    """Ten minutes without a word, then the next bar; what was missed can be asked for."""

    GAP = 600

    def poll(self, seconds: float) -> list[Bar] | None:
        bars = super().poll(seconds)
        if not bars or self.sent <= 6:
            return bars
        opened = bars[0].open_time + self.GAP * US
        return [bars[0]._replace(open_time=opened, close_time=opened + US)]

    def backfill(self, symbol: str, start: int, end: int) -> list[Bar]:
        return [Bar(symbol, t, t + US, 1e2, 1e2, 1e2, 1e2, 1.0) for t in range(start, end, US)]


def test_a_laptop_that_slept_gets_every_bar_it_missed_and_trades_on_none_of_them(
    tmp_path: Path,
) -> None:
    feed = Slept(12)
    clock = Stepping(feed, {7: float(Slept.GAP)})
    runner, _ = rig(tmp_path, wobbling, feed, clock=clock, wide=False)
    runner.run()
    records = list(scan(tmp_path))
    opens = [r["bar"]["open_us"] for r in records if r["event"] == "bar_received"]
    assert len(opens) == 12 + Slept.GAP
    assert opens == list(range(opens[0], opens[-1] + US, US))
    slept = next(i for i, r in enumerate(records) if r["event"] == "clock_step")
    assert "slept" in records[slept]["reason"]
    old = opens[6 : 6 + Slept.GAP - 10]  # of the last ten seconds some may be fresh
    orders = [r for r in records if r["event"] == "order_intent" and not r["reduces"]]
    traded = {r["decided_us"] - US for r in orders}
    assert not traded & set(old)
    assert "stale_bar" in {r["limit"] for r in records[slept:] if r["event"] == "risk_block"}
