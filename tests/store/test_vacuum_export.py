"""Giving space back, and giving bars to other programs."""

from __future__ import annotations

import os
import time
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.store.make import minutes, same
from trade_research.errors import ConfigError, FormatError, StoreError
from trade_research.store import Store
from trade_research.store.vacuum import vacuum

WHERE = {"venue": "binance", "symbol": "BTC/USDT", "interval": "1m"}


@pytest.fixture
def store(tmp_path):
    """Three versions, the last two of them revisions of all bars, and a stray file."""
    store = Store(tmp_path / "ds")
    for seed in range(3):
        store.write_bars(minutes(100, seed=seed), **WHERE)
    part = next(store.root.rglob("part-*.parquet"))
    (part.parent / "part-stray.parquet").write_bytes(b"")
    return store


def age(root, hours):
    for path in root.rglob("*"):
        os.utime(path, (time.time() - hours * 3600,) * 2)


def test_without_a_date_only_old_strays_go(store):
    assert store.vacuum().files == 0  # a writer may be at work on the stray
    age(store.root, 2)
    assert (store.vacuum().files, store.vacuum().versions) == (1, 0)
    for version in (1, 2, 3):
        bars = store.bars("BTC/USDT", "1m", as_of=version)
        assert same(bars, minutes(100, seed=version - 1))


def test_versions_replaced_before_a_date_go_with_their_files(store):
    age(store.root, 2)
    query = store.query("binance:BTC/USDT@1m", as_of=1)
    report = vacuum(store.root, datetime.now(UTC) + timedelta(days=1), timedelta(0))
    assert (report.versions, report.files) == (2, 2 * 2 + 1)  # two parts, two verdicts, a stray
    assert report.bytes > 1000
    assert same(store.bars("BTC/USDT", "1m"), minutes(100, seed=2))
    assert store.revisions().height == 2 * 500 - 0  # kept: the newest version names them
    with pytest.raises(StoreError, match="vacuumed"):
        query.frame()
    with pytest.raises(StoreError, match="vacuumed"):
        store.bars("BTC/USDT", "1m", as_of=1)
    with pytest.raises(StoreError, match="vacuumed"):
        store.bars("BTC/USDT", "1m", as_of="2001-01-01")
    assert store.write_bars(minutes(120, seed=2), **WHERE).version == 4


def test_what_was_replaced_within_the_hour_stays(store):
    assert store.vacuum(before=datetime.now(UTC) + timedelta(days=1)).versions == 0
    assert same(store.bars("BTC/USDT", "1m", as_of=1), minutes(100))
    with pytest.raises(ConfigError, match="before"):
        store.vacuum(before="soon")


def test_an_empty_store_is_clean(tmp_path):
    assert Store(tmp_path / "none").vacuum(before="2030-01-01").files == 0


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl", ".feather"])
def test_plain_files_read_back(store, tmp_path, ending):
    path = store.export("binance:BTC/USDT@5m", tmp_path / "new" / f"x{ending}")
    readers = {
        ".parquet": pl.read_parquet,
        ".csv": lambda p: pl.read_csv(p, try_parse_dates=True),
        ".feather": lambda p: pl.read_ipc(p.read_bytes()),
        ".jsonl": lambda p: pl.read_ndjson(p, schema=bars.schema),
    }
    bars = store.bars("BTC/USDT", "5m")
    assert_frame_equal(readers[ending](path), bars)
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert store.export(bars.head(2), path) == path
    assert readers[ending](path).height == 2


def test_other_endings_and_folders_are_refused(store, tmp_path):
    with pytest.raises(FormatError, match=r"\.csv"):
        store.export("BTC/USDT@1m", tmp_path / "x.xlsx")
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot write"):
        store.export("BTC/USDT@1m", tmp_path / "file" / "x.csv")
