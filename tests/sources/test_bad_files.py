"""Each bad file is one line that says what, where, what was found and what to do."""

import zipfile

import pytest

from tests.data import needs_data, shared
from trade_research.errors import (
    BarOrderError,
    DataError,
    FormatError,
    MissingDataError,
    SchemaError,
    TradeResearchError,
)
from trade_research.sources.files import read_bars

HEAD = "ts,open,high,low,close,volume\n"
GOOD = [
    "2024-01-01T00:00:00Z,10,12,9,11,1\n",
    "2024-01-01T00:01:00Z,11,13,10,12,1\n",
    "2024-01-01T00:02:00Z,12,14,11,13,1\n",
]


def line(row, text):
    rows = list(GOOD)
    rows[row] = text
    return HEAD + "".join(rows)


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("", FormatError, "is empty"),
        ("\n\n", FormatError, "is empty"),
        (HEAD, DataError, "has columns and no bars"),
        (
            "ts,open,high,low\n1,2,3,4\n",
            FormatError,
            "no column 'close', found ts, open, high, low",
        ),
        ("a,b,c\nx,y,z\n", FormatError, "no column 'ts', found a, b, c"),
        ("1,2,3,4\n5,6,7,8\n", FormatError, "no header and 4 columns"),
        ("1,2,3,4,5,6\n5,6,7,8,9,9\n", FormatError, "no header and 6 columns"),
        ("date,time,open,high,low,close\na,b,1,2,3,4\n", FormatError, "keeps date and time apart"),
        (
            "ts,open,high,low,close\n1,2,3,4,5,6\n",
            FormatError,
            "line 1 has 5 fields and line 2 has",
        ),
        (HEAD + "".join(GOOD) + "1,2,3,4,5,6,7,8\n", FormatError, "not readable as csv"),
        (
            HEAD + GOOD[0].replace("11,1", '11,"1,000"') + GOOD[1],
            SchemaError,
            "'volume' is not a number at row 0: found '1,000'",
        ),
        (
            line(1, "2024-01-01T00:01:00Z,11,13,ten,12,1\n"),
            SchemaError,
            "'low' is not a number at row 1: found 'ten'",
        ),
        (line(1, "2024-01-01T00:01:00Z,11,13,null,12,1\n"), SchemaError, "found 'null'"),
        (line(1, "2024-01-01T00:01:00Z,11,13,,12,1\n"), SchemaError, "'low' is null at row 1"),
        (line(1, "2024-01-01T00:01:00Z,11,13,NaN,12,1\n"), SchemaError, "'low' is nan at row 1"),
        (line(1, "2024-01-01T00:01:00Z,11,13,-10,12,1\n"), SchemaError, "'low' is -10.0 at row 1"),
        (
            line(1, "2024-01-01T00:01:00Z,11,9,10,12,1\n"),
            SchemaError,
            r"high 9.0 is below low 10.0 at row 1 \(2024-01-01 00:01:00\)",
        ),
        (line(1, "2024-01-01T00:01:00,11,13,10,12,1\n"), SchemaError, "with and without a zone"),
        (
            line(1, "yesterday,11,13,10,12,1\n"),
            SchemaError,
            "not a time at row 1: found 'yesterday'",
        ),
        (line(1, ",11,13,10,12,1\n"), SchemaError, "no time at row 1"),
        (HEAD + GOOD[1] + GOOD[0] + GOOD[2], BarOrderError, "out of order at row 1"),
        (
            HEAD + GOOD[0] + GOOD[0].replace("11,1", "10,1") + GOOD[1],
            BarOrderError,
            "repeat a time",
        ),
        (HEAD + GOOD[0], DataError, "one bar alone does not tell its interval"),
        (HEAD + GOOD[0] + GOOD[1].replace("00:01:00", "00:00:07"), DataError, "7.0 s apart"),
    ],
)
def test_bad_csv(tmp_path, content, error, message):
    path = tmp_path / "bars.csv"
    path.write_text(content)
    with pytest.raises(error, match=message) as caught:
        read_bars(path)
    text = str(caught.value)
    assert "\n" not in text
    assert "bars.csv" in text


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bars.parquet", b"PAR1 cut short", "no whole Parquet file"),
        ("bars.parquet", b"PAR1" + b"\0" * 40 + b"PAR1", "bars.parquet is not readable"),
        ("bars.feather", b"FEA1....", "no whole Feather file .it is of version 1."),
        ("bars.feather", b"ARROW1" + b"\0" * 40 + b"ARROW1", "bars.feather is not readable"),
        ("bars.json", b"{not json", "not readable as json"),
        ("bars.json", b"[]", "holds no list of bars"),
        ("bars.json", b"[1, 2]", "a list of int, not of bars"),
        ("bars.json", b"[[1, 2], [1]]", "entry 1 is not a list of 2 values"),
        ("bars.json", b'[{"ts": 1}, 2]', "entry 1 is no record"),
        ("bars.json", b'{"ts": 5}', "holds no list of bars"),
        ("bars.csv", b"\xff\xfe\x00", "not readable as csv"),
        ("bars.csv.gz", b"no gzip", "cannot be unpacked"),
        ("bars.zip", b"PK no zip", "cannot be unpacked"),
        ("bars.xlsx", b"anything", "[.]xlsx is not a file of bars we read"),
        ("bars", b"anything", "no suffix is not a file of bars"),
    ],
)
def test_broken_containers(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(FormatError, match=message) as caught:
        read_bars(path)
    assert "\n" not in str(caught.value)


def test_an_archive_must_hold_one_file(tmp_path):
    path = tmp_path / "bars.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", HEAD)
        archive.writestr("b.csv", HEAD)
    with pytest.raises(FormatError, match=r"holds 2 files \(a.csv, b.csv\)"):
        read_bars(path)


def test_missing_file_and_folder(tmp_path):
    (tmp_path / "BTCUSDT.csv").write_text("x")
    with pytest.raises(MissingDataError, match=r"no file .*: did you mean 'BTCUSDT.csv'"):
        read_bars(tmp_path / "BTCUSD.csv")
    with pytest.raises(MissingDataError, match="is empty or no folder"):
        read_bars(tmp_path / "nowhere" / "x.csv")
    with pytest.raises(FormatError, match="cannot be read: Is a directory"):
        read_bars(tmp_path)


@needs_data
@pytest.mark.parametrize(
    ("part", "message"),
    [
        ("originals/lean/equity_usa_factor_files/spy.csv", "no header and 4 columns"),
        ("originals/lean/equity_usa_minute_spy/20131004_quote.zip", "holds quotes, not trades"),
        ("originals/lean/equity_usa_map_files/spy.csv", "no column 'ts'"),
        ("originals/freqtrade/XRP_ETH-trades.parquet", "no column 'open'"),
        ("originals/freqtrade/XRP_OLD-trades.json.gz", "no column 'open'"),
        ("binance_usdm_funding_rate.parquet", "no column 'open'"),
    ],
)
def test_real_files_that_are_no_bars_we_read(part, message):
    with pytest.raises(TradeResearchError, match=message) as caught:
        read_bars(shared("ohlcv") / part)
    assert isinstance(caught.value, FormatError)
