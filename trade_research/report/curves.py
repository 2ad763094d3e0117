"""Money over time as the page draws it: curves above, the share of its peak lost below."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from trade_research.report.arrays import F64, floats, seconds
from trade_research.report.charts import Plot
from trade_research.report.formats import percent, short_money
from trade_research.report.thin import thin

DRAWN = 1_200  # more points than pixels show nothing more in a static chart


@dataclass(frozen=True)
class Curve:
    """A line of money over time: `frame` has `close_time` and `equity`."""

    name: str
    frame: pl.DataFrame
    colour: str
    dash: str = "solid"


@dataclass(frozen=True)
class Band:
    """Money between two lines: `times` in seconds since 1970, (n,) each."""

    times: F64
    low: F64
    high: F64


def equity_plot(
    curves: Sequence[Curve],
    equity: pl.DataFrame,
    width: int,
    *,
    labels: int,
    points: int,
    band: Band | None = None,
    unseen_from: float | None = None,
) -> Plot:
    """Curves on a logarithmic axis (linear when one reaches zero), the drawdown of net below.

    At most `points` points a line, extremes kept, and about `labels` dates. `band` lies behind the
    curves; bars from `unseen_from` (seconds since 1970) on are shaded.
    """
    levels = [floats(curve.frame, "equity") for curve in curves]
    around = [] if band is None else [band.low, band.high]
    times, depth = seconds(equity), floats(equity, "drawdown")
    plot = Plot(width, (270, 96), x_range=(times[0], times[-1]))
    plot.values(*_span(levels + around), label=short_money, log=is_log(levels))
    if unseen_from is not None and unseen_from < times[-1]:
        plot.shade(max(unseen_from, times[0]), times[-1])
    if band is not None:
        plot.band(band.times, band.low, band.high, "net")
    deepest = min(float(np.nanmin(depth)), -0.001)
    digits = 0 if deepest < -0.04 else 1
    plot.values(deepest * 1.04, 0, label=lambda v: percent(v, digits), panel=1, most=3)
    plot.times(most=labels)
    for curve, level in reversed(list(zip(curves, levels, strict=True))):
        rows, wide = thin(level, points), 1.8 if curve.dash == "solid" else 1.4
        plot.line(seconds(curve.frame)[rows], level[rows], curve.colour, curve.dash, width=wide)
    rows = thin(depth, points)
    plot.area(times[rows], depth[rows], "loss", panel=1)
    return plot


def is_log(levels: Sequence[F64]) -> bool:
    """Whether every value is positive, so that a logarithmic axis can show them."""
    return all(np.nanmin(level) > 0 for level in levels)


def _span(levels: Sequence[F64]) -> tuple[float, float]:
    """The range of all values, with some room above and below."""
    low = min(float(np.nanmin(level)) for level in levels)
    high = max(float(np.nanmax(level)) for level in levels)
    if is_log(levels):
        room = (high / low) ** 0.03 if low > 0 else 1.0
        return low / room, high * room
    room = 0.03 * (high - low)
    return low - room, high + room
