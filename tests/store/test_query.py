"""Asking: names, spans, resampling, adjustment; and what a query knows of itself."""

from __future__ import annotations

import gc
import pickle
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.store.make import START, minutes, same
from trade_research.errors import AmbiguousNameError, ConfigError, MissingDataError, SchemaError
from trade_research.frames.adjust import adjust_bars
from trade_research.frames.bars import to_bars
from trade_research.frames.resample import resample
from trade_research.store import Store, content_hash, provenance
from trade_research.store.query import _known

WHERE = {"venue": "binance", "symbol": "BTC/USDT", "interval": "1m"}
NAME = "binance:BTC/USDT@1m"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """Two days of minutes, with an outage of 90 minutes and no end of the third hour of day two."""
    store = Store(tmp_path_factory.mktemp("query") / "ds")
    frame = minutes(1440 + 170)
    store.write_bars(pl.concat([frame[:625], frame[715:]]), **WHERE)
    return store


def stored():
    frame = minutes(1440 + 170)
    return to_bars(pl.concat([frame[:625], frame[715:]]), "1m")


def test_a_query_knows_what_it_is(store):
    query = store.query(NAME, "2021-03-01", date(2021, 3, 2))
    assert (query.names, query.venues, query.symbols) == ((NAME,), ("binance",), ("BTC/USDT",))
    assert (query.interval.text, query.calendar.name, query.version) == ("1m", "24/7", 1)
    assert (query.start, query.end) == (START, START + timedelta(days=1))
    assert (query.as_of, query.adjust, query.root) == (None, None, str(store.root))
    assert query.name == NAME
    with pytest.raises(AttributeError):
        query.start = None


def test_a_query_travels_and_gives_the_same(store):
    query = store.query("binance:BTC/USDT@1h")
    again = pickle.loads(pickle.dumps(query))
    assert again == query
    assert again.frame().equals(query.frame())
    assert again.content_hash == query.content_hash


def test_a_query_keeps_its_version(tmp_path):
    store = Store(tmp_path)
    store.write_bars(minutes(50), **WHERE)
    query = store.query(NAME)
    digest = query.content_hash
    store.write_bars(minutes(50, seed=9), **WHERE)
    assert same(query.frame(), minutes(50))
    assert query.content_hash == digest
    assert store.query(NAME).content_hash != digest
    assert store.query(NAME, as_of=1).content_hash == digest


@pytest.mark.parametrize(
    ("start", "end", "rows"),
    [
        (None, None, 1520),
        ("2021-03-01", "2021-03-01T01:00", 60),
        ("2021-03-01T00:00:30Z", None, 1519),
        (date(2021, 3, 2), None, 170),
        (datetime(2021, 3, 1, 10, 0), datetime(2021, 3, 1, 13, 0), 90),
        ("2021-03-02T00:00+01:00", "2021-03-02", 60),
        ("2030-01-01", None, 0),
        (None, "2001-01-01", 0),
        ("2021-03-01", "2021-03-01", 0),
    ],
)
def test_spans_are_half_open_on_the_open_time(store, start, end, rows):
    assert store.bars("BTC/USDT", "1m", start, end).height == rows


@pytest.mark.parametrize("start", ["yesterday", "2021-13-01", 5])
def test_a_span_that_is_none_is_refused(store, start):
    with pytest.raises(ConfigError):
        store.bars("BTC/USDT", "1m", start)
    with pytest.raises(ConfigError, match="before it starts"):
        store.bars("BTC/USDT", "1m", "2021-02-01", "2021-01-01")


def test_longer_bars_are_made_on_request(store):
    hours = store.bars("BTC/USDT", "1h")
    assert hours.height == 24 + 2 - 0  # the third hour of day two is not over
    assert hours["close_time"][-1] == START + timedelta(hours=26)
    assert_frame_equal(hours, resample(stored(), "1h"))
    assert_frame_equal(store.bars("BTC/USDT", "60m"), hours)
    assert_frame_equal(store.bars("BTC/USDT", "1d"), resample(stored(), "1d"))


@pytest.mark.parametrize("end", range(600, 840, 7))
def test_a_bar_does_not_depend_on_where_the_span_ends(store, end):
    """Also where the span ends inside the outage: the bar is finished, though it lacks minutes."""
    until = START + timedelta(minutes=end)
    whole = store.bars("BTC/USDT", "30m")
    part = store.bars("BTC/USDT", "30m", START + timedelta(minutes=end - 400), until)
    assert_frame_equal(part, whole.filter(pl.col("open_time").is_between(
        START + timedelta(minutes=end - 400), until, closed="left")))  # fmt: skip


def test_the_interval_itself_comes_before_finer_ones(tmp_path):
    store = Store(tmp_path)
    store.write_bars(minutes(600), **WHERE)
    hours = resample(to_bars(minutes(600, seed=5), "1m"), "1h")
    store.write_bars(hours, venue="binance", symbol="BTC/USDT", interval="1h")
    assert_frame_equal(store.bars("BTC/USDT", "1h"), hours)
    assert_frame_equal(store.bars("BTC/USDT", "2h"), resample(to_bars(minutes(600), "1m"), "2h"))


def test_what_is_not_there_is_said_with_the_nearest_name(store):
    with pytest.raises(MissingDataError, match="did you mean 'BTC/USDT'"):
        store.bars("BTCUSDT", "1m")
    with pytest.raises(MissingDataError, match="binance:BTC/USDT"):
        store.query("binanse:BTC/USDT@1m")
    with pytest.raises(MissingDataError, match="multiple of one"):
        store.bars("BTC/USDT", "30s")
    with pytest.raises(ConfigError, match="interval"):
        store.bars("BTC/USDT", "1x")
    with pytest.raises(ConfigError, match="adjust"):
        store.bars("BTC/USDT", "1m", adjust="yes")


@pytest.mark.parametrize(
    "name", ["../x", "a';drop table bars", "<script>", "*", "x" * 9000, "a\nb"]
)
def test_hostile_names_that_are_not_stored_are_one_line(store, name):
    for ask in (lambda: store.bars(name, "1m"), lambda: store.query(f"{name}:{name}@1m")):
        with pytest.raises((MissingDataError, ConfigError)) as error:
            ask()
        assert "\n" not in str(error.value)
        assert len(str(error.value)) < 400


def test_an_empty_store_says_so(tmp_path):
    with pytest.raises(MissingDataError, match="no bars are stored"):
        Store(tmp_path / "none").bars("BTC/USDT", "1m")
    assert not (tmp_path / "none").exists()


def test_a_symbol_of_two_venues_must_be_named_in_full(tmp_path):
    store = Store(tmp_path)
    for venue in ("binance", "kraken"):
        store.write_bars(minutes(5), venue=venue, symbol="BTC/USDT", interval="1m")
    with pytest.raises(AmbiguousNameError, match="binance, kraken"):
        store.bars("BTC/USDT", "1m")
    assert store.bars("BTC/USDT", "1m", venue="kraken").height == 5
    both = store.query(["kraken:BTC/USDT@1m", NAME]).frame()
    assert both["symbol"].unique(maintain_order=True).to_list() == [
        "kraken:BTC/USDT",
        "binance:BTC/USDT",
    ]


def test_several_instruments_stand_in_one_frame(tmp_path):
    store = Store(tmp_path)
    store.write_bars(minutes(5), **WHERE)
    store.write_bars(minutes(4, seed=1), venue="binance", symbol="ETH", interval="1m")
    query = store.query(["BTC/USDT@1m", "ETH@1m"])
    frame = query.frame()
    assert frame.columns[0] == "symbol"
    assert frame["symbol"].to_list() == ["BTC/USDT"] * 5 + ["ETH"] * 4
    assert provenance(frame) == query
    assert query.version == (1, 1)
    assert set(query.verdicts()["instrument"]) <= set(query.names)
    with pytest.raises(ConfigError, match="one interval"):
        store.query(["BTC/USDT@1m", "ETH@1h"])
    with pytest.raises(ConfigError, match="version number"):
        store.query(["BTC/USDT@1m", "ETH@1m"], as_of=1)
    with pytest.raises(ConfigError, match="name at least one"):
        store.query([])


def test_a_frame_remembers_its_query_and_no_other_frame_does(store):
    frame = store.bars("BTC/USDT", "5m")
    assert provenance(frame).name == "binance:BTC/USDT@5m"
    assert provenance(frame.head(3)) is None
    assert provenance(frame.clone()) is None
    for other in ("30m", "1d"):
        assert provenance(store.bars("BTC/USDT", other, "2021-03-01T05:00")) is not None
    key = id(frame)
    del frame
    gc.collect()
    assert key not in _known


IN_PLACE = {
    "a value": lambda f: f.__setitem__((0, "close"), 1.0),
    "a column": lambda f: f.replace_column(5, f["close"] * 2),
    "names": lambda f: setattr(f, "columns", [*f.columns[:-1], "amount"]),
    "rows": lambda f: f.extend(f),
    "one more": lambda f: f.insert_column(0, pl.Series("x", [1.0] * f.height)),
    "one less": lambda f: f.drop_in_place("volume"),
}


@pytest.mark.parametrize("change", IN_PLACE.values(), ids=IN_PLACE)
def test_a_frame_changed_in_place_is_no_longer_the_query_s(store, change):
    frame = store.bars("BTC/USDT", "5m")
    before = store.query("BTC/USDT@5m").content_hash
    assert provenance(frame).content_hash == before
    change(frame)
    assert provenance(frame) is None
    assert store.query("BTC/USDT@5m").content_hash == before


def test_the_hash_is_of_the_content_not_the_layout(store, tmp_path):
    pieces = Store(tmp_path)
    frame = stored()
    for i in range(0, frame.height, 190):
        pieces.write_bars(frame[i : i + 190], **WHERE)
    for name in (NAME, "binance:BTC/USDT@1h"):
        assert pieces.query(name).content_hash == store.query(name).content_hash
    assert store.query(NAME).content_hash == content_hash(frame)
    assert store.query(NAME).content_hash == content_hash(pl.concat([frame[:9], frame[9:]]))


def test_the_hash_sees_every_change():
    frame = to_bars(minutes(20), "1m")
    changes = {
        "value": frame.with_columns(close=pl.col("close") + 0.01),
        "one bit": frame.with_columns(
            close=pl.Series(np.nextafter(frame["close"].to_numpy(), 9e9))
        ),
        "rows": frame[:-1],
        "name": frame.rename({"volume": "amount"}),
        "order": frame.select(sorted(frame.columns)),
        "time": frame.with_columns(pl.col("open_time") + timedelta(microseconds=1)),
        "null": frame.with_columns(volume=pl.lit(None, pl.Float64)),
        "symbol": frame.with_columns(symbol=pl.lit("A")),
        "other symbol": frame.with_columns(symbol=pl.lit("B")),
        "null text": frame.with_columns(symbol=pl.lit(None, pl.String)),
        "empty text": frame.with_columns(symbol=pl.lit("")),
        "moved text": frame.with_columns(symbol=pl.Series(["AA", ""] + ["A"] * 18)),
    }
    digests = {content_hash(frame), *map(content_hash, changes.values())}
    assert len(digests) == 1 + len(changes)
    nan = frame.with_columns(volume=pl.lit(float("nan")))
    assert content_hash(nan) == content_hash(changes["null"])


def test_the_hash_is_fixed_for_all_time():
    """By hand: SHA-256 of the canonical bytes, so that old manifests can be verified."""
    import hashlib
    import struct

    frame = pl.DataFrame({"t": [datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)], "x": [0.5], "s": ["é"]})
    canonical = b"rows 1\n1 t time\n" + struct.pack("<q", 1_000_000)
    canonical += (
        b"1 x number\n"
        + struct.pack("<d", 0.5)
        + b"1 s text\n"
        + struct.pack("<q", 2)
        + b"\xc3\xa9"
    )
    assert content_hash(frame) == hashlib.sha256(canonical).hexdigest()


def test_verdicts_of_a_query_are_those_of_its_span(store):
    gaps = store.query(NAME).verdicts().filter(pl.col("kind") == "gap")
    assert gaps["instrument"].to_list() == [NAME]
    assert (gaps["rows"][0], gaps["open_time"][0]) == (90, START + timedelta(minutes=625))
    assert store.query(NAME, "2021-03-02").verdicts().filter(pl.col("kind") == "gap").height == 0
    hours = store.query("binance:BTC/USDT@1h").verdicts()
    inside = hours.filter(pl.col("kind") == "missing_inside")
    assert inside["rows"].to_list() == [35, 55]  # 10:25 to 11:55
    assert inside["detail"][0] == "25 of 60 source bars"


def daily(closes, first=date(2014, 6, 2)):
    days = [first + timedelta(days=i) for i in range(len(closes))]
    close = pl.Series(closes, dtype=pl.Float64)
    return pl.DataFrame({"open_time": days, "open": close, "high": close, "low": close,
                         "close": close, "volume": 100.0})  # fmt: skip


@pytest.fixture
def shares(tmp_path):
    """Five days; a dividend of 5 on day three (close before: 100), a split 4:1 on day five."""
    store = Store(tmp_path)
    store.write_bars(daily([90, 100, 95, 96, 25]), venue="us_equity", symbol="X", interval="1d")
    store.write_actions(
        pl.DataFrame(
            {
                "ex_date": [date(2014, 6, 4), date(2014, 6, 6)],
                "kind": ["dividend", "split"],
                "value": [5.0, 4.0],
            }
        ),
        venue="us_equity",
        symbol="X",
    )
    return store


def test_prices_are_adjusted_on_request_and_stored_raw(shares):
    assert shares.bars("X", "1d")["close"].to_list() == [90, 100, 95, 96, 25]
    splits = shares.bars("X", "1d", adjust="splits")
    assert splits["close"].to_list() == [22.5, 25, 23.75, 24, 25]
    assert splits["volume"].to_list() == [400, 400, 400, 400, 100]
    every = shares.bars("X", "1d", adjust="all")["close"].to_list()
    assert every == pytest.approx([0.95 * 22.5, 0.95 * 25, 23.75, 24, 25], rel=1e-15)


def test_adjustment_knows_nothing_after_the_span(shares):
    before_split = shares.bars("X", "1d", end="2014-06-06", adjust="all")["close"].to_list()
    assert before_split == pytest.approx([85.5, 95, 95, 96], rel=1e-15)
    raw = shares.bars("X", "1d")
    whole = adjust_bars(raw, shares.actions("us_equity", "X"), calendar="XNYS")
    assert_frame_equal(shares.bars("X", "1d", start="2014-06-03", adjust="all"), whole[1:])


def test_weeks_are_made_from_adjusted_days(shares):
    week = shares.bars("X", "1w", adjust="all")
    assert week["open_time"].to_list() == [datetime(2014, 6, 2, tzinfo=UTC)]
    assert week["open"][0] == pytest.approx(0.95 * 22.5)
    assert week["close"][0] == 25
    assert week["volume"][0] == 1700


def test_adjusted_weeks_know_nothing_after_their_last_bar(tmp_path):
    """The split of the second week leaves the first alone when only that is asked for."""
    store = Store(tmp_path)
    where = {"venue": "us_equity", "symbol": "X"}
    store.write_bars(daily([80, 80, 80, 80, 80]), interval="1d", **where)
    store.write_bars(daily([80, 40], date(2014, 6, 9)), interval="1d", **where)
    store.write_bars(daily([40, 40, 40], date(2014, 6, 11)), interval="1d", **where)
    split = pl.DataFrame({"ex_date": [date(2014, 6, 10)], "kind": ["split"], "value": [2.0]})
    store.write_actions(split, **where)
    assert store.bars("X", "1w", adjust="splits")["close"].to_list() == [40, 40]
    assert store.bars("X", "1w", end="2014-06-09", adjust="splits")["close"].to_list() == [80]


def test_actions_are_versioned_like_bars(shares):
    query = shares.query("us_equity:X@1d", adjust="splits")
    digest = query.content_hash
    split = pl.DataFrame({"ex_date": [date(2014, 6, 6)], "kind": ["split"], "value": [5.0]})
    report = shares.write_actions(split, venue="us_equity", symbol="X")
    assert (report.added, report.unchanged, report.revised, report.version) == (0, 0, 1, 2)
    assert shares.bars("X", "1d", adjust="splits")["close"][0] == 18
    assert query.frame()["close"][0] == 22.5
    assert query.content_hash == digest
    again = shares.write_actions(shares.actions("us_equity", "X"), venue="us_equity", symbol="X")
    assert (again.unchanged, again.version) == (2, 2)
    assert shares.actions("us_equity", "NONE").height == 0


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"kind": ["merger"]}, "split"),
        ({"value": [0.0]}, "above 0"),
        ({"value": [float("nan")]}, "above 0"),
        ({"ex_date": [None]}, "null|None|ex_date"),
        ({"value": ["x"]}, "wrong type"),
    ],
)
def test_impossible_actions_are_refused(tmp_path, change, word):
    good = {"ex_date": [date(2014, 6, 6)], "kind": ["split"], "value": [5.0]}
    with pytest.raises(SchemaError, match=word):
        Store(tmp_path).write_actions(pl.DataFrame(good | change), venue="us_equity", symbol="X")
    with pytest.raises(SchemaError, match="lack"):
        Store(tmp_path).write_actions(pl.DataFrame({"x": [1]}), venue="us_equity", symbol="X")
    with pytest.raises(SchemaError, match="more than one"):
        Store(tmp_path).write_actions(
            pl.concat([pl.DataFrame(good)] * 2), venue="us_equity", symbol="X"
        )
    assert list(tmp_path.iterdir()) == []
