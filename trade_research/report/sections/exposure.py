"""How much of the time, and of the equity, was at risk; and how often it changed hands."""

from __future__ import annotations

import numpy as np

from trade_research.report.arrays import floats, seconds
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.formats import count, percent, plural, ratio
from trade_research.report.run import Run
from trade_research.report.section import Part, Section, Table
from trade_research.report.thin import thin


def exposure(run: Run) -> Section | None:
    """Net and gross exposure over time, holding times, and what it adds up to."""
    if run.equity.height < 2:
        return None
    parts: list[Part] = [_chart(run), _table(run)]
    share, turnover = run.metric("exposure"), run.metric("turnover")
    claim = f"In the market {percent(share, 0)} of the time"
    if turnover is not None:
        claim += f", turning equity over {ratio(turnover, 1)} times a year"
    return Section("Exposure", claim, parts)


def _chart(run: Run) -> Chart:
    return _draw(run, WIDE, 9, 1_200, _draw(run, HALF, 4, 600))


def _draw(run: Run, width: int, most: int, points: int, narrow: Chart | None = None) -> Chart:
    times, net, gross = seconds(run.equity), floats(run.equity, "net"), floats(run.equity, "gross")
    plot = Plot(width, (130,), x_range=(times[0], times[-1]))
    low = min(0.0, float(np.nanmin(net, initial=0.0)))
    high = max(0.05, float(np.nanmax(gross, initial=0.0)))
    plot.values(low * 1.06, high * 1.06, label=lambda v: percent(v, 0), most=4)
    plot.times(most=most)
    several = bool(np.nanmax(np.abs(gross - np.abs(net)), initial=0.0) > 1e-9)
    if several:
        rows = thin(gross, points)
        plot.line(times[rows], gross[rows], "gross", "dashed", width=1.2)
    rows = thin(net, points)
    plot.area(times[rows], net[rows], "net")
    plot.level(0.0)
    key = [("Net", "net", "solid"), ("Gross", "gross", "dashed")] if several else []
    finding = (
        f"Gross exposure {percent(run.metric('gross_exposure'), 0)} of equity on average, "
        f"net {percent(run.metric('net_exposure'), 0)}."
    )
    return plot.chart("Exposure as a share of equity", finding, key=key, narrow=narrow,
                      read="Net is long less short; gross is long plus short." if several
                      else "Long above zero, short below.")  # fmt: skip


def _table(run: Run) -> Table:
    net = floats(run.equity, "net")
    held = floats(run.trades, "bars") if run.trades.height else np.empty(0)
    rows = [
        ("Bars with a position", percent(run.metric("exposure"))),
        ("Long bars", percent(float((net > 0).mean()))),
        ("Short bars", percent(float((net < 0).mean()))),
        ("Gross exposure, average", percent(run.metric("gross_exposure"))),
        ("Gross exposure, largest", percent(float(np.nanmax(floats(run.equity, "gross"))))),
        ("Turnover a year", f"{ratio(run.metric('turnover'), 1)}×" if run.metric("turnover") is not None else "–"),  # fmt: skip  # noqa: E501
        ("Costs a year", percent(run.metric("cost_per_year"), 2)),
        ("Bars held, median", f"{count(float(np.median(held)))} · n = {count(held.size)}" if held.size else f"– · {plural(0, 'trade')}"),  # fmt: skip  # noqa: E501
        ("Bars held, longest", count(held.max()) if held.size else "–"),
    ]
    return Table("Exposure and turnover", ("", "Value"), rows,
                 note="Turnover counts one side: all in and all out again is 1.")  # fmt: skip
