"""Columns of a run's frames as arrays, as metrics and charts take them."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trade_research.metrics.periods import daily_equity

US = 1_000_000
F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def micros(frame: pl.DataFrame, column: str = "close_time") -> I64:
    """A time column as int64 microseconds since 1970, (n,)."""
    return frame[column].dt.cast_time_unit("us").to_physical().to_numpy()


def seconds(frame: pl.DataFrame, column: str = "close_time") -> F64:
    """A time column as float seconds since 1970, (n,)."""
    return micros(frame, column) / US


def floats(frame: pl.DataFrame, column: str) -> F64:
    """A numeric column as float64, null as NaN, (n,)."""
    return frame[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def means(values: F64, stretches: int) -> tuple[NDArray[np.int64], F64]:
    """First row and mean of at most so many equal stretches; NaN counts as 0."""
    cuts = np.unique(np.linspace(0, values.size, stretches + 1).astype(np.int64))
    sums = np.add.reduceat(np.nan_to_num(values), cuts[:-1])
    return cuts[:-1], sums / np.diff(cuts)


def days(frame: pl.DataFrame) -> tuple[NDArray[Any], F64]:
    """Dates and last `equity` of each UTC day; a close at midnight belongs to the day before."""
    dates = (micros(frame) - 1).astype("M8[us]").astype("M8[D]")
    return daily_equity(floats(frame, "equity"), dates)
