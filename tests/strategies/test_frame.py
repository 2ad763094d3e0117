"""Targets of bar frames: columns by declaration, long frames symbol by symbol."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np
import polars as pl
import pytest

from tests.frames.make import grid, walk
from trade_research.errors import MissingColumnError
from trade_research.frames.align import align
from trade_research.frames.resample import resample
from trade_research.kernels.jit import F64
from trade_research.strategies import ma_crossover
from trade_research.strategies.strategy import Col, strategy

pytestmark = pytest.mark.fast


class Out(NamedTuple):
    target: F64
    seen: F64


@strategy
def seen_hourly(close: F64, hourly: Annotated[F64, Col("close", interval="1h")]):
    return Out(close, hourly)


@strategy
def seen_other(close: F64, other: Annotated[F64, Col("close", symbol="ETH")]):
    return Out(close, other)


@strategy
def seen_late(close: F64, late: Annotated[F64, Col("volume", lag="5m")]):
    return Out(close, late)


def test_columns_and_order_of_the_result():
    bars = walk(grid(50))
    found = ma_crossover.targets(bars, fast=2, slow=5)
    assert found.columns == ["open_time", "close_time", "target", "quick", "calm"]
    assert found["target"].dtype == pl.Float64
    assert found.height == 50
    assert found["open_time"].equals(bars["open_time"])
    direct = ma_crossover.compute({"close": bars["close"].to_numpy()}, fast=2, slow=5)
    np.testing.assert_array_equal(found["target"].to_numpy(), direct.target)


def test_a_missing_column_names_the_nearest():
    with pytest.raises(MissingColumnError, match=r"'close'.*did you mean"):
        ma_crossover.targets(walk(grid(5)).rename({"close": "clos"}))


def test_null_is_a_hole():
    bars = walk(grid(6)).with_columns(
        close=pl.when(pl.col("open_time") == pl.col("open_time").max())
        .then(None)
        .otherwise(pl.col("close"))
    )
    assert ma_crossover.targets(bars, fast=1, slow=2)["target"].is_nan().to_list()[-1]


def test_another_interval_is_what_had_closed_by_then():
    bars = walk(grid(200))
    found = seen_hourly.targets(bars)
    hours = resample(bars, "1h")
    wanted = align(bars.select("close_time"), hours, ["close"], suffix="_h")["close_h"]
    assert found["seen"].fill_nan(None).equals(wanted, check_names=False)
    assert found["seen"].is_nan().to_list() == [t < 59 for t in range(200)]
    assert found["seen"][59] == found["seen"][118] == bars["close"][59]
    assert found["seen"][119] == bars["close"][119]
    assert found["target"].is_nan().to_list() == [t < 59 for t in range(200)]


def test_a_lag_makes_it_late():
    bars = walk(grid(20))
    found = seen_late.targets(bars)["seen"]
    np.testing.assert_array_equal(found.to_numpy()[5:], bars["volume"].to_numpy()[:15])
    assert found.is_nan()[:5].all()


def two_symbols():
    """BTC on even minutes and some more, ETH on odd ones: ragged."""
    opens = grid(60)
    btc = walk(opens[(np.arange(60) % 2 == 0) | (np.arange(60) > 40)], seed=1, symbol="BTC")
    eth = walk(opens[np.arange(60) % 2 == 1], seed=2, symbol="ETH")
    return btc, eth


@pytest.mark.parametrize("order", [["symbol", "open_time"], ["open_time", "symbol"]])
def test_each_symbol_sees_its_own_rows_alone(order):
    btc, eth = two_symbols()
    frame = pl.concat([btc, eth]).sort(order)
    found = ma_crossover.targets(frame, fast=2, slow=5)
    assert found.columns == ["symbol", "open_time", "close_time", "target", "quick", "calm"]
    assert found.select("symbol", "open_time").equals(frame.select("symbol", "open_time"))
    for part in (btc, eth):
        alone = ma_crossover.targets(part, fast=2, slow=5)["target"]
        own = found.filter(pl.col("symbol") == part["symbol"][0])["target"]
        assert own.equals(alone)


def test_another_symbols_column():
    btc, eth = two_symbols()
    found = seen_other.targets(pl.concat([btc, eth])).filter(pl.col("symbol") == "BTC")
    wanted = align(btc.select("close_time"), eth, ["close"], suffix="_o")["close_o"]
    assert found["seen"].fill_nan(None).equals(wanted, check_names=False)
    with pytest.raises(MissingColumnError, match="reads symbol 'ETH', which the frame does not"):
        seen_other.targets(btc)


def test_no_rows():
    empty = walk(grid(3))[:0]
    assert ma_crossover.targets(empty).height == 0
