"""Runs of every kind that a report is written of, on invented bars."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import polars as pl

import trade_research as tr
from trade_research.frames import to_bars
from trade_research.research.backtest import Backtest

START = np.datetime64("2023-01-01", "us")


def bars(n: int, interval: str = "1d", symbol: str | None = None, seed: int = 3) -> pl.DataFrame:
    """A random walk with swings: enough for trades, the same each time."""
    step = {"1d": timedelta(days=1), "1m": timedelta(minutes=1)}[interval]
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.004, n)) + 0.1 * np.sin(np.arange(n) / 5))
    first = np.concatenate([close[:1], close[:-1]])
    frame = pl.DataFrame(
        {
            "open_time": START + np.arange(n) * np.timedelta64(step),
            "open": first,
            "high": np.maximum(first, close) * 1.002,
            "low": np.minimum(first, close) * 0.998,
            "close": close,
            "volume": np.full(n, 1e6),
        }
    )
    return to_bars(frame, interval, symbol=symbol)


BIAS = 0.25


@tr.kernel
def lifted(x: float, bias: float) -> float:
    """A helper of a strategy's own."""
    return x + bias


@tr.strategy
def swing(close, level: float = 100.0, size: float = 0.75):
    """In the market above the level; mentions a constant and a helper outside itself."""
    out = np.zeros(close.size)
    for t in range(close.size):
        out[t] = lifted(size, BIAS) if close[t] > level else 0.0
    return out


@tr.strategy
def flicker(close):
    """In and out every other bar: a trade every two bars."""
    out = np.zeros(close.size)
    out[::2] = 1.0
    return out


@tr.strategy
def short_all(close, size: float = 1.9):
    """Short from the start."""
    return np.full(close.size, -size)


def daily() -> Backtest:
    return tr.backtest(swing, bars(300), calendar="24/7", risk_free=0.01)


def minute() -> Backtest:
    return tr.backtest(swing, bars(5_000, "1m"), calendar="24/7", level=103.0)


def several() -> Backtest:
    frames = [bars(300, symbol=name, seed=k) for k, name in enumerate(("A", "B", "C"))]
    return tr.backtest(swing, pl.concat(frames), calendar="24/7")


def no_trades() -> Backtest:
    return tr.backtest(swing, bars(200), calendar="24/7", level=1e9)


def ruined() -> Backtest:
    up = bars(120).with_columns(
        pl.col(c) * pl.lit(np.exp(np.arange(120) / 25.0)) for c in ("open", "high", "low", "close")
    )
    account = tr.Account("margin", leverage=2.0, maintenance=0.0)
    up = up.with_columns(
        pl.when(pl.int_range(pl.len()) > 60).then(pl.col(c) * 3).otherwise(pl.col(c)).alias(c)
        for c in ("open", "high", "low", "close")
    )
    return tr.backtest(short_all, up, calendar="24/7", account=account)


def many_trades() -> Backtest:
    return tr.backtest(flicker, bars(21_000, "1m"), calendar="24/7", costs=tr.Costs.zero())


def no_calendar() -> Backtest:
    return tr.backtest(swing, bars(300))


def one_bar() -> Backtest:
    return tr.backtest(swing, bars(1), calendar="24/7")


KINDS = {
    "daily": daily,
    "minute": minute,
    "several": several,
    "no_trades": no_trades,
    "ruined": ruined,
    "many_trades": many_trades,
    "no_calendar": no_calendar,
    "one_bar": one_bar,
}
