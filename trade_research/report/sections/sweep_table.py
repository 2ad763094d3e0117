"""The configurations themselves: the best with their discount, others, trade-offs, failures."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from trade_research.metrics.definitions import DEFINITIONS
from trade_research.metrics.moments import Moments
from trade_research.metrics.sharpe import deflated_sharpe_ratio
from trade_research.report.arrays import F64, I64, floats
from trade_research.report.charts import HALF, WIDE, Chart, Plot
from trade_research.report.formats import NONE, axis, by_unit, count, percent, plural, ratio, short
from trade_research.report.section import Beside, Cell, Fold, Part, Section, Table
from trade_research.report.sections.sweep_parameters import places, varied
from trade_research.report.sweep import SweepView
from trade_research.report.walkforward import plain

_BEST, _MORE, _RANDOM, _LINES = 20, 130, 50, 400
_SHOWN = ("sharpe_daily", "total_return", "max_drawdown", "trades", "turnover", "cost_paid")
_ERRORS = 8
B8 = npt.NDArray[np.bool_]


def table(view: SweepView) -> Section:
    """The best configurations with what luck leaves of them; folded: more, and a random sample."""
    values = np.nan_to_num(floats(view.results, view.measure), nan=-np.inf)
    order = np.argsort(-values, kind="stable")
    best = order[:_BEST]
    sure = int(sum(_deflated(view, int(row)) >= 0.95 for row in best))
    claim = (
        f"Of the best {len(best)}, {count(sure) if sure else 'none'} "
        f"{'is' if sure < 2 else 'are'} 95% sure to be better than luck"
        if view.evidence.best is not None
        else "No configuration has a result to rank"
    )
    rest = order[_BEST:]
    more = rest[:_MORE]
    sample = np.random.default_rng(0).permutation(rest[_MORE:])[:_RANDOM]
    parts: list[Part] = [_table(view, best, "The best configurations")]
    if more.size:
        parts.append(Fold(f"{count(more.size)} more", (_table(view, more, "The next best"),)))
    if sample.size:
        name = f"{count(sample.size)} of the others at random, failures among them"
        parts.append(Fold(name, (_table(view, np.sort(sample), "A random sample"),)))
    parts.append(
        f"All {count(view.results.height)} configurations lie beside this page as a Parquet file."
    )
    return Section("Configurations", claim, parts)


def _deflated(view: SweepView, row: int) -> float:
    """Deflated Sharpe ratio of one configuration from its moments; NaN where undefined."""
    n, mean, variance, skew, kurtosis = (float(v) for v in view.moments.row(row))
    if not variance > 0.0:
        return math.nan
    m2 = variance * (n - 1) / n
    made = Moments.of(int(n), mean, m2, skew * m2**1.5, kurtosis * m2 * m2)
    found = view.evidence
    return deflated_sharpe_ratio(made, trials=found.n_trials, variance=found.variance)


def _table(view: SweepView, rows: I64, caption: str) -> Table:
    shown = [name for name in _SHOWN if name in view.results.columns]
    head = (*(short(name, 24) for name in view.axes), "Beats luck")
    head += (*(DEFINITIONS[name].label for name in shown), "Status")
    found, marked = view.evidence, {}
    if found.best is not None:
        marked = {found.best: "best"}
        if found.plateau is not None:
            marked = {found.plateau.centre: "centre of the plateau"} | marked
    cells: list[Sequence[str | Cell]] = []
    for row in rows:
        values = view.results.row(int(row), named=True)
        sure = _deflated(view, int(row))
        first = [short(plain(values[name]), 24) for name in view.axes]
        if first and int(row) in marked:
            first[0] = f"{first[0]} ({marked[int(row)]})"
        cells.append(
            (
                *first,
                Cell(percent(sure, 0), "p2" if sure >= 0.95 else ""),
                *(by_unit(values[name], DEFINITIONS[name].unit) for name in shown),
                Cell(short(str(values.get("status", "ok")), 40), "wrap weak"),
            )
        )
    return Table(
        caption,
        head,
        cells,
        align="l" + "r" * (len(head) - 2) + "l",
        kind="sort",
        note="After costs. Beats luck: deflated Sharpe ratio, the probability that its true ratio "
        "is above the best that luck gives from all trials.",
    )


def parallel(view: SweepView) -> Section | None:
    """Parallel coordinates: a line a configuration, the best tenth bold."""
    axes = varied(view)
    values = floats(view.results, view.measure)
    known = np.flatnonzero(~np.isnan(values))
    if len(axes) < 2 or known.size < 3:
        return None
    some = known[np.linspace(0, known.size - 1, min(_LINES, known.size)).round().astype(np.int64)]
    top = values[some] >= np.quantile(values[known], 0.9)
    claim = "Where the best tenth of the configurations lies on every axis"
    charts = (_lines(view, axes, some, top, WIDE), _lines(view, axes, some, top, HALF))
    key = [("Best tenth", "net", "solid"), ("Others", "bench", "dotted")]
    narrow = charts[1].chart("Parallel coordinates", f"{claim}.")
    read = f"{count(some.size)} of {count(known.size)} configurations, evenly chosen."
    chart = charts[0].chart("Parallel coordinates", f"{claim}.", key=key, read=read, narrow=narrow)
    return Section("Parallel", claim, (chart,), folded=True)


def _lines(
    view: SweepView,
    axes: list[str],
    some: I64,
    top: B8,
    width: int,
) -> Plot:
    """Axes at 0, 1, 2, …, values as their place between lowest and highest."""
    plot = Plot(width, (220,), left=24, right=24, bottom=40, x_range=(-0.1, len(axes) - 0.9))
    plot.values(-0.03, 1.03, label=lambda _: "", most=1)
    columns = []
    for k, name in enumerate(axes):
        at, names = places(view.results[name])
        columns.append(at[some] / max(len(names) - 1, 1))
        align = "left" if k == 0 else "right" if k == len(axes) - 1 else "center"
        plot.below(float(k), f"{short(name, 16)}: {names[0]} … {names[-1]}", align)
        plot.upright(float(k), "grid")
    lines = np.column_stack([*columns, np.full(some.size, np.nan)])
    x = np.append(np.arange(len(axes), dtype=float), np.nan)
    for mask, colour, wide in ((~top, "bench", 0.35), (top, "net", 1.3)):
        if mask.any():
            plot.line(np.tile(x, int(mask.sum())), lines[mask].ravel(), colour, width=wide)
    return plot


def trade_offs(view: SweepView) -> Section | None:
    """What more return costs in drawdown and turnover: the configurations nobody dominates."""
    wanted = (view.measure, "max_drawdown", "turnover")
    if any(name not in view.results.columns for name in wanted):
        return None
    y, depth, turnover = (floats(view.results, name) for name in wanted)
    known = np.flatnonzero(~(np.isnan(y) | np.isnan(depth) | np.isnan(turnover)))
    if known.size < 3:
        return None
    front = known[undominated(y[known], depth[known])]
    cheap = known[undominated(y[known], -turnover[known])]
    charts = Beside(
        (
            _cloud(view, depth, y, known, front, "max_drawdown"),
            _cloud(view, turnover, y, known, cheap, "turnover"),
        )
    )
    claim = f"{plural(front.size, 'configuration')} give the most ratio for their drawdown"
    return Section("Trade-offs", claim, (charts,), folded=True)


def undominated(one: F64, other: F64) -> I64:
    """Rows that no other row matches in both and beats in one; both are wanted high."""
    order = np.lexsort((-other, -one))
    best = np.maximum.accumulate(np.append(-np.inf, other[order]))[:-1]
    return np.sort(order[other[order] > best])


def _cloud(
    view: SweepView,
    x: F64,
    y: F64,
    known: I64,
    front: I64,
    name: str,
) -> Chart:
    meaning = DEFINITIONS[name]
    some = known[np.linspace(0, known.size - 1, min(600, known.size)).round().astype(np.int64)]
    low, high = float(x[known].min()), float(x[known].max())
    room = 0.04 * (high - low or 1.0)
    plot = Plot(
        HALF, (220,), left=52, right=16, top=24, bottom=42, x_range=(low - room, high + room)
    )
    ends = float(y[known].min()), float(y[known].max())
    room = 0.06 * (ends[1] - ends[0] or 1.0)
    label = DEFINITIONS[view.measure].label
    plot.values(ends[0] - room, ends[1] + room, label=axis, title=label)
    plot.across(meaning.label, label=lambda v: by_unit(v, meaning.unit), most=4)
    plot.points(x[some], y[some], "bench", "o", size=2.4)
    line = front[np.argsort(x[front], kind="stable")]
    plot.line(x[line], y[line], "net", width=1.2)
    plot.points(x[line], y[line], "net", "o", size=5.0)
    finding = f"{plural(front.size, 'configuration')} on the edge."
    read = "On the line, nobody has both more ratio and less of the other."
    return plot.chart(f"{label} against {meaning.label.lower()}", finding, read=read)


def run(view: SweepView) -> Section:
    """How many worked, how many failed and why, and what it took."""
    status = view.results["status"] if "status" in view.results.columns else pl.Series(["ok"])
    kinds = status.value_counts(sort=True, name="n")
    rows = [(Cell(short(str(s), 120), "wrap"), count(n)) for s, n in kinds.iter_rows()]
    failed = int(status.is_in(["ok", "no_trades", "ruined"]).not_().sum())
    facts: list[tuple[str, str]] = [("Bars", count(view.n_bars) if view.n_bars else NONE)]
    if view.seconds:
        rate = view.results.height / view.seconds
        facts += [("Seconds", ratio(view.seconds, 1)), ("Configurations a second", count(rate))]
    if "path" in view.results.columns:
        for path, n in view.results["path"].value_counts(sort=True, name="n").iter_rows():
            facts.append((f"Settled by {path}", count(n)))
    trials = view.evidence
    counted = count(trials.n_trials) if trials.is_counted else "unknown: no store"
    facts.append(("Trials on these bars by the ledger", counted))
    claim = (
        f"{plural(failed, 'configuration')} failed"
        if failed
        else f"All {count(view.results.height)} configurations were evaluated"
    )
    parts = Beside(
        (
            Table("Outcome", ("Status", "Configurations"), rows[:_ERRORS]),
            Table("The work", ("", "Value"), facts),
        )
    )
    return Section("Run", claim, (parts,), folded=True)
