"""Small frames of bars for the tests of the room."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl

from trade_research.frames.bars import to_bars
from trade_research.frames.intervals import parse_interval

MINUTE = 60_000_000


def utc(text: str) -> datetime:
    """A moment in UTC from ISO text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def us(text: str) -> int:
    """The same as microseconds since 1970."""
    return int(utc(text).timestamp()) * 1_000_000


def times(*texts: str) -> pl.Series:
    """A Series of moments."""
    return pl.Series("open_time", [utc(t) for t in texts], pl.Datetime("us", "UTC"))


def walk(opens, interval="1m", calendar="24/7", seed=0, symbol=None) -> pl.DataFrame:
    """Bars of a random walk at the given opens (int64 microseconds)."""
    n, rng = len(opens), np.random.default_rng(seed)
    close = 60_000 * np.exp(np.cumsum(rng.normal(0, 1e-3, n)))
    open_ = close * np.exp(rng.normal(0, 5e-4, n))
    frame = pl.DataFrame(
        {
            "open_time": pl.Series(np.asarray(opens, np.int64)).cast(pl.Datetime("us", "UTC")),
            "open": open_,
            "high": np.maximum(open_, close) * 1.0005,
            "low": np.minimum(open_, close) * 0.9995,
            "close": close,
            "volume": rng.uniform(0.5, 5.0, n),
        }
    )
    return to_bars(frame, interval, calendar, symbol)


def grid(n: int, interval: str = "1m", start: str = "2024-01-01") -> np.ndarray:
    """Opens of n bars in a row."""
    return us(start) + np.arange(n) * parse_interval(interval).us
