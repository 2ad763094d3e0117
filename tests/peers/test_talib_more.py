"""TA-Lib, the wider set: equal to 1e-9 after the warm-up, with equal NaN masks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import talib

from tests.data import needs_data, shared
from trade_research import indicators as i


class Bars(NamedTuple):
    """Columns of a market."""

    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray

    @property
    def hlc(self):
        return self[:3]


# Ours, TA-Lib's, and the size of the values (None: that of the prices).
TREND = {
    "wma": (lambda b, w: i.wma(b.close, w), lambda b, w: talib.WMA(b.close, w), None),
    "dema": (lambda b, w: i.dema(b.close, w), lambda b, w: talib.DEMA(b.close, w), None),
    "tema": (lambda b, w: i.tema(b.close, w), lambda b, w: talib.TEMA(b.close, w), None),
    "hma": (lambda b, w: i.hma(b.close, w), lambda b, w: talib.HMA(b.close, w), None),
    "kama": (lambda b, w: i.kama(b.close, w), lambda b, w: talib.KAMA(b.close, w), None),
}
PAIRS = TREND


def generated(level, tick, seed, n=1500):
    """Bars without NaN: `level` in ticks, with flat stretches and minutes without trades."""
    rng = np.random.default_rng(seed)
    moves = np.round(rng.normal(0, 6, n)) * (rng.random(n) < 0.9)
    close = level + tick * np.cumsum(moves)
    wide = tick * rng.integers(0, 9, (2, n))
    volume = np.round(rng.random(n) * 50, 3) * (rng.random(n) < 0.97)
    return Bars(close + wide[0], close - wide[1], close, volume)


def agree(name, bars, window, tolerance=1e-9):
    ours, theirs, size = PAIRS[name]
    ours, theirs = (np.atleast_2d(np.array(f(bars, window), float)) for f in (ours, theirs))
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    size = np.max(np.abs(bars.close)) if size is None else size
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * size)


@pytest.mark.parametrize("name", PAIRS)
def test_generated_bars(name):
    for seed, (level, tick) in enumerate([(60_000.0, 0.01), (1e-6, 1e-10), (100.0, 0.01)] * 2):
        for window in (5, 14, 50):
            agree(name, generated(level, tick, seed), window)


@needs_data
@pytest.mark.parametrize("name", PAIRS)
def test_real_minutes(name, minutes):
    for window in (14, 100):
        agree(name, minutes, window)


@pytest.fixture(scope="module")
def minutes():
    """A year and more of BTCUSDT minutes."""
    import polars as pl

    file = sorted(shared("ohlcv/binance_spot_1m").glob("*.parquet"))[0]
    frame = pl.read_parquet(file, columns=list(Bars._fields))
    assert frame.height > 100_000
    return Bars(*(frame[name].to_numpy().astype(float) for name in Bars._fields))
