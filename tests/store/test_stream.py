"""Streams give what frames give, piece by piece."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pyarrow.parquet as pq
import pytest
from polars.testing import assert_frame_equal

from tests.store.make import START, minutes
from trade_research.errors import ConfigError
from trade_research.store import Store

WHERE = {"venue": "binance", "symbol": "BTC/USDT", "interval": "1m"}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("stream"))
    frame = minutes(200_000).filter(pl.int_range(200_000) % 4_999 > 50)
    store.write_bars(frame, **WHERE)
    return store


SPANS = [(None, None), (START + timedelta(days=3, minutes=7), START + timedelta(days=100))]


@pytest.mark.parametrize("interval", ["1m", "7m", "1h", "1d", "1w"])
@pytest.mark.parametrize(("start", "end"), SPANS)
def test_batches_and_scans_give_the_bars(store, interval, start, end):
    whole = store.bars("BTC/USDT", interval, start, end)
    batches = list(store.batches("BTC/USDT", interval, start, end))
    assert_frame_equal(pl.concat(pl.from_arrow(b) for b in batches), whole)
    assert max(b.num_rows for b in batches) <= 65_536
    assert_frame_equal(store.scan_bars("BTC/USDT", interval, start, end).collect(), whole)


def test_sessions_stream_too(tmp_path):
    store = Store(tmp_path)
    frame = minutes(120_000).filter(
        pl.col("open_time").dt.convert_time_zone("America/New_York").dt.time().is_between(
            pl.time(9, 30), pl.time(15, 59))
    )  # fmt: skip
    store.write_bars(frame, venue="us_equity", symbol="X", interval="1m")
    for interval in ("15m", "1d", "1w"):
        whole = store.bars("X", interval)
        assert whole.height > 5
        parts = pl.concat(pl.from_arrow(b) for b in store.batches("X", interval))
        assert_frame_equal(parts, whole)


def test_a_scan_filters_and_selects(store):
    lazy = store.scan_bars("BTC/USDT", "1m")
    late = START + timedelta(days=50)
    found = lazy.filter(pl.col("open_time") >= late).select("open_time", "close").head(10).collect()
    assert_frame_equal(found, store.bars("BTC/USDT", "1m", late)[:10].select("open_time", "close"))
    assert lazy.select(pl.len()).collect().item() == store.bars("BTC/USDT", "1m").height
    assert lazy.collect_schema() == store.bars("BTC/USDT", "1m").schema


def test_a_span_without_bars_streams_nothing(store):
    assert list(store.batches("BTC/USDT", "1m", "2030-01-01")) == []
    empty = store.scan_bars("BTC/USDT", "1h", "2030-01-01").collect()
    assert_frame_equal(empty, store.bars("BTC/USDT", "1h", "2030-01-01"))


def test_what_cannot_stream_says_so(store):
    with pytest.raises(ConfigError, match="adjusted"):
        list(store.query("BTC/USDT@1m", adjust="all").batches())
    with pytest.raises(ConfigError, match="one instrument"):
        list(store.query(["BTC/USDT@1m", "BTC/USDT@1m"]).batches())


def test_a_stream_reads_one_row_group_at_a_time(store, monkeypatch):
    read, real = [], pq.ParquetFile.read_row_group

    def count(file, *args, **kwargs):
        read.append(args[0])
        return real(file, *args, **kwargs)

    monkeypatch.setattr(pq.ParquetFile, "read_row_group", count)
    batches = store.batches("BTC/USDT", "1m")
    assert (next(batches).num_rows, len(read)) == (65_536, 1)
    assert (next(batches).num_rows, len(read)) == (65_536, 2)
