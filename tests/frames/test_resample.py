import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames import naive
from tests.frames.make import MINUTE, grid, us, utc, walk
from trade_research.errors import ConfigError
from trade_research.frames.bars import check_bars, to_bars
from trade_research.frames.intervals import parse_interval
from trade_research.frames.resample import resample, resample_flagged

WEEK_ANCHOR = 4 * 86_400_000_000


def rows_of(bars):
    times = [bars[name].to_physical().to_list() for name in ("open_time", "close_time")]
    return zip(*times, *(bars[n] for n in ("open", "high", "low", "close", "volume")), strict=True)


def test_hours_from_minutes_by_hand():
    bars = to_bars(
        pl.DataFrame(
            {
                "ts": [utc(f"2024-01-01T00:{m:02d}") for m in (58, 59)]
                + [utc("2024-01-01T01:00"), utc("2024-01-01T01:59"), utc("2024-01-01T02:00")],
                "open": [10.0, 11.0, 12.0, 13.0, 14.0],
                "high": [15.0, 20.0, 16.0, 19.0, 15.0],
                "low": [9.0, 8.0, 7.0, 6.0, 5.0],
                "close": [11.0, 12.0, 13.0, 14.0, 15.0],
                "volume": [1.0, 2.0, 3.0, 4.0, 5.0],
            }
        ),
        "1m",
    )
    hours, flags = resample_flagged(bars, "1h")
    assert hours["open_time"].to_list() == [utc("2024-01-01T00:00"), utc("2024-01-01T01:00")]
    assert hours["close_time"].to_list() == [utc("2024-01-01T01:00"), utc("2024-01-01T02:00")]
    assert hours.select("open", "high", "low", "close", "volume").rows() == [
        (10.0, 20.0, 8.0, 12.0, 3.0),
        (12.0, 19.0, 6.0, 14.0, 7.0),
    ]
    # Both lack minutes inside: kept, and flagged. The third hour has begun only: dropped.
    assert flags.select("expected", "found").rows() == [(60, 2), (60, 2)]
    assert resample(bars, "1h", complete_only=False).height == 3


@given(
    source=st.sampled_from(["1m", "5m", "1h"]),
    factor=st.sampled_from([1, 2, 3, 12, 60, 168]),
    n=st.integers(1, 200),
    drop=st.sets(st.integers(0, 199)),
    shift=st.integers(0, 300),
    complete_only=st.booleans(),
)
def test_resample_agrees_with_a_naive_loop(source, factor, n, drop, shift, complete_only):
    step = parse_interval(source).us
    opens = grid(n, source, "2023-12-30") + shift * step
    kept = [t for i, t in enumerate(opens) if i not in drop] or [opens[0]]
    bars = walk(kept, source, seed=n)
    target = parse_interval(f"{factor * step // 1_000_000}s")
    longer, flags = resample_flagged(
        bars, target, complete_only=complete_only, source_interval=source
    )
    anchor = WEEK_ANCHOR if target.text.endswith("w") else 0
    made = naive.resample(rows_of(bars), target.us, anchor, complete_only)
    assert longer["open_time"].to_physical().to_list() == [m["start"] for m in made]
    for name, key in (("open", "o"), ("high", "h"), ("low", "l"), ("close", "c")):
        assert longer[name].to_list() == [m[key] for m in made]
    np.testing.assert_allclose(longer["volume"], [m["v"] for m in made], rtol=1e-12)
    lacking = [(m["start"], factor, m["n"]) for m in made if m["n"] < factor]
    found = flags.select(pl.col("open_time").to_physical(), "expected", "found")
    assert found.rows() == lacking
    check_bars(longer)


@given(n=st.integers(1, 120), cut=st.integers(0, 120), interval=st.sampled_from(["5m", "1h"]))
def test_resampling_what_was_known_gives_a_prefix(n, cut, interval):
    bars = walk(grid(n) + 7 * MINUTE)
    whole, early = resample(bars, interval), resample(bars[:cut], interval, source_interval="1m")
    assert whole[: early.height].equals(early)


def test_in_two_steps_equals_in_one():
    bars = walk(grid(3000))
    direct = resample(bars, "4h")
    by_way = resample(resample(bars, "15m"), "4h")
    assert direct.drop("volume").equals(by_way.drop("volume"))
    np.testing.assert_allclose(direct["volume"], by_way["volume"], rtol=1e-12)


def test_symbols_do_not_mix_and_may_interleave():
    one = walk(grid(200), seed=1, symbol="A")
    two = walk(grid(180) + 10 * MINUTE, seed=2, symbol="B")
    apart = pl.concat([resample(one, "1h"), resample(two, "1h")])
    assert resample(pl.concat([one, two]), "1h").equals(apart)
    assert resample(pl.concat([one, two]).sort("open_time"), "1h").equals(apart)
    _, flags = resample_flagged(pl.concat([one, two]), "1h")
    assert flags.rows() == [("B", utc("2024-01-01T00:00"), 60, 50)]


def test_optional_columns_are_summed_and_unknown_stays_unknown():
    bars = walk(grid(120)).with_columns(
        quote_volume=pl.Series([2.0] * 120),
        trades=pl.Series([1] * 119 + [None], dtype=pl.Int64),
        volume=pl.Series([float("nan")] + [1.0] * 119),
    )
    hours = resample(bars, "1h")
    assert hours["quote_volume"].to_list() == [120.0, 120.0]
    assert hours["trades"].to_list() == [60, None]
    assert np.isnan(hours["volume"][0])
    assert hours["volume"][1] == 60.0


def xnys_minutes(*days, minutes=390, first="14:30"):
    return np.concatenate([us(f"{d}T{first}") + np.arange(minutes) * MINUTE for d in days])


def test_session_hours_begin_at_the_open_and_end_at_the_close():
    bars = walk(xnys_minutes("2024-01-02", "2024-01-03"), "1m", "XNYS")
    hours, flags = resample_flagged(bars, "1h", "XNYS")
    assert hours.height == 14
    assert hours["open_time"][0] == utc("2024-01-02T14:30")
    assert hours["open_time"][6] == utc("2024-01-02T20:30")
    assert hours["close_time"][6] == utc("2024-01-02T21:00")  # the last half hour
    assert flags.height == 0


def test_session_days_are_labelled_and_end_at_the_calendars_close():
    early = us("2024-07-03T13:30") + np.arange(210) * MINUTE  # early close, 17:00 UTC
    day = us("2024-07-05T13:30") + np.arange(390) * MINUTE
    after = us("2024-07-03T17:00") + np.arange(60) * MINUTE  # after hours take no part
    bars = walk(np.concatenate([early, after, day]), "1m", "XNYS")
    days, flags = resample_flagged(bars, "1d", "XNYS")
    assert days["open_time"].to_list() == [utc("2024-07-03"), utc("2024-07-05")]
    assert days["close_time"].to_list() == [utc("2024-07-03T17:00"), utc("2024-07-05T20:00")]
    assert days["close"][0] == bars["close"][209]
    assert flags.height == 0
    check_bars(days)


def test_unfinished_session_is_dropped():
    bars = walk(xnys_minutes("2024-01-02", "2024-01-03")[:-1], "1m", "XNYS")
    assert resample(bars, "1d", "XNYS").height == 1


def test_missing_session_minutes_are_flagged():
    opens = np.delete(xnys_minutes("2024-01-02", "2024-01-03"), [5, 6, 700])
    _, flags = resample_flagged(walk(opens, "1m", "XNYS"), "1d", "XNYS")
    assert flags.rows() == [(utc("2024-01-02"), 390, 388), (utc("2024-01-03"), 390, 389)]


def test_weeks_of_sessions_from_days():
    labels = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05", "2024-01-08"]
    bars = walk([us(d) for d in labels], "1d", "XNYS")
    weeks, flags = resample_flagged(bars, "1w", "XNYS")
    # Monday 1 January was a holiday: four sessions are all there were.
    assert weeks["open_time"].to_list() == [utc("2024-01-01")]
    assert weeks["close_time"].to_list() == [utc("2024-01-05T21:00")]
    assert flags.height == 0
    _, flags = resample_flagged(bars[1:], "1w", "XNYS")
    assert flags.rows() == [(utc("2024-01-01"), 4, 3)]


def test_currency_days_end_at_five_in_new_york():
    opens = us("2024-01-07T22:00") + np.arange(2 * 24) * 60 * MINUTE
    days = resample(walk(opens, "1h", "24/5"), "1d", "24/5")
    assert days["open_time"].to_list() == [utc("2024-01-08"), utc("2024-01-09")]
    assert days["close_time"].to_list() == [utc("2024-01-08T22:00"), utc("2024-01-09T22:00")]


def test_impossible_intervals_are_refused():
    bars = walk(grid(30, "5m"), "5m")
    for interval in ("1m", "7m", "12m"):
        with pytest.raises(ConfigError, match=f"{interval} bars cannot be made from 5m bars"):
            resample(bars, interval)
    with pytest.raises(ConfigError, match="not '2d'"):
        resample(bars, "2d", "XNYS")


def test_same_interval_gives_the_bars_back():
    bars = walk(grid(30, "5m"), "5m")
    assert resample(bars, "5m").equals(bars)


def test_empty_and_single():
    bars = walk(grid(60))
    empty, flags = resample_flagged(bars[:0], "1h")
    assert empty.height == flags.height == 0
    assert empty.columns == bars.columns
    assert resample(bars[:1], "1h").height == 0
    assert resample(bars, "1h").height == 1
