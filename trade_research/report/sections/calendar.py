"""Month by month, year by year: the most read table of any tear sheet."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trade_research.metrics.groups import Groups, group_means
from trade_research.metrics.periods import month_table
from trade_research.metrics.returns import returns_of
from trade_research.report.arrays import F64, I64, days, floats, micros
from trade_research.report.bars import means_chart
from trade_research.report.formats import NONE, basis_points, count, percent, plural, ratio
from trade_research.report.run import Run
from trade_research.report.section import Beside, Cell, Fold, Part, Section, Stack, Table

_WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"]
_HOUR, _FEWEST_DAYS = 3_600_000_000, 60
_SEASONS = (
    "Whiskers are one standard error each way. By luck alone one mean in twenty lies two errors "
    "from zero."
)
_NAMES = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def calendar(run: Run) -> Section | None:
    """Net return of every month and year, UTC; the benchmark's years beside them."""
    if run.equity.is_empty():
        return None
    years, table, totals = month_table(*days(run.equity), run.initial_cash)
    theirs: dict[int, float] = {}
    if run.benchmark is not None and run.benchmark.height:
        found = month_table(*days(run.benchmark), run.initial_cash)
        theirs = dict(zip(found[0].tolist(), found[2].tolist(), strict=True))
    parts: list[Part] = [_table(run, years, table, totals, theirs), _extremes(years, table)]
    seasons = _seasons(run)
    if seasons:
        names = "By weekday and hour" if isinstance(seasons[0], Stack) else "By weekday"
        parts.append(Fold(names, (Beside(seasons), _SEASONS)))
    return Section("Calendar", _claim(years, totals), parts)


def _seasons(run: Run) -> list[Part]:
    """Mean return by day of the week and, for bars within a day, by hour, UTC."""
    dates, level = days(run.equity)
    if dates.size < _FEWEST_DAYS or run.trades.is_empty():
        return []
    weekday = (dates.astype(np.int64) + 3) % 7  # 1970-01-01 was a Thursday
    by_day = group_means(weekday, returns_of(level, run.initial_cash))
    parts = _season(by_day, _WEEKDAYS, "Weekday", "day")
    at = micros(run.equity) - 1
    hours = at // _HOUR
    if run.equity.height > 2 * dates.size and np.unique(hours[:5_000] % 24).size > 1:
        last = np.flatnonzero(np.append(hours[1:] != hours[:-1], True))
        gains = returns_of(floats(run.equity, "equity")[last], run.initial_cash)
        names = [f"{hour:02d}" for hour in range(24)]
        parts = [
            Stack(parts),
            Stack(_season(group_means(hours[last] % 24, gains), names, "Hour, UTC", "hour")),
        ]
    return parts


def _season(found: Groups, names: Sequence[str], across: str, unit: str) -> list[Part]:
    """Chart and table of the means of days or hours."""
    shown = [names[k] for k in found.key]
    with np.errstate(invalid="ignore", divide="ignore"):
        size = np.abs(found.mean / found.error)
    top = int(np.nanargmax(size)) if np.isfinite(size).any() else 0
    finding = (
        f"Farthest from zero: {shown[top]}, {basis_points(1e4 * found.mean[top], 1)} "
        f"({ratio(size[top], 1)} standard errors)."
    )
    article, by = "an" if unit == "hour" else "a", across[0].lower() + across[1:]
    chart = means_chart(
        f"Mean net return of {article} {unit}, by {by}",
        finding,
        found,
        shown,
        across=across,
        up="Basis points",
        label=lambda v: ratio(1e4 * v, 1),
        read=finding,
    )
    rows = [
        (name, count(n), basis_points(1e4 * mean), basis_points(1e4 * error))
        for name, n, mean, error in zip(shown, found.count, found.mean, found.error, strict=True)
    ]
    table = Table(
        f"Net return of {unit}s",
        (across, "n", "Mean", "Standard error"),
        rows,
    )
    return [chart, table if len(rows) <= 7 else Fold("As a table", (table,))]


def _claim(years: I64, totals: F64) -> str:
    known = [(gain, year) for gain, year in zip(totals, years, strict=True) if np.isfinite(gain)]
    if not known:
        return "No month has a return"
    if len(known) == 1:
        return f"One calendar year, {known[0][1]}: {percent(known[0][0])}"
    best, worst = max(known), min(known)
    return (
        f"{sum(gain > 0 for gain, _ in known)} of {plural(len(known), 'year')} made money; best "
        f"{best[1]} with {percent(best[0])}, worst {worst[1]} with {percent(worst[0])}"
    )


def _table(run: Run, years: I64, table: F64, totals: F64, theirs: dict[int, float]) -> Table:
    scale = _edges(table)
    name = run.benchmark_name if 0 < len(run.benchmark_name) <= 14 else "Benchmark"
    head = ["Year", *_NAMES, "Total", *([name] if theirs else [])]
    rows = []
    for year, gains, total in zip(years.tolist(), table, totals, strict=True):
        cells: list[str | Cell] = [str(year), *(_cell(gain, scale) for gain in gains)]
        cells.append(Cell(percent(total), "total"))
        if theirs:
            cells.append(Cell(percent(theirs.get(year)), "weak"))
        rows.append(cells)
    tints = ", ".join(map(percent, scale)) if scale[0] else "no size: nothing moved"
    note = (
        f"Blue is a gain, vermillion a loss; the tint deepens at {tints}. "
        f"A month runs from last close to last close of net equity, UTC; {NONE} has no bar. The "
        "first and the last may be partial."
    )
    return Table("Net return by month", head, rows, note=note, kind="months")


def _edges(table: F64) -> list[float]:
    """Where the tint deepens: quarters of a large month (the 95th percentile of their size)."""
    size = np.abs(table[np.isfinite(table)])
    top = float(np.quantile(size, 0.95)) if size.size else 0.0
    return [top * k / 4 for k in (1, 2, 3)]


def _cell(gain: float, edges: list[float]) -> Cell:
    if not np.isfinite(gain):
        return Cell(NONE, "weak")
    if round(abs(gain), 3) == 0:
        return Cell(percent(gain), "weak")
    step = 1 + sum(abs(gain) > edge for edge in edges)
    return Cell(percent(gain), f"{'p' if gain > 0 else 'n'}{step}")


def _extremes(years: I64, table: F64) -> str:
    flat = table.ravel()
    known = np.flatnonzero(np.isfinite(flat))
    if not known.size:
        return ""

    def name(at: int) -> str:
        return f"{_NAMES[at % 12]} {years[at // 12]} ({percent(flat[at])})"

    best, worst = known[flat[known].argmax()], known[flat[known].argmin()]
    up = int((flat[known] > 0).sum())
    return f"{up} of {plural(known.size, 'month')} rose. Best {name(best)}, worst {name(worst)}."
