"""The other two prices of trading: being late, and being large."""

from __future__ import annotations

import numpy as np

from trade_research.evidence.capacity import Capacity
from trade_research.evidence.grids import Level
from trade_research.report.charts import HALF, Chart, Plot
from trade_research.report.formats import NONE, count, percent, plural, ratio, short_money
from trade_research.report.run import Run
from trade_research.report.section import Beside, Cell, Part, Table


def lateness(run: Run) -> list[Part]:
    """Costs by delay, the lead and lag of the signal, and how much money it could carry."""
    if run.evidence is None:
        return ["What lateness and size would cost was not computed for this run."]
    parts: list[Part] = []
    if run.evidence.grids is not None and run.evidence.grids.costs:
        grids = run.evidence.grids
        left = _table(grids.costs)
        parts.append(Beside((left, _curve(grids.lags))) if len(grids.lags) > 2 else left)
    if run.evidence.capacity is not None:
        parts.append(_capacity(run.evidence.capacity))
    else:
        parts.append("Capacity is unknown: the volume traded before its fills is not known.")
    return parts


def _table(levels: tuple[Level, ...]) -> Table:
    """Net Sharpe ratio, a row for each multiple of the costs, a column for each delay."""
    late = sorted({level.bars for level in levels})
    cells = {(level.multiple, level.bars): level for level in levels}
    rows = []
    for multiple in sorted({level.multiple for level in levels}):
        row: list[str | Cell] = [f"{multiple:g}×"]
        row += [_cell(cells.get((multiple, bars))) for bars in late]
        rows.append(row)
    return Table(
        "Net Sharpe ratio by costs and delay",
        ("Costs", *(f"+{bars}" if bars else "0 bars" for bars in late)),
        rows,
        note="Day returns. A row is a multiple of all assumed costs, a column so many bars later "
        "than the run; blue is above zero, vermillion below.",
        kind="months",
    )


def _cell(level: Level | None) -> str | Cell:
    if level is None:
        return Cell(NONE, "weak")
    hint = f"net return {percent(level.net_return)}"
    if level.sharpe is None:
        return Cell(percent(level.net_return), "weak", hint)
    if round(abs(level.sharpe), 2) == 0:
        return Cell(ratio(level.sharpe), "weak", hint)
    step = 1 + sum(abs(level.sharpe) > edge for edge in (0.25, 0.5, 1.0))
    return Cell(ratio(level.sharpe), f"{'p' if level.sharpe > 0 else 'n'}{step}", hint)


def _curve(lags: tuple[Level, ...]) -> Chart:
    """Net Sharpe ratio when the targets come earlier or later."""
    known = [level for level in lags if level.sharpe is not None]
    x = np.array([level.bars for level in known], float)
    y = np.array([level.sharpe for level in known], float)
    ahead = np.array([level.uses_future for level in known], bool)
    low, high = min(0.0, float(y.min(initial=0.0))), max(0.0, float(y.max(initial=0.0)))
    room = 0.08 * (high - low or 1.0)
    span = (min(level.bars for level in lags) - 0.5, max(level.bars for level in lags) + 0.5)
    plot = Plot(HALF, (190,), left=52, right=12, top=24, bottom=42, x_range=span)
    plot.values(low - room, high + room, label=lambda v: ratio(v, 1), most=4, title="Net Sharpe")
    plot.shade(span[0], -0.5)
    plot.level(0.0)
    plot.line(x, y, "muted", width=1.0)
    plot.points(x[~ahead], y[~ahead], "net", "o", size=6.0)
    plot.points(x[ahead], y[ahead], "loss", "v", size=7.0)
    plot.across("Bars later than the run", label=lambda v: f"{v:g}" if v == int(v) else "", most=13)
    return plot.chart(
        "What the signal is worth earlier and later",
        _decay(known),
        key=[("As it could be traded", "net", "dot"), ("Knows the future", "loss", "down")],
        read=f"{_decay(known)} Those in the shade act before they were known: a diagnosis, no "
        "result.",
    )


def _decay(known: list[Level]) -> str:
    """How fast it fades."""
    now = next((level.sharpe for level in known if level.bars == 0), None)
    last = known[-1] if known else None
    if now is None or last is None or last.sharpe is None:
        return f"{plural(len(known), 'lag')} with a ratio."
    late = plural(last.bars, "bar")
    return f"Net Sharpe {ratio(now)} on time; {late} late it is {ratio(last.sharpe)}."


def _share(value: float | None) -> str:
    return "<0.001%" if value is not None and 0 < value < 1e-5 else percent(value, 3)


def _capacity(found: Capacity) -> Table:
    rows = [
        ("Median fill, of the volume of the bar before", _share(found.median)),
        ("95% of fills below", _share(found.high)),
        ("Largest fill", _share(found.largest)),
    ]
    rows += [
        (f"Capital at which 95% of fills stay below {percent(share, 0)}", short_money(capital, 3))
        for share, capital in found.capital
    ]
    wrapped = [(Cell(name, "wrap"), value) for name, value in rows]
    note = f"{count(found.fills)} fills measured"
    if found.unknown:
        note += f", {count(found.unknown)} not: the volume before them is unknown"
    return Table("Size against volume", ("", "Value"), wrapped, kind="slim", note=f"{note}.")
