"""Real, recorded bars: defects found, longer bars equal to independently recorded ones."""

import time

import numpy as np
import polars as pl
import pytest

from tests.data import needs_data, shared
from trade_research.frames.bars import interval_of, to_bars
from trade_research.frames.resample import resample, resample_flagged
from trade_research.frames.verdicts import audit

pytestmark = needs_data


@pytest.fixture(scope="module")
def minutes():
    return to_bars(pl.read_parquet(shared("ohlcv/binance_spot_1m") / "*.parquet"), "1m")


@pytest.fixture(scope="module")
def verdicts(minutes):
    return audit(minutes, "1m")


def rows(verdicts, kind):
    return verdicts.filter(pl.col("kind") == kind)["rows"].to_list()


def recorded(interval, symbol="BTCUSDT"):
    table = pl.read_parquet(shared(f"ohlcv/binance_spot_{interval}_10symbols.parquet"))
    return table.filter(pl.col("symbol") == symbol).sort("ts")


def test_the_gaps_and_dead_minutes_of_three_years_are_found(minutes, verdicts):
    assert minutes.height == 1_575_973
    assert interval_of(minutes).text == "1m"
    gaps = rows(verdicts, "gap")
    assert (len(gaps), sum(gaps)) == (14, 2267)
    assert sorted(gaps)[-4:] == [252, 270, 284, 354]
    assert sum(rows(verdicts, "zero_volume")) == 81
    assert not rows(verdicts, "ohlc_inconsistent")
    assert not rows(verdicts, "duplicate")


def test_few_clean_bars_are_called_outliers(minutes, verdicts):
    assert sum(rows(verdicts, "outlier")) < 0.001 * minutes.height
    counted = flagged = 0
    for path in sorted(shared("ohlcv/binance_usdm_1m").glob("*.parquet")):
        bars = to_bars(pl.read_parquet(path), "1m")
        counted, flagged = counted + bars.height, flagged + sum(rows(audit(bars, "1m"), "outlier"))
    assert counted > 600_000
    assert flagged < 0.001 * counted


@pytest.mark.parametrize(("interval", "years"), [("1d", (2020, 2022)), ("1h", (2022, 2022))])
def test_longer_bars_equal_the_recorded_ones(minutes, interval, years):
    ours = resample(minutes, interval)
    ours = ours.filter(pl.col("open_time").dt.year().is_between(*years))
    peer = recorded(interval).filter(pl.col("ts").dt.year().is_between(*years))
    assert ours.height == peer.height == {"1d": 1096, "1h": 8760}[interval]
    assert ours["open_time"].equals(peer["ts"])
    for name in ("open", "high", "low", "close"):
        assert ours[name].equals(peer[name]), name
    np.testing.assert_allclose(ours["volume"], peer["volume"], rtol=1e-12)


def test_days_with_missing_minutes_are_kept_and_flagged(minutes):
    _, flags = resample_flagged(minutes, "1d")
    assert (flags["expected"] - flags["found"]).sum() == 2267
    assert flags.height == 14


def test_resampling_three_years_of_minutes_is_fast(minutes):
    best = np.inf
    for _ in range(3):
        start = time.perf_counter()
        resample(minutes, "1h")
        best = min(best, time.perf_counter() - start)
    assert best < 0.5  # about 0.04 s on an idle core; the limit leaves room for a busy one


def test_the_first_months_of_the_market():
    path = shared("ohlcv/defects/binance_spot_1m_BTCUSDT_2017-08_2018-02.parquet")
    found = audit(to_bars(pl.read_parquet(path), "1m"), "1m")
    assert (len(rows(found, "gap")), sum(rows(found, "gap"))) == (8, 2729)
    assert max(rows(found, "gap")) == 33 * 60 + 31
    assert sum(rows(found, "zero_volume")) == 23_634


def test_hours_of_ten_symbols_lack_the_outage_of_march_2023():
    table = pl.read_parquet(shared("ohlcv/binance_spot_1h_10symbols.parquet"))
    bars = to_bars(table.sort("symbol", "ts"), "1h")
    found = audit(bars, "1h")
    assert found.filter(kind="gap").height == 10
    gap = found.filter(kind="gap")["open_time"].unique().to_list()
    assert [t.isoformat() for t in gap] == ["2023-03-24T13:00:00+00:00"]
    assert found.filter(kind="zero_volume")["rows"].to_list() == [1] * 10


def test_new_yorks_holidays_are_no_gaps_in_raw_equity_days():
    table = pl.read_parquet(shared("ohlcv/us_equity_daily_unadjusted.parquet"))
    for symbol in ("SPY", "AAPL"):
        bars = to_bars(table.filter(pl.col("symbol") == symbol).drop("symbol"), "1d", "XNYS")
        found = audit(bars, "1d", "XNYS")
        assert not rows(found, "gap"), symbol
        assert not rows(found, "off_session"), symbol
    # AAPL's splits of 2000, 2005, 2014 and 2020 halve the raw price at least.
    splits = found.filter(kind="outlier")["open_time"].dt.year().to_list()
    assert {2014, 2020} <= set(splits)
