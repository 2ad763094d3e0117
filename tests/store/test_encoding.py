"""What is stored comes back bit for bit, as whole ticks wherever that is possible."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from tests.store.make import minutes
from trade_research.errors import StoreError
from trade_research.frames.bars import to_bars
from trade_research.store import encoding
from trade_research.store.codes import Code, choose_code
from trade_research.store.decoding import decode, read_table
from trade_research.store.encoding import write_part


def bars(rows=3000):
    return to_bars(minutes(rows), "1m")


def through(path, given):
    codes = write_part(path, given)
    return codes, decode([read_table(path, codes)], [codes], given.columns)


@given(
    st.integers(0, 8).flatmap(
        lambda d: st.lists(st.integers(0, 10**9), min_size=1).map(lambda n: np.array(n) / 10.0**d)
    )
)
def test_decimals_become_whole_numbers_that_divide_back(values):
    code, whole = choose_code(values)
    assert whole is not None
    np.testing.assert_array_equal(whole / 10.0**code.digits, values)


def test_the_code_is_the_fewest_digits():
    assert choose_code(np.array([1.0, 2.0]))[0] == Code(0)
    assert choose_code(np.array([1.5, 2.25]))[0] == Code(2)
    assert choose_code(np.array([60_000.01]))[0] == Code(2)
    assert choose_code(np.array([3e9]))[0] == Code(0, wide=True)
    assert choose_code(np.array([np.pi]))[0] == Code(None)
    assert choose_code(np.array([1e300]))[0] == Code(None)
    assert choose_code(np.array([]))[0] == Code(0)


@given(st.sampled_from([Code(None), Code(0), Code(2), Code(8, wide=True)]))
def test_short_forms_come_back(code):
    assert Code.parse(code.text) == code


def test_ticks_lots_and_doubles_come_back_bit_for_bit(tmp_path):
    row = pl.int_range(3000)
    given = bars().with_columns(
        close=pl.col("close") * (1 + 1e-13),
        quote_volume=pl.when(row % 3 > 0).then("volume"),
        trades=pl.when(row % 5 > 0).then(row),
    )
    codes, back = through(tmp_path / "x.parquet", given)
    assert {name: code.text for name, code in codes.items()} == {
        "open": "i32/2",
        "high": "i32/2",
        "low": "i32/2",
        "close": "f64",
        "volume": "i32/6",
        "quote_volume": "i32/6",
        "trades": "i32/0",
    }
    assert_frame_equal(back, given, check_exact=True)


def test_a_foreign_reader_sees_what_the_numbers_are(tmp_path):
    path = tmp_path / "x.parquet"
    write_part(path, bars())
    file = pq.ParquetFile(path)
    assert file.schema_arrow.names == [
        "open_time", "close_time", "open_ticks", "high_ticks", "low_ticks", "close_ticks",
        "volume_lots",
    ]  # fmt: skip
    note = json.loads(file.schema_arrow.metadata[b"trade_research"])
    assert note["open_ticks"] == "open = open_ticks / 1e2"
    column = file.metadata.row_group(0).column(2)
    assert "DELTA_BINARY_PACKED" in column.encodings
    assert column.statistics.has_min_max


@pytest.mark.parametrize(("start", "end"), [(0, 10), (65_530, 65_545), (70_000, 99_999), (5, 5)])
def test_spans_read_the_row_groups_they_touch(tmp_path, start, end):
    given = bars(100_000)
    codes = write_part(tmp_path / "x.parquet", given)
    first, last = given["open_time"].to_physical().gather([start, end])
    table = read_table(tmp_path / "x.parquet", codes, None, first, last)
    assert_frame_equal(decode([table], [codes], given.columns), given[start:end])


def test_a_disk_that_lies_is_noticed_before_the_commit(tmp_path, monkeypatch):
    def lie(*args):
        return decode(*args).with_columns(pl.col("close").replace(bars()["close"][7], 0.01))

    monkeypatch.setattr(encoding, "decode", lie)
    with pytest.raises(StoreError, match="'close'"):
        write_part(tmp_path / "x.parquet", bars())


def test_a_file_that_is_none_or_gone_is_one_line(tmp_path):
    (tmp_path / "bad").write_bytes(b"not parquet at all")
    for name in ("bad", "gone"):
        with pytest.raises(StoreError) as error:
            read_table(tmp_path / name, {})
        assert "\n" not in str(error.value)
