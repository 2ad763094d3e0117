"""Sessions over books: equal to a backtest, held by limits, and whole after any kill."""

from __future__ import annotations

import itertools
import os
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import cycle, product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import count
from tests.data import needs_data, shared
from tests.live.test_crash import child, fatal, said
from trade_research.errors import SessionError
from trade_research.frames.books import depth_of, level_names
from trade_research.live.book_session import BookPiece, BookSession
from trade_research.live.journal import scan
from trade_research.live.latch import Latch
from trade_research.research import book_paper as room
from trade_research.research.book_paper import BookPaper
from trade_research.research.book_relived import read_book_session
from trade_research.research.book_replay import replay_books
from trade_research.research.book_rig import BookRig, stored_pieces
from trade_research.research.books import BookSetup
from trade_research.sources.book_demo import demo_books

S1 = tr.strategies.l2_imbalance
SETTINGS: dict[str, Any] = {
    "account": "margin", "latency": "250ms", "costs": tr.Costs(fee_bps=0.5),
    "exits": tr.Exits(stop=0.0004, take_profit=0.0003, max_hold="30s", cooldown="2s"),
}  # fmt: skip
SETUP = BookSetup.of(S1, **SETTINGS)
LIMITS = tr.Limits.of_cash(100_000.0).but(
    max_orders_per_minute=20, max_orders_per_day=300, max_losses_in_a_row=3,
    cooldown_minutes=0.1, price_band=0.00005, max_drawdown=40.0, max_daily_loss=5_000.0,
)  # fmt: skip
NAMES = "usdm_BTCUSDT", "spot_BTCUSDT", "spot_ETHUSDT", "coinm_BTCUSD_PERP"
FULL = pytest.mark.full
KILLS = count(100)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> tr.Store:
    """Four minutes over a midnight, with holes of all lengths."""
    frame = demo_books(4).books
    late = pl.duration(hours=23, minutes=58, time_unit="ns")
    midnight = pl.col("time").first().dt.truncate("1d")
    frame = frame.with_columns(time=pl.col("time") - pl.col("time").first() + midnight + late)
    rng, hole = np.random.default_rng(3), np.zeros(frame.height, bool)
    for length in (1, 2, 3, 10, 40):
        for first in rng.integers(0, frame.height - length, 2):
            hole[first : first + length] = True
    levels = level_names(depth_of(frame))
    frame = frame.with_columns(pl.when(pl.Series(~hole)).then(pl.col(levels)))
    made = tr.Store(tmp_path_factory.mktemp("store"))
    made.write_books(frame.drop("recv_time", strict=False), venue="demo", symbol="X/Y")
    return made


def session(folder: Path, **changes: Any) -> BookPaper:
    given = {
        "name": "books", "folder": folder, "strategy": S1, "params": S1.bind(), "venue": "demo",
        "symbol": "X/Y", "setup": SETUP, "limits": LIMITS,
    }  # fmt: skip
    return BookPaper(**given | changes)


@pytest.mark.parametrize("seed", range(count(20)))
def test_books_in_pieces_of_any_size_and_restarts_give_the_backtest(
    store: tr.Store, seed: int
) -> None:
    whole = tr.backtest(S1, store.books("X/Y", depth=5), **SETTINGS)
    restarts = np.random.default_rng(seed).integers(1, 2_400, 4).tolist()
    books = store.book_stream("X/Y", depth=5)
    found = replay_books(S1, books, setup=SETUP, restarts=restarts, seed=seed)
    assert found.orders.equals(whole.orders, null_equal=True)
    assert found.metrics == whole.metrics
    assert found.metrics["trades"] > 50
    kept = whole.equity.join(found.equity, on="time", how="semi")
    assert kept["equity"].to_list() == found.equity["equity"].to_list()
    events = Counter(found.journal["event"])
    assert events["fill"] == found.metrics["fills"]
    assert events["recovered"] == len(restarts)
    known = np.isfinite(whole.market.mid)
    assert events["bar_warning"] == np.count_nonzero(known[:-1] & ~known[1:]) > 3


def recorded(name: str) -> pl.DataFrame:
    """A recording of Binance's in the wide layout, with the times at which it was received."""
    frame = pl.read_parquet(shared(f"l2/binance_{name}_2024-08-08_l2_100ms.parquet"))
    kinds = {"px": "price", "sz": "size"}
    levels = {
        f"{side}_{kind}_{i}": f"{side}_{kinds[kind]}_{i + 1}"
        for side, kind, i in product(("bid", "ask"), kinds, range(10))
    }
    times = [
        pl.col(old).cast(pl.Datetime("ns", "UTC")).alias(new)
        for old, new in (("ts", "time"), ("recv_ts", "recv_time"))
    ]
    return frame.select(*times, *(pl.col(old).alias(new) for old, new in levels.items()))


@needs_data
@pytest.mark.parametrize(
    "name", ["spot_BTCUSDT", "spot_ETHUSDT", "usdm_BTCUSDT", "coinm_BTCUSD_PERP"]
)
def test_real_recordings_replayed_are_the_backtest(tmp_path: Path, name: str) -> None:
    store = tr.Store(tmp_path)
    store.write_books(recorded(name), venue="binance", symbol="B/U")
    for account in ("margin", "spot"):
        given: dict[str, Any] = {"account": account, "costs": tr.Costs(fee_bps=0.2), "buy": 2.0}
        whole = tr.backtest(S1, store.books("B/U", depth=5), **given)
        found = tr.replay(S1, store.book_stream("B/U", depth=5), **given)
        assert found.orders.equals(whole.orders, null_equal=True)
        assert found.metrics == whole.metrics
        assert found.metrics["fills"] > 3


def test_limits_hold_whatever_the_pieces_and_restarts(store: tr.Store) -> None:
    """Fills, refusals, latches and money depend on the books alone; every order kept to them."""
    books, runs = store.book_stream("X/Y", depth=5), []
    for seed, restarts in ((None, ()), (1, (300, 301, 1_200, 2_000))):
        runs.append(
            replay_books(S1, books, setup=SETUP, limits=LIMITS, restarts=restarts, seed=seed)
        )
    plain, cut = runs
    assert plain.orders.equals(cut.orders, null_equal=True)
    assert plain.metrics == cut.metrics
    told = [list(scan(run.folder)) for run in runs]
    refused = [[(r["rows"], r["limit"]) for r in x if r["event"] == "risk_block"] for x in told]
    assert refused[0] == refused[1]
    limits = {limit for _, limit in refused[0]}
    assert {"orders_per_minute", "price_band", "cooldown", "drawdown"} <= limits
    held, opened = 0.0, []
    for order in plain.orders.iter_rows(named=True):
        price = order["price"]
        if abs(held + order["quantity"]) > abs(held):
            opened.append(order["decided"])
            assert price is None or abs(price / order["mid"] - 1.0) <= LIMITS.price_band
        held += order["filled"]
    for first, last in zip(opened, opened[LIMITS.max_orders_per_minute :], strict=False):
        assert (last - first).total_seconds() >= 60.0
    latched = next(r for r in told[0] if r["event"] == "risk_latch")
    assert latched["limit"] == "drawdown"
    late = [r for r in told[0] if r["event"] == "order_intent" and r["rows"] > latched["rows"]]
    assert all(r["reduces"] for r in late)


def test_stale_books_are_not_traded_on(store: tr.Store) -> None:
    """Received ten seconds after their time: nothing opens, each wish is refused on record once."""
    frame = store.books("X/Y", depth=5)
    late = frame.with_columns(recv_time=pl.col("time") + pl.duration(seconds=10, time_unit="ns"))
    found = replay_books(S1, late, setup=SETUP, limits=LIMITS.but(max_lateness_s=5.0))
    assert not found.orders.height
    blocks = [r for r in scan(found.folder) if r["event"] == "risk_block"]
    assert {record["limit"] for record in blocks} == {"stale_bar"}
    wishes = [record["signal"]["weight"] for record in blocks]
    assert all(one != other for one, other in itertools.pairwise(wishes))


def test_a_strategy_that_fails_now_and_then_holds_what_it_has(
    store: tr.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its books are lost to it, on record; a restart does not ask it about them again."""
    calls, go_on = [0], BookRig.go_on

    def failing(rig: BookRig, latch: Latch | None = None) -> BookSession:
        session = go_on(rig, latch)
        decide = session.book_decider.decide

        def late(piece: BookPiece) -> Any:
            calls[0] += 1
            if calls[0] in (2, 4, 6):
                raise SessionError("no decision within 10 s")
            return decide(piece)

        monkeypatch.setattr(session.book_decider, "decide", late)
        return session

    monkeypatch.setattr(BookRig, "go_on", failing)
    found = replay_books(
        S1, store.book_stream("X/Y", depth=5), setup=SETUP, seed=4, restarts=(900, 1_500)
    )
    told = list(scan(found.folder))
    spans = [(r["rows"], r["bar"]["books"]) for r in told if r["event"] == "strategy_error"]
    assert len(spans) == 3
    whole = tr.backtest(S1, store.books("X/Y", depth=5), **SETTINGS)
    target = whole.target.copy()
    for first, n in spans:
        target[first : first + n] = np.nan
    expected = SETUP.run(whole.market, target)
    assert found.result.table.tobytes() == expected.table.tobytes()
    assert not np.array_equal(expected.mid_equity, whole.result.mid_equity)


def preloaded(monkeypatch: pytest.MonkeyPatch, store: tr.Store) -> tr.Store:
    """The pieces made here: Polars does not survive a fork."""
    books = store.book_stream("X/Y", depth=5)
    made = list(stored_pieces(S1, "X/Y", books))

    def pieces(strategy: Any, symbol: str, frames: Iterable[Any], first: int = 0) -> Iterator[Any]:
        for piece in made:
            n = piece.received.size
            if first < n:
                yield piece.part(first, n)
            first = max(first - n, 0)

    monkeypatch.setattr(room, "stored_pieces", pieces)
    return books


@pytest.mark.timeout(3_600)
def test_killed_at_named_points_it_goes_on_as_if_it_had_not_been(
    tmp_path: Path, store: tr.Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before, half-way through and after the write of every kind of record, and after its sync."""
    books = preloaded(monkeypatch, store)
    _, rig = session(tmp_path / "whole").replay(books)
    uncrashed, whole = said(tmp_path / "whole"), rig.result()
    often = Counter(r["event"] for r in uncrashed) + Counter(["session_start", "recovered"])
    assert {"fill", "risk_block", "risk_latch", "order_expired", "bar_skipped"} <= set(often)
    rng, kills, turn = random.Random(7), 0, 0
    points = list(product(often, ["before", "half", "after", "synced"]))
    rng.shuffle(points)
    named = cycle(points)

    def crashing(made: BookPaper, event: str, nth: int, how: str) -> None:
        fatal(event, nth, how)
        made.replay(books)

    while kills < KILLS:
        made, turn = session(tmp_path / str(turn)), turn + 1
        while True:
            event, how = next(named)
            at = partial(crashing, made, event, rng.randint(1, often[event]), how)
            _, status = os.waitpid(child(at), 0)
            if not os.WIFSIGNALED(status):
                break
            kills += 1
        assert os.WEXITSTATUS(status) == 0
        assert said(made.folder) == uncrashed
        again = read_book_session(made.folder, store=store)
        assert again.positions == rig.session.broker.positions
        assert again.run.orders.equals(whole.orders, null_equal=True)
        assert again.run.metrics == whole.metrics
