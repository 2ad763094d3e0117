"""Small bars for the store's tests, with prices that are decimals."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

START = datetime(2021, 3, 1, tzinfo=UTC)


def minutes(rows: int, start: datetime = START, *, seed: int = 0, digits: int = 2) -> pl.DataFrame:
    """`rows` one-minute bars without a gap, prices near 60,000 with `digits` decimals."""
    rng = np.random.default_rng(seed)
    scale = 10.0**digits
    close = np.rint((60_000 + np.cumsum(rng.normal(0, 5, rows))) * scale) / scale
    opened = np.concatenate([close[:1], close[:-1]])
    return pl.DataFrame(
        {
            "open_time": [start + timedelta(minutes=i) for i in range(rows)],
            "open": opened,
            "high": np.maximum(opened, close),
            "low": np.minimum(opened, close),
            "close": close,
            "volume": np.rint(rng.exponential(3, rows) * 1e6) / 1e6,
        },
        schema_overrides={"open_time": pl.Datetime("us", "UTC")},
    )


VALUES = ("open", "high", "low", "close", "volume")


def same(ours: pl.DataFrame, frame: pl.DataFrame) -> bool:
    """True when `ours` has the times and values of `frame`, bit for bit."""
    names = [name for name in ("open_time", *VALUES) if name in frame.columns]
    return ours.select(names).equals(frame.select(names))
