from datetime import date

import numpy as np
import polars as pl
import pytest

from tests.data import needs_data, shared
from tests.frames.make import us, walk
from trade_research.errors import DataError, SchemaError
from trade_research.frames.adjust import ACTION_SCHEMA, adjust_bars, check_actions
from trade_research.frames.bars import to_bars


def actions(*rows):
    return pl.DataFrame(rows, schema=ACTION_SCHEMA, orient="row")


def raw(*closes):
    labels = ["2024-01-02", "2024-01-03", "2024-01-04", "2024-01-05"][: len(closes)]
    bars = walk([us(d) for d in labels], "1d", "XNYS")
    price = pl.Series(closes, dtype=pl.Float64)
    return bars.with_columns(price.alias(n) for n in ("open", "high", "low", "close")).with_columns(
        volume=pl.lit(100.0)
    )


def test_split_and_dividend_by_hand():
    bars = raw(100.0, 98.0, 49.0, 50.0)
    acts = actions((date(2024, 1, 3), "dividend", 2.0), (date(2024, 1, 4), "split", 2.0))
    out = adjust_bars(bars, acts)
    # Before 3 January: 0.98 for the dividend of 2 on 100, and half for the split.
    np.testing.assert_allclose(out["close"], [100 * 0.98 / 2, 98 / 2, 49, 50], rtol=1e-15)
    assert out["volume"].to_list() == [200.0, 200.0, 100.0, 100.0]
    only_splits = adjust_bars(bars, acts, dividends=False)
    assert only_splits["close"].to_list() == [50.0, 49.0, 49.0, 50.0]


def test_split_and_dividend_on_one_day_is_per_new_share():
    out = adjust_bars(
        raw(100.0, 49.0),
        actions((date(2024, 1, 3), "dividend", 1.0), (date(2024, 1, 3), "split", 2.0)),
    )
    # One old share at 100 became two at 50, each of which then paid 1.
    np.testing.assert_allclose(out["close"], [49.0, 49.0], rtol=1e-15)


def test_reinvested_at_the_close_of_the_ex_date():
    out = adjust_bars(
        raw(100.0, 96.0), actions((date(2024, 1, 3), "dividend", 4.0)), reinvest_at="ex_close"
    )
    np.testing.assert_allclose(out["close"], [96.0, 96.0], rtol=1e-15)


def test_as_of_leaves_later_actions_out():
    bars = raw(100.0, 50.0, 25.0)
    acts = actions((date(2024, 1, 3), "split", 2.0), (date(2024, 1, 4), "split", 2.0))
    assert adjust_bars(bars, acts)["close"].to_list() == [25.0, 25.0, 25.0]
    early = adjust_bars(bars, acts, as_of=date(2024, 1, 3))
    assert early["close"].to_list() == [50.0, 50.0, 25.0]
    assert adjust_bars(bars, acts, as_of=date(2024, 1, 1)).equals(bars)
    # Without as_of nothing after the last bar is used.
    assert adjust_bars(bars[:2], acts)["close"].to_list() == [50.0, 50.0]


def test_actions_before_the_first_bar_and_none_change_nothing():
    bars = raw(100.0, 50.0)
    assert adjust_bars(bars, actions((date(2024, 1, 2), "split", 3.0))).equals(bars)
    assert adjust_bars(bars, actions()).equals(bars)
    assert adjust_bars(bars[:0], actions((date(2024, 1, 3), "split", 3.0))).height == 0


def test_intraday_bars_before_the_ex_date_are_adjusted():
    opens = [us("2024-01-03T20:45"), us("2024-01-04T14:30")]
    bars = walk(opens, "15m", "XNYS")
    out = adjust_bars(bars, actions((date(2024, 1, 4), "split", 4.0)), calendar="XNYS")
    assert out["close"][0] == bars["close"][0] / 4
    assert out["close"][1] == bars["close"][1]


def test_symbols_have_their_own_actions():
    bars = pl.concat([raw(8.0, 4.0).select(pl.lit(s).alias("symbol"), pl.all()) for s in "AB"])
    acts = actions((date(2024, 1, 3), "split", 2.0)).with_columns(symbol=pl.lit("B"))
    assert adjust_bars(bars, acts)["close"].to_list() == [8.0, 4.0, 4.0, 4.0]
    with pytest.raises(SchemaError, match="actions have no column 'symbol'"):
        adjust_bars(bars, acts.drop("symbol"))
    assert adjust_bars(bars[:2], acts.drop("symbol"))["close"].to_list() == [4.0, 4.0]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (actions((date(2024, 1, 3), "merger", 2.0)), "row 0 of the actions is 'merger'"),
        (actions((date(2024, 1, 3), "split", 0.0)), "value above 0"),
        (actions((date(2024, 1, 3), "dividend", float("nan"))), "'dividend' nan"),
        (actions((None, "split", 2.0)), "on None"),
        (actions().drop("value"), "need the column 'value' of Float64, found none"),
        (actions().with_columns(pl.col("ex_date").cast(pl.String)), "'ex_date' of Date"),
    ],
)
def test_bad_actions_are_named(bad, message):
    with pytest.raises(SchemaError, match=message):
        check_actions(bad)


def test_dividend_as_large_as_the_price_is_refused():
    with pytest.raises(DataError, match="dividend of 100 on 2024-01-03 is not below the close"):
        adjust_bars(raw(100.0, 50.0), actions((date(2024, 1, 3), "dividend", 100.0)))


@needs_data
@pytest.mark.parametrize("symbol", ["AAPL", "BRK_A", "MSFT", "ZEN"])
def test_wiki_prices_of_2014_are_met(symbol):
    """The vendor's adjusted prices also carry what came after 2014: one constant at the end."""
    table = pl.read_parquet(shared("ohlcv/us_equity_wiki_daily_2014.parquet"))
    table = table.filter(pl.col("symbol") == symbol)
    bars = to_bars(table.drop("symbol"), "1d", "XNYS")
    day = pl.col("ts").dt.date().alias("ex_date")
    acts = pl.concat(
        [
            table.filter(pl.col("split_ratio") != 1).select(
                day, pl.lit("split").alias("kind"), pl.col("split_ratio").alias("value")
            ),
            table.filter(pl.col("ex_dividend") != 0).select(
                day, pl.lit("dividend").alias("kind"), pl.col("ex_dividend").alias("value")
            ),
        ]
    )
    out = adjust_bars(bars, acts, reinvest_at="ex_close")
    later = table["adj_close"][-1] / table["close"][-1]
    for name in ("open", "high", "low", "close"):
        np.testing.assert_allclose(out[name] * later, table[f"adj_{name}"], rtol=1e-9)
    np.testing.assert_allclose(out["volume"], table["adj_volume"], rtol=1e-9)
