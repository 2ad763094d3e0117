"""The recorder: what is stored is the venue's book where it claims to be, and marked elsewhere."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from tests.counts import FULL, count
from tests.data import needs_data
from tests.standins.book_dialects import Binance, BinanceFutures, KrakenFutures
from tests.standins.books import Market, Venue
from tests.standins.recorded import text
from trade_research.cli.app import app
from trade_research.errors import ConfigError, SourceError, StoreError
from trade_research.feeds.book_messages import Print, of_kraken_futures
from trade_research.feeds.recorder import BookRecorder, RecordStatus
from trade_research.frames.books import SIDES
from trade_research.frames.booksync import BookSync
from trade_research.frames.columns import columns
from trade_research.research.record import record_books
from trade_research.store import Store

MS, STEP = 1_000_000, 100
DEPTH = 5


def check_truth(store: Store, market: Market, symbol: str = "BTC/USDT") -> tuple[int, int]:
    """Every stored book is the market's; every moment without one is marked. Both counted."""
    books = store.books(symbol, masked=False, depth=DEPTH)
    times = books["time"].to_physical().to_numpy() // MS
    assert (np.diff(times) > 0).all()
    table = np.stack([columns(books, SIDES)[side] for side in SIDES], axis=1)
    known = np.isfinite(table).any(axis=(1, 2))
    for moment, levels in zip(times[known], table[known], strict=True):
        np.testing.assert_array_equal(levels, market.top(int(moment), DEPTH), str(moment))
    verdicts = store.book_verdicts(symbol).filter(pl.col("kind").is_in(["gap", "stale"]))
    spans = verdicts.select(pl.col("time", "end_time").to_physical() // MS).rows()
    marked = np.zeros(int(times[-1] - times[0]) // STEP + 1, bool)
    for start, end in spans:
        marked[max(0, (start - times[0]) // STEP) : (end - times[0]) // STEP] = True
    at = (times - times[0]) // STEP
    claimed = np.zeros_like(marked)
    claimed[at[known]] = True
    marked[at[~known]] = True  # a row without levels says so itself
    assert not (claimed & marked).any()
    assert (claimed | marked).all()
    return int(claimed.sum()), int(marked.sum())


@needs_data
@pytest.mark.parametrize(
    "dialect", [Binance(), BinanceFutures(), KrakenFutures()], ids=lambda told: told.venue
)
def test_half_an_hour_with_breaks_and_gaps_is_true_or_marked(
    tmp_path: Path, dialect: Binance
) -> None:
    n, breaks = count(18_000), 50 if FULL else 3
    market = Market(7, n)
    bad = random.Random(3)
    closes = set(bad.sample(range(n // 20, n - n // 20), breaks))
    kinds = ("lose", "twice", "swap", "garble")
    faults = {number: bad.choice(kinds) for number in bad.sample(range(n), n // 150)}

    def plan(number: int, _: random.Random) -> str:
        return "close" if number in closes else faults.get(number, "")

    def answer(tries: int, rng: random.Random) -> str:
        return rng.choice(("", "", "", "old", "error"))

    seen: list[RecordStatus] = []
    with Venue(market, plan=plan, snapshot=answer, dialect=dialect) as venue:

        def look(status: RecordStatus, troubles: list[str]) -> bool:
            seen.append(status)
            return venue.is_over

        done = record_books(
            dialect.venue, dialect.symbol, store=tmp_path, depth=20, flush="200ms", commit="1s",
            on_look=look, to=venue.at, re_dial_s=0.05, retry_s=0.05, duration="10m",
        )  # fmt: skip
    claimed, marked = check_truth(Store(tmp_path), market, dialect.symbol)
    assert claimed > n // 20
    assert marked > 0
    assert done.gaps > 0
    assert done.losses > breaks // 2  # a break before the book is there again loses nothing
    assert done.committed >= seen[-1].flushed
    trades = Store(tmp_path).trades(dialect.symbol)
    assert trades.height == done.trades > n // 10
    assert trades["trade_id"].is_unique().all()


WRITER = """
import sys, time
from tests.feeds.test_recorder import EACH, recorder_of
from tests.standins.books import Market
from trade_research.feeds.book_socket import Heard

market, first = Market(7, EACH * int(sys.argv[3])), int(sys.argv[2]) * EACH
recorder, said = recorder_of(sys.argv[1]), 0
recorder.hear(Heard(0, "message", market.messages[first + 1][0]))
recorder.hear(Heard(0, "snapshot", market.snapshots[first]))
print("ready", flush=True)
for number in range(first + 2, first + EACH - 40):
    for message in market.messages[number]:
        recorder.hear(Heard(0, "message", message))
    if number % 10 == 0:
        recorder.tick()
    if recorder.status.flushed != said:
        said = recorder.status.flushed
        print(said, flush=True)
    time.sleep(0.001)
time.sleep(60)
"""
EACH = 400


def recorder_of(folder: str | Path) -> BookRecorder:
    return BookRecorder(
        Store(folder), "binance", "BTC/USDT", depth=DEPTH, flush_s=0.0, commit_s=0.1
    )


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@needs_data
def test_killed_at_any_moment_it_loses_no_more_than_what_was_not_flushed(tmp_path: Path) -> None:
    rounds, rng = count(50), random.Random(5)
    market = Market(7, EACH * rounds)
    for turn in range(rounds):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(turn), str(rounds)],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.8))
        writer.send_signal(signal.SIGKILL)
        said = writer.stdout.read().split("\n")[:-1]  # a line without its end was not said
        writer.stdout.close()
        assert writer.wait() == -signal.SIGKILL
        recorder_of(tmp_path).close()
        books = Store(tmp_path).books("BTC/USDT", masked=False)
        stored = books["time"].to_physical()[:-1]  # the last says that the recording ended
        assert not said or stored[-1] >= int(said[-1])
    claimed, marked = check_truth(Store(tmp_path), market)
    assert claimed > 20
    assert marked > 0


@needs_data
def test_the_command_records_until_ctrl_c(tmp_path: Path) -> None:
    market = Market(1, 3_000)
    with Venue(market) as venue:
        words = ["books", "record", "--venue", "binance", "--symbol", "BTC/USDT", "--to", venue.at]

        def stop() -> None:
            while venue.number < 200:
                time.sleep(0.05)
            os.kill(os.getpid(), signal.SIGINT)

        threading.Thread(target=stop, daemon=True).start()
        done = CliRunner().invoke(app, [*words, "--store", str(tmp_path), "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)["data"]
    assert found["rows"] > 50
    assert check_truth(Store(tmp_path), market)[0] == found["rows"] - found["losses"]
    assert next(iter(tmp_path.glob("recordings/*/*/*"))).stat().st_size == 0


def test_what_cannot_be_recorded_is_said_at_once(tmp_path: Path) -> None:
    first = recorder_of(tmp_path)
    with pytest.raises(StoreError, match="another process records"):
        recorder_of(tmp_path)
    first.close()
    with pytest.raises(ConfigError, match="did you mean 'binance'"):
        record_books("binanse", "BTC/USDT", store=tmp_path)
    with pytest.raises(SourceError, match="binance:BTC/USDT cannot be listened to"):
        record_books("binance", "BTC/USDT", store=tmp_path, to="127.0.0.1:9")


@needs_data
def test_kraken_futures_recorded_messages_are_read() -> None:
    """Ten products: every number follows the one before, and no book crosses."""
    syncs: dict[str, BookSync] = {}
    prints, changes = 0, 0
    for line in text("kraken_futures/ws/v1_10products_2021-07-22.jsonl.gz").decode().splitlines():
        event = json.loads(line.partition(" ")[2])
        if "product_id" not in event:
            continue
        found = of_kraken_futures(event, 0)
        if isinstance(found, Print):
            prints += 1
            assert (found.price, found.size) == (event["price"], event["qty"])
            assert found.side == {"buy": 1, "sell": -1}[event["side"]]
        elif found is not None:
            changes += 1
            sync = syncs.setdefault(event["product_id"], BookSync("kraken_futures"))
            told = [event.kind for event in sync.on_message(found.message)]
            assert told == (["synced"] if found.message.snapshot else [])
            assert found.time == event["timestamp"] * MS
    assert len(syncs) == 10
    assert prints > 0
    assert changes > 1_000
