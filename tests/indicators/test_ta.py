"""The Polars namespace: the same compiled functions on columns."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research.ta  # noqa: F401  # registers .ta
from tests.frames.make import grid, walk
from trade_research import indicators

pytestmark = pytest.mark.fast
BARS = walk(grid(300))
CLOSE, HIGH, LOW = (BARS[name].to_numpy() for name in ("close", "high", "low"))


@pytest.mark.parametrize(
    ("expr", "wanted"),
    [
        (pl.col("close").ta.sma(20), indicators.sma(CLOSE, 20)),
        (pl.col("close").ta.ema(20), indicators.ema(CLOSE, 20)),
        (pl.col("close").ta.wilder(20), indicators.wilder(CLOSE, 20)),
        (pl.col("close").ta.rsi(), indicators.rsi(CLOSE)),
        (pl.col("close").ta.rolling_std(20, ddof=1), indicators.rolling_std(CLOSE, 20, 1)),
        (pl.col("close").ta.rolling_min(20), indicators.rolling_min(CLOSE, 20)),
        (pl.col("close").ta.rolling_max(20), indicators.rolling_max(CLOSE, 20)),
        (pl.col("close").ta.true_range(), indicators.true_range(HIGH, LOW, CLOSE)),
        (pl.col("close").ta.atr(9, "high", pl.col("low")), indicators.atr(HIGH, LOW, CLOSE, 9)),
    ],
)
def test_columns_hold_what_the_functions_give(expr, wanted):
    for frame in (BARS, BARS.lazy()):
        found = frame.select(expr).lazy().collect().to_series()
        assert found.name == "close"
        assert found.dtype == pl.Float64
        assert found.is_nan().sum() == 0
        np.testing.assert_array_equal(found.to_numpy(), wanted)


def test_bands_are_a_struct():
    found = BARS.select(pl.col("close").ta.bollinger_bands(20, 1.5)).unnest("close")
    assert found.columns == ["upper", "middle", "lower"]
    for line, wanted in zip(found, indicators.bollinger_bands(CLOSE, 20, 1.5), strict=True):
        np.testing.assert_array_equal(line.to_numpy(), wanted)


def test_null_is_a_hole_and_symbols_are_apart():
    frame = pl.concat(
        [walk(grid(40), symbol="A"), walk(grid(30), seed=2, symbol="B")]
    ).with_columns(close=pl.when(pl.int_range(pl.len()) == 5).then(None).otherwise("close"))
    found = frame.with_columns(average=pl.col("close").ta.sma(3).over("symbol"))
    for (_,), part in found.group_by("symbol"):
        alone = indicators.sma(part["close"].fill_null(float("nan")).to_numpy(), 3)
        np.testing.assert_array_equal(part["average"].to_numpy(), alone)
    assert found["average"].is_null().to_list()[:9] == [True, True] + [False] * 3 + [True] * 3 + [
        False
    ]


def test_whole_numbers_and_no_rows():
    assert pl.DataFrame({"x": [1, 2, 3]}).select(pl.col("x").ta.sma(2))["x"].to_list() == [
        None,
        1.5,
        2.5,
    ]
    assert (
        pl.DataFrame({"x": []}, schema={"x": pl.Float64}).select(pl.col("x").ta.sma(2)).height == 0
    )


def test_any_indicator_of_the_table():
    found = BARS.select(
        pl.col("close").ta.kama(10),
        pl.col("open").ta.wma(5),
    )
    np.testing.assert_array_equal(found["close"].to_numpy(), indicators.kama(CLOSE, 10))
    opened = BARS["open"].to_numpy()
    np.testing.assert_array_equal(found["open"].to_numpy(), indicators.wma(opened, 5))
    with pytest.raises(AttributeError, match="did you mean 'kama'"):
        pl.col("close").ta.kamma(10)
