from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames.make import MINUTE, grid, us, utc, walk
from trade_research.frames.resample import resample_flagged
from trade_research.frames.verdicts import KINDS, USUAL, VERDICT_SCHEMA, audit


def kinds(verdicts):
    return dict(verdicts.group_by("kind").agg(pl.col("rows").sum()).iter_rows())


def changed(bars, row, **values):
    """The bars with other values in one row."""
    return bars.with_columns(
        pl.when(pl.int_range(pl.len()) == row).then(value).otherwise(pl.col(name)).alias(name)
        for name, value in values.items()
    )


def priced(bars, row, price):
    return changed(bars, row, open=price, high=price, low=price, close=price)


def test_clean_bars_have_no_verdicts():
    found = audit(walk(grid(2000)), "1m")
    assert found.height == 0
    assert found.schema == VERDICT_SCHEMA


def test_gap_runs_from_the_first_missing_bar_to_the_next_one():
    bars = walk(np.delete(grid(20), [5, 6, 7, 12]))
    found = audit(bars, "1m")
    assert found.drop("detail").rows() == [
        ("gap", True, utc("2024-01-01T00:05"), utc("2024-01-01T00:08"), 3),
        ("gap", True, utc("2024-01-01T00:12"), utc("2024-01-01T00:13"), 1),
    ]
    assert found["detail"].to_list() == ["3 1m bars missing", "1 1m bar missing"]


def test_jitter_and_off_grid_stamps_are_no_gaps():
    jitter = np.array([0, 3_000, -2_000, 5_000, 0])
    assert audit(walk(grid(5, "8h") + jitter, "7h"), "8h").height == 0
    assert audit(walk(grid(5, "1h") + 30 * MINUTE, "1h"), "1h").height == 0


def test_zero_volume_stretches():
    bars = walk(np.delete(grid(12), 6)).with_columns(
        volume=pl.Series([1.0, 0, 0, 1, 0, 0, 0, 1, 1, 1, 1])
    )
    found = audit(bars, "1m").filter(pl.col("kind") == "zero_volume")
    # The gap at 00:06 parts the second stretch.
    assert found.select("open_time", "end_time", "rows").rows() == [
        (utc("2024-01-01T00:01"), utc("2024-01-01T00:03"), 2),
        (utc("2024-01-01T00:04"), utc("2024-01-01T00:06"), 2),
        (utc("2024-01-01T00:07"), utc("2024-01-01T00:08"), 1),
    ]


def test_a_long_stretch_ends_at_multiples_of_16384_intervals():
    bars = walk(grid(20_000)).with_columns(volume=pl.lit(0.0))
    found = audit(bars, "1m").filter(pl.col("kind") == "zero_volume")
    assert found["rows"].sum() == 20_000
    assert found["end_time"][:-1].to_list() == found["open_time"][1:].to_list()
    inside = found["open_time"][1:].dt.timestamp("ms")
    assert inside.to_list() == [t for t in inside if t % (16_384 * 60_000) == 0] != []


def test_unknown_volume_is_not_zero():
    bars = walk(grid(5)).with_columns(volume=pl.lit(None, pl.Float64))
    assert audit(bars, "1m").height == 0


def test_weekends_holidays_and_nights_are_no_gaps():
    days = ["2023-12-29", "2024-01-02", "2024-01-03", "2024-01-05"]
    found = audit(walk([us(d) for d in days], "1d", "XNYS"), "1d", "XNYS")
    assert found.select("kind", "open_time", "rows").rows() == [("gap", utc("2024-01-04"), 1)]
    assert kinds(audit(walk([us(d) for d in days], "1d"), "1d", "24/7")) == {"gap": 4}


def test_session_minutes():
    days = [us(f"2024-07-{d}T13:30") for d in ("02", "03", "05")]
    lengths = [390, 210, 390]  # 3 July ended early
    opens = np.concatenate([d + np.arange(n) * MINUTE for d, n in zip(days, lengths, strict=True)])
    assert audit(walk(opens, "1m", "XNYS"), "1m", "XNYS").height == 0
    # Three minutes missing around the night are one gap of three expected bars.
    holed = np.delete(opens, [388, 389, 390])
    assert kinds(audit(walk(holed, "1m", "XNYS"), "1m", "XNYS")) == {"gap": 3}
    late = np.append(opens, opens[-1] + 30 * MINUTE)
    assert kinds(audit(walk(late, "1m", "XNYS"), "1m", "XNYS")) == {"off_session": 1}


def test_open_or_close_outside_of_the_range():
    bars = walk(grid(10))
    bars = changed(bars, 4, close=bars["high"][4] * 1.0001)
    bars = changed(bars, 7, open=bars["low"][7] * 0.9999)
    found = audit(bars, "1m")
    assert found.select("kind", "open_time").rows() == [
        ("ohlc_inconsistent", utc("2024-01-01T00:04")),
        ("ohlc_inconsistent", utc("2024-01-01T00:07")),
    ]


def test_outlier_and_spike():
    bars = walk(grid(1000))
    bad = priced(bars, 600, 1.5 * bars["close"][600])
    found = audit(bad, "1m")
    at = utc("2024-01-01T10:00")
    # The jump and the return are two steps; the spike is seen in hindsight.
    outlier, spike = found.partition_by("kind", maintain_order=True)
    assert outlier.select("kind", "causal", "open_time", "rows").row(0) == ("outlier", True, at, 2)
    assert spike.select("kind", "causal", "open_time", "rows").row(0) == ("spike", False, at, 1)
    assert "+49" in spike["detail"][0] or "+50" in spike["detail"][0]


@pytest.mark.parametrize(("step", "flagged"), [(0.0296, 0), (0.0297, 1), (-0.0297, 1)])
def test_outlier_threshold_by_hand(step, flagged):
    # Steps of ±0.001 in turn: their median is 0 and the median distance from it 0.001, so the usual
    # step is 1.4826 · 0.001 and 20 of them are 0.029652.
    level = np.cumsum(np.tile([0.001, -0.001], 300))
    level[-1] = level[-2] + step
    close = 100 * np.exp(level)
    bars = walk(grid(600)).with_columns(
        pl.Series(n, close) for n in ("open", "high", "low", "close")
    )
    assert audit(bars, "1m").filter(kind="outlier").height == flagged


def test_hundredfold_price_is_an_outlier_without_any_history():
    bars = walk(grid(10, "1d"), "1d")
    found = audit(priced(bars, 2, 100 * bars["close"][2]), "1d")
    assert kinds(found) == {"outlier": 2, "spike": 1, "unit_jump": 2}


def test_stale_feed_is_flagged_from_the_third_repeat_on():
    bars = walk(grid(10))
    frozen = bars.with_columns(
        pl.when(pl.int_range(pl.len()).is_between(3, 7))
        .then(pl.col(n).get(3))
        .otherwise(pl.col(n))
        .alias(n)
        for n in ("open", "high", "low", "close", "volume")
    )
    found = audit(frozen, "1m")
    assert USUAL.stale_bars == 3
    assert found.select("kind", "open_time", "rows").rows() == [
        ("stale", utc("2024-01-01T00:05"), 3)
    ]
    unknown = frozen.with_columns(volume=pl.lit(float("nan")))
    assert kinds(audit(unknown, "1m")) == {"stale": 3}
    dead = frozen.with_columns(volume=pl.lit(0.0))
    assert kinds(audit(dead, "1m")) == {"zero_volume": 10}


def test_repeated_and_misplaced_rows():
    bars = walk(grid(6))
    found = audit(bars[[0, 1, 1, 2, 4, 3, 5]], "1m")
    assert found.select("kind", "open_time", "rows").rows() == [
        ("duplicate", utc("2024-01-01T00:01"), 1),
        ("out_of_order", utc("2024-01-01T00:03"), 1),
    ]


def test_unfinished_needs_the_time_of_reading():
    bars = walk(grid(5))
    found = audit(bars, "1m", now=utc("2024-01-01T00:04:30"))
    assert found.select("kind", "open_time").rows() == [("unfinished", utc("2024-01-01T00:04"))]
    assert audit(bars, "1m", now=utc("2024-01-01T00:05")).height == 0


def test_flags_of_resample_become_verdicts():
    hours, flags = resample_flagged(walk(np.delete(grid(180), [70, 71])), "1h")
    found = audit(hours, "1h", flags=flags)
    assert found.rows() == [
        (
            "missing_inside",
            True,
            utc("2024-01-01T01:00"),
            utc("2024-01-01T02:00"),
            2,
            "58 of 60 source bars",
        )
    ]


def test_symbols_are_judged_apart():
    one = walk(np.delete(grid(10), 4), symbol="A")
    two = walk(grid(10), symbol="B").with_columns(volume=pl.lit(0.0))
    found = audit(pl.concat([one, two]).sort("open_time"), "1m")
    assert found.select("symbol", "kind", "rows").rows() == [
        ("A", "gap", 1),
        ("B", "zero_volume", 10),
    ]
    assert audit(one[:0], "1m").columns == ["symbol", *VERDICT_SCHEMA]


@pytest.mark.parametrize("n", [0, 1, 2, 8])
@pytest.mark.parametrize(("interval", "calendar"), [("1m", "24/7"), ("1d", "XNYS")])
def test_few_bars(n, interval, calendar):
    opens = grid(8, "1d", "2024-01-22")[[0, 1, 2, 3, 4, 7, 7, 7][:n]] if interval == "1d" else None
    bars = walk(np.unique(opens) if opens is not None else grid(n), interval, calendar)
    assert audit(bars, interval, calendar).height == 0


def rows_of(verdicts, bars, kind):
    """Rows that the stretches of a kind cover."""
    opens = bars["open_time"]
    covered = np.zeros(bars.height, bool)
    for start, end in verdicts.filter(kind=kind).select("open_time", "end_time").iter_rows():
        covered |= ((opens >= start) & (opens < end)).to_numpy()
    return covered


@given(
    seed=st.integers(0, 99),
    n=st.integers(2, 700),
    cut=st.integers(1, 700),
    bad=st.lists(st.tuples(st.integers(0, 699), st.floats(0.3, 3.0)), max_size=6),
    drop=st.sets(st.integers(1, 698), max_size=9),
)
def test_causal_verdicts_do_not_depend_on_later_bars(seed, n, cut, bad, drop):
    bars = walk([t for i, t in enumerate(grid(n)) if i not in drop], seed=seed)
    for row, factor in bad:
        if row < bars.height:
            bars = priced(bars, row, factor * bars["close"][row])
    whole, early = audit(bars, "1m"), audit(bars[:cut], "1m")
    for kind, (causal, _) in KINDS.items():
        if causal and kind != "gap":
            covered = rows_of(whole, bars, kind)[:cut]
            np.testing.assert_array_equal(covered, rows_of(early, bars[:cut], kind), err_msg=kind)
    last = bars["open_time"][:cut][-1]
    gaps = whole.filter(kind="gap").filter(pl.col("end_time") <= last)
    assert gaps.equals(early.filter(kind="gap"))


def test_a_gap_is_counted_once_however_long():
    opens = np.concatenate([grid(5), grid(5) + 10_000 * MINUTE])
    found = audit(walk(opens), "1m")
    assert found["rows"].to_list() == [9_995]
    assert found["end_time"][0] - found["open_time"][0] == timedelta(minutes=9_995)
