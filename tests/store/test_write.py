"""Writing: added, unchanged, revised; earlier versions; verdicts kept up to date."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import polars as pl
import pytest

from tests.counts import count
from tests.store.make import START, minutes, same
from trade_research.errors import (
    BarOrderError,
    ConfigError,
    SchemaError,
    StoreError,
)
from trade_research.frames import verdicts
from trade_research.frames.bars import to_bars
from trade_research.frames.verdicts import audit
from trade_research.store import Store, merge, provenance
from trade_research.store.catalog import list_datasets
from trade_research.store.commit import read_current

WHERE = {"venue": "binance", "symbol": "BTC/USDT", "interval": "1m"}


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "ds")


def test_making_a_store_touches_nothing(tmp_path):
    store = Store(tmp_path / "ds")
    assert not (tmp_path / "ds").exists()
    assert store.catalog().height == 0
    assert store.verdicts().height == 0


def test_bars_come_back_and_the_same_again_changes_nothing(store):
    frame = minutes(5000)
    report = store.write_bars(frame, **WHERE)
    assert (report.added, report.unchanged, report.revised) == (5000, 0, 0)
    assert (report.version, report.name) == (1, "binance:BTC/USDT@1m")
    assert same(store.bars("BTC/USDT", "1m"), frame)
    report = store.write_bars(frame[1000:2000], **WHERE)
    assert (report.added, report.unchanged, report.revised, report.version) == (0, 1000, 0, 1)


def test_overlap_is_merged_and_appended_rows_are_a_file_of_their_own(store):
    frame = minutes(5000)
    store.write_bars(frame[:3000], **WHERE)
    report = store.write_bars(frame[2000:4000], **WHERE)
    assert (report.added, report.unchanged, report.revised, report.version) == (1000, 1000, 0, 2)
    store.write_bars(frame[4000:], **WHERE)
    assert same(store.bars("BTC/USDT", "1m"), frame)
    parts = list(store.root.rglob("part-*.parquet"))
    assert len(parts) == 3  # of versions 1, 2 and the appended one of 3


def test_rows_that_are_stored_already_write_no_file_anew(store):
    frame = minutes(3000)
    store.write_bars(frame[:1000], **WHERE)
    [old] = store.root.rglob("part-*.parquet")
    report = store.write_bars(frame[999:2000], **WHERE)
    assert (report.added, report.unchanged, report.revised) == (1000, 1, 0)
    assert [part.rows for part in parts_of(store)] == [1000, 1000]
    assert parts_of(store)[0].path.endswith(old.name)
    report = store.write_bars(frame[500:].filter(pl.int_range(2500) % 2 == 0), **WHERE)
    assert (report.added, report.unchanged) == (500, 750)
    assert [part.rows for part in parts_of(store)] == [1000, 1000, 500]


def test_a_hole_between_stored_rows_is_filled(store):
    frame = minutes(300)
    store.write_bars(pl.concat([frame[:100], frame[200:]]), **WHERE)
    assert store.verdicts().filter(pl.col("kind") == "gap")["rows"].to_list() == [100]
    store.write_bars(frame[100:200], **WHERE)
    assert same(store.bars("BTC/USDT", "1m"), frame)
    assert store.verdicts().filter(pl.col("kind") == "gap").height == 0


def test_a_revision_is_recorded_and_the_old_value_stays_readable(store):
    frame = minutes(100)
    store.write_bars(frame, **WHERE)
    before = datetime.now(UTC)
    changed = frame.with_columns(
        pl.when(pl.int_range(100) == 40).then(70_000.5).otherwise("high").alias("high"),
        pl.when(pl.int_range(100) == 41).then(None).otherwise("volume").alias("volume"),
    )
    report = store.write_bars(changed, **WHERE)
    assert (report.added, report.unchanged, report.revised, report.version) == (0, 98, 2, 2)
    rows = store.revisions("binance:BTC/USDT@1m").to_dicts()
    assert [(r["open_time"], r["column"], r["old"], r["new"], r["version"]) for r in rows] == [
        (START + timedelta(minutes=40), "high", frame["high"][40], 70_000.5, 2),
        (START + timedelta(minutes=41), "volume", frame["volume"][41], None, 2),
    ]
    assert rows[0]["recorded"] > before
    assert same(store.bars("BTC/USDT", "1m"), changed)
    assert same(store.bars("BTC/USDT", "1m", as_of=1), frame)
    assert same(store.bars("BTC/USDT", "1m", as_of=before), frame)
    assert same(store.bars("BTC/USDT", "1m", as_of=datetime.now(UTC)), changed)


def test_columns_that_a_write_lacks_keep_what_is_stored(store):
    more = minutes(60)
    frame = more[:50].with_columns(trades=pl.int_range(50), quote_volume=pl.lit(1.5))
    store.write_bars(frame, **WHERE)
    report = store.write_bars(more, **WHERE)
    assert (report.added, report.unchanged, report.revised) == (10, 50, 0)
    bars = store.bars("BTC/USDT", "1m")
    assert bars["trades"].to_list() == [*range(50), *[None] * 10]
    assert bars["quote_volume"].to_list() == [1.5] * 50 + [None] * 10
    assert bars.schema["trades"] == pl.Int64


def test_unknown_volume_is_null_whether_it_came_as_nan_or_null(store):
    frame = minutes(4).with_columns(volume=pl.Series([1.0, float("nan"), None, 2.0]))
    store.write_bars(frame, **WHERE)
    assert store.bars("BTC/USDT", "1m")["volume"].to_list() == [1.0, None, None, 2.0]
    assert provenance(store.bars("BTC/USDT", "1m")) is not None
    assert store.write_bars(frame, **WHERE).unchanged == 4


def test_years_are_files_of_their_own_below_an_hour(store):
    store.write_bars(minutes(200, datetime(2020, 12, 31, 23, tzinfo=UTC)), **WHERE)
    folders = sorted(p.parent.name for p in store.root.rglob("part-*"))
    assert folders == ["year=2020", "year=2021"]


def test_many_small_appends_are_merged_from_time_to_time(store):
    frame = minutes(60)
    for i in range(0, 60, 3):
        store.write_bars(frame[i : i + 3], **WHERE)
    assert same(store.bars("BTC/USDT", "1m"), frame)
    assert len(parts_of(store)) <= 17


def test_large_files_are_no_longer_merged_with_appended_rows(store, monkeypatch):
    monkeypatch.setattr(merge, "_MANY_PARTS", 4)
    monkeypatch.setattr(merge, "_LARGE", 100)
    frame = minutes(600)
    for i in range(0, 600, 25):
        store.write_bars(frame[i : i + 25], **WHERE)
    assert same(store.bars("BTC/USDT", "1m"), frame)
    rows = [part.rows for part in parts_of(store)]
    assert rows[:-4] == [125] * len(rows[:-4])  # four of 25 and the one that was too many


def parts_of(store):
    """Files of the only dataset's newest version, by time."""
    [(_, folder)] = list_datasets(store.root)
    return read_current(folder).parts


@pytest.mark.parametrize("seed", range(count(80)))
def test_any_order_of_writes_gives_the_same_bars_verdicts_and_hash(tmp_path, monkeypatch, seed):
    """Pieces with holes, zero volumes and jumps, in any order, overlapping: judged as one whole."""
    monkeypatch.setattr(merge, "_MANY_PARTS", 2 + seed % 3)
    monkeypatch.setattr(merge, "_LARGE", 1500)
    monkeypatch.setattr(verdicts, "LONGEST", 700)
    rng = np.random.default_rng(seed)
    frame = minutes(6000, datetime(2020, 12, 30, tzinfo=UTC), seed=seed)
    edges = [0, *np.sort(rng.choice(np.arange(9, 5990), 6, replace=False)).tolist(), 6000]
    beside = np.clip(
        np.repeat(edges, 3) + np.tile([-2, -1, 1], 8) * rng.integers(1, 3, 24), 0, 5999
    )
    odd = np.isin(np.arange(6000), rng.choice(beside, 12)) | (rng.random(6000) < 0.002)
    idle = np.isin(np.arange(6000), [e + k for e in edges for k in range(-3, rng.integers(0, 4))])
    frame = frame.with_columns(
        *(pl.col(c) * pl.Series(1.0 + 0.2 * odd) for c in ("open", "high", "low", "close")),
        volume=pl.when(pl.Series(idle | (rng.random(6000) < 0.01))).then(0.0).otherwise("volume"),
    )
    gaps = pl.Series(rng.random(6000) < 0.999)
    back = int(rng.integers(0, 2)) * 50
    pieces = [
        frame[max(0, a - back) : b].filter(gaps[max(0, a - back) : b]) for a, b in pairwise(edges)
    ]
    frame = frame.filter(gaps)
    store = Store(tmp_path / "ds")
    for i in rng.permutation(len(pieces)):
        store.write_bars(pieces[i], **WHERE)
    assert same(store.bars("BTC/USDT", "1m"), frame)
    whole = audit(to_bars(frame, "1m"), "1m")
    assert store.verdicts().drop("instrument").equals(whole)
    once = Store(tmp_path / "once")
    once.write_bars(frame, **WHERE)
    name = "binance:BTC/USDT@1m"
    assert once.query(name).content_hash == store.query(name).content_hash


def bad_frames():
    frame = minutes(10)
    yield "missing column", frame.drop("close"), SchemaError, "close"
    yield "text", frame.with_columns(close=pl.lit("x")), SchemaError, "close"
    yield "negative", frame.with_columns(low=pl.lit(-1.0)), SchemaError, "low"
    yield "high < low", frame.with_columns(high=pl.col("low") - 1), SchemaError, "high"
    yield "unsorted", frame.reverse(), BarOrderError, "order"
    yield "duplicate", pl.concat([frame[:1], frame]), BarOrderError, "repeat"
    yield "null price", frame.with_columns(open=pl.lit(None, pl.Float64)), SchemaError, "open"
    yield "other symbol", frame.with_columns(symbol=pl.lit("ETH")), SchemaError, "ETH"
    yield "lazy", frame.lazy(), SchemaError, "read_bars"
    yield "empty", frame[:0], SchemaError, "no bars"


@pytest.mark.parametrize(
    ("frame", "error", "word"), [pytest.param(*b[1:], id=b[0]) for b in bad_frames()]
)
def test_bad_bars_are_refused_in_one_line_and_leave_nothing(store, frame, error, word):
    with pytest.raises(error, match=word) as raised:
        store.write_bars(frame, **WHERE)
    assert "\n" not in str(raised.value)
    assert not store.root.exists() or not list(store.root.rglob("*.*"))


def test_bars_of_an_interval_must_not_be_closer(store):
    with pytest.raises(SchemaError, match="apart"):
        store.write_bars(minutes(10), venue="binance", symbol="X", interval="1h")


def test_an_unknown_venue_needs_a_calendar_and_keeps_it(store):
    where = {"venue": "my_broker", "symbol": "X", "interval": "1m"}
    with pytest.raises(ConfigError, match="calendar"):
        store.write_bars(minutes(10), **where)
    store.write_bars(minutes(10), **where, calendar="24/7")
    store.write_bars(minutes(20), **where)
    assert store.query("my_broker:X@1m").calendar.name == "24/7"
    with pytest.raises(ConfigError, match="24/7"):
        store.write_bars(minutes(30), **where, calendar="XNYS")


@pytest.mark.parametrize(
    "name", ["../x", "a';drop", "<script>", "* ? [ ]", "BTC/USDT:USDT", "CON", "..", "%2F"]
)
def test_hostile_names_are_only_names(tmp_path, name):
    root = tmp_path / "deep" / "er" / "ds"
    store = Store(root)
    store.write_bars(minutes(20), venue="binance", symbol=name, interval="1m")
    store.write_bars(
        minutes(20), venue=name.replace(":", ""), symbol=name, interval="1m", calendar="24/7"
    )
    assert {p for p in tmp_path.rglob("*") if p.is_file() and root not in p.parents} == set()
    assert store.bars(name, "5m", venue="binance").height == 4
    assert store.query(f"binance:{name}@1m").frame().height == 20
    assert store.catalog()["symbol"].to_list() == [name, name]
    rows = store.sql("select count(*) n from bars where symbol = ? and venue = 'binance'", [name])
    assert rows["n"].to_list() == [20]


def test_names_that_differ_in_case_alone_stay_apart(store):
    store.write_bars(minutes(5), venue="binance", symbol="ABC", interval="1m")
    store.write_bars(minutes(7), venue="binance", symbol="abc", interval="1m")
    assert store.bars("ABC", "1m").height == 5
    assert store.bars("abc", "1m").height == 7
    parts = [p.relative_to(store.root).as_posix() for p in store.root.rglob("CURRENT")]
    assert len({p.lower() for p in parts}) == 2


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "bars").write_text("a file where the folder should be")
    with pytest.raises(StoreError, match="cannot write") as error:
        Store(tmp_path).write_bars(minutes(5), **WHERE)
    assert "\n" not in str(error.value)


def test_catalog_says_what_is_stored(store):
    store.write_bars(minutes(90), **WHERE, source="test")
    row = store.catalog().row(0, named=True)
    assert row["rows"] == 90
    assert (row["venue"], row["symbol"], row["interval"]) == ("binance", "BTC/USDT", "1m")
    assert (row["start"], row["end"]) == (START, START + timedelta(minutes=89))
    assert (row["calendar"], row["source"], row["version"]) == ("24/7", "test", 1)
