"""The picture everybody wants: net, gross and benchmark, and how far under water below it."""

from __future__ import annotations

import numpy as np
import polars as pl

from trade_research.report.arrays import F64, floats, seconds
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.formats import count, money, percent, short, short_money
from trade_research.report.panels import Panel, Panels, Series, library
from trade_research.report.run import Run
from trade_research.report.section import Part, Section, Table
from trade_research.report.thin import MOST_POINTS, thin

_DRAWN = 1_200  # more points than pixels show nothing more in a static chart


def equity(run: Run) -> Section | None:
    """Equity on a log axis, underwater on the same time axis, and panels to explore."""
    if run.equity.height < 2:
        return Section("Equity", f"{count(run.equity.height)} bars draw no curve", ())
    final = float(run.equity["equity"][-1])
    claim = f"{money(run.initial_cash)} became {money(final)} after costs"
    if run.gross is not None and run.gross.height:
        claim += f"; {money(float(run.gross['equity'][-1]))} before them"
    parts: list[Part] = [_static(run, claim), _ends(run)]
    if library()[0]:
        parts.append(_explore(run))
    return Section("Equity", claim, parts)


def _curves(run: Run) -> list[tuple[str, pl.DataFrame, str, str]]:
    curves = [("Net", run.equity, "net", "solid")]
    if run.gross is not None and run.gross.height:
        curves.append(("Before costs", run.gross, "gross", "dashed"))
    if run.benchmark is not None and run.benchmark.height:
        name = short(run.benchmark_name or "Benchmark", 40)
        curves.append((name, run.benchmark, "bench", "dotted"))
    return curves


def _static(run: Run, finding: str) -> Chart:
    narrow = _draw(run, finding, HALF, most=4, points=_DRAWN // 2)
    return _draw(run, finding, WIDE, most=9, points=_DRAWN, narrow=narrow)


def _draw(run: Run, finding: str, width: int, *, most: int, points: int, narrow: Chart | None = None) -> Chart:  # fmt: skip
    curves = _curves(run)
    levels = [floats(frame, "equity") for _, frame, _, _ in curves]
    finite = np.concatenate([level[np.isfinite(level)] for level in levels])
    times, depth = seconds(run.equity), floats(run.equity, "drawdown")
    plot = Plot(width, (270, 96), x_range=(times[0], times[-1]))
    log = bool(finite.min() > 0)
    low, high = float(finite.min()), float(finite.max())
    room = (high / low) ** 0.03 if log else 0.03 * (high - low)
    span = (low / room, high * room) if log else (low - room, high + room)
    plot.values(*span, label=short_money, log=log)
    under = float(np.nanmin(depth))
    plot.values(min(under, -0.001) * 1.04, 0, label=lambda v: percent(v, 0 if under < -0.04 else 1), panel=1, most=3)  # fmt: skip  # noqa: E501
    plot.times(most=most)
    for (_, frame, colour, dash), level in reversed(list(zip(curves, levels, strict=True))):
        rows = thin(level, points)
        plot.line(seconds(frame)[rows], level[rows], colour, dash, width=1.8 if dash == "solid" else 1.4)  # fmt: skip  # noqa: E501
    rows = thin(depth, points)
    plot.area(times[rows], depth[rows], "loss", panel=1)
    worst = int(np.nanargmin(depth))
    plot.note(times[worst], depth[worst], percent(under), panel=1, colour="loss",
              align="left" if worst < times.size / 2 else "right")  # fmt: skip
    scale = "logarithmic" if log else "linear"
    thinned = f" Drawn with {count(points)} of {count(times.size)} bars, extremes kept (MinMaxLTTB)." if times.size > points else ""  # fmt: skip  # noqa: E501
    return plot.chart(
        "Equity, and below it the share of the peak lost",
        f"{finding}. Deepest drawdown {percent(under)}.",
        key=[(name, colour, dash) for name, _, colour, dash in curves],
        read=f"Money on a {scale} axis: equal slopes are equal growth.{thinned}" if log else f"The axis is {scale}: equity reached zero or less.{thinned}",  # fmt: skip  # noqa: E501
        narrow=narrow,
    )


def _ends(run: Run) -> Table:
    rows = []
    for name, frame, _, _ in _curves(run):
        level = floats(frame, "equity")
        rows.append(
            (name, money(run.initial_cash), money(level[-1]), percent(level[-1] / run.initial_cash - 1),
             money(float(np.nanmin(level))), money(float(np.nanmax(level))))
        )  # fmt: skip
    return Table("Where the curves end", ("Curve", "Start", "End", "Return", "Lowest", "Highest"), rows)


def _explore(run: Run) -> Panels:
    times, level = seconds(run.equity), floats(run.equity, "equity")
    rows = thin(level)
    curves = [Series("Net", level[rows], "net")]
    for name, frame, colour, dash in _curves(run)[1:]:
        values = np.interp(times[rows], seconds(frame), floats(frame, "equity"))
        curves.append(Series(name, values, colour, dash))
    depth, gross, net = (floats(run.equity, c) for c in ("drawdown", "gross", "net"))
    deep, wide = thin(depth), thin(net)
    panels = [
        Panel("Equity", times[rows], curves, "money", log=bool(np.nanmin(level) > 0), height=210),
        Panel("Drawdown", times[deep], [Series("Drawdown", depth[deep], "loss")], "percent", height=120),
        Panel("Exposure", times[wide], [Series("Net exposure", net[wide], "net"), Series("Gross", gross[wide], "gross", "dashed")], "percent", height=120),  # fmt: skip  # noqa: E501
    ]  # fmt: skip
    price = _price(run)
    return Panels([price, *panels] if price else panels, f"At most {count(MOST_POINTS)} points each.")


def _price(run: Run) -> Panel | None:
    """Price of the instrument traded most, with its entries and exits."""
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
    at, shown = times[rows], close[rows]
    series = [Series("Close", shown, "fg")]
    if fills.height:
        at, series = _marked(at, shown, fills)
    return Panel(f"Price of {short(name, 40)}", at, series, "price", log=bool(np.nanmin(close) > 0), height=210)  # fmt: skip  # noqa: E501


def _marked(at: F64, shown: F64, fills: pl.DataFrame) -> tuple[F64, list[Series]]:
    """The price line with fills beside it on one time axis; at most 600 fills, evenly chosen."""
    step = max(1, -(-fills.height // 600))
    some = fills[::step]
    when, price = seconds(some, "time"), floats(some, "price")
    buys = (some["side"] == "buy").to_numpy()
    all_times = np.union1d(at, when)
    line = np.interp(all_times, at, shown)
    series = [Series("Close", line, "fg")]
    for label, mask, colour, marker in (("Bought", buys, "gain", "up"), ("Sold", ~buys, "loss", "down")):
        marks = np.full(all_times.size, np.nan)
        marks[np.searchsorted(all_times, when[mask])] = price[mask]
        series.append(Series(label if step == 1 else f"{label} (1 in {step})", marks, colour, marker=marker))  # fmt: skip  # noqa: E501
    return all_times, series
