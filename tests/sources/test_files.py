"""Files that people, exchanges and other tools write, read as bars."""

import gzip
import json
import zipfile
from datetime import date

import numpy as np
import polars as pl
import pytest

from tests.data import needs_data, shared
from tests.frames.make import grid, utc, walk
from trade_research.errors import MissingDataError
from trade_research.frames.bars import check_bars
from trade_research.frames.intervals import parse_interval
from trade_research.sources.files import read_bars, read_bars_report, symbols_in

BARS = walk(grid(5))
TIDY = BARS.drop("close_time").rename({"open_time": "ts"})
DUMP = [
    f"{{stamp}},{o!r},{h!r},{low!r},{c!r},{v!r},0,12.5,7,0.0,0.0,0"
    for o, h, low, c, v in BARS.select("open", "high", "low", "close", "volume").iter_rows()
]


def dump(unit=1):
    stamps = (BARS["open_time"].to_physical() // unit).to_list()
    return "\n".join(line.format(stamp=s) for line, s in zip(DUMP, stamps, strict=True)) + "\n"


@pytest.mark.parametrize("suffix", ["csv", "parquet", "feather", "arrow", "json"])
@pytest.mark.parametrize("name", ["ts", "open_time", "date", "Timestamp"])
def test_tidy_frames_in_every_container(tmp_path, suffix, name):
    path, frame = tmp_path / f"bars.{suffix}", TIDY.rename({"ts": name})
    if suffix == "csv":
        frame.write_csv(path)
    elif suffix == "json":
        frame.write_json(path)
    elif suffix == "parquet":
        frame.write_parquet(path)
    else:
        frame.write_ipc(path)
    found = read_bars_report(path)
    assert found.frame.equals(BARS)
    assert found.interval == parse_interval("1m")


@pytest.mark.parametrize("unit", [1, 1000])
@pytest.mark.parametrize("pack", ["csv", "csv.gz", "zip"])
def test_exchange_dumps_with_both_stamps_packed_or_not(tmp_path, unit, pack):
    path = tmp_path / f"BTCUSDT-1m.{pack}"
    if pack == "csv":
        path.write_text(dump(unit))
    elif pack == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("BTCUSDT-1m.csv", dump(unit))
    else:
        path.write_bytes(gzip.compress(dump(unit).encode()))
    found = read_bars_report(path)
    assert found.format == "exchange candles"
    assert found.frame.drop("quote_volume", "trades").equals(BARS)
    assert found.frame["quote_volume"].to_list() == [12.5] * 5
    assert found.frame["trades"].to_list() == [7] * 5


def test_dump_with_a_header_as_the_futures_write_it(tmp_path):
    path = tmp_path / "BTCUSDT-1m-2024.csv"
    header = "open_time,open,high,low,close,volume,close_time,quote_volume,count,"
    header += "taker_buy_volume,taker_buy_quote_volume,ignore\n"
    path.write_text(header + dump(1000))
    found = read_bars(path)
    assert found.drop("quote_volume", "trades").equals(BARS)
    assert found["trades"].to_list() == [7] * 5


def test_numbers_are_read_to_the_last_bit(tmp_path):
    path = tmp_path / "bars.csv"
    close = np.random.default_rng(0).uniform(1e-8, 1e5, 2000)
    frame = walk(grid(2000)).with_columns(
        pl.Series(n, close) for n in ("open", "high", "low", "close")
    )
    rows = frame.select(pl.col("open_time").to_physical(), "open", "high", "low", "close").rows()
    lines = [",".join(map(repr, row)) for row in rows]
    path.write_text("ts,open,high,low,close\n" + "\n".join(lines))
    np.testing.assert_array_equal(read_bars(path)["close"], close)


def test_json_lists_of_candles(tmp_path):
    path = tmp_path / "BTC-1m.json"
    rows = BARS.select(
        pl.col("open_time").to_physical() // 1000, "open", "high", "low", "close", "volume"
    ).rows()
    path.write_text(json.dumps(rows))
    assert read_bars(path).equals(BARS)
    # An exchange's answer has its numbers as text, and twelve of them.
    klines = [
        [row[0], *map(str, row[1:]), row[0] + 59_999, "12.5", 7, "0", "0", "0"] for row in rows
    ]
    path.write_text(json.dumps(klines))
    assert read_bars(path).drop("quote_volume", "trades").equals(BARS)
    # Columns side by side.
    path.write_text(
        json.dumps(TIDY.with_columns(pl.col("ts").to_physical()).to_dict(as_series=False))
    )
    assert read_bars(path).equals(BARS)


YAHOO = """Date,Open,High,Low,Close,Adj Close,Volume,Dividends,Stock Splits
2024-03-12 00:00:00-04:00,12,14,11,13,12.9,300,0,0
2024-03-11 00:00:00-04:00,11,13,10,12,11.9,200,0,0
2024-03-08 00:00:00-05:00,10,12,9,11,10.9,100,0,0
"""


def test_yahoo_newest_first_with_offsets_that_change(tmp_path):
    path = tmp_path / "X.csv"
    path.write_text(YAHOO)
    found = read_bars_report(path, calendar="XNYS")
    assert found.format == "yahoo"
    assert found.interval.text == "1d"
    assert found.frame["open_time"].to_list() == [
        utc("2024-03-08"),
        utc("2024-03-11"),
        utc("2024-03-12"),
    ]
    assert found.frame["close_time"].to_list()[:2] == [
        utc("2024-03-08T21:00"),
        utc("2024-03-11T20:00"),
    ]
    assert found.frame["close"].to_list() == [11.0, 12.0, 13.0]
    assert any("newest first" in note for note in found.notes)
    assert any("Adj Close" in note for note in found.notes)
    # The same labels around the clock, closing a day later.
    assert read_bars(path)["close_time"][0] == utc("2024-03-09")


def test_local_midnights_are_labels_for_sessions_and_moments_around_the_clock(tmp_path):
    path = tmp_path / "X.csv"
    path.write_text(YAHOO.replace("Adj Close", "Adjusted"))
    assert read_bars(path, calendar="XNYS")["open_time"][0] == utc("2024-03-08")
    assert read_bars(path, interval="23h")["open_time"][0] == utc("2024-03-08T05:00")


def test_symbols_are_chosen(tmp_path):
    path = tmp_path / "bars.parquet"
    both = pl.concat(
        [walk(grid(5), seed=s, symbol=n) for s, n in enumerate(("BTCUSDT", "ETHUSDT"))]
    )
    both.write_parquet(path)
    assert symbols_in(path) == ["BTCUSDT", "ETHUSDT"]
    eth = read_bars(path, symbol="ETHUSDT")
    assert "symbol" not in eth.columns
    assert eth.equals(walk(grid(5), seed=1))
    assert read_bars(path, symbol="ETH/USDT").equals(eth)
    with pytest.raises(MissingDataError, match=r"2 symbols: choose one .*BTCUSDT, ETHUSDT"):
        read_bars(path)
    with pytest.raises(MissingDataError, match="no symbol 'ETHUSD': did you mean 'ETHUSDT'"):
        read_bars(path, symbol="ETHUSD")
    both.filter(pl.col("symbol") == "BTCUSDT").write_parquet(path)
    assert read_bars(path).equals(BARS)
    TIDY.write_parquet(path)
    assert symbols_in(path) == [None]
    assert read_bars(path, symbol="anything").equals(BARS)


def test_repeated_rows_are_dropped_and_noted(tmp_path):
    path = tmp_path / "bars.csv"
    pl.concat([TIDY[:3], TIDY[2:]]).write_csv(path)
    found = read_bars_report(path)
    assert found.frame.equals(BARS)
    assert found.notes == ("1 repeated rows were left out",)


def test_interval_and_zone_can_be_given(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text(
        "time,open,high,low,close\n2024-07-01 09:30,1,1,1,1\n2024-07-01 11:30,1,1,1,1\n"
    )
    assert read_bars_report(path).interval.text == "2h"
    found = read_bars(path, interval="30m", calendar="XNYS", tz="America/New_York")
    assert found["open_time"].to_list() == [utc("2024-07-01T13:30"), utc("2024-07-01T15:30")]
    assert found["close_time"][0] == utc("2024-07-01T14:00")


def test_unknown_volume_is_kept_as_unknown(tmp_path):
    path = tmp_path / "bars.csv"
    path.write_text("ts,open,high,low,close,volume\n1704067200,1,1,1,1,\n1704067260,1,1,1,1,null\n")
    assert read_bars(path)["volume"].null_count() == 2


@pytest.mark.parametrize("separator", [";", "\t"])
def test_other_separators_and_a_byte_order_mark(tmp_path, separator):
    path = tmp_path / "bars.txt"
    path.write_text("\ufeff" + TIDY.write_csv(separator=separator))
    assert read_bars(path).equals(BARS)


@needs_data
@pytest.mark.parametrize(
    ("part", "form", "interval", "rows", "first"),
    [
        ("binance_csv/BTCUSDT-1m-2021-05-19.csv", "exchange candles", "1m", 1440, "2021-05-19"),
        ("binance_csv/BTCUSDT-1m-2024-12-31.csv", "exchange candles", "1m", 1440, "2024-12-31"),
        ("binance_csv/BTCUSDT-1m-2025-01-01.csv", "exchange candles", "1m", 1440, "2025-01-01"),
        (
            "binance_csv/BTCUSDT-1m-2017-08-17.csv",
            "exchange candles",
            "1m",
            1200,
            "2017-08-17T04:00",
        ),
        ("freqtrade/UNITTEST_BTC-1m.feather", "freqtrade", "1m", 13_681, "2017-11-04T23:02"),
        ("freqtrade/UNITTEST_BTC-1m.json", "exchange candles", "1m", 13_681, "2017-11-04T23:02"),
        ("freqtrade/ADA_BTC-5m.feather", "freqtrade", "5m", 5720, "2018-01-10T04:55"),
        (
            "freqtrade/futures_XRP_USDT_USDT-1h-mark.feather",
            "freqtrade",
            "1h",
            100,
            "2021-11-15T06:00",
        ),
        ("backtrader/yhoo-1996-2015.txt", "yahoo", "1d", 4965, "1996-04-12"),
        ("backtrader/nvda-1999-2014.txt", "yahoo", "1d", 4012, "1999-01-22"),
        ("fxcm/gbpusd-m1-bid-2012.csv.gz", "tidy", "1m", 30_117, "2012-02-01"),
    ],
)
def test_originals(part, form, interval, rows, first):
    found = read_bars_report(shared("ohlcv/originals") / part)
    assert (found.format, found.interval.text, found.frame.height) == (form, interval, rows)
    assert found.frame["open_time"][0] == utc(first)
    check_bars(found.frame)


@needs_data
def test_freqtrades_two_forms_hold_the_same_bars():
    folder = shared("ohlcv/originals/freqtrade")
    feather = read_bars(folder / "UNITTEST_BTC-1m.feather")
    text = read_bars(folder / "UNITTEST_BTC-1m.json")
    assert feather["open_time"].equals(text["open_time"])
    for name in ("open", "high", "low", "close", "volume"):
        # The Feather form went through arithmetic that changed last bits.
        np.testing.assert_allclose(feather[name], text[name], rtol=1e-12)


@needs_data
def test_a_day_of_the_dump_equals_the_stored_year():
    day = read_bars(shared("ohlcv/originals/binance_csv/BTCUSDT-1m-2021-05-19.csv"))
    year = read_bars(shared("ohlcv/binance_spot_1m/BTCUSDT_2021.parquet"))
    same = year.filter(pl.col("open_time").dt.date() == date(2021, 5, 19))
    assert day.select(same.columns).equals(same)


@needs_data
def test_every_yahoo_file_reads_and_only_the_one_with_nulls_fails():
    failed = []
    for path in sorted(shared("ohlcv/defects/yahoo_bad").glob("*.csv")):
        try:
            found = read_bars_report(path)
        except Exception as error:
            failed.append((path.name, str(error)))
            continue
        assert found.format == "yahoo"
        assert found.interval.text in ("1d", "1h", "1w")
        check_bars(found.frame)
        if found.interval.text != "1h":
            assert (found.frame["open_time"].dt.hour() == 0).all()
    assert [name for name, _ in failed] == [
        "KEN-TA-1d-bad-div-fixed.csv",
        "KEN-TA-1d-bad-div.csv",
    ]
    assert all("'open' is null at row 560 (2024-04-07" in message for _, message in failed)
