from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.frames import naive
from tests.frames.make import MINUTE, grid, us, utc, walk
from trade_research.errors import ConfigError, MissingColumnError, SchemaError
from trade_research.frames.align import align
from trade_research.frames.resample import resample


def known(values, symbol=None):
    """A table of values by the minute in which they became known."""
    minutes = pl.Series([us("2024-01-01") + m * MINUTE for m, _ in values], dtype=pl.Int64)
    frame = pl.DataFrame(
        {
            "close_time": minutes.cast(pl.Datetime("us", "UTC")),
            "rate": pl.Series([v for _, v in values], dtype=pl.Float64),
        }
    )
    return frame if symbol is None else frame.with_columns(symbol=pl.lit(symbol))


def test_a_row_is_seen_from_its_close_on():
    base = walk(grid(3))  # closes at 00:01, 00:02, 00:03
    out = align(base, known([(2, 7.0)]))
    assert out["rate"].to_list() == [None, 7.0, 7.0]
    assert out.drop("rate").equals(base)


def test_hours_beside_minutes_never_show_the_running_hour():
    base = walk(grid(180))
    out = align(base, resample(base, "1h"), ["close"], suffix="_1h")
    seen = out["close_1h"].to_list()
    assert seen[:59] == [None] * 59
    # The bar 00:59 closes with the hour: the hour is known, and is that bar's own close.
    assert seen[59] == base["close"][59]
    assert seen[118] == base["close"][59]
    assert seen[119] == base["close"][119]


def test_lag_delays_what_is_known():
    base = walk(grid(4))
    for lag in ("1m", timedelta(minutes=1)):
        assert align(base, known([(2, 7.0)]), lag=lag)["rate"].to_list() == [None, None, 7.0, 7.0]
    with pytest.raises(ConfigError, match="lag must not be negative"):
        align(base, known([(2, 7.0)]), lag=timedelta(minutes=-1))


def test_the_age_of_what_is_known():
    base = walk(grid(4))
    out = align(base, known([(2, 7.0), (4, 8.0)]), age="rate_age")
    assert out["rate_age"].to_list() == [None, 0.0, 60.0, 0.0]
    late = align(base, known([(2, 7.0)]), lag="1m", age="rate_age")
    assert late["rate_age"].to_list() == [None, None, 0.0, 60.0]
    both = pl.concat([known([(1, 1.0)], "A"), known([(3, 2.0)], "B")])
    two = pl.concat([walk(grid(3), symbol="A"), walk(grid(3), symbol="B")])
    found = align(two, both, age="old")
    assert found["old"].to_list() == [0.0, 60.0, 120.0, None, None, 0.0]
    with pytest.raises(ConfigError, match="give the age another name"):
        align(base, known([(2, 7.0)]), age="rate")


minutes = st.lists(st.tuples(st.integers(0, 40), st.floats(-9, 9)), max_size=25)


@given(values=minutes, others=minutes, n=st.integers(0, 40), order=st.randoms())
def test_align_agrees_with_brute_force(values, others, n, order):
    # Rows of several symbols interleave in any order on both sides.
    base = pl.concat([walk(grid(n), symbol="A"), walk(grid(n), symbol="B", seed=1)])
    rows = list(range(base.height))
    order.shuffle(rows)
    base = base[rows] if rows else base
    other = pl.concat([known(others, "B"), known(values, "A")])
    out = align(base, other)
    assert out.select(base.columns).equals(base)
    for symbol, pairs in (("A", values), ("B", others)):
        mine = out.filter(pl.col("symbol") == symbol)
        closes = mine["close_time"].to_physical().to_list()
        expected = naive.align(closes, [(us("2024-01-01") + m * MINUTE, v) for m, v in pairs])
        assert mine["rate"].to_list() == expected
    if not others:
        # Without symbols on one side, every symbol sees the same rows.
        out = align(base, known(values))
        closes = out["close_time"].to_physical().to_list()
        expected = naive.align(closes, [(us("2024-01-01") + m * MINUTE, v) for m, v in values])
        assert out["rate"].to_list() == expected


def test_one_other_symbol_may_stand_beside_a_base_without_symbols():
    out = align(walk(grid(2)), known([(1, 5.0)], "ETH"))
    assert out["rate"].to_list() == [5.0, 5.0]
    both = pl.concat([known([(1, 5.0)], "ETH"), known([(1, 6.0)], "XRP")])
    with pytest.raises(SchemaError, match="several symbols and the base none"):
        align(walk(grid(2)), both)


def test_names_are_checked():
    base = walk(grid(3))
    with pytest.raises(MissingColumnError, match="no column 'rat' to align: did you mean 'rate'"):
        align(base, known([(1, 1.0)]), ["rat"])
    with pytest.raises(ConfigError, match="has a column 'close' already: give suffix="):
        align(base, base, ["close"])


def test_times_are_checked():
    base = walk(grid(3))
    with pytest.raises(SchemaError, match="other table needs 'close_time'"):
        align(base, base.drop("close_time"))
    with pytest.raises(SchemaError, match="base table needs 'close_time'"):
        align(base.with_columns(pl.col("close_time").to_physical()), base)
    nothing = known([(1, 1.0)]).with_columns(close_time=pl.lit(None, pl.Datetime("us", "UTC")))
    with pytest.raises(SchemaError, match="has nulls"):
        align(base, nothing)


def test_later_rows_change_nothing_before_them():
    base = walk(grid(30))
    other = known([(m, float(m)) for m in range(30)])
    whole = align(base, other)
    for t in (1, 10, 29):
        cut = utc("2024-01-01") + timedelta(minutes=t)
        early = align(base[:t], other.filter(pl.col("close_time") <= cut))
        assert whole[:t].equals(early)
