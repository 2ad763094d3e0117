"""Is it just beta? What is left when the benchmark's part is taken out."""

from __future__ import annotations

import numpy as np

from trade_research.metrics.benchmark import correlation
from trade_research.metrics.definitions import DEFINITIONS
from trade_research.metrics.periods import Dates
from trade_research.metrics.returns import returns_of
from trade_research.report.arrays import F64, days
from trade_research.report.charts import HALF, Chart, Plot
from trade_research.report.formats import NONE, by_unit, count, percent, plural, ratio, short
from trade_research.report.run import Other, Run
from trade_research.report.section import Beside, Cell, Part, Section, Table

_WINDOWS, _FEWEST = 60, 60
_LINES = (
    "excess_cagr",
    "alpha",
    "beta",
    "correlation",
    "information_ratio",
    "tracking_error",
    "up_capture",
    "down_capture",
)


def benchmark(run: Run) -> Section:
    """Alpha, beta and what links the two, with intervals; wealth against it; correlation."""
    if run.benchmark is None or run.benchmark.is_empty() or run.equity.is_empty():
        claim = "No benchmark was given, so beta is unknown"
        return Section("Benchmark", claim, _others(run), folded=True)
    dates, ours = days(run.equity)
    theirs = _on(dates, *days(run.benchmark))
    parts: list[Part] = [_table(run)]
    if dates.size >= _FEWEST and np.isfinite(ours).all() and (ours > 0).all():
        charts: list[Part] = [_relative(run, dates, ours / theirs)]
        rolling = _rolling(run, dates, ours, theirs)
        if rolling is not None:
            charts.append(rolling)
        parts.append(Beside(charts))
    else:
        parts.append(f"{plural(dates.size, 'day')} of known equity: nothing to draw.")
    return Section("Benchmark", _claim(run), [*parts, *_others(run)], folded=True)


def _others(run: Run) -> list[Part]:
    """The runs of the folder that are most like this one."""
    rows = [
        (other.name, Cell(short(other.what, 120), "wrap"), other.word, *_linked(other))
        for other in run.others
    ]
    if not rows:
        return []
    head = ("Run", "What it is", "Verdict", "Correlation", "Common days")
    note = "Of net day returns. Near 1: the same bet under another name."
    return [Table("Other saved runs, the most alike first", head, rows, align="lllrr", note=note)]


def _linked(other: Other) -> tuple[str, str]:
    return ratio(other.correlation), count(other.days)


def _on(dates: Dates, theirs: Dates, level: F64) -> F64:
    """The benchmark at the run's days: its last close until then."""
    at = np.searchsorted(theirs, dates, side="right") - 1
    return level[np.maximum(at, 0)]


def _claim(run: Run) -> str:
    name = short(run.benchmark_name or "the benchmark", 40)
    beta, linked = run.metric("beta"), run.metric("correlation")
    if beta is None or linked is None:
        return f"What links it to {name} is undefined"
    claim = f"Beta {ratio(beta)} to {name}, correlation {ratio(linked)}"
    found = run.estimate("alpha")
    if found is None or found.value is None or found.low is None or found.high is None:
        return claim
    sure = "" if found.low > 0 or found.high < 0 else ", not to be told from zero"
    return f"{claim}; alpha {percent(found.value)} a year{sure}"


def _table(run: Run) -> Table:
    rows: list[tuple[str | Cell, ...]] = []
    for key in _LINES:
        meaning, found = DEFINITIONS[key], run.interval_of(key)
        known = run.estimate(key)
        value = known.value if found is not None and known is not None else run.metrics.get(key)
        span, n = NONE, count(run.equity.height)
        if found is not None:
            low, high = (by_unit(edge, meaning.unit) for edge in found[:2])
            span, n = f"[{low}, {high}]", count(found[2])
        rows.append(
            (Cell(meaning.label, hint=meaning.formula), by_unit(value, meaning.unit), span, n)
        )
    return Table(
        "What links the two",
        ("A year, net", "Value", "90% interval", "n"),
        rows,
        kind="slim",
        note="Those with an interval rest on day returns, run and benchmark resampled together; "
        "the others on bars.",
    )


def _relative(run: Run, dates: Dates, wealth: F64) -> Chart:
    """Money in the run for each unit in the benchmark."""
    at = (dates.astype("M8[D]").astype(np.int64) + 1) * 86_400.0
    rows = np.unique(np.linspace(0, at.size - 1, 400).astype(int))
    low, high = float(wealth.min()), float(wealth.max())
    room = 0.06 * (high - low or 1.0)
    plot = Plot(HALF, (190,), left=52, right=12, top=24, x_range=(float(at[0]), float(at[-1])))
    plot.values(
        low - room, high + room, label=lambda v: ratio(v), most=4, title="Run over benchmark"
    )
    plot.level(1.0)
    plot.times(most=4)
    plot.line(at[rows], wealth[rows], "net")
    finding = f"One unit in it ends at {ratio(float(wealth[-1]))} units of the benchmark's."
    return plot.chart("Wealth against the benchmark's", finding, read=f"{finding} Rising: ahead.")


def _rolling(run: Run, dates: Dates, ours: F64, theirs: F64) -> Chart | None:
    """Correlation of day returns over the year up to each of some days."""
    rolling = run.evidence.stability.rolling if run.evidence and run.evidence.stability else None
    if rolling is None or dates.size < rolling.window + _WINDOWS:
        return None
    a, b = returns_of(ours, run.initial_cash), returns_of(theirs, run.initial_cash)
    ends, year = np.linspace(rolling.window, dates.size, _WINDOWS).astype(int), rolling.window
    linked = np.array([correlation(a[k - year : k], b[k - year : k]) for k in ends])
    at = (dates[ends - 1].astype("M8[D]").astype(np.int64) + 1) * 86_400.0
    if not np.isfinite(linked).any():
        return None
    low, high = min(0.0, float(np.nanmin(linked))), max(0.0, float(np.nanmax(linked)))
    plot = Plot(HALF, (190,), left=52, right=12, top=24, x_range=(float(at[0]), float(at[-1])))
    plot.values(
        1.06 * low - 0.02,
        1.06 * high + 0.02,
        label=lambda v: ratio(v, 1),
        most=4,
        title="Correlation",
    )
    plot.level(0.0)
    plot.times(most=4)
    plot.line(at, linked, "net")
    finding = f"From {ratio(float(np.nanmin(linked)))} to {ratio(float(np.nanmax(linked)))}."
    return plot.chart("Correlation in the year up to each day", finding, read=finding)
