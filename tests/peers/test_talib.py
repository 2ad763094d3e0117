"""TA-Lib: equal to 1e-9 after the warm-up, with equal NaN masks (semantics 4.8)."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import count
from tests.data import needs_data, shared
from trade_research import indicators

PAIRS = {
    "sma": (lambda b, w: indicators.sma(b[2], w), lambda b, w: talib.SMA(b[2], w)),
    "ema": (lambda b, w: indicators.ema(b[2], w), lambda b, w: talib.EMA(b[2], w)),
    "rsi": (lambda b, w: indicators.rsi(b[2], w), lambda b, w: talib.RSI(b[2], w)),
    "std": (lambda b, w: indicators.rolling_std(b[2], w), lambda b, w: talib.STDDEV(b[2], w)),
    "min": (lambda b, w: indicators.rolling_min(b[2], w), lambda b, w: talib.MIN(b[2], w)),
    "max": (lambda b, w: indicators.rolling_max(b[2], w), lambda b, w: talib.MAX(b[2], w)),
    "tr": (lambda b, w: indicators.true_range(*b), lambda b, w: talib.TRANGE(*b)),
    "atr": (lambda b, w: indicators.atr(*b, w), lambda b, w: talib.ATR(*b, w)),
    **{
        line: (
            lambda b, w, line=line: getattr(indicators.bollinger_bands(b[2], w), line),
            lambda b, w, at=at: talib.BBANDS(b[2], w)[at],
        )
        for at, line in enumerate(("upper", "middle", "lower"))
    },
}  # fmt: skip


def agree(name, bars, window):
    """Equal NaN masks, and |a − b| ≤ 1e-9 · max(size, |b|): the size is the prices', or 100."""
    ours, theirs = (fn(bars, window) for fn in PAIRS[name])
    np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs))
    size = 100.0 if name == "rsi" else np.max(np.abs(bars[2]))
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * size)


@st.composite
def bars(draw):
    """High, low, close without NaN: cents near 60,000, ticks of 1e-9 near 1e-6, floats near 1."""
    n = draw(st.integers(60, 1200))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    level, tick = draw(st.sampled_from([(60_000.0, 0.01), (1e-6, 1e-9), (1.0, 0.0)]))
    if tick:
        steps = np.round(rng.normal(0, draw(st.sampled_from([2.0, 40.0])), n))
        close = level + tick * np.maximum(np.cumsum(steps), -0.9 * level / tick)
    else:
        close = level * np.exp(np.cumsum(rng.normal(0, 0.01, n)))
    wide = np.abs(close) * 1e-3
    return close + wide * rng.random(n), close - wide * rng.random(n), close


@pytest.mark.parametrize("name", PAIRS)
@settings(max_examples=count(500))
@given(bars=bars(), window=st.integers(2, 50))
def test_generated_bars(name, bars, window):
    agree(name, bars, window)


@needs_data
@pytest.mark.parametrize("name", PAIRS)
def test_a_million_and_a_half_real_minutes(name, minutes):
    for window in (14, 200):
        agree(name, minutes, window)


@pytest.fixture(scope="module")
def minutes():
    """High, low and close of three years of BTCUSDT minutes."""
    import polars as pl

    files = sorted(shared("ohlcv/binance_spot_1m").glob("*.parquet"))
    frame = pl.concat(pl.read_parquet(f, columns=["high", "low", "close"]) for f in files)
    assert frame.height > 1_500_000
    return tuple(frame[name].to_numpy().astype(float) for name in ("high", "low", "close"))
