"""Panels with one cursor, what the script adds: equity, drawdown, exposure; price and signals."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from trade_research.report.arrays import F64, floats, means, seconds
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


def price_panels(run: Run, prices: pl.DataFrame, fills: pl.DataFrame, name: str) -> Panels:
    """Price, fills and the strategy's own columns of one instrument, at least two bars.

    Parameters
    ----------
    prices, fills : DataFrame
        Of that instrument alone.
    """
    close, times = floats(prices, "close"), seconds(prices)
    rows = thin(close)
    at, beside, below = times[rows], *split_outputs(prices)
    price = [Series("Close", close[rows], "fg")]
    if fills.height:
        at, price = _marked(at, close[rows], fills)
    looks = (("net", "dashed"), ("gross", "dotted"))
    for output, (colour, dash) in zip(beside, looks, strict=False):
        price.append(Series(short(output, 24), _at(prices, output, at, times), colour, dash))
    panels = [
        Panel(f"Price of {short(name, 40)}", at, price, "price", log=_is_wide(close), height=260)
    ]
    for output in below[:_OUTPUTS]:
        values = floats(prices, output)
        some = thin(values)
        line = [Series(short(output, 24), values[some], "net")]
        panels.append(Panel(short(output, 40), times[some], line, "price", height=110))
    note = f"Each line has at most {count(MOST_POINTS)} points, extremes kept."
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


def _marked(at: F64, close: F64, fills: pl.DataFrame) -> tuple[F64, list[Series]]:
    """The price line and the fills on one time axis; at most 600 fills, evenly chosen."""
    step = -(-fills.height // _MARKS)
    sides = [fills.filter(pl.col("side") == side)[::step] for side in ("buy", "sell")]
    times = np.union1d(at, np.concatenate([seconds(side, "time") for side in sides]))
    series = [Series("Close", np.interp(times, at, close), "fg")]
    looks = (("Bought", "gain", "up"), ("Sold", "loss", "down"))
    for (label, colour, marker), side in zip(looks, sides, strict=True):
        if side.is_empty():
            continue
        marks = np.full(times.size, np.nan)
        marks[np.searchsorted(times, seconds(side, "time"))] = floats(side, "price")
        shown = label if step == 1 else f"{label} (1 in {step})"
        series.append(Series(shown, marks, colour, marker=marker))
    return times, series


def _is_wide(values: F64) -> bool:
    """Whether a logarithmic axis tells more: positive values over more than a factor of four."""
    low, high = np.nanmin(values), np.nanmax(values)
    return bool(low > 0 and high > 4 * low)
