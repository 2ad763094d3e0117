"""Three years of real minutes: their defects are found, and longer bars equal the recorded ones."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from tests.data import needs_data, shared
from tests.store.make import same
from trade_research.store import Store

NAME = "binance:BTC/USDT@1m"


def years():
    return pl.concat(
        pl.read_parquet(shared(f"ohlcv/binance_spot_1m/BTCUSDT_{year}.parquet"))
        for year in (2020, 2021, 2022)
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("real"))
    report = store.write_bars(years(), venue="binance", symbol="BTC/USDT", interval="1m")
    assert (report.added, report.unchanged, report.revised) == (1_575_973, 0, 0)
    return store


@needs_data
def test_all_comes_back_bit_for_bit_and_small(store):
    frame = years().rename({"ts": "open_time"})
    assert same(store.bars("BTC/USDT", "1m"), frame)
    assert store.catalog()["bytes"][0] < 11.5 * frame.height


@needs_data
def test_the_known_defects_are_listed(store):
    kinds = store.verdicts(NAME).group_by("kind").agg(pl.len(), pl.col("rows").sum())
    found = {kind: (n, rows) for kind, n, rows in kinds.rows()}
    assert found["gap"] == (14, 2267)
    assert found["zero_volume"][1] == 81
    assert "ohlc_inconsistent" not in found
    assert "duplicate" not in found


@needs_data
@pytest.mark.parametrize(
    ("interval", "start", "rows"), [("1d", date(2020, 1, 1), 1096), ("1h", date(2022, 1, 1), 8760)]
)
def test_longer_bars_equal_the_independent_files(store, interval, start, rows):
    recorded = (
        pl.read_parquet(shared(f"ohlcv/binance_spot_{interval}_10symbols.parquet"))
        .filter(pl.col("symbol") == "BTCUSDT")
        .filter(pl.col("ts").dt.date().is_between(start, date(2022, 12, 31)))
        .rename({"ts": "open_time"})
    )  # fmt: skip
    ours = store.bars("BTC/USDT", interval, start, "2023-01-01")
    assert ours.height == rows
    prices = ["open_time", "open", "high", "low", "close"]
    assert ours.select(prices).equals(recorded.select(prices))
    assert_frame_equal(ours.select("volume"), recorded.select("volume"), rel_tol=1e-12, abs_tol=0.0)


@needs_data
def test_fields_of_ten_symbols_come_back(tmp_path):
    """Hourly and daily bars with quote volume and trade counts, prices of 2 to 8 decimals."""
    store = Store(tmp_path)
    frame = pl.read_parquet(shared("ohlcv/binance_spot_1d_10symbols.parquet"))
    for (symbol,), bars in frame.partition_by("symbol", as_dict=True, maintain_order=True).items():
        store.write_bars(bars, venue="binance", symbol=symbol, interval="1d")
        back = store.bars(symbol, "1d").rename({"open_time": "ts"})
        names = ["ts", "open", "high", "low", "close", "volume", "quote_volume", "trades"]
        assert back.select(names).equals(bars.select(names).cast({"trades": pl.Int64}))
    sums = store.sql("select symbol, sum(trades)::bigint t from bars group by 1 order by 1")
    theirs = frame.group_by("symbol").agg(pl.col("trades").sum()).sort("symbol")
    assert sums["t"].to_list() == theirs["trades"].to_list()
