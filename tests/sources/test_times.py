from datetime import date, datetime

import polars as pl
import pytest

from tests.frames.make import utc
from trade_research.errors import ConfigError, SchemaError
from trade_research.sources.times import read_times


def read(*values, tz=None, labels=False, dtype=None):
    times, notes = read_times(pl.Series("ts", values, dtype, strict=False), tz, labels=labels)
    return times.to_list(), notes


@pytest.mark.parametrize(
    "value",
    [
        1704067200,
        1704067200000,
        1704067200000000,
        1704067200.0,
        "1704067200000",
        "1704067200000.0",
        "2024-01-01T00:00:00Z",
        "2024-01-01 00:00:00+00:00",
        "2024-01-01 00:00+0000",
        "2024-01-01 00:00:00 UTC",
        "2024-01-01T05:30:00+05:30",
        "2023-12-31 19:00:00.000000-05:00",
        " 2024-01-01 00:00:00 ",
    ],
)
def test_one_moment_in_many_spellings(value):
    assert read(value)[0] == [utc("2024-01-01")]


def test_fractions_of_a_second_are_kept():
    moment = utc("2024-01-01").replace(microsecond=250_000)
    assert read("2024-01-01 00:00:00.25Z")[0] == [moment]
    assert read(1704067200250)[0] == [moment]
    assert read(1704067200250123)[0][0].microsecond == 250_123


def test_offsets_may_change_with_daylight_saving():
    spring = read("2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00")[0]
    assert spring == [utc("2024-03-08T05:00"), utc("2024-03-11T04:00")]
    labels = read("2024-03-08 00:00:00-05:00", "2024-03-11 00:00:00-04:00", labels=True)[0]
    assert labels == [date(2024, 3, 8), date(2024, 3, 11)]
    # Not all at midnight: moments, whatever was asked.
    hours = read("2024-03-08 00:00:00-05:00", "2024-03-11 09:30:00-04:00", labels=True)[0]
    assert hours[1] == utc("2024-03-11T13:30")


def test_stamps_may_change_their_unit():
    times, notes = read(1735689540000, 1735689600000000)
    assert times == [utc("2024-12-31T23:59"), utc("2025-01-01")]
    assert notes == ["stamps change their unit (ms and us)"]


def test_dates():
    assert read("2024-01-31", "2024-02-01")[0] == [date(2024, 1, 31), date(2024, 2, 1)]
    assert read("20240131")[0] == [date(2024, 1, 31)]
    assert read(date(2024, 1, 31))[0] == [date(2024, 1, 31)]


def test_times_without_a_zone_are_utc_or_of_the_zone_given():
    times, notes = read("2024-07-01 09:30:00")
    assert times == [utc("2024-07-01T09:30")]
    assert notes == ["times without a zone were taken as UTC"]
    times, notes = read("2024-07-01 09:30:00", tz="America/New_York")
    assert times[0] == utc("2024-07-01T13:30")
    assert notes == ["times without a zone were taken as America/New_York"]
    assert read(datetime(2024, 1, 1))[0] == [utc("2024-01-01")]


def test_aware_datetimes_are_converted():
    local = pl.Series("ts", [datetime(2024, 1, 2)]).dt.replace_time_zone("America/New_York")
    assert read_times(local, None, labels=False)[0].to_list() == [utc("2024-01-02T05:00")]
    assert read_times(local, None, labels=True)[0].to_list() == [date(2024, 1, 2)]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("2024-01-01 00:00", "later"), "'ts' is not a time at row 1: found 'later'"),
        (("01.02.2024",), "'ts' is not a time at row 0"),
        (("2024-01-01", "2024-13-01"), "not a time at row 1: found '2024-13-01'"),
        (
            ("2024-01-01 00:00:00+00:00", "2024-01-01 00:01:00"),
            "mixes times with and without a zone: row 0 is '2024-01-01 00:00:00[+]00:00'",
        ),
        (("2024-01-01", None), "has no time at row 1"),
        ((1704067200000, 5), "no epoch stamp in s, ms or µs at row 1: found 5"),
        ((True,), "is Boolean, not a time"),
    ],
)
def test_what_is_no_time_is_named(values, message):
    with pytest.raises(SchemaError, match=message) as caught:
        read(*values)
    assert "\n" not in str(caught.value)


def test_local_times_that_exist_twice_or_never():
    for hour in ("2024-11-03 01:30:00", "2024-03-10 02:30:00"):
        with pytest.raises(SchemaError, match="does not exist exactly once in America/New_York"):
            read(hour, tz="America/New_York")
    with pytest.raises(ConfigError, match="'Mars/Base' is not a time zone"):
        read("2024-11-03 01:30:00", tz="Mars/Base")
