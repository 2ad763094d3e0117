"""Years against parameters: does what is good now stay where it is from year to year?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from trade_research.metrics.definitions import DEFINITIONS
from trade_research.report.arrays import F64, floats
from trade_research.report.charts import Chart
from trade_research.report.formats import by_unit, count, percent, short
from trade_research.report.heat import cells_of, heat_map
from trade_research.report.section import Beside, Cell, Section, Table
from trade_research.report.sections.sweep_parameters import places, varied
from trade_research.report.sweep import SweepView
from trade_research.report.walkforward import plain
from trade_research.sweep.search import LOWER_IS_BETTER

_MAPS = 4


def years(view: SweepView) -> Section | None:
    """A heat map of each axis over the years, and how the best of all fared in each."""
    found, axes = view.years, varied(view)
    if found is None or found["year"].n_unique() < 2 or not axes:
        return None
    metric = found.columns[-1]
    by_year = {year[0]: part for year, part in found.group_by("year", maintain_order=True)}
    rows = [_standing(view, int(year), part, metric) for year, part in by_year.items()]
    beaten = [share for _, share in rows if share is not None]
    good = sum(share > 0.5 for share in beaten)
    claim = (
        f"The best of all was above the middle in {good} of {len(beaten)} years"
        if beaten
        else "In no year can the best of all be compared"
    )
    head = ("Year", "Middle of all", "Best of all", "Beat", "Best of the year")
    note = (
        f"{DEFINITIONS[metric].label} of {count(found['row'].n_unique())} configurations, each "
        "year an account of its own. Beat: share of the others that the best of all was better "
        "than; 50% is chance. A plateau that is real stays where it is."
    )
    table = Table("Year by year", head, [row for row, _ in rows], align="lrrrl", note=note)
    maps = [_map(view, name, metric) for name in axes[:_MAPS]]
    return Section("Years", claim, [Beside(maps), table])


def _standing(
    view: SweepView, year: int, part: pl.DataFrame, metric: str
) -> tuple[Sequence[str | Cell], float | None]:
    """A row of the table, and the share of the others that the best of all beat."""
    values, unit = floats(part, metric), DEFINITIONS[metric].unit
    sign = _sign(metric)
    if np.isnan(values).all():
        return (str(year), "", "", "", "no result"), None
    middle, top = float(np.nanmedian(values)), int(np.nanargmax(sign * values))
    row = view.results.row(int(part["row"][top]), named=True)
    named = ", ".join(f"{short(n, 16)} {short(plain(row[n]), 16)}" for n in varied(view))
    mine = part.filter(pl.col("row") == view.evidence.best)[metric].drop_nulls()
    share = None if mine.is_empty() else _beaten(sign * values, sign * float(mine[0]))
    cells = (
        str(year),
        by_unit(middle, unit),
        by_unit(None if share is None else float(mine[0]), unit),
        percent(share, 0),
        Cell(f"{named} ({by_unit(values[top], unit)})", "wrap weak"),
    )
    return cells, share


def _sign(metric: str) -> float:
    """What makes high values good."""
    return -1.0 if metric in LOWER_IS_BETTER else 1.0


def _beaten(values: F64, mine: float) -> float | None:
    """Share of the others below `mine`, ties as half; None without others."""
    known = values[~np.isnan(values)]
    if known.size < 2:
        return None
    return float((known < mine).sum() + ((known == mine).sum() - 1) / 2.0) / (known.size - 1)


def _map(view: SweepView, name: str, metric: str) -> Chart:
    """Values of one axis up, years across; a cell is the median over all other axes."""
    assert view.years is not None
    column = view.results[name][view.years["row"].to_list()]
    (at_x, names_x), (at_y, names_y) = places(view.years["year"]), places(column)
    cells = cells_of(at_x, at_y, floats(view.years, metric), names_x, names_y)
    meaning = DEFINITIONS[metric]

    def brief(v: float) -> str:
        unit = meaning.unit
        return percent(float(v), 0) if unit == "fraction" else by_unit(float(v), unit)

    rows = np.nan_to_num(_sign(metric) * cells.values, nan=-np.inf)
    first = {cells.y_names[int(k)] for k in rows.argmax(axis=0)}
    finding = f"{len(first)} of {len(cells.y_names)} values of {short(name, 30)} lead in some year."
    if len(first) == 1:
        finding = f"{short(name, 30)} {next(iter(first))} leads in every year."
    title = f"{meaning.label} by year, median over all other axes"
    return heat_map(
        cells, title, finding, x_title="Year", y_title=short(name, 30), label=brief, read=finding
    )
