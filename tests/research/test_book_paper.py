"""Books on paper: a live session's orders and fills are those of a backtest of what it stored."""

from __future__ import annotations

import random
from pathlib import Path

import polars as pl
import pytest

import trade_research as tr
from tests.data import needs_data
from tests.standins.books import Market, Venue
from trade_research.feeds.book_socket import Heard
from trade_research.feeds.recorder import BookRecorder
from trade_research.research.book_paper import paper_books, see
from trade_research.research.book_stream import BookRun
from trade_research.research.books import BookSetup

S1 = tr.strategies.l2_imbalance
SETTINGS = {"account": "margin", "latency": "250ms", "costs": tr.Costs(fee_bps=0.1)}
PARAMS = {"buy": 1.6, "sell": 0.6, "min_strength": 0.3}


def same(live: object, store: tr.Store) -> None:
    whole = tr.backtest(S1, store.books("BTC/USDT"), **SETTINGS, **PARAMS)
    assert live.orders.equals(whole.orders, null_equal=True)
    assert live.metrics == whole.metrics
    assert live.metrics["fills"] > 3


@needs_data
def test_a_session_over_sockets_is_the_backtest_of_its_recording(tmp_path: Path) -> None:
    market, bad = Market(11, 500), random.Random(1)
    closes = set(bad.sample(range(100, 400), 1))

    def plan(number: int, rng: random.Random) -> str:
        return "close" if number in closes else rng.choice([""] * 100 + ["lose", "twice", "swap"])

    with Venue(market, plan=plan) as venue:
        live = paper_books(
            S1, "binance", "BTC/USDT", **SETTINGS, **PARAMS,
            recording={
                "store": tmp_path, "to": venue.at, "re_dial_s": 0.05, "retry_s": 0.05, "depth": 20,
                "on_look": lambda status, troubles: venue.is_over, "duration": "10m",
            },
        )  # fmt: skip
    same(live, tr.Store(tmp_path))


@pytest.mark.parametrize("venue", ["binance", "binance_usdm"])
def test_row_by_row_it_decides_what_the_backtest_decides(tmp_path: Path, venue: str) -> None:
    market, store = Market(5, 700), tr.Store(tmp_path)
    run = BookRun(S1, BookSetup.of(S1, **SETTINGS), **PARAMS, look_back=64)
    targets: list[tuple[int, float]] = []

    def on_rows(rows: list) -> None:
        for row in rows:
            see(run, [row])
            targets.append((row.time, run.target))

    recorder = BookRecorder(store, venue, "BTC/USDT", on_rows=on_rows, commit_s=1e9)
    recorder.hear(Heard(0, "message", market.messages[1][0]))
    recorder.hear(Heard(0, "snapshot", market.snapshots[1]))
    for number in range(2, 700):
        if number in (200, 201, 450):
            continue  # lost
        recorder.hear(Heard(number, "message", market.messages[number][0]))
        if recorder.wants_snapshot and number % 7 == 0:
            recorder.hear(Heard(number, "snapshot", market.snapshots[number]))
    recorder.close()
    same(run.result(), store)
    whole = tr.backtest(S1, store.books("BTC/USDT"), **SETTINGS, **PARAMS)
    stored = store.books("BTC/USDT")["time"].to_physical().to_list()
    live = pl.DataFrame(targets, schema=["time", "target"], orient="row")
    assert live["time"].to_list() == stored
    assert live["target"].equals(pl.Series("target", whole.target), null_equal=True)
