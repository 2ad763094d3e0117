"""Sessions over a venue's books on loopback: crashes, the kill latch, and books that are lost."""

from __future__ import annotations

import multiprocessing
import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.data import needs_data
from tests.standins.books import Market, Venue
from trade_research.errors import SessionError
from trade_research.feeds.recorder import BookRecorder
from trade_research.live.journal import scan
from trade_research.live.latch import Latch
from trade_research.research.book_paper import BookPaper
from trade_research.research.book_relived import read_book_session
from trade_research.research.books import BookSetup

S1 = tr.strategies.l2_imbalance
SETTINGS: dict[str, Any] = {
    "account": "margin", "latency": "250ms", "costs": tr.Costs(fee_bps=0.1),
}  # fmt: skip
PARAMS = {"buy": 1.6, "sell": 0.6, "min_strength": 0.3}
SNAPS = {"re_dial_s": 0.05, "retry_s": 0.05, "flush": "200ms", "commit": "1s"}


def session(root: Path, **changes: Any) -> BookPaper:
    given = {
        "name": "venue", "folder": root / "logs", "strategy": S1, "params": S1.bind(**PARAMS),
        "venue": "binance", "symbol": "BTC/USDT", "setup": BookSetup.of(S1, **SETTINGS),
        "limits": None,
    }  # fmt: skip
    return BookPaper(**given | changes)


def records(root: Path) -> list[dict[str, Any]]:
    return list(scan(root / "logs", []))


def equal_to_its_recording(root: Path) -> None:
    """The session, its journal read again, and a backtest of what was recorded are one."""
    store, past = tr.Store(root / "store"), records(root)
    found = read_book_session(root / "logs", store=store)
    ends = [r["until_us"] for r in past if r["event"] == "shutdown"]
    books = store.books("BTC/USDT").filter(pl.col("time").dt.epoch("us") <= ends[-1])
    whole = tr.backtest(S1, books, **SETTINGS, **PARAMS)
    assert found.run.orders.equals(whole.orders, null_equal=True)
    assert found.run.equity.equals(whole.equity, null_equal=True)
    assert found.difference == ""
    told = [r for r in past if r["event"] == "fill"]
    assert len(told) == whole.fills.height > 3
    known = np.isfinite(whole.market.mid)
    lost = np.count_nonzero(known[:-1] & ~known[1:]) + int(not known[0])
    assert [r["event"] for r in past].count("bar_warning") == lost


def fills(root: Path) -> list[dict[str, Any]]:
    return [r for r in records(root) if r["event"] == "fill"]


def go(root: Path, venue: Venue, over: Callable[[], bool], **changes: Any) -> str:
    """Run until `over`, or for as long as the venue has something to say; how it ended."""
    made = session(root, **changes)
    is_over = lambda: over() or venue.is_over  # noqa: E731
    ended, _ = made.live(store=root / "store", to=venue.at, is_over=is_over, **SNAPS)
    return ended.how


def crash(root: Path, after: Path, venue: Venue, n_fills: int) -> None:
    """Run until so many fills, and keep the disk as it is then: what a kill would leave."""

    def over() -> bool:
        if len(fills(root)) < n_fills:
            return False
        shutil.copytree(root, after)
        return True

    go(root, venue, over)


@needs_data
def test_a_session_goes_on_from_what_a_crash_leaves(tmp_path: Path) -> None:
    """Nothing is lost that was acted upon; the time in between is a gap like any other."""
    with Venue(Market(17, 1_000)) as venue:
        for _ in range(2):  # stopped before there was a book
            assert go(tmp_path / "0", venue, lambda: True) == "stopped"
        crash(tmp_path / "0", tmp_path / "1", venue, 1)
        crash(tmp_path / "1", tmp_path / "2", venue, 3)
        assert go(tmp_path / "2", venue, lambda: len(fills(tmp_path / "2")) > 4) == "stopped"
    assert [r["event"] for r in records(tmp_path / "2")].count("recovered") == 4
    equal_to_its_recording(tmp_path / "2")


@needs_data
@pytest.mark.full
def test_what_others_recorded_in_between_it_has_not_seen(tmp_path: Path) -> None:
    """After an orderly stop, and after a crash."""
    foreign: list[int] = []

    def recorded(root: Path, venue: Venue) -> None:
        store = tr.Store(root / "store")
        for n_rows in (0, 5):  # first what the session left is stored
            before = store.books("BTC/USDT")["time"]
            tr.record_books(
                "binance", "BTC/USDT", store=store, to=venue.at, retry_s=0.05, flush="20ms",
                on_look=lambda status, wrong, n=n_rows: status.rows > n or venue.is_over,
            )  # fmt: skip
        rows = store.books("BTC/USDT").filter(pl.col("bid_price_1").is_not_null())
        foreign.extend(rows.filter(~pl.col("time").is_in(before.implode()))["time"].to_physical())

    first, second = tmp_path / "0", tmp_path / "1"
    with Venue(Market(19, 1_500)) as venue:
        assert go(first, venue, lambda: len(fills(first)) > 0) == "stopped"
        recorded(first, venue)
        crash(first, second, venue, len(fills(first)) + 1)
        recorded(second, venue)
        n_fills = len(fills(second))
        assert go(second, venue, lambda: len(fills(second)) > n_fills) == "stopped"
    found = read_book_session(second / "logs", store=second / "store")
    assert len(foreign) >= 8
    assert not set(found.run.market.time.tolist()) & set(foreign)
    assert found.run.fills.height == len(fills(second)) > 2


@needs_data
def test_the_latch_closes_everything_and_for_good(tmp_path: Path) -> None:
    """Set while a position is held: flat at the last book, no order follows, no start after."""
    limits = tr.Limits.of_cash(1e5).but(max_lateness_s=1e10, max_orders_per_minute=600)
    latch = Latch(tmp_path / "logs")

    def never() -> bool:
        if not latch.is_set and any(r["position"] for r in fills(tmp_path)[-1:]):
            latch.set("tester", "enough")
        return False

    with Venue(Market(23, 1_000)) as venue:
        assert go(tmp_path, venue, never, limits=limits) == "killed"
        with pytest.raises(SessionError, match="was killed by tester"):
            go(tmp_path, venue, never, limits=limits)
    told = records(tmp_path)
    at = [r["event"] for r in told].index("kill")
    assert [r["event"] for r in told[at:]] == ["kill", "fill", "emergency_shutdown"]
    assert (told[at + 1]["reason"], told[at + 1]["position"]) == ("halt", 0.0)
    found = read_book_session(tmp_path / "logs", store=tmp_path / "store")
    assert (found.positions, found.run.result.units[-1]) == ({}, 0.0)
    assert found.run.equity["equity"][-1] == told[-1]["equity"]


@needs_data
def test_a_recording_that_cannot_be_written_ends_it_flat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is traded on books that are not on the disk."""

    def full(self: BookRecorder) -> None:
        if any(r["event"] == "fill" for r in records(tmp_path)):
            raise OSError(28, "No space left on device")
        flush(self)

    flush = BookRecorder.flush
    monkeypatch.setattr(BookRecorder, "flush", full)
    monkeypatch.setattr(BookRecorder, "tick", lambda self: None)
    with Venue(Market(23, 1_000)) as venue:
        given = {"store": tmp_path / "store", "to": venue.at, "is_over": lambda: venue.is_over}
        ended, rig = session(tmp_path).live(**given, **SNAPS)
    assert ended.how == "failed"
    assert "No space left on device" in ended.reason
    assert rig.session.broker.positions == {}
    assert Latch(tmp_path / "logs").is_set


def trading(root: Path, to: str) -> None:
    session(root).live(store=root / "store", to=to, **SNAPS)


@needs_data
@pytest.mark.full
@pytest.mark.timeout(3_600)
def test_killed_at_random_moments_it_is_its_recording(tmp_path: Path) -> None:
    """Real kills of a process of its own, until the venue has nothing more to say."""
    rng, process = random.Random(5), multiprocessing.get_context("spawn")
    kills = 0
    for seed in range(4):
        root = tmp_path / str(seed)
        with Venue(Market(100 + seed, 1_500)) as venue:
            while not venue.is_over:
                child = process.Process(target=trading, args=(root, venue.at))
                child.start()
                begun = len(records(root))
                while len(records(root)) < begun + 3 and not venue.is_over:
                    assert child.is_alive()
                    time.sleep(0.02)
                time.sleep(rng.uniform(0.0, 2.0))
                assert child.pid is not None
                os.kill(child.pid, signal.SIGKILL)
                child.join()
                kills += 1
            go(root, venue, lambda: True)
        equal_to_its_recording(root)
    assert kills >= 8
