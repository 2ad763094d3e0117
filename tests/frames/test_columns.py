import numpy as np
import polars as pl
import pytest

from tests.frames.make import times
from trade_research.errors import MissingColumnError, SchemaError
from trade_research.frames.columns import columns

FRAME = pl.DataFrame(
    {
        "close": [1.0, None, 3.0],
        "trades": [1, 2, None],
        "up": [True, False, True],
        "bid_size_1": [1.0, 2.0, 3.0],
        "bid_size_2": [4, 5, 6],
        "name": ["a", "b", "c"],
        "open_time": times("1970-01-01", "1970-01-02", "1970-01-03"),
    }
)


def test_columns_are_contiguous_float64_with_nan_for_null():
    out = columns(FRAME, ["close", "trades", "up"])
    np.testing.assert_array_equal(out["close"], [1, np.nan, 3])
    np.testing.assert_array_equal(out["trades"], [1, 2, np.nan])
    np.testing.assert_array_equal(out["up"], [1, 0, 1])
    for array in out.values():
        assert array.dtype == np.float64
        assert array.flags.c_contiguous


def test_book_side_is_its_levels_side_by_side():
    side = columns(FRAME, ["bid_size"])["bid_size"]
    np.testing.assert_array_equal(side, [[1, 4], [2, 5], [3, 6]])
    assert side.flags.c_contiguous


def test_times_are_microseconds():
    day = 86_400_000_000
    np.testing.assert_array_equal(columns(FRAME, ["open_time"])["open_time"], [0, day, 2 * day])


def test_chunked_columns_come_out_whole():
    twice = pl.concat([FRAME, FRAME], rechunk=False)
    assert columns(twice, ["close"])["close"].size == 6
    assert columns(FRAME[:0], ["close", "bid_size"])["bid_size"].shape == (0, 2)


def test_a_whole_column_is_not_copied():
    frame = pl.DataFrame({"close": np.arange(5.0)})
    array = columns(frame, ["close"])["close"]
    assert np.shares_memory(array, frame["close"].to_numpy())


def test_missing_and_text_columns_are_named():
    with pytest.raises(MissingColumnError, match="no column 'clos': did you mean 'close'"):
        columns(FRAME, ["clos"])
    with pytest.raises(SchemaError, match="'name' holds String"):
        columns(FRAME, ["name"])
