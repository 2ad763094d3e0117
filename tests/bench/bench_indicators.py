"""Indicators over a million values against TA-Lib; what a strategy costs to compile and load."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable

import numpy as np

from tests.bench.table import Row, paired

N = 1_000_000
FIRST = """
import time, sys
start = time.perf_counter()
import numpy as np
from trade_research.strategies import ma_crossover
ma_crossover.compute({"close": np.linspace(1.0, 2.0, 1000)})
print(time.perf_counter() - start)
"""


def rows() -> list[Row]:
    """Nanoseconds per value of each indicator; seconds to the first targets of a new process."""
    made = cases()
    for _, ours, _ in made.values():
        ours()  # compiled before anything is timed
    gc.collect()
    gc.freeze()  # collecting between rounds then leaves the caches to what is measured
    found = []
    for name, (goal, ours, theirs) in made.items():
        a, b = paired(ours, theirs, rounds=25, clock=time.process_time)
        found.append(Row(f"{name}, 1M values", a / N * 1e9, b / N * 1e9, "TA-Lib", "CPU ns", goal))
    gc.unfreeze()
    with tempfile.TemporaryDirectory() as folder:
        for state, goal in (("cold", "≤ 8 with the whole first backtest"), ("cached", "≤ 1")):
            seconds = _first(folder)
            found.append(Row(f"first targets, {state}", seconds, None, "", "s", goal))
    return found


def cases() -> dict[str, tuple[str, Callable[[], object], Callable[[], object]]]:
    """Name to goal, ours and TA-Lib's, on a random walk near 60,000 with cent ticks."""
    import talib as t

    from trade_research import indicators as i

    rng = np.random.default_rng(0)
    x = 60_000 + np.round(np.cumsum(rng.normal(0, 5, N)), 2)
    high, low = x + 5 * rng.random(N), x - 5 * rng.random(N)
    bars, volume, day = (high, low, x), np.round(rng.random(N) * 50, 3), np.zeros(N)
    traded = (*bars, volume)
    moves = [np.append(np.nan, z[1:] / z[:-1] - 1) for z in (x, high)]
    twice = {
        "SMA 20": (lambda: i.sma(x, 20), lambda: t.SMA(x, 20)),
        "SMA 200": (lambda: i.sma(x, 200), lambda: t.SMA(x, 200)),
        "EMA 20": (lambda: i.ema(x, 20), lambda: t.EMA(x, 20)),
        "Bollinger 20": (lambda: i.bollinger_bands(x), lambda: t.BBANDS(x, 20)),
    }
    once = {
        "Wilder 14": (lambda: i.wilder(x, 14), lambda: t.RMA(x, 14)),
        "WMA 20": (lambda: i.wma(x, 20), lambda: t.WMA(x, 20)),
        "DEMA 20": (lambda: i.dema(x, 20), lambda: t.DEMA(x, 20)),
        "TEMA 20": (lambda: i.tema(x, 20), lambda: t.TEMA(x, 20)),
        "HMA 20": (lambda: i.hma(x, 20), lambda: t.HMA(x, 20)),
        "KAMA 10": (lambda: i.kama(x, 10), lambda: t.KAMA(x, 10)),
        "RSI 14": (lambda: i.rsi(x, 14), lambda: t.RSI(x, 14)),
        "momentum 10": (lambda: i.mom(x, 10), lambda: t.MOM(x, 10)),
        "ROC 10": (lambda: i.roc(x, 10), lambda: t.ROC(x, 10)),
        "TRIX 30": (lambda: i.trix(x, 30), lambda: t.TRIX(x, 30)),
        "MACD": (lambda: i.macd(x), lambda: t.MACD(x)),
        "PPO": (lambda: i.ppo(x), lambda: t.PPO(x)),
        "stochastic": (lambda: i.stochastic(*bars), lambda: t.STOCH(*bars, 14, 3, 0, 3, 0)),
        "stochastic RSI": (lambda: i.stoch_rsi(x), lambda: t.STOCHRSI(x, 14, 14, 3)),
        "Williams %R": (lambda: i.williams_r(*bars), lambda: t.WILLR(*bars)),
        "CCI 14": (lambda: i.cci(*bars), lambda: t.CCI(*bars)),
        "ADX 14": (lambda: i.adx(*bars), lambda: t.ADX(*bars)),
        "Aroon 14": (lambda: i.aroon(high, low), lambda: t.AROON(high, low)),
        "supertrend": (lambda: i.supertrend(*bars), lambda: t.SUPERTREND(*bars)),
        "parabolic SAR": (lambda: i.parabolic_sar(high, low), lambda: t.SAR(high, low)),
        "deviation 5": (lambda: i.rolling_std(x, 5), lambda: t.STDDEV(x, 5)),
        "deviation 20": (lambda: i.rolling_std(x, 20), lambda: t.STDDEV(x, 20)),
        "deviation 200": (lambda: i.rolling_std(x, 200), lambda: t.STDDEV(x, 200)),
        "Bollinger 200": (lambda: i.bollinger_bands(x, 200), lambda: t.BBANDS(x, 200)),
        "minimum 20": (lambda: i.rolling_min(x, 20), lambda: t.MIN(x, 20)),
        "maximum 200": (lambda: i.rolling_max(x, 200), lambda: t.MAX(x, 200)),
        "Donchian 20": (lambda: i.donchian(high, low), lambda: t.DONCHIAN(high, low, 20)),
        "Keltner": (lambda: i.keltner(*bars), lambda: t.KC(*bars)),
        "true range": (lambda: i.true_range(*bars), lambda: t.TRANGE(*bars)),
        "ATR 14": (lambda: i.atr(*bars, 14), lambda: t.ATR(*bars, 14)),
        "NATR 14": (lambda: i.natr(*bars, 14), lambda: t.NATR(*bars, 14)),
        "VWAP": (lambda: i.vwap_session(*traded, day), lambda: t.VWAP(*traded)),
        "OBV": (lambda: i.obv(x, volume), lambda: t.OBV(x, volume)),
        "A/D": (lambda: i.ad(*traded), lambda: t.AD(*traded)),
        "CMF 20": (lambda: i.cmf(*traded), lambda: t.CMF(*traded)),
        "MFI 14": (lambda: i.mfi(*traded), lambda: t.MFI(*traded)),
        "relative volume": (lambda: i.relative_volume(volume), lambda: t.RVOL(volume)),
        "percent rank 100": (lambda: i.percent_rank(x, 100), lambda: t.PERCENTRANK(x, 100)),
        "slope 14": (lambda: i.linear_slope(x), lambda: t.LINEARREG_SLOPE(x)),
        "correlation 30": (lambda: i.correlation(x, high), lambda: t.CORREL(x, high)),
        "beta 30": (lambda: i.beta(*moves), lambda: t.BETA(high, x, 30)),
        "pivots 2, 2": (lambda: i.confirmed_pivots(high, low, 2, 2), lambda: t.FRACTAL(high, low)),
    }
    return {
        name: (goal, *pair)
        for goal, some in (("≥ 2×", twice), ("≥ 1×", once))
        for name, pair in some.items()
    }


def _first(cache: str) -> float:
    """Seconds from the start of a fresh process' imports to its first targets."""
    env = {**os.environ, "TRADE_RESEARCH_CACHE": cache}
    done = subprocess.run(
        [sys.executable, "-c", FIRST], env=env, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
