"""Panels with one cursor, what the script adds: equity, drawdown, exposure; price and signals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from trade_research.report.arrays import F64, floats, means, seconds
from trade_research.report.candles import Candles, candles
from trade_research.report.curves import Curve
from trade_research.report.formats import count, short
from trade_research.report.panels import Panel, Panels, Series
from trade_research.report.run import Run
from trade_research.report.thin import MOST_POINTS, thin

_MARKS, _STRETCHES, _OUTPUTS = 600, 1_000, 3
_BARS = {"symbol", "open_time", "close_time", "open", "high", "low", "close", "volume"}


def panels_of(run: Run, curves: Sequence[Curve]) -> Panels:
    """Equity, drawdown and exposure, at most 2,000 points a line."""
    note = f"Each line has at most {count(MOST_POINTS)} points, extremes kept."
    return Panels(
        [_equity(run, curves), _drawdown(run), _exposure(run)], note, "Explore the equity"
    )


def price_panels(
    prices: pl.DataFrame, fills: pl.DataFrame, name: str, near: Sequence[slice] = ()
) -> Panels:
    """Candles, fills and the strategy's own columns of one instrument, at least two bars.

    Parameters
    ----------
    prices, fills : DataFrame
        Of that instrument alone.
    near : sequence of slices
        Rows of `prices` to be shown bar by bar.
    """
    drawn, (beside, below) = candles(prices, near), split_outputs(prices)
    at, price = _marked(drawn, fills)
    times = seconds(prices)
    looks = (("net", "dashed"), ("gross", "dotted"))
    for output, (colour, dash) in zip(beside, looks, strict=False):
        price.append(Series(short(output, 24), _at(prices, output, at, times), colour, dash))
    is_log = _is_wide(floats(prices, "close"))
    title = f"Price of {short(name, 40)}"
    panels = [Panel(title, at, price, "price", log=is_log, height=280, has_candles=True)]
    for output in below[:_OUTPUTS]:
        values = floats(prices, output)
        some = thin(values)
        line = [Series(short(output, 24), values[some], "net")]
        panels.append(Panel(short(output, 40), times[some], line, "price", height=110))
    note = "Hollow candles rose, filled ones fell; from far away the line joins closes."
    if drawn.bars > 1:
        note += f" A candle is {count(drawn.bars)} bars, around the trades listed fewer."
    return Panels(panels, note, "Explore price and signals")


def split_outputs(prices: pl.DataFrame) -> tuple[list[str], list[str]]:
    """The strategy's columns that lie among the prices, and those on a scale of their own."""
    close = floats(prices, "close")
    beside: list[str] = []
    below: list[str] = []
    low, high = np.nanmin(close), np.nanmax(close)
    for name in prices.columns:
        if name in _BARS or not prices[name].dtype.is_numeric():
            continue
        values = floats(prices, name)
        known = values[np.isfinite(values)]
        if not known.size:
            continue
        is_price = bool(known.min() > 0.3 * low and known.max() < 3.0 * high and known.min() > 0)
        (beside if is_price else below).append(name)
    return beside, below


def _at(prices: pl.DataFrame, name: str, at: F64, times: F64) -> F64:
    """A column at other times: the value of the bar closed last."""
    rows = np.searchsorted(times, at, side="right") - 1
    return np.where(rows >= 0, floats(prices, name)[np.maximum(rows, 0)], np.nan)


def _equity(run: Run, curves: Sequence[Curve]) -> Panel:
    level = floats(run.equity, "equity")
    rows = thin(level)
    times = seconds(run.equity)[rows]
    series = [Series("Net", level[rows], "net")]
    for curve in curves[1:]:
        values = np.interp(times, seconds(curve.frame), floats(curve.frame, "equity"))
        series.append(Series(curve.name, values, curve.colour, curve.dash))
    return Panel("Equity", times, series, "money", log=_is_wide(level), height=210)


def _drawdown(run: Run) -> Panel:
    depth = floats(run.equity, "drawdown")
    rows = thin(depth)
    series = [Series("Drawdown", depth[rows], "loss")]
    return Panel("Drawdown", seconds(run.equity)[rows], series, "percent", height=120)


def _exposure(run: Run) -> Panel:
    gross, net = floats(run.equity, "gross"), floats(run.equity, "net")
    rows, level = means(net, _STRETCHES)
    series = [Series("Net", level, "net")]
    if np.nanmax(np.abs(gross - np.abs(net))) > 1e-9:
        series.append(Series("Gross", means(gross, _STRETCHES)[1], "gross", "dashed"))
    title = "Exposure" if rows.size == net.size else f"Exposure, means of {rows.size} stretches"
    return Panel(title, seconds(run.equity)[rows], series, "percent", height=130)


def _marked(drawn: Candles, fills: pl.DataFrame) -> tuple[F64, list[Series]]:
    """Candles and fills on one time axis; at most 600 fills, evenly chosen."""
    step = max(1, -(-fills.height // _MARKS))
    sides = [fills.filter(pl.col("side") == side)[::step] for side in ("buy", "sell")]
    times = np.union1d(drawn.times, np.concatenate([seconds(side, "time") for side in sides]))
    here = np.searchsorted(times, drawn.times)
    series = [
        Series(name.capitalize(), _placed(times.size, here, getattr(drawn, name)), "fg", "none")
        for name in ("open", "high", "low", "close")
    ]
    looks = (("Bought", "gain", "up"), ("Sold", "loss", "down"))
    for (label, colour, marker), side in zip(looks, sides, strict=True):
        if side.is_empty():
            continue
        marks = _placed(
            times.size, np.searchsorted(times, seconds(side, "time")), floats(side, "price")
        )
        shown = label if step == 1 else f"{label} (1 in {step})"
        series.append(Series(shown, marks, colour, marker=marker))
    return times, series


def _placed(size: int, rows: NDArray[np.int64], values: F64) -> F64:
    """`values` at `rows`, NaN elsewhere."""
    out = np.full(size, np.nan)
    out[rows] = values
    return out


def _is_wide(values: F64) -> bool:
    """Whether a logarithmic axis tells more: positive values over more than a factor of four."""
    low, high = np.nanmin(values), np.nanmax(values)
    return bool(low > 0 and high > 4 * low)
