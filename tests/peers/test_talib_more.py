"""TA-Lib, the wider set: equal to 1e-9 after the warm-up, with equal NaN masks."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import talib

from tests.counts import FULL
from tests.data import needs_data, shared
from tests.peers.test_talib import PAIRS as FIRST
from tests.peers.test_talib import agree as agree_first
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
MOMENTUM = {
    "mom": (lambda b, w: i.mom(b.close, w), lambda b, w: talib.MOM(b.close, w), None),
    "roc": (lambda b, w: i.roc(b.close, w), lambda b, w: talib.ROC(b.close, w), 100),
    "trix": (lambda b, w: i.trix(b.close, w), lambda b, w: talib.TRIX(b.close, w), 100),
    "macd": (lambda b, w: i.macd(b.close, w, 26), lambda b, w: talib.MACD(b.close, w, 26, 9), None),
    "ppo": (
        lambda b, w: i.ppo(b.close, w, 26, 1).line,
        lambda b, w: talib.PPO(b.close, w, 26),
        100,
    ),
    "stochastic": (
        lambda b, w: i.stochastic(*b.hlc, w, 3, 5),
        lambda b, w: talib.STOCH(*b.hlc, w, 3, 0, 5, 0),
        100,
    ),
    "stoch_rsi": (
        lambda b, w: i.stoch_rsi(b.close, w, 9, 1, 3),
        lambda b, w: talib.STOCHRSI(b.close, w, 9, 3, 0),
        100,
    ),
    "williams_r": (lambda b, w: i.williams_r(*b.hlc, w), lambda b, w: talib.WILLR(*b.hlc, w), 100),
    # To 467; where one price of 14 differs by a third of a cent, TA-Lib's sum costs nine digits.
    "cci": (lambda b, w: i.cci(*b.hlc, w), lambda b, w: talib.CCI(*b.hlc, w), 1000),
}
DIRECTION = {
    "adx": (
        lambda b, w: i.adx(*b.hlc, w),
        lambda b, w: [f(*b.hlc, w) for f in (talib.ADX, talib.PLUS_DI, talib.MINUS_DI)],
        100,
    ),
    "aroon": (lambda b, w: i.aroon(*b[:2], w), lambda b, w: talib.AROON(*b[:2], w), 100),
    "supertrend": (
        lambda b, w: i.supertrend(*b.hlc, w, 2.0),
        lambda b, w: masked(talib.SUPERTREND(*b.hlc, w, 2.0)),
        None,
    ),
    "sar": (
        lambda b, w: i.parabolic_sar(*b[:2], 1 / w, 0.2),
        lambda b, w: talib.SAR(*b[:2], 1 / w, 0.2),
        None,
    ),
}


def traded(b, w, line):
    """TA-Lib has 0 where ours is NaN: no volume in the window."""
    return np.where(i.rolling_max(b.volume, w) > 0, line, np.nan)


VOLATILITY = {
    "natr": (lambda b, w: i.natr(*b.hlc, w), lambda b, w: talib.NATR(*b.hlc, w), 100),
    "donchian": (lambda b, w: i.donchian(*b[:2], w), lambda b, w: talib.DONCHIAN(*b[:2], w), None),
    # The seeds of the average true range differ: 500 bars on, by 0.9 ** 500.
    "keltner": (
        lambda b, w: np.array(i.keltner(*b.hlc, w, 10, 1.5))[:, 500:],
        lambda b, w: np.array(talib.KC(*b.hlc, w, 10, 1.5))[:, 500:],
        None,
    ),
}
VOLUME = {
    "vwap_session": (
        lambda b, w: i.vwap_session(*b, np.zeros(b.close.size)),
        lambda b, w: talib.VWAP(*b),
        None,
    ),
    "obv": (lambda b, w: i.obv(*b[2:]), lambda b, w: talib.OBV(*b[2:]), 1e3),
    "ad": (lambda b, w: i.ad(*b), lambda b, w: talib.AD(*b), 1e3),
    "cmf": (lambda b, w: i.cmf(*b, w), lambda b, w: traded(b, w, talib.CMF(*b, w)), 1),
    "mfi": (lambda b, w: i.mfi(*dear(b), w), lambda b, w: talib.MFI(*dear(b), w), 100),
    "relative_volume": (
        lambda b, w: i.relative_volume(b.volume + 1.0, w),
        lambda b, w: talib.RVOL(b.volume + 1.0, w),
        1,
    ),
}


def returns(b):
    """Simple returns of close and high, which vary in every window."""
    rng = np.random.default_rng(1)
    x, y = b.close * (1 + 1e-3 * rng.random((2, b.close.size)))
    return x, y, *(np.append(np.nan, z[1:] / z[:-1] - 1) for z in (x, y))


STATISTICS = {
    "percent_rank": (
        lambda b, w: i.percent_rank(b.close, w),
        lambda b, w: talib.PERCENTRANK(b.close, w),
        100,
    ),
    "slope": (
        lambda b, w: i.linear_slope(b.close, w),
        lambda b, w: talib.LINEARREG_SLOPE(b.close, w),
        None,
    ),
    "correlation": (
        lambda b, w: i.correlation(*returns(b)[2:], w)[w:],
        lambda b, w: talib.CORREL(*(r[1:] for r in returns(b)[2:]), w)[w - 1 :],
        1,
    ),
    "beta": (
        lambda b, w: i.beta(*returns(b)[2:], w),
        lambda b, w: talib.BETA(*returns(b)[1::-1], w),
        1,
    ),
    "pivots": (
        lambda b, w: ~np.isnan(i.confirmed_pivots(*jittered(b), 3, 2)),
        lambda b, w: np.array(talib.FRACTAL(*jittered(b), 3, 2)) != 0,
        1,
    ),
}
PAIRS = TREND | MOMENTUM | DIRECTION | VOLATILITY | VOLUME | STATISTICS


def jittered(b):
    """Highs and lows no two of which are equal."""
    rng = np.random.default_rng(2)
    return tuple(x * (1 + 1e-6 * rng.random(x.size)) for x in b[:2])


def dear(b):
    """More volume: TA-Lib's MFI is 0 where less than one unit of money has moved."""
    return b._replace(volume=b.volume * 1e9 + 1e9)


def masked(lines):
    """Supertrend's direction is 0, not NaN, in TA-Lib's warm-up."""
    line, side = lines
    return line, np.where(np.isnan(line), np.nan, side)


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


MARKETS = {
    "three years of BTCUSDT minutes": ("binance_spot_1m/*.parquet", 1_575_973),
    "23 years of AAPL as traded": ("us_equity_daily_unadjusted.parquet", 5_849),
    "minutes without trades or moves": ("defects/binance_spot_1m_BTCUSDT_2017*.parquet", 279_271),
}


@needs_data
@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("which", MARKETS)
def test_real_bars(name, which):
    bars = market(which)
    for window in (14, 100) if FULL or bars.close.size < 10**6 else (14,):
        agree(name, bars, window)


@needs_data
@pytest.mark.parametrize("name", FIRST)
@pytest.mark.parametrize("which", list(MARKETS)[1:])
def test_the_first_ones_on_calm_and_daily_bars(name, which):
    for window in (14, 200):
        agree_first(name, market(which).hlc, window)


@cache
def market(which):
    """Real bars; zero volume and equal prices are in all three."""
    import polars as pl

    pattern, rows = MARKETS[which]
    files = sorted(shared("ohlcv").glob(pattern))
    frame = pl.concat(pl.read_parquet(file) for file in files)
    if "symbol" in frame.columns:
        frame = frame.filter(pl.col("symbol") == "AAPL")
    assert frame.height == rows
    if which.startswith("minutes"):
        assert (frame["volume"] == 0).sum() > 20_000
        assert (frame["high"] == frame["low"]).sum() > 20_000
    return Bars(*(frame[name].to_numpy().astype(float) for name in Bars._fields))


@pytest.mark.parametrize("window", [5, 14, 50])
def test_flat_stretches_and_no_volume(window):
    """Calm of 300 bars between moves: what divides by a range or a sum that is nought."""
    rng = np.random.default_rng(0)
    moves = np.concatenate([rng.normal(0, 5, 400), np.zeros(300), rng.normal(0, 5, 300)])
    close = np.round(60_000 + np.cumsum(moves), 2)
    wide = np.where(np.concatenate([np.ones(400), np.zeros(300), np.ones(300)]) > 0, 1.0, 0.0)
    still = Bars(close + wide, close - wide, close, 10.0 * wide)
    for name in PAIRS:
        if name not in _UNDEFINED:
            agree(name, still, window)


_UNDEFINED = ("correlation", "beta", "pivots", "relative_volume")
"""Where nothing varies these are NaN and TA-Lib's 0, or random numbers stand for the bars."""
