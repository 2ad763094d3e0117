"""Price, equity, drawdown and exposure as panels with one cursor: what the script adds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from trade_research.report.arrays import F64, floats, means, seconds
from trade_research.report.figures import Curve
from trade_research.report.formats import count, short
from trade_research.report.panels import Panel, Panels, Series
from trade_research.report.run import Run
from trade_research.report.thin import MOST_POINTS, thin

_MARKS, _STRETCHES = 600, 1_000


def panels_of(run: Run, curves: Sequence[Curve]) -> Panels:
    """Four panels of at most 2,000 points a line."""
    panels = [_equity(run, curves), _drawdown(run), _exposure(run)]
    price = _price(run)
    note = f"Each line has at most {count(MOST_POINTS)} points, extremes kept."
    return Panels([price, *panels] if price is not None else panels, note)


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


def _price(run: Run) -> Panel | None:
    """Price of the instrument filled most often, with its fills."""
    frame, fills = run.prices, run.fills
    name = run.instruments[0] if run.instruments else ""
    if "symbol" in frame.columns and frame.height:
        busiest = fills["symbol"].mode().sort()[0] if fills.height else frame["symbol"][0]
        frame = frame.filter(pl.col("symbol") == busiest)
        fills = fills.filter(pl.col("symbol") == busiest) if fills.height else fills
        name = str(busiest)
    if frame.height < 2:
        return None
    close, times = floats(frame, "close"), seconds(frame)
    rows = thin(close)
    at, series = times[rows], [Series("Close", close[rows], "fg")]
    if fills.height:
        at, series = _marked(at, close[rows], fills)
    title = f"Price of {short(name, 40)}"
    return Panel(title, at, series, "price", log=_is_wide(close), height=210)


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
