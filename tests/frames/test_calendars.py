import subprocess
import sys
import warnings
from datetime import date

import numpy as np
import polars as pl
import pytest

from tests.frames.make import times, us, utc
from trade_research.errors import ConfigError
from trade_research.frames.calendars import get_calendar
from trade_research.frames.intervals import parse_interval


@pytest.mark.parametrize(
    ("name", "interval", "periods"),
    [
        ("24/7", "1d", 365),
        ("24/7", "1h", 8760),
        ("24/7", "1m", 525_600),
        ("24/7", "1w", 365 / 7),
        ("XNYS", "1d", 252),
        ("XNYS", "15m", 252 * 26),
        ("XNYS", "1h", 252 * 7),  # six whole hours and the last half
        ("XNYS", "1m", 252 * 390),
        ("XNYS", "1w", 52),
        ("24/5", "1h", 260 * 24),
        ("XTKS", "1h", 244 * 6),  # 9:00–11:30 and 12:30–15:00 until 2024: three bars each
    ],
)
def test_periods_per_year(name, interval, periods):
    assert get_calendar(name).periods_per_year(interval) == periods


def test_daily_closes_follow_daylight_saving_and_early_closes():
    # New York closes at 16:00 local: 21:00 UTC in winter, 20:00 in summer; 13:00 before holidays.
    labels = times("2024-03-08", "2024-03-11", "2024-07-03", "2024-11-01", "2024-11-29")
    closes = get_calendar("XNYS").close_times(labels, "1d").to_list()
    assert closes == [
        utc("2024-03-08T21:00"),
        utc("2024-03-11T20:00"),
        utc("2024-07-03T17:00"),
        utc("2024-11-01T20:00"),
        utc("2024-11-29T18:00"),
    ]


def test_weekly_close_is_that_of_the_last_session():
    # Good Friday 2024-03-29 was closed: the week ended on Thursday.
    labels = times("2024-03-18", "2024-03-25")
    closes = get_calendar("XNYS").close_times(labels, "1w").to_list()
    assert closes == [utc("2024-03-22T20:00"), utc("2024-03-28T20:00")]


def test_data_older_than_twenty_years_has_its_sessions():
    labels = times("1999-01-04", "1999-07-06")
    closes = get_calendar("XNYS").close_times(labels, "1d").to_list()
    assert closes == [utc("1999-01-04T21:00"), utc("1999-07-06T20:00")]


def test_label_without_a_session_closes_at_the_end_of_its_local_day():
    closes = get_calendar("XNYS").close_times(times("2024-07-04", "2024-12-25"), "1d").to_list()
    assert closes == [utc("2024-07-05T04:00"), utc("2024-12-26T05:00")]


def test_intraday_bar_is_cut_at_the_close():
    opens = times("2024-01-02T14:30", "2024-01-02T20:30", "2024-01-02T22:00")
    closes = get_calendar("XNYS").close_times(opens, "1h").to_list()
    # The last one lies after hours: nothing cuts it.
    assert closes == [utc("2024-01-02T15:30"), utc("2024-01-02T21:00"), utc("2024-01-02T23:00")]


def test_around_the_clock_close_is_open_plus_interval():
    closes = get_calendar("24/7").close_times(times("2024-01-06", "2024-01-07"), "4h").to_list()
    assert closes == [utc("2024-01-06T04:00"), utc("2024-01-07T04:00")]


def test_session_dates():
    around = times("2024-01-01T00:01", "2024-01-02T00:00")
    assert get_calendar("24/7").session_dates(around).to_list() == [date(2024, 1, 1)] * 2
    closes = times("2024-01-02T21:00", "2024-01-03T00:30")  # the second: 19:30 in New York
    assert get_calendar("XNYS").session_dates(closes).to_list() == [date(2024, 1, 2)] * 2


def test_session_dates_of_overnight_sessions():
    # The currency week opens on Sunday 17:00 New York (22:00 UTC): that is Monday's session.
    closes = times("2024-01-07T22:15", "2024-01-08T22:00", "2024-01-08T22:01")
    found = get_calendar("24/5").session_dates(closes).to_list()
    assert found == [date(2024, 1, 8), date(2024, 1, 8), date(2024, 1, 9)]
    # Chicago's futures open at 17:00 local of the day before (23:00 UTC).
    found = get_calendar("CMES").session_dates(times("2024-01-08T00:30", "2024-01-08T22:59"))
    assert found.to_list() == [date(2024, 1, 8)] * 2


@pytest.mark.parametrize(
    ("name", "start", "end", "interval", "count"),
    [
        ("24/7", "2024-01-01", "2024-01-02", "1h", 24),
        ("XNYS", "2024-01-02", "2024-01-03", "1m", 390),
        ("XNYS", "2024-07-03", "2024-07-05", "1m", 210),  # early close, then Independence Day
        ("XNYS", "2024-01-01", "2025-01-01", "1d", 252),
        ("XNYS", "2024-01-02", "2024-01-03", "1h", 7),
        ("24/5", "2024-01-06T00:00", "2024-01-07T22:00", "1m", 0),  # the weekend
        ("24/5", "2024-03-09T00:00", "2024-03-10T22:00", "1h", 1),  # New York had summer time
        ("XTKS", "2024-01-04", "2024-01-05", "1m", 300),  # lunch is no gap
    ],
)
def test_count_of_expected_bars(name, start, end, interval, count):
    step = parse_interval(interval)
    found = get_calendar(name).count(np.array([us(start)]), np.array([us(end)]), step)
    assert found.tolist() == [count]


def test_expected_minutes_agree_with_exchange_calendars():
    import exchange_calendars

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its own use of pandas
        peer = exchange_calendars.get_calendar("XNYS", start="1998-01-01", end="2003-12-31")
        expected = peer.sessions_minutes("1999-01-01", "2002-12-31").as_unit("us").asi8
    calendar = get_calendar("XNYS")
    edges = np.array([us("1999-01-01"), us("2003-01-01")])
    ours = calendar.sessions(edges).opens(parse_interval("1m"))
    ours = ours[(ours >= edges[0]) & (ours < edges[1])]
    np.testing.assert_array_equal(ours, expected)


def test_unknown_calendars_and_intervals_are_named():
    with pytest.raises(ConfigError, match="did you mean 'XNYS'"):
        get_calendar("XNYC")
    with pytest.raises(ConfigError, match="no calendar is called 'nowhere'"):
        get_calendar("nowhere")
    with pytest.raises(ConfigError, match="not '2d'"):
        get_calendar("XNYS").close_times(times("2024-01-02"), "2d")
    with pytest.raises(ConfigError, match="not '3d'"):
        get_calendar("24/5").periods_per_year("3d")


def test_a_calendar_that_cannot_be_built_is_one_line():
    # exchange_calendars 4.13 fails on Tel Aviv with pandas 3; another release may not.
    try:
        assert get_calendar("XTAE").periods_per_year("1d") > 200
    except ConfigError as error:
        assert len(str(error)) < 200  # noqa: PT017  (either outcome is right)


def test_common_facts_need_no_pandas():
    code = (
        "import sys\n"
        "from datetime import datetime\n"
        "import polars as pl\n"
        "from trade_research.frames.calendars import get_calendar\n"
        "get_calendar('XNYS').periods_per_year('15m')\n"
        "times = pl.Series([datetime(2024, 1, 2, 21)], dtype=pl.Datetime('us', 'UTC'))\n"
        "get_calendar('XNYS').session_dates(times)\n"
        "get_calendar('24/7').close_times(times, '1d')\n"
        "get_calendar('24/5').close_times(times, '1d')\n"
        "assert 'pandas' not in sys.modules and 'exchange_calendars' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_empty_series_are_empty():
    for name in ("24/7", "24/5", "XNYS"):
        empty = pl.Series("t", [], pl.Datetime("us", "UTC"))
        assert get_calendar(name).close_times(empty, "1h").len() == 0
        assert get_calendar(name).session_dates(empty).len() == 0
