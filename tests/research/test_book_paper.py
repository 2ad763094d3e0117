"""Books on paper: a live session's orders and fills are those of a backtest of what it stored."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.data import needs_data
from tests.standins.books import Market, Venue
from trade_research.feeds.book_socket import Heard
from trade_research.feeds.recorder import BookRecorder
from trade_research.research.book_relived import read_book_session
from trade_research.research.book_rig import proven_piece
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
    """Messages lost, doubled and swapped, and a connection that breaks: each gap is on record."""
    market, bad = Market(11, 500), random.Random(1)
    closes = set(bad.sample(range(100, 400), 1))

    def plan(number: int, rng: random.Random) -> str:
        return "close" if number in closes else rng.choice([""] * 100 + ["lose", "twice", "swap"])

    store = tr.Store(tmp_path / "store")
    with Venue(market, plan=plan) as venue:
        live = tr.paper_books(
            S1, "binance", "BTC/USDT", **SETTINGS, **PARAMS, journal=tmp_path / "logs",
            recording={
                "store": store, "to": venue.at, "re_dial_s": 0.05, "retry_s": 0.05, "depth": 20,
                "is_over": lambda: venue.is_over, "duration": "10m",
            },
        )  # fmt: skip
    records = [json.loads(text) for text in live.journal["record"]]
    last = records[-1]["until_us"]
    books = store.books("BTC/USDT")
    seen = books.filter(pl.col("time").dt.epoch("us") <= last)
    whole = tr.backtest(S1, seen, **SETTINGS, **PARAMS)
    assert live.orders.equals(whole.orders, null_equal=True)
    assert live.metrics == whole.metrics
    assert live.metrics["fills"] > 3
    told = live.journal.with_columns(pl.Series("told", records))
    known = np.isfinite(seen["bid_price_1"].fill_null(np.nan).to_numpy())
    lost = int(np.count_nonzero(known[:-1] & ~known[1:])) + int(not known[0])
    assert told["event"].to_list().count("bar_warning") == lost > 0
    decided = {r["signal"]["decided_us"] for r in records if "exit" in r.get("signal", {})}
    unproven = set(seen.filter(~pl.Series(known))["time"].dt.epoch("us"))
    assert decided
    assert not decided & unproven
    again = read_book_session(tmp_path / "logs", store=store)
    assert again.run.orders.equals(live.orders, null_equal=True)
    assert again.run.metrics == live.metrics


@pytest.mark.parametrize("venue", ["binance", "binance_usdm"])
def test_row_by_row_it_decides_what_the_backtest_decides(tmp_path: Path, venue: str) -> None:
    market, store = Market(5, 700), tr.Store(tmp_path)
    run = BookRun(S1, BookSetup.of(S1, **SETTINGS), **PARAMS, look_back=64)
    targets: list[tuple[int, float]] = []

    def on_rows(rows: list) -> None:
        for row in rows:
            piece = proven_piece(S1, "", [row], 0)
            run.take_arrays(piece.market, piece.inputs)
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
