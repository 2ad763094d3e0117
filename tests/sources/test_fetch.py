"""The one path in: pages of a stand-in over real sockets into a store, resumed and made whole."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from tests.data import needs_data
from tests.standins.binance import binance, hourly
from trade_research.errors import ConfigError
from trade_research.frames.intervals import parse_interval
from trade_research.sources.fetch import fetch_bars
from trade_research.sources.http import Retry
from trade_research.sources.registry import open_source
from trade_research.store.facts import read_facts
from trade_research.store.layout import Name
from trade_research.store.store import Store

HOUR = 3_600_000
AUGUST = datetime(2025, 8, 1, tzinfo=UTC)
SEPTEMBER = datetime(2025, 9, 1, tzinfo=UTC)
NAME = Name("binance", "BTC/USDT", parse_interval("1h"))
QUICK = Retry(tries=4, first_s=0.001, most_s=0.01)


def fetch(store, server, start=AUGUST, end=SEPTEMBER, **more):
    source = open_source("binance", to=server.at)
    return fetch_bars(source, store, NAME, start=start, end=end, retry=QUICK, **more)


def stored(store):
    return store.bars("BTC/USDT", "1h", venue="binance")


def expected(rows):
    """The bars that the venue's rows say, made by hand."""
    numbers = {1: "open", 2: "high", 3: "low", 4: "close", 5: "volume", 7: "quote_volume"}
    return pl.DataFrame(
        {"open_time": [datetime.fromtimestamp(r[0] / 1000, UTC) for r in rows]}
        | {name: [float(r[at]) for r in rows] for at, name in numbers.items()}
        | {"trades": [r[8] for r in rows]},
        schema_overrides={"open_time": pl.Datetime("us", "UTC")},
    )


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path)


@needs_data
@pytest.mark.parametrize("unit", [1, 1000], ids=["ms", "us"])
def test_the_store_holds_what_the_venue_said(store, unit):
    rows = [[r[0] * unit, *r[1:]] for r in hourly()]
    with binance({("BTCUSDT", "1h"): rows}) as server:
        server.routes["api.binance.com/api/v3/klines"] = lambda _: rows
        done = fetch(store, server)
    assert done.error is None
    assert (done.added, done.missing) == (744, 0)
    bars = stored(store)
    assert bars.drop("close_time").equals(expected(hourly()))
    assert bars["close_time"].to_list() == [t + timedelta(hours=1) for t in bars["open_time"]]
    origin = store.catalog()["source"][0]
    assert origin.startswith("binance by ccxt ")
    assert origin.endswith("Z")


@needs_data
def test_pages_overlap_by_one_bar_and_small_ones_give_the_same(store):
    with binance({("BTCUSDT", "1h"): hourly()}, most=50) as server:
        done = fetch(store, server, chunk=100)
        asked = [r for r in server.asked if r.path.endswith("klines")]
    assert stored(store).drop("close_time").equals(expected(hourly()))
    # 50 rows, then 49 new ones a page: 1 + ceil(694 / 49) pages, none after the last closed bar.
    assert len(asked) == 1 + math.ceil((744 - 50) / 49)
    assert done.unchanged == 7  # the first bar of each commit after the first


@needs_data
def test_a_second_run_asks_only_for_what_is_new(store):
    rows = hourly()
    with binance({("BTCUSDT", "1h"): rows[:500]}) as server:
        fetch(store, server, end=AUGUST + timedelta(hours=500))
    with binance({("BTCUSDT", "1h"): rows}) as server:
        done = fetch(store, server, start=None)
        first = next(r for r in server.asked if r.path.endswith("klines"))
    assert int(first.query["startTime"]) == rows[499][0]
    assert (done.added, done.error) == (244, None)
    assert stored(store).drop("close_time").equals(expected(rows))


@needs_data
def test_a_hole_is_asked_for_again_and_remembered_when_it_stays(store):
    rows = hourly()
    held = rows[:200] + rows[203:]
    with binance({("BTCUSDT", "1h"): held}) as server:
        done = fetch(store, server)
        fetch(store, server)
        again = len(server.asked)
        fetch(store, server)
        assert len(server.asked) == again  # a hole that two runs found is one
    assert done.missing == 3
    facts = read_facts(store.root, "binance", "BTC/USDT").filter(kind="no_bars")
    assert facts.select("start", "end").row(0) == (
        AUGUST + timedelta(hours=200),
        AUGUST + timedelta(hours=203),
    )


@needs_data
def test_a_hole_of_one_answer_is_filled_by_the_next(store):
    rows, first = hourly(), []

    def forgetful(request):
        if not first:
            first.append(1)
            return rows[:200] + rows[203:]
        at = int(request.query["startTime"])
        return [r for r in rows if r[0] >= at]

    with binance({("BTCUSDT", "1h"): rows}) as server:
        server.routes["api.binance.com/api/v3/klines"] = forgetful
        done = fetch(store, server)
    assert done.missing == 0
    assert stored(store).drop("close_time").equals(expected(rows))


@needs_data
def test_history_before_the_listing_is_asked_for_once(store):
    with binance({("BTCUSDT", "1h"): hourly()}) as server:
        fetch(store, server, start=AUGUST - timedelta(days=90))
        count = len(server.asked)
        fetch(store, server, start=AUGUST - timedelta(days=90))
    facts = read_facts(store.root, "binance", "BTC/USDT")
    assert facts.select("kind", "start").rows() == [("listed", AUGUST)]
    starts = [int(r.query.get("startTime", 0)) for r in server.asked[count:]]
    assert not any(0 < s < hourly()[0][0] for s in starts)


def test_bars_that_have_not_closed_are_never_stored(store):
    now = datetime.now(UTC)
    last = int(now.timestamp() * 1000) // HOUR * HOUR
    rows = [
        [last - k * HOUR, "10", "12", "9", "11", "5", last - k * HOUR + HOUR - 1, "55", 7]
        for k in range(30, -1, -1)
    ]
    with binance({("BTCUSDT", "1h"): rows}) as server:
        server.routes["api.binance.com/api/v3/klines"] = lambda _: rows  # whatever was asked
        server.clock_offset = -2 * 3600.0  # and its clock says that two hours fewer have closed
        source = open_source("binance", to=server.at)
        source.symbols()
        done = fetch_bars(source, store, NAME, start=now - timedelta(hours=40), retry=QUICK)
        slow = stored(store)["open_time"][-1]
        server.clock_offset = 0.0
        fetch(store, server, start=None, end=None)
    assert any("clock" in note for note in done.notes)
    assert slow.timestamp() * 1000 == last - 3 * HOUR
    assert stored(store)["open_time"][-1].timestamp() * 1000 == last - HOUR


def test_an_empty_store_wants_a_beginning(store):
    with binance({}) as server, pytest.raises(ConfigError, match="--since"):
        fetch(store, server, start=None)


@needs_data
def test_an_unknown_symbol_names_the_nearest(store):
    with binance({}) as server:
        source = open_source("binance", to=server.at)
        name = Name("binance", "BTC/USDC2", parse_interval("1h"))
        done = fetch_bars(source, store, name, start=AUGUST, retry=QUICK)
    assert "BTC/USDC2" in done.error
    assert "did you mean" in done.error
