"""Funding rates beside the bars: merged, versioned, known to queries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from trade_research.errors import SchemaError
from trade_research.store import Store

START = datetime(2025, 1, 1, tzinfo=UTC)
WHERE = {"venue": "binance_usdm", "symbol": "BTC/USDT:USDT"}


def rates(n, first=0, rate=1e-4):
    times = [START + timedelta(hours=8 * (first + k)) for k in range(n)]
    return pl.DataFrame({"ts": times, "funding_rate": [rate] * n})


def hours(n):
    times = [START + timedelta(hours=k) for k in range(n)]
    return pl.DataFrame(
        {"ts": times} | {c: [1.0] * n for c in ("open", "high", "low", "close", "volume")}
    )


@pytest.fixture
def store(tmp_path):
    found = Store(tmp_path)
    found.write_bars(hours(48), interval="1h", calendar="24/7", **WHERE)
    return found


def test_rates_are_merged_and_the_same_again_changes_nothing(store):
    first = store.write_funding(rates(4), **WHERE)
    assert (first.version, first.added, first.unchanged, first.revised) == (1, 4, 0, 0)
    again = store.write_funding(rates(4), **WHERE)
    assert (again.version, again.added, again.unchanged) == (1, 0, 4)
    more = store.write_funding(rates(4, first=3, rate=2e-4), **WHERE)
    assert (more.version, more.added, more.revised) == (2, 3, 1)
    found = store.funding(**WHERE)
    assert found["funding_rate"].to_list() == [1e-4] * 3 + [2e-4] * 4
    assert found.columns == ["time", "funding_rate", "mark_price"]


def test_a_mark_that_comes_later_is_a_revision(store):
    store.write_funding(rates(2), **WHERE)
    marked = rates(2).with_columns(mark_price=pl.Series([None, 5.0], dtype=pl.Float64))
    report = store.write_funding(marked, **WHERE)
    assert (report.unchanged, report.revised) == (1, 1)
    assert store.funding(**WHERE)["mark_price"].to_list() == [None, 5.0]


def test_a_query_knows_the_rates_of_when_it_was_made(store):
    name = "binance_usdm:BTC/USDT:USDT@1h"
    assert store.query(name).funding() is None
    store.write_funding(rates(4), **WHERE)
    query = store.query(name)
    store.write_funding(rates(6), **WHERE)
    assert query.funding().height == 4
    assert query.funding()["symbol"].unique().to_list() == ["BTC/USDT:USDT"]
    assert store.query(name).funding().height == 6
    store.vacuum()
    assert query.funding().height == 4


def test_a_query_of_several_has_rates_only_if_all_have(store):
    other = {"venue": "binance_usdm", "symbol": "ETH/USDT:USDT"}
    store.write_bars(hours(48), interval="1h", calendar="24/7", **other)
    store.write_funding(rates(4), **WHERE)
    names = ["binance_usdm:BTC/USDT:USDT@1h", "binance_usdm:ETH/USDT:USDT@1h"]
    assert store.query(names).funding() is None
    store.write_funding(rates(4), **other)
    assert store.query(names).funding()["symbol"].unique().sort().to_list() == [
        "BTC/USDT:USDT", "ETH/USDT:USDT",
    ]  # fmt: skip


def test_one_instrument_at_a_time_and_no_damage_by_what_is_refused(store):
    store.write_funding(rates(4), **WHERE)
    two = rates(4).with_columns(symbol=pl.Series(["A", "A", "B", "B"]))
    with pytest.raises(SchemaError, match="one instrument at a time"):
        store.write_funding(two, **WHERE)
    with pytest.raises(SchemaError, match="finite rate"):
        store.write_funding(rates(1, rate=float("nan")), **WHERE)
    assert store.funding(**WHERE).height == 4
    assert store.funding("binance_usdm", "nobody").height == 0
