"""How alike the day returns of runs are: two of them over time, one among all of its folder."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import StoreError
from trade_research.metrics.benchmark import correlation
from trade_research.metrics.moments import moments
from trade_research.metrics.returns import returns_of
from trade_research.report.compare import Difference
from trade_research.report.run import Other, Run

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.metrics.periods import Dates
    from trade_research.research.runs import SavedRun

_MOST, _SHOWN, _FEWEST, _POINTS = 200, 12, 60, 240


def with_others(run: SavedRun) -> Run:
    """The page of a saved run, with those of the newest 200 runs beside it that are most like it.

    Runs with fewer than 60 days in common, or that cannot be read, are left out.
    """
    from trade_research.research.runs import describe, saved_runs

    mine = day_returns(run.daily, run.page.initial_cash)
    found = []
    for other in saved_runs(run.folder.parent)[:_MOST]:
        if other.id == run.id:
            continue
        try:
            theirs = day_returns(*_days_of(other.folder))
        except (StoreError, OSError, pl.exceptions.PolarsError, LookupError, ValueError):
            continue
        value, n = alike(mine, theirs)
        if value is not None and n >= _FEWEST:
            word = other.verdict["word"]
            found.append(Other(other.name, describe(other.manifest), word, value, n))
    found.sort(key=lambda other: (-abs(other.correlation), other.name))
    return replace(run.page, others=tuple(found[:_SHOWN]))


def day_returns(daily: pl.DataFrame, initial: float) -> pl.DataFrame:
    """`date` and net return `r` of each day of a run."""
    r = returns_of(np.ascontiguousarray(daily["net"].to_numpy()), initial)
    return daily.select("date", r=pl.Series(r))


def alike(one: pl.DataFrame, other: pl.DataFrame) -> tuple[float | None, int]:
    """Correlation of day returns on the days that both have, and how many those are."""
    a, b, dates = _common(one, other)
    if dates.size < 2:
        return None, dates.size
    value = correlation(moments(a), moments(b))
    return (float(value) if value == value else None), dates.size


def difference(one: pl.DataFrame, other: pl.DataFrame, per_year: float) -> Difference | None:
    """The other's day returns less the one's, a year, over windows; None under 60 common days.

    A window is a year of days, or a third of them where that is less.
    """
    a, b, dates = _common(one, other)
    gap = b - a
    if gap.size < _FEWEST or not np.isfinite(gap).all():
        return None
    size = min(round(per_year), gap.size // 3)
    sums = np.cumsum(np.append(0.0, gap))
    ends = np.unique(np.linspace(size, gap.size, _POINTS).astype(np.int64))
    means = per_year * (sums[ends] - sums[ends - size]) / size
    middle = per_year * float(gap.mean())
    reach = 1.645 * per_year * float(gap.std(ddof=1)) / math.sqrt(size)
    return Difference(dates[ends - 1], means, size, middle - reach, middle + reach, middle)


def _common(one: pl.DataFrame, other: pl.DataFrame) -> tuple[F64, F64, Dates]:
    """Day returns of both on the days that both have, and those days."""
    both = one.join(other, on="date", suffix="_other").sort("date")
    a, b = (np.ascontiguousarray(both[name].to_numpy()) for name in ("r", "r_other"))
    return a, b, both["date"].to_numpy().astype("M8[D]")


def _days_of(folder: Path) -> tuple[pl.DataFrame, float]:
    """Days and capital of a saved run, without the rest of it."""
    about: dict[str, Any] = json.loads((folder / "evidence.json").read_bytes())
    daily = pl.read_parquet(folder / Path(about["files"]["run.daily"]).name)
    return daily, float(about["run"]["v"]["initial_cash"])
