from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames.make import grid, times, utc, walk
from trade_research.errors import BarOrderError, ConfigError, DataError, SchemaError
from trade_research.frames.bars import BAR_COLUMNS, check_bars, interval_of, to_bars

RAW = pl.DataFrame(
    {
        "ts": times("2024-01-01T00:00", "2024-01-01T00:01", "2024-01-01T00:02"),
        "open": [10.0, 11.0, 12.0],
        "high": [12.0, 13.0, 14.0],
        "low": [9.0, 10.0, 11.0],
        "close": [11.0, 12.0, 13.0],
        "volume": [1.0, None, 0.0],
    }
)


def with_value(name, row, value):
    column = RAW[name].to_list()
    column[row] = value
    return RAW.with_columns(pl.Series(name, column, strict=False))


def test_tidy_frame_becomes_bars():
    bars = to_bars(RAW, "1m")
    assert bars.columns == ["open_time", "close_time", "open", "high", "low", "close", "volume"]
    assert bars["close_time"][0] == utc("2024-01-01T00:01")
    assert bars["volume"].to_list() == [1.0, None, 0.0]
    check_bars(bars)


def test_columns_are_ordered_and_others_left_out():
    raw = RAW.with_columns(
        trades=pl.Series([3, 2, 0], dtype=pl.UInt32), note=pl.lit("x"), quote_volume=pl.lit(5)
    )
    bars = to_bars(raw.select(reversed(raw.columns)), "1m", symbol="BTC/USDT")
    assert bars.columns == list(BAR_COLUMNS)
    assert dict(bars.schema) == dict(BAR_COLUMNS)
    assert bars["symbol"].to_list() == ["BTC/USDT"] * 3


def test_volume_may_be_missing_altogether():
    assert to_bars(RAW.drop("volume"), "1m")["volume"].null_count() == 3


def test_numbers_as_text_are_numbers():
    raw = RAW.with_columns(pl.col("close").cast(pl.String))
    assert to_bars(raw, "1m")["close"].to_list() == [11.0, 12.0, 13.0]


def test_naive_times_are_utc_and_zones_are_converted():
    naive = RAW.with_columns(pl.col("ts").dt.replace_time_zone(None))
    local = RAW.with_columns(pl.col("ts").dt.convert_time_zone("Asia/Tokyo"))
    fine = RAW.with_columns(pl.col("ts").cast(pl.Datetime("ns", "UTC")))
    for raw in (naive, local, fine):
        assert to_bars(raw, "1m").equals(to_bars(RAW, "1m"))


def test_dates_are_labels_of_sessions():
    raw = RAW.with_columns(ts=pl.Series([date(2024, 1, 2), date(2024, 1, 3), date(2024, 1, 4)]))
    bars = to_bars(raw, "1d", "XNYS")
    assert bars["open_time"][0] == utc("2024-01-02")
    assert bars["close_time"][0] == utc("2024-01-02T21:00")
    # Local midnights, as several vendors stamp them, keep their date.
    midnights = [datetime(2024, 1, day) for day in (2, 3, 4)]
    stamped = pl.Series("ts", midnights).dt.replace_time_zone("America/New_York")
    assert to_bars(raw.with_columns(stamped), "1d", "XNYS").equals(bars)


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (RAW.drop("close"), "need the column 'close'"),
        (RAW.drop("ts"), "need the column 'open_time'"),
        (with_value("close", 1, None), r"'close' is null at row 1 \(2024-01-01 00:01:00\)"),
        (with_value("open", 2, float("nan")), "'open' is nan at row 2"),
        (with_value("high", 0, float("inf")), "'high' is inf at row 0"),
        (with_value("low", 1, -3.0), "'low' is -3.0 at row 1"),
        (with_value("low", 1, 0.0), "'low' is 0.0 at row 1"),
        (with_value("high", 1, 9.5), "high 9.5 is below low 10.0 at row 1"),
        (
            RAW.with_columns(close=pl.Series(["11", "twelve", "13"])),
            "'close' is not a number at row 1: found 'twelve'",
        ),
        (RAW.with_columns(close=pl.lit(True)), "'close' is not a number"),
        (RAW.with_columns(ts=pl.lit("2024-01-01")), "'open_time' is String, not a time"),
        (RAW.with_columns(pl.col("ts").to_physical()), "'open_time' is Int64, not a time"),
        (
            RAW.with_columns(close_time=pl.col("ts").dt.replace_time_zone(None)),
            "mix zones: open_time has UTC, close_time has no zone",
        ),
        (with_value("ts", 1, None), "'open_time' is null at row 1"),
    ],
)
def test_each_bad_input_is_one_clear_line(frame, message):
    with pytest.raises(SchemaError, match=message) as caught:
        to_bars(frame, "1m")
    assert "\n" not in str(caught.value)


def test_unsorted_and_repeated_times():
    with pytest.raises(BarOrderError, match="out of order at row 1") as caught:
        to_bars(RAW[[1, 0, 2]], "1m")
    assert caught.value.row == 1
    assert caught.value.found == utc("2024-01-01T00:00")
    with pytest.raises(BarOrderError, match="repeat a time at row 2"):
        to_bars(RAW[[0, 1, 1]], "1m")


def test_order_is_per_symbol():
    one = to_bars(RAW, "1m", symbol="A")
    two = to_bars(RAW, "1m", symbol="B")
    check_bars(pl.concat([one, two]))
    check_bars(pl.concat([one, two]).sort("open_time"))
    with pytest.raises(BarOrderError, match="bars of 'B' repeat a time at row 6") as caught:
        check_bars(pl.concat([one, two, two[2:]]))
    assert caught.value.previous == utc("2024-01-01T00:02")
    with pytest.raises(SchemaError, match="'symbol' is null at row 3"):
        check_bars(pl.concat([one, two.with_columns(symbol=pl.lit(None, pl.String))]))


def test_wrong_interval_is_noticed():
    with pytest.raises(SchemaError, match="60 s apart, interval '1h' says 3600 s"):
        to_bars(RAW, "1h")
    with pytest.raises(ConfigError, match="not an interval"):
        to_bars(RAW, "hourly")
    with pytest.raises(SchemaError, match="1d bars of XNYS are labelled by date"):
        to_bars(RAW[:1].with_columns(ts=times("2024-01-02T05:00").alias("ts")), "1d", "XNYS")


def test_check_wants_the_exact_types_and_closes_after_opens():
    bars = to_bars(RAW, "1m")
    with pytest.raises(SchemaError, match="column 'close' is Float32"):
        check_bars(bars.with_columns(pl.col("close").cast(pl.Float32)))
    with pytest.raises(SchemaError, match="need the column 'close_time'"):
        check_bars(bars.drop("close_time"))
    with pytest.raises(SchemaError, match="not after its open"):
        check_bars(bars.with_columns(close_time=pl.col("open_time")))


def test_close_outside_of_the_range_is_no_error():
    to_bars(with_value("close", 1, 99.0), "1m")


def test_empty_frame_is_valid():
    check_bars(to_bars(RAW.clear(), "1m"))
    check_bars(to_bars(RAW.clear(), "1d", "XNYS"))


@pytest.mark.parametrize("interval", ["1s", "1m", "15m", "1h", "8h", "1d", "2d", "1w"])
def test_interval_is_read_off_the_bars(interval):
    assert interval_of(walk(grid(50, interval, "2024-01-01"), interval)).text == interval
    assert interval_of(walk(grid(50, interval, "2024-01-01"), interval)[:1]).text == interval


def test_interval_of_session_bars():
    days = pl.date_range(date(2024, 1, 1), date(2024, 3, 1), eager=True)
    weekdays = days.filter(days.dt.weekday() < 6).cast(pl.Datetime("us")).to_physical()
    daily = walk(weekdays.to_list()[1:], "1d", "XNYS")
    assert interval_of(daily).text == "1d"
    assert interval_of(walk(grid(9, "1w", "2024-01-08"), "1w", "XNYS")).text == "1w"
    with pytest.raises(DataError, match="one bar alone"):
        interval_of(daily[:1])
    with pytest.raises(DataError, match="empty frame"):
        interval_of(daily[:0])
    overlapping = daily.with_columns(close_time=pl.col("open_time").dt.offset_by("36h"))
    with pytest.raises(DataError, match="fit no interval"):
        interval_of(overlapping)


@given(
    n=st.integers(0, 30),
    drop=st.sets(st.integers(0, 29)),
    zone=st.sampled_from([None, "UTC", "Asia/Kolkata", "America/New_York"]),
    unit=st.sampled_from(["ms", "us", "ns"]),
    interval=st.sampled_from(["1m", "1h", "1d"]),
)
def test_to_bars_keeps_every_value_and_is_idempotent(n, drop, zone, unit, interval):
    opens = [t for i, t in enumerate(grid(n, interval)) if i not in drop]
    bars = walk(opens, interval)
    raw = bars.drop("close_time").rename({"open_time": "ts"})
    kind = pl.Datetime(unit, "UTC")
    raw = raw.with_columns(pl.col("ts").cast(kind))
    if zone is None:
        raw = raw.with_columns(pl.col("ts").dt.replace_time_zone(None))
    else:
        raw = raw.with_columns(pl.col("ts").dt.convert_time_zone(zone))
    again = to_bars(raw, interval)
    assert again.equals(bars)
    assert to_bars(again, interval).equals(bars)
