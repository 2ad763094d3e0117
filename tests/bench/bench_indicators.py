"""Indicators over a million values against TA-Lib; what a strategy costs to compile and load."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

import numpy as np

from tests.bench.table import Row, paired
from trade_research import indicators

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
    import talib

    rng = np.random.default_rng(0)
    close = 60_000 + np.round(np.cumsum(rng.normal(0, 5, N)), 2)
    high, low = close + 5 * rng.random(N), close - 5 * rng.random(N)
    bars = (high, low, close)
    i, t, x = indicators, talib, close
    cases = [
        ("SMA 20", "≥ 2×", lambda: i.sma(x, 20), lambda: t.SMA(x, 20)),
        ("SMA 200", "≥ 1×", lambda: i.sma(x, 200), lambda: t.SMA(x, 200)),
        ("EMA 20", "≥ 2×", lambda: i.ema(x, 20), lambda: t.EMA(x, 20)),
        ("RSI 14", "≥ 1×", lambda: i.rsi(x, 14), lambda: t.RSI(x, 14)),
        ("deviation 5", "≥ 1×", lambda: i.rolling_std(x, 5), lambda: t.STDDEV(x, 5)),
        ("deviation 20", "≥ 1×", lambda: i.rolling_std(x, 20), lambda: t.STDDEV(x, 20)),
        ("Bollinger 20", "≥ 2×", lambda: i.bollinger_bands(x), lambda: t.BBANDS(x, 20)),
        ("minimum 20", "≥ 1×", lambda: i.rolling_min(x, 20), lambda: t.MIN(x, 20)),
        ("maximum 200", "≥ 1×", lambda: i.rolling_max(x, 200), lambda: t.MAX(x, 200)),
        ("true range", "≥ 1×", lambda: i.true_range(*bars), lambda: t.TRANGE(*bars)),
        ("ATR 14", "≥ 1×", lambda: i.atr(*bars, 14), lambda: t.ATR(*bars, 14)),
    ]
    volume, day = np.round(rng.random(N) * 50, 3), np.zeros(N)
    traded = (*bars, volume)
    cases += [
        ("WMA 20", "≥ 1×", lambda: i.wma(x, 20), lambda: t.WMA(x, 20)),
        ("DEMA 20", "≥ 1×", lambda: i.dema(x, 20), lambda: t.DEMA(x, 20)),
        ("TEMA 20", "≥ 1×", lambda: i.tema(x, 20), lambda: t.TEMA(x, 20)),
        ("HMA 20", "≥ 1×", lambda: i.hma(x, 20), lambda: t.HMA(x, 20)),
        ("KAMA 10", "≥ 1×", lambda: i.kama(x, 10), lambda: t.KAMA(x, 10)),
        ("ROC 10", "≥ 1×", lambda: i.roc(x, 10), lambda: t.ROC(x, 10)),
        ("TRIX 30", "≥ 1×", lambda: i.trix(x, 30), lambda: t.TRIX(x, 30)),
        ("MACD", "≥ 1×", lambda: i.macd(x), lambda: t.MACD(x)),
        ("PPO", "≥ 1×", lambda: i.ppo(x), lambda: t.PPO(x)),
        ("stochastic", "≥ 1×", lambda: i.stochastic(*bars), lambda: t.STOCH(*bars, 14, 3, 0, 3, 0)),
        ("stochastic RSI", "≥ 1×", lambda: i.stoch_rsi(x), lambda: t.STOCHRSI(x, 14, 14, 3)),
        ("Williams %R", "≥ 1×", lambda: i.williams_r(*bars), lambda: t.WILLR(*bars)),
        ("CCI 14", "≥ 1×", lambda: i.cci(*bars), lambda: t.CCI(*bars)),
        ("ADX 14", "≥ 1×", lambda: i.adx(*bars), lambda: t.ADX(*bars)),
        ("Aroon 14", "≥ 1×", lambda: i.aroon(high, low), lambda: t.AROON(high, low)),
        ("supertrend", "≥ 1×", lambda: i.supertrend(*bars), lambda: t.SUPERTREND(*bars)),
        ("Donchian 20", "≥ 1×", lambda: i.donchian(high, low), lambda: t.DONCHIAN(high, low, 20)),
        ("Keltner", "≥ 1×", lambda: i.keltner(*bars), lambda: t.KC(*bars)),
        ("NATR 14", "≥ 1×", lambda: i.natr(*bars), lambda: t.NATR(*bars)),
        ("VWAP", "≥ 1×", lambda: i.vwap_session(*traded, day), lambda: t.VWAP(*traded)),
        ("OBV", "≥ 1×", lambda: i.obv(x, volume), lambda: t.OBV(x, volume)),
        ("A/D", "≥ 1×", lambda: i.ad(*traded), lambda: t.AD(*traded)),
        ("CMF 20", "≥ 1×", lambda: i.cmf(*traded), lambda: t.CMF(*traded)),
        ("MFI 14", "≥ 1×", lambda: i.mfi(*traded), lambda: t.MFI(*traded)),
        ("relative volume", "≥ 1×", lambda: i.relative_volume(volume), lambda: t.RVOL(volume)),
        ("percent rank", "≥ 1×", lambda: i.percent_rank(x, 100), lambda: t.PERCENTRANK(x, 100)),
        ("slope 14", "≥ 1×", lambda: i.linear_slope(x), lambda: t.LINEARREG_SLOPE(x)),
        ("correlation", "≥ 1×", lambda: i.correlation(x, high), lambda: t.CORREL(x, high)),
        ("parabolic SAR", "≥ 1×", lambda: i.parabolic_sar(high, low), lambda: t.SAR(high, low)),
    ]
    found = []
    for name, goal, ours, theirs in cases:
        a, b = paired(ours, theirs, rounds=25)
        found.append(Row(f"{name}, 1M values", a / N * 1e9, b / N * 1e9, "TA-Lib", "ns", goal))
    with tempfile.TemporaryDirectory() as folder:
        for state, goal in (("cold", "≤ 8 with the whole first backtest"), ("cached", "≤ 1")):
            seconds = _first(folder)
            found.append(Row(f"first targets, {state}", seconds, None, "", "s", goal))
    return found


def _first(cache: str) -> float:
    """Seconds from the start of a fresh process' imports to its first targets."""
    env = {**os.environ, "TRADE_RESEARCH_CACHE": cache}
    done = subprocess.run(
        [sys.executable, "-c", FIRST], env=env, capture_output=True, text=True, check=True
    )
    return float(done.stdout)
