"""Versions: strays do not exist, losers retry, a dead writer hides nothing, damage is named."""

from __future__ import annotations

import json
import threading

import polars as pl
import pytest

from tests.store.make import minutes, same
from trade_research.errors import ConfigError, MissingDataError, StoreError
from trade_research.store import Store, commit
from trade_research.store.catalog import list_datasets
from trade_research.store.commit import read_current, read_version

WHERE = {"venue": "binance", "symbol": "BTC/USDT", "interval": "1m"}


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "ds")
    store.write_bars(minutes(100), **WHERE)
    return store


def folder(store):
    [(_, place)] = list_datasets(store.root)
    return place


def test_current_names_the_newest_manifest(store):
    assert (folder(store) / "CURRENT").read_text() == "manifest-1.json\n"
    store.write_bars(minutes(120), **WHERE)
    assert (folder(store) / "CURRENT").read_text() == "manifest-2.json\n"
    body = json.loads((folder(store) / "manifest-2.json").read_bytes())["manifest"]
    assert body["venue"] == "binance"
    assert body["interval"] == "1m"
    assert sum(part["rows"] for part in body["parts"]) == 120


def test_a_writer_that_died_before_pointing_has_committed(store):
    """Its manifest is complete, so it counts; the next writer goes on from it."""
    place = folder(store)
    store.write_bars(minutes(120), **WHERE)
    (place / "CURRENT").write_text("manifest-1.json\n")
    assert same(store.bars("BTC/USDT", "1m"), minutes(120))
    assert store.write_bars(minutes(130), **WHERE).version == 3
    assert (place / "CURRENT").read_text() == "manifest-3.json\n"


def test_a_lost_current_is_found_again(store):
    store.write_bars(minutes(120), **WHERE)
    (folder(store) / "CURRENT").unlink()
    assert same(store.bars("BTC/USDT", "1m"), minutes(120))


def test_stray_files_do_not_exist_for_readers(store):
    place = folder(store)
    frame = store.bars("BTC/USDT", "1m")
    part = next(place.rglob("part-*.parquet"))
    for name in ("part-0.parquet", "part-stray.parquet", ".manifest-2.json-x", "notes.txt"):
        (part.parent / name).write_bytes(part.read_bytes())
    (store.root / "bars" / "venue=other").mkdir()
    (store.root / "bars" / "junk").write_text("")
    (place.parent / "interval=2x").mkdir()
    assert store.bars("BTC/USDT", "1m").equals(frame)
    assert store.sql("select count(*) n from bars")["n"][0] == 100
    assert store.catalog().height == 1


def test_the_loser_of_a_race_builds_again_on_what_the_winner_wrote(store, monkeypatch):
    """A second writer commits between the first one's reading and publishing."""
    other, raced = Store(store.root), []
    real = commit._publish

    def publish(place, manifest, written):
        if not raced:
            raced.append(True)
            other.write_bars(minutes(150)[120:], **WHERE)
        return real(place, manifest, written)

    monkeypatch.setattr(commit, "_publish", publish)
    report = store.write_bars(minutes(150)[100:120], **WHERE)
    assert (report.added, report.version) == (20, 3)
    assert same(store.bars("BTC/USDT", "1m"), pl.concat([minutes(100), minutes(150)[100:]]))
    named = {n for v in (1, 2, 3) for n in read_version(folder(store), v).files}
    there = {p.relative_to(folder(store)).as_posix() for p in folder(store).rglob("*.parquet")}
    assert there == named  # the loser took its own files away


def test_many_writers_at_once_lose_nothing(tmp_path):
    frame = minutes(800)
    errors = []

    def write(k):
        try:
            for i in range(k, 800 // 50, 4):
                Store(tmp_path).write_bars(frame[i * 50 : i * 50 + 50], **WHERE)
        except BaseException as error:  # handed to the test, which fails on any
            errors.append(error)

    threads = [threading.Thread(target=write, args=(k,)) for k in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert same(Store(tmp_path).bars("BTC/USDT", "1m"), frame)
    assert read_current(folder(Store(tmp_path))).version == 16


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("CURRENT", "garbage"),
        ("CURRENT", "manifest-../../x.json"),
        ("CURRENT", ""),
        ("manifest-1.json", ""),
        ("manifest-1.json", "{}"),
        ("manifest-1.json", "[1, 2]"),
        ("manifest-1.json", '{"check": "x", "manifest": {}}'),
    ],
)
def test_a_damaged_manifest_is_one_line_that_names_it(store, name, text):
    (folder(store) / name).write_text(text)
    for ask in (
        lambda: store.bars("BTC/USDT", "1m"),
        lambda: store.write_bars(minutes(5), **WHERE),
    ):
        with pytest.raises(StoreError, match="damaged") as error:
            ask()
        assert "\n" not in str(error.value)
        assert name in str(error.value)


def test_a_changed_manifest_does_not_pass(store):
    path = folder(store) / "manifest-1.json"
    path.write_text(path.read_text().replace('"rows": 100', '"rows": 99'))
    with pytest.raises(StoreError, match="check sum"):
        store.bars("BTC/USDT", "1m")


def test_versions_that_never_were(store):
    for number in (0, 2, -1, True):
        with pytest.raises(ConfigError, match="versions 1 to 1"):
            store.bars("BTC/USDT", "1m", as_of=number)
    with pytest.raises(MissingDataError, match="as of"):
        store.bars("BTC/USDT", "1m", as_of="2001-01-01")
    with pytest.raises(ConfigError, match="not a time"):
        store.bars("BTC/USDT", "1m", as_of="yesterday")


def test_a_full_disk_leaves_the_old_version_and_no_files(store, monkeypatch):
    before = {p for p in store.root.rglob("*") if p.is_file()}

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("trade_research.store.merge.write_frame", full)
    with pytest.raises(StoreError, match="No space left") as error:
        store.write_bars(minutes(500), **WHERE)
    assert "\n" not in str(error.value)
    assert {p for p in store.root.rglob("*") if p.is_file()} == before
    assert same(store.bars("BTC/USDT", "1m"), minutes(100))
