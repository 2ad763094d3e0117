"""A sweep as one page: what it is worth first, then luck, overfitting, plateau, and the table."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from trade_research.errors import ConfigError, nearest
from trade_research.evidence.sweep_facts import SweepEvidence
from trade_research.report.carried import Carried
from trade_research.report.formats import count, day, short
from trade_research.report.page import Head, document
from trade_research.report.run import StrategyInfo
from trade_research.report.seal import sealed
from trade_research.report.section import Section
from trade_research.report.walkforward import WalkView


@dataclass(frozen=True)
class SweepView:
    """Everything a page shows of one sweep; plain values, only read here.

    Attributes
    ----------
    results : DataFrame
        One row a configuration **in the order of the evidence's rows**: the axes, metrics as of
        `sweep.METRICS`, `status`, and perhaps `path` and `why`.
    axes : tuple of str
        Columns of `results` that were varied.
    evidence : SweepEvidence
    moments : DataFrame
        ``day_count, day_mean, day_variance, day_skew, day_kurtosis``: of the day returns, in the
        same order.
    walk : WalkView or None
    years : DataFrame or None
        ``row, year`` and a metric: of some rows of `results`, in each calendar year.
    seconds : float or None
        How long it took.
    """

    strategy: StrategyInfo
    instruments: tuple[str, ...]
    interval: str
    calendar: str | None
    start: datetime
    end: datetime
    results: pl.DataFrame
    axes: tuple[str, ...]
    evidence: SweepEvidence
    moments: pl.DataFrame
    where: str | None = None
    account: str = "spot"
    walk: WalkView | None = None
    years: pl.DataFrame | None = None
    seconds: float | None = None
    n_bars: int = 0
    manifest: Mapping[str, Any] = field(default_factory=dict)
    notes: Sequence[str] = ()

    @property
    def title(self) -> str:
        """What was swept."""
        return f"{self.strategy.name}, {count(self.results.height)} configurations"

    @property
    def measure(self) -> str:
        """Column that configurations are compared by: the ratio of day returns where known."""
        known = self.results["sharpe_daily"].drop_nulls().drop_nans()
        return "sharpe_daily" if len(known) else "total_return"


SectionMaker = Callable[[SweepView], Section | None]


def sections() -> dict[str, SectionMaker]:
    """Sections by name, in page order."""
    from trade_research.report.sections.sweep_manifest import definitions, manifest
    from trade_research.report.sections.sweep_parameters import importance, plateau, slices
    from trade_research.report.sections.sweep_splits import splits, walk
    from trade_research.report.sections.sweep_table import parallel, run, table, trade_offs
    from trade_research.report.sections.sweep_verdict import luck, verdict
    from trade_research.report.sections.sweep_years import years

    return {
        "verdict": verdict,
        "luck": luck,
        "splits": splits,
        "walk": walk,
        "plateau": plateau,
        "years": years,
        "slices": slices,
        "importance": importance,
        "table": table,
        "parallel": parallel,
        "trade_offs": trade_offs,
        "run": run,
        "manifest": manifest,
        "definitions": definitions,
    }


def sweep_page(
    view: SweepView, *, only: Sequence[str] | None = None, carried: Carried | None = None
) -> str:
    """The sweep as one HTML document; the same bytes for the same sweep.

    With the data it carries it is sealed, and `verify` finds any change.

    Raises
    ------
    ConfigError
        An unknown section name.
    """
    known = sections()
    for name in only or ():
        if name not in known:
            raise ConfigError(f"no sweep section {name!r}: {nearest(name, known)}")
    made = [known[name](view) for name in (known if only is None else only)]
    names = ", ".join(short(name, 40) or "bars" for name in view.instruments)
    span = f"{day(view.start)} to {day(view.end)}"
    facts = [names, f"{view.interval} bars", span, f"{view.account} account"]
    facts += [f"calendar {view.calendar}"] if view.calendar else []
    head = Head("SWEEP", short(view.title), " · ".join(facts), view.evidence.word)
    page = document(head, [part for part in made if part is not None], carried=carried)
    return page if carried is None else sealed(page)
