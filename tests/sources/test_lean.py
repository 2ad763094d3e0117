"""Lean's zips, factors and ticker maps, and the other originals that tools wrote."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from tests.data import needs_data, shared
from trade_research.errors import FormatError
from trade_research.sources.files import read_bars, read_bars_report
from trade_research.sources.lean import actions_of, keep_apart, read_factors, read_ticker_map

pytestmark = needs_data
LEAN = "ohlcv/originals/lean"
NEW_YORK = ZoneInfo("America/New_York")


def test_days_of_a_stock_are_those_of_the_other_copy():
    found = read_bars_report(shared(f"{LEAN}/equity_usa_daily/aapl.zip"), calendar="XNYS")
    other = read_bars(
        shared("ohlcv/us_equity_daily_unadjusted.parquet"), symbol="AAPL", calendar="XNYS"
    )
    assert found.format == "lean days"
    assert found.frame.drop("close_time").equals(
        other.select(found.frame.columns).drop("close_time")
    )
    assert found.frame["open"][0] == 13.63


def test_minutes_of_a_stock_are_new_york_time():
    bars = read_bars(shared(f"{LEAN}/equity_usa_minute_spy/20131004_trade.zip"), interval="1m")
    assert bars["open_time"][0] == datetime(2013, 10, 4, 4, 6, tzinfo=NEW_YORK)
    assert bars.row(0)[2:] == (167.65, 167.65, 167.65, 167.65, 20000.0)


def test_minutes_of_a_coin_are_utc_and_plain():
    bars = read_bars(shared(f"{LEAN}/crypto_coinbase_minute_btcusd/20180404_trade.zip"))
    assert bars["open_time"][0] == datetime(2018, 4, 4, tzinfo=UTC)
    assert bars["close"][0] == 7422.0
    assert bars.height == 1440 - 433


def test_quotes_are_refused():
    with pytest.raises(FormatError, match="_trade"):
        read_bars(shared(f"{LEAN}/equity_usa_minute_spy/20131004_quote.zip"))


def test_factors_say_the_splits_and_dividends():
    bars = read_bars(shared(f"{LEAN}/equity_usa_daily/aapl.zip"), calendar="XNYS")
    factors = read_factors(shared(f"{LEAN}/equity_usa_factor_files/aapl.csv"))
    actions = actions_of(factors, bars["open_time"].dt.date())
    splits = actions.filter(kind="split")
    assert splits.select("ex_date", "value").rows() == [
        (date(2000, 6, 21), 2.0),
        (date(2005, 2, 28), 2.0),
        (date(2014, 6, 9), 7.0),
        (date(2020, 8, 31), 4.0),
    ]
    first = actions.filter(kind="dividend").row(0)
    assert first[0] == date(2012, 8, 9)
    assert first[2] == pytest.approx(2.65, abs=0.01)


@pytest.mark.parametrize(
    ("ticker", "own_from", "others"),
    [
        ("FB", date(2012, 5, 18), True),
        ("EEM", date(2003, 4, 11), True),
        ("USO", date(2006, 4, 10), True),
        ("WM", date(2009, 8, 5), True),
        ("AAPL", date(1998, 1, 2), False),
    ],
)
def test_tickers_that_were_used_again_are_kept_apart(ticker, own_from, others):
    bars = read_bars(
        shared("ohlcv/us_equity_daily_unadjusted.parquet"), symbol=ticker, calendar="XNYS"
    )
    maps = pl.read_parquet(shared("ohlcv/us_equity_ticker_map.parquet")).filter(symbol=ticker)
    own, other = keep_apart(bars, ticker, maps)
    assert own.height + other.height == bars.height
    assert own["open_time"].dt.date()[0] >= own_from
    assert (not other.is_empty()) == others
    jump = (own["close"] / own["close"].shift(1)).drop_nulls().max()
    # The other company's price is no longer beside: what is left is USO's 1:8 of 2020.
    assert jump < (9 if ticker == "USO" else 2)


def test_a_ticker_map_of_a_file():
    found = read_ticker_map(shared(f"{LEAN}/equity_usa_map_files/spy.csv"))
    assert found.rows() == [(date(1998, 1, 2), "SPY"), (date(2050, 12, 31), "SPY")]


def test_date_and_time_apart_under_one_name():
    path = shared("ohlcv/originals/backtrader/2006-01-02-volume-min-001.txt")
    bars = read_bars(path, interval="1m", tz="Europe/Berlin")
    assert bars.height == 30_889
    berlin = ZoneInfo("Europe/Berlin")
    assert bars["open_time"][0] == datetime(2006, 1, 2, 9, 1, tzinfo=berlin)
    assert bars.row(0)[2:] == (3602.0, 3603.0, 3597.0, 3599.0, 5699.0)


def test_quandl_and_fxcm():
    wiki = read_bars(
        shared("ohlcv/originals/zipline/QUANDL_ARCHIVE.zip"), symbol="AAPL", calendar="XNYS"
    )
    assert (wiki["open_time"].dt.date()[0], wiki["close"][0]) == (date(2014, 1, 2), 553.13)
    assert read_bars(shared("ohlcv/originals/fxcm/gbpusd-m1-bid-2012.csv.gz")).height == 30_117
