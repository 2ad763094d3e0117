"""Few enough candles to carry and to draw: neighbours merged, single bars kept where asked for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from trade_research.report.arrays import F64, floats, seconds

MOST, _COARSE, _NEAR = 2_000, 1_200, 30


@dataclass(frozen=True)
class Candles:
    """Opens, extremes and closes, (n,) each, at the closes of their last bars; `bars` in most."""

    times: F64
    open: F64
    high: F64
    low: F64
    close: F64
    bars: int


def candles(prices: pl.DataFrame, near: Sequence[slice] = ()) -> Candles:
    """At most 2,000 candles of one instrument's bars.

    Parameters
    ----------
    prices : DataFrame
        `close_time, open, high, low, close`, at least one row.
    near : sequence of slices
        Rows to show bar by bar, or in 30 candles where they are more than 30 bars. Of many the
        first are taken.
    """
    n = prices.height
    starts, step = np.arange(n), 1
    if n > MOST:
        step = -(-n // _COARSE)
        fine = [
            np.arange(rows.start, rows.stop, -(-(rows.stop - rows.start) // _NEAR))
            for rows in near[: (MOST - _COARSE) // (_NEAR + 1)]
        ]
        starts = np.unique(np.concatenate([np.arange(0, n, step), *fine]))
    last = np.append(starts[1:], n) - 1
    return Candles(
        seconds(prices)[last],
        floats(prices, "open")[starts],
        np.fmax.reduceat(floats(prices, "high"), starts),
        np.fmin.reduceat(floats(prices, "low"), starts),
        floats(prices, "close")[last],
        step,
    )
