"""The picture everybody wants: net, gross and benchmark, and how far under water below it."""

from __future__ import annotations

from typing import Any

import numpy as np

from trade_research.report.arrays import F64, floats
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.curves import DRAWN, Band, Curve, equity_plot, is_log
from trade_research.report.formats import count, money, percent, plural, short
from trade_research.report.panels import library
from trade_research.report.run import Run
from trade_research.report.section import Part, Section, Table
from trade_research.report.sections.explore import panels_of


def equity(run: Run) -> Section:
    """Equity on a log axis, underwater on the same time axis, and panels to explore."""
    if run.equity.height < 2:
        return Section("Equity", f"{plural(run.equity.height, 'bar')} cannot draw a curve", ())
    curves = curves_of(run)
    claim = f"{money(run.initial_cash)} became {money(float(run.equity['equity'][-1]))} after costs"
    if run.gross is not None and run.gross.height:
        claim += f"; {money(float(run.gross['equity'][-1]))} without them"
    parts: list[Part] = [_chart(run, curves, claim), _ends(run, curves)]
    if library()[0]:
        parts.append(panels_of(run, curves))
    return Section("Equity", claim, parts)


def curves_of(run: Run) -> list[Curve]:
    """Net, before costs where known, and the benchmark where there is one."""
    curves = [Curve("Net", run.equity, "net")]
    if run.gross is not None and run.gross.height:
        curves.append(Curve("Without costs", run.gross, "gross", "dashed"))
    if run.benchmark is not None and run.benchmark.height:
        name = short(run.benchmark_name or "Benchmark", 40)
        curves.append(Curve(name, run.benchmark, "bench", "dotted"))
    return curves


def _chart(run: Run, curves: list[Curve], claim: str) -> Chart:
    title = "Equity, and below it the share of its peak lost"
    finding = f"{claim}. Deepest drawdown {percent(run.metric('max_drawdown'))}."
    key = [(curve.name, curve.colour, curve.dash) for curve in curves]
    read = "Money on a linear axis, since equity reached zero or less."
    if is_log([floats(curve.frame, "equity") for curve in curves]):
        read = "Money on a logarithmic axis: equal slopes are equal growth."
    if run.equity.height > DRAWN:
        read += f" {count(DRAWN)} of {count(run.equity.height)} bars drawn, extremes kept."
    band, since = _band(run), _unseen(run)
    if band is not None and run.evidence is not None:
        key.append(("90% of reordered days", "net", "band"))
        read += (
            f" The band holds nine in ten of {count(run.evidence.draws)} reorderings of the run's "
            f"own days, day by day (blocks of {run.evidence.block:.0f} days on average)."
        )
    if since is not None:
        read += f" Shaded: unseen when the parameters were chosen ({_since(run)} on)."

    def draw(width: int, labels: int, points: int) -> Plot:
        return equity_plot(
            curves, run.equity, width, labels=labels, points=points, band=band, unseen_from=since
        )

    narrow, wide = draw(HALF, 4, DRAWN // 2), draw(WIDE, 9, DRAWN)
    return wide.chart(title, finding, key=key, read=read, narrow=narrow.chart(title, finding))


def _band(run: Run) -> Band | None:
    """Resampled equity at the ends of days; None where a path loses everything."""
    found = run.evidence.bands if run.evidence is not None else None
    if found is None or len(found.dates) < 2 or not min(found.low) > 0.0:
        return None
    low, high = (np.array(values) for values in (found.low, found.high))
    if not (high > low).any():
        return None  # it never moved
    return Band(_ends_of(np.array(found.dates, "M8[D]")), low, high)


def _ends_of(dates: np.ndarray[Any, Any]) -> F64:
    """Midnight after each date, seconds since 1970."""
    return np.asarray((dates.astype(np.int64) + 1) * 86_400.0, np.float64)


def _since(run: Run) -> str:
    return str(run.manifest.get("out_of_sample_from") or "")


def _unseen(run: Run) -> float | None:
    """When the bars begin that the parameters never saw, seconds since 1970."""
    text = _since(run)
    try:
        return float(np.datetime64(text, "s").astype(np.int64)) if text else None
    except ValueError:
        return None


def _ends(run: Run, curves: list[Curve]) -> Table:
    rows = []
    for curve in curves:
        level = floats(curve.frame, "equity")
        extremes = (money(float(np.nanmin(level))), money(float(np.nanmax(level))))
        gain = percent(level[-1] / run.initial_cash - 1)
        rows.append((curve.name, money(run.initial_cash), money(level[-1]), gain, *extremes))
    head = ("Curve", "Start", "End", "Return", "Lowest", "Highest")
    return Table("Where the curves end", head, rows)
