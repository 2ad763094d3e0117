"""Parameters against the result: heat maps of each pair, slices, and which of them matter."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import polars as pl

from trade_research.metrics.definitions import DEFINITIONS
from trade_research.report.arrays import F64, I64, floats
from trade_research.report.charts import HALF, Chart, Plot
from trade_research.report.formats import axis, by_unit, count, percent, short
from trade_research.report.heat import cells_of, heat_map
from trade_research.report.section import Beside, Fold, Part, Section, Table
from trade_research.report.sweep import SweepView
from trade_research.report.walkforward import plain

_PAIRS, _SLICES, _POINTS = 6, 8, 500
_LAYERS = ("max_drawdown", "total_return", "trades")


def plateau(view: SweepView) -> Section | None:
    """A heat map for each pair of axes, the best and the centre of the plateau marked."""
    axes = varied(view)
    if len(axes) < 2:
        return None
    found = view.evidence.plateau
    claim = "Whether neighbours agree with the best"
    if found is not None and not math.isnan(found.score):
        word = "a plateau" if found.score >= 0.5 else "a peak"
        share = percent(found.score, 0)
        claim = f"The best stands on {word}: its neighbours have {share} of its Sharpe ratio"
    pairs = list(itertools.combinations(axes, 2))
    maps = [_map(view, x, y, view.measure) for x, y in pairs[:_PAIRS]]
    layers = _layers(view, *pairs[0])
    if len(maps) == 1:
        maps.append(layers.pop())
    parts: list[Part] = [Beside(maps)]
    if layers:
        parts.append(Fold("The same map of other numbers", (Beside(layers),)))
    if len(pairs) > _PAIRS:
        parts.append(f"The first {_PAIRS} of {len(pairs)} pairs of axes are drawn.")
    return Section("Plateau", claim, parts)


def varied(view: SweepView) -> list[str]:
    """Axes with more than one value."""
    return [name for name in view.axes if view.results[name].n_unique() > 1]


def places(column: pl.Series) -> tuple[I64, list[str]]:
    """Each value's place among the distinct ones in order, and their names; null comes last."""
    known = column.unique().sort(nulls_last=True)
    table = pl.DataFrame({"v": known, "k": np.arange(len(known))})
    at = column.to_frame("v").join(
        table, on="v", how="left", nulls_equal=True, maintain_order="left"
    )["k"]
    return at.to_numpy(), [short(plain(v), 12) for v in known]


def _map(view: SweepView, x: str, y: str, measure: str) -> Chart:
    (at_x, names_x), (at_y, names_y) = places(view.results[x]), places(view.results[y])
    values = floats(view.results, measure)
    cells = cells_of(at_x, at_y, values, names_x, names_y)
    meaning = DEFINITIONS[measure]
    others = [name for name in varied(view) if name not in (x, y)]
    over = f", median over {', '.join(short(n, 20) for n in others)}" if others else ""
    if max(cells.together) > 1:
        over += f"; a cell is {cells.together[0]} × {cells.together[1]} values"

    def brief(v: float) -> str:
        return (
            percent(float(v), 0) if meaning.unit == "fraction" else by_unit(float(v), meaning.unit)
        )

    marks = []
    found = view.evidence
    if measure == view.measure and found.best is not None:
        if found.plateau is not None and found.plateau.centre != found.best:
            row = found.plateau.centre
            marks.append((float(at_x[row]), float(at_y[row]), "o", "Centre of the plateau"))
        marks.append((float(at_x[found.best]), float(at_y[found.best]), "^", "Best"))
    low, high = np.nanquantile(values, [0.1, 0.9]) if not np.isnan(values).all() else (0.0, 0.0)
    finding = f"Eight of ten configurations lie between {brief(low)} and {brief(high)}."
    return heat_map(
        cells,
        f"{meaning.label}{over}",
        finding,
        x_title=short(x, 30),
        y_title=short(y, 30),
        label=brief,
        marks=marks,
        read=finding,
    )


def _layers(view: SweepView, x: str, y: str) -> list[Chart]:
    known = [n for n in _LAYERS if n in view.results.columns and n != view.measure]
    return [_map(view, x, y, name) for name in known]


def slices(view: SweepView) -> Section | None:
    """One small plot an axis: every configuration faint, the median and quartiles bold."""
    axes = [name for name in varied(view) if _is_ordered(view.results[name])][:_SLICES]
    if not axes:
        return None
    charts = [_slice(view, name) for name in axes]
    steepest = max(axes, key=lambda name: _spread_of_medians(view, name))
    claim = f"{short(steepest, 40)} moves the middle of the results most"
    return Section("Slices", claim, (Beside(charts),))


def _is_ordered(column: pl.Series) -> bool:
    return column.dtype.is_numeric() and column.n_unique() > 1


def _quartiles(view: SweepView, name: str) -> pl.DataFrame:
    """Quartiles of the measure at each value, or at each of at most `_SLICES` × 8 steps of it."""
    at, names = places(view.results[name])
    step = -(-len(names) // 64)
    return (
        pl.DataFrame({"at": at // step * step, "v": floats(view.results, view.measure)})
        .filter(pl.col("v").is_not_nan())
        .group_by("at")
        .agg(
            low=pl.col("v").quantile(0.25),
            middle=pl.col("v").median(),
            high=pl.col("v").quantile(0.75),
        )
        .sort("at")
    )


def _spread_of_medians(view: SweepView, name: str) -> float:
    return float(np.ptp(_quartiles(view, name)["middle"].to_numpy()))


def _slice(view: SweepView, name: str) -> Chart:
    at, names = places(view.results[name])
    values, found = floats(view.results, view.measure), _quartiles(view, name)
    known = np.flatnonzero(~np.isnan(values))
    some = known[np.linspace(0, known.size - 1, min(_POINTS, known.size)).round().astype(np.int64)]
    low, high = float(values[some].min()), float(values[some].max())
    room = 0.06 * (high - low or 1.0)
    plot = Plot(
        HALF, (170,), left=52, right=12, top=24, bottom=42, x_range=(-0.5, len(names) - 0.5)
    )
    title = DEFINITIONS[view.measure].label
    plot.values(low - room, high + room, label=axis, most=4, title=title)

    def named(v: float) -> str:
        return names[int(v)] if v == int(v) and 0 <= v < len(names) else ""

    plot.across(short(name, 40), label=named, most=6)
    plot.level(0.0)
    plot.points(at[some], values[some], "bench", "o", size=1.8)
    x = found["at"].to_numpy()
    plot.band(x, found["low"], found["high"], "net")
    plot.line(x, found["middle"], "net", width=2.2)
    best = int(found["middle"].arg_max() or 0)
    finding = f"The middle is highest at {short(name, 30)} = {names[int(x[best])]}."
    read = f"{finding} Points are configurations, the band holds their middle half."
    return plot.chart(f"Along {short(name, 40)}", finding, read=read)


def importance(view: SweepView) -> Section | None:
    """How much of the variance of the results each parameter, and each pair, explains."""
    axes = varied(view)
    values = floats(view.results, view.measure)
    known = np.flatnonzero(~np.isnan(values))
    if not axes or known.size < 3 or float(values[known].var()) <= 0.0:
        return None
    at = {name: places(view.results[name])[0][known] for name in axes}
    single = {name: explained(values[known], [at[name]]) for name in axes}
    rows: list[tuple[str, str]] = [
        (short(name, 60), percent(share, 0))
        for name, share in sorted(single.items(), key=lambda pair: -pair[1])
    ]
    for x, y in itertools.combinations(axes, 2):
        more = explained(values[known], [at[x], at[y]]) - single[x] - single[y]
        rows.append(
            (f"{short(x, 30)} with {short(y, 30)}, beyond both", percent(max(more, 0.0), 0))
        )
    top, share = max(single.items(), key=lambda pair: pair[1])
    claim = f"{short(top, 40)} alone explains {percent(share, 0)} of the differences"
    note = (
        "Share of the variance between the means of its values, adjusted for their number. What "
        "explains nothing need not be swept."
    )
    table = Table("Variance explained", ("Parameter", "Share"), rows, note=note, kind="slim")
    return Section("Importance", claim, (table,), folded=True)


def explained(values: F64, at: Sequence[I64]) -> float:
    """Variance between groups over the whole, adjusted as R² is; 0 where groups are as many."""
    key = np.zeros(values.size, np.int64)
    for places_ in at:
        key = key * (int(places_.max()) + 1) + places_
    _, group = np.unique(key, return_inverse=True)
    n, k = values.size, int(group.max()) + 1
    if n <= k:
        return 0.0
    means = np.bincount(group, values) / np.bincount(group)
    rest = float(((values - means[group]) ** 2).sum()) / (n - k)
    return max(0.0, 1.0 - rest / float(values.var(ddof=1)))


def counted(view: SweepView) -> str:
    """How many configurations of how many values."""
    sizes = " × ".join(count(view.results[name].n_unique()) for name in varied(view))
    return sizes or "1"
