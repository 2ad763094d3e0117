"""Tables of funding rates: brought into form, or refused in one line."""

from __future__ import annotations

import polars as pl
import pytest

from tests.data import needs_data, shared
from trade_research.errors import SchemaError
from trade_research.frames import FUNDING_SCHEMA, check_funding, to_funding

pytestmark = pytest.mark.fast
TIME = pl.Datetime("us", "UTC")
HOUR_MS = 3_600_000


def rates(ms=(0, 8 * HOUR_MS + 7), rate=(1e-4, -1e-4), **more):
    times = pl.Series(ms, dtype=pl.Int64).cast(pl.Datetime("ms", "UTC"))
    return pl.DataFrame({"ts": times, "funding_rate": rate, **more})


def test_stamps_are_floored_to_the_minute_and_rows_sorted():
    found = to_funding(rates()[::-1])
    assert dict(found.schema) == FUNDING_SCHEMA
    assert found["time"].dt.timestamp("ms").to_list() == [0, 8 * HOUR_MS]
    assert found["funding_rate"].to_list() == [1e-4, -1e-4]
    assert found["mark_price"].null_count() == 2
    assert to_funding(found).equals(found)


def test_marks_are_the_opens_of_the_bars_that_open_at_the_stamps():
    marks = pl.DataFrame(
        {
            "open_time": pl.Series([0, 4 * HOUR_MS], dtype=pl.Int64).cast(pl.Datetime("ms", "UTC")),
            "open": [100.0, 104.0],
            "symbol": ["A", "A"],
        }
    )
    found = to_funding(rates(symbol=["A", "A"]), marks)
    assert found.columns == ["symbol", *FUNDING_SCHEMA]
    assert found["mark_price"].to_list() == [100.0, None]
    other = to_funding(rates(symbol=["B", "B"]), marks)
    assert other["mark_price"].null_count() == 2


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (rates().drop("funding_rate"), "lacks the column 'funding_rate'"),
        (rates().rename({"ts": "when"}), "lacks the column 'time'"),
        (rates().with_columns(pl.col("ts").dt.replace_time_zone(None)), "not a time with a zone"),
        (rates(rate=("a", "b")), "not numbers"),
        (rates(rate=(1e-4, None)), "needs a finite rate"),
        (rates(rate=(1e-4, float("nan"))), "needs a finite rate"),
        (rates(rate=(1e-4, 1.5)), "fraction below 1"),
        (rates(ms=(0, 59_000)), "two rates in one minute"),
        (rates(mark_price=[0.0, 1.0]), "mark price above 0"),
    ],
)
def test_what_is_no_table_of_rates_is_refused(frame, message):
    with pytest.raises(SchemaError, match=message):
        to_funding(frame)


def test_a_table_out_of_form_is_told_how_to_get_into_it():
    with pytest.raises(SchemaError, match="to_funding"):
        check_funding(rates())


def test_marks_without_a_needed_column_are_refused():
    with pytest.raises(SchemaError, match="marks lack the column 'open'"):
        to_funding(rates(), pl.DataFrame({"ts": rates()["ts"]}))


@needs_data
def test_nineteen_real_symbols():
    found = to_funding(
        pl.read_parquet(shared("ohlcv/binance_usdm_funding_rate.parquet")),
        pl.read_parquet(shared("ohlcv/binance_usdm_mark_8h.parquet")),
    )
    check_funding(found)
    assert found.height == 5_476
    assert found["symbol"].n_unique() == 19
    assert (found["time"].dt.timestamp("us") % 60_000_000 == 0).all()
    # Marks come every 8 hours: symbols that pay every 4 or 1 lack some, the others none.
    lacking = found.filter(pl.col("mark_price").is_null())["symbol"].unique().sort().to_list()
    assert lacking == ["BSVUSDT", "ENAUSDT", "LAYERUSDT"]
