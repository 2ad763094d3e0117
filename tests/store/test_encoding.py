"""What is stored comes back bit for bit, as whole ticks wherever that is possible."""

from __future__ import annotations

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.make import minutes
from trade_research.errors import StoreError
from trade_research.store import encoding
from trade_research.store.encoding import (
    Code,
    choose_code,
    decode,
    from_frame,
    read_table,
    write_part,
)


def columns(rows=3000, **kwargs):
    from trade_research.frames.bars import to_bars

    return from_frame(to_bars(minutes(rows, **kwargs), "1m"))


def through(path, given):
    codes = write_part(path, given)
    return codes, decode([read_table(path, codes)], [codes], list(given))


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
    given = columns()
    given["close"] = given["close"] * (1 + 1e-13)
    given["quote_volume"] = np.where(np.arange(3000) % 3, given["volume"], np.nan)
    given["trades"] = np.where(np.arange(3000) % 5, np.arange(3000.0), np.nan)
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
    for name, values in given.items():
        np.testing.assert_array_equal(back[name], values)


def test_a_foreign_reader_sees_what_the_numbers_are(tmp_path):
    path = tmp_path / "x.parquet"
    write_part(path, columns())
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
    given = columns(100_000)
    codes = write_part(tmp_path / "x.parquet", given)
    first, last = given["open_time"][start], given["open_time"][end]
    table = read_table(tmp_path / "x.parquet", codes, None, first, last)
    back = decode([table], [codes], list(given))
    np.testing.assert_array_equal(back["open_time"], given["open_time"][start:end])
    np.testing.assert_array_equal(back["close"], given["close"][start:end])


def test_a_disk_that_lies_is_noticed_before_the_commit(tmp_path, monkeypatch):
    def lie(*args):
        back = decode(*args)
        back["close"][7] += 0.01
        return back

    monkeypatch.setattr(encoding, "decode", lie)
    with pytest.raises(StoreError, match="'close'"):
        write_part(tmp_path / "x.parquet", columns())


def test_a_file_that_is_none_or_gone_is_one_line(tmp_path):
    (tmp_path / "bad").write_bytes(b"not parquet at all")
    for name in ("bad", "gone"):
        with pytest.raises(StoreError) as error:
            read_table(tmp_path / name, {})
        assert "\n" not in str(error.value)
