"""Selection, shown: what became of the best of one half of the days, and of each walk forward."""

from __future__ import annotations

import numpy as np

from trade_research.evidence.overfit import Overfit
from trade_research.report.bars import histogram
from trade_research.report.charts import HALF, Chart, Plot
from trade_research.report.formats import axis, count, percent, ratio
from trade_research.report.section import Beside, Code, Section, Table
from trade_research.report.sweep import SweepView
from trade_research.report.walkforward import walk_sections

_BINS, _POINTS, _FAR = 24, 600, 6.0


def splits(view: SweepView) -> Section | None:
    """Scatter of the best inside against itself outside, logits, and the probability."""
    found = view.evidence.overfit
    if found is None:
        text = "Two configurations and two days in each half are needed."
        return Section("Overfitting", "Whether the choice is overfitted cannot be told", (text,))
    claim = (
        f"The best of one half of the days is below the middle in the other half in "
        f"{percent(found.pbo, 0)} of splits"
    )
    year = float(np.sqrt(view.evidence.per_year or 1.0))
    table = Table(
        "Combinatorially symmetric cross-validation",
        ("", "Value"),
        (
            ("Probability of overfitting (PBO)", percent(found.pbo)),
            ("Splits of the days into halves", count(found.splits)),
            ("Configurations compared", count(found.configurations)),
            ("Mean Sharpe ratio of the best, inside", ratio(float(found.inside.mean()) * year)),
            ("The same configuration outside", ratio(float(found.outside.mean()) * year)),
            ("Share of the ratio kept", percent(found.kept, 0)),
            ("Splits in which it lost money outside", percent(found.loss)),
        ),
        note="16 blocks of days, every choice of 8 of them: 50% is what pure chance gives. Where "
        "many configurations are equally good, the choice among them carries nothing over and need "
        "not: then the share kept is what counts.",
    )
    charts = Beside((_scatter(found, year), _logits(found)))
    return Section("Overfitting", claim, (charts, table))


def _scatter(found: Overfit, year: float) -> Chart:
    """A point for each of evenly chosen splits."""
    some = np.linspace(0, found.splits - 1, min(_POINTS, found.splits)).round().astype(np.int64)
    x, y = found.inside[some] * year, found.outside[some] * year
    low, high = float(min(x.min(), y.min(), 0.0)), float(max(x.max(), y.max(), 0.0))
    room = 0.05 * (high - low or 1.0)
    ends = low - room, high + room
    plot = Plot(HALF, (230,), left=52, right=16, top=26, bottom=42, x_range=ends)
    plot.values(*ends, label=axis, title="Sharpe ratio in the other half")
    plot.across("Sharpe ratio of the best in one half", label=axis)
    plot.line(ends, ends, "muted", "dashed", width=1.0)
    plot.level(0.0)
    plot.points(x, y, "net", "o", size=3.2)
    finding = (
        f"On average {ratio(float(found.inside.mean()) * year)} inside became "
        f"{ratio(float(found.outside.mean()) * year)} outside."
    )
    read = f"{finding} On the dashed line nothing is lost. {count(some.size)} splits are drawn."
    return plot.chart("The best of one half in the other", finding, read=read)


def _logits(found: Overfit) -> Chart:
    counts, edges = np.histogram(np.clip(found.logits, -_FAR, _FAR), _BINS, (-_FAR, _FAR))
    finding = f"Left of zero, {percent(found.pbo)} of splits, it was below the middle outside."
    return histogram(
        "Rank outside of the best inside",
        finding,
        tuple(float(e) for e in edges),
        tuple(int(c) for c in counts),
        0.0,
        across="log odds of its rank outside",
        up="Splits",
        label=axis,
        called="Middle",
        reordered="Splits",
    )


def walk(view: SweepView) -> Section | None:
    """The walk forward where there is one, else how to make it."""
    if view.walk is None:
        spans = " ".join(f"-s {name}=…" for name in view.axes)
        known = view.manifest.get("data", {})
        names = known.get("names", []) if known.get("stored") else ["VENUE:SYMBOL@INTERVAL"]
        data = " ".join(f"--data {name}" for name in names)
        command = f"trade-research walkforward {view.strategy.name} {data} {spans}"
        return Section(
            "Walk forward",
            "Not walked forward: what is left when parameters are chosen as time goes on?",
            ("This answers it:", Code(f"{command} --train 360d --test 30d")),
            folded=True,
        )
    inner = walk_sections(view.walk)
    parts = [part for section in inner for part in section.parts]
    return Section("Walk forward", view.walk.verdict, parts)
