"""A sweep as what a report shows, and as what it takes to make it again."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.report.record import encode
from trade_research.report.run import StrategyInfo
from trade_research.report.sweep import SweepView
from trade_research.report.sweep_block import sweep_hashes
from trade_research.research.manifest import facts_of, named
from trade_research.research.sweep_scorer import MOMENTS
from trade_research.strategies.declare import Span

_MOST_BY_YEAR = 1_000  # configurations that a page shows by year

if TYPE_CHECKING:
    from trade_research.research.swept import Sweep


def view_of(sweep: Sweep) -> SweepView:
    """Everything a report shows of a sweep, its evidence included."""
    scorer, data, strategy = sweep.scorer, sweep.scorer.data, sweep.strategy
    table, times = sweep.parts.scan().collect(), data.frame
    return SweepView(
        strategy=StrategyInfo(strategy.name, strategy.doc, strategy.source, strategy.source_hash),
        instruments=data.instruments,
        interval=data.interval.text,
        calendar=None if data.calendar is None else data.calendar.name,
        start=times["open_time"].min(),  # type: ignore[arg-type]
        end=times["close_time"].max(),  # type: ignore[arg-type]
        results=table.drop(MOMENTS),
        axes=sweep.axes,
        evidence=sweep.evidence,
        moments=table.select(pl.col(MOMENTS).fill_null(float("nan"))),
        years=_years(sweep),
        where=sweep.space.where,
        account=scorer.setup.account.kind,
        seconds=sweep.seconds,
        n_bars=data.frame.height,
        notes=sweep.warnings,
        manifest=sweep.manifest,
    )


def _years(sweep: Sweep) -> pl.DataFrame:
    """The measure in each year of configurations chosen evenly, the best and the centre among."""
    some = np.linspace(0, sweep.size - 1, min(_MOST_BY_YEAR, sweep.size)).round().astype(np.int64)
    found = sweep.evidence
    marked = [] if found.best is None else [found.best]
    marked += [] if found.plateau is None else [found.plateau.centre]
    rows = np.union1d(some, np.array(marked, np.int64))
    trials = pl.DataFrame({"row": rows, "trial": sweep.results["trial"][rows.tolist()]})
    by_year = sweep.by_year(rows).join(trials, on="trial", maintain_order="left")
    return by_year.select("row", "year", sweep.by[0])


def manifest_of_sweep(sweep: Sweep) -> dict[str, Any]:
    """Strategy, data, space, set-up and versions of a sweep, an id made of them, and results.

    As of a run (`manifest_of`); `results` are hashes of what a repeated sweep must give again.
    """
    plan, scorer = sweep.plan, sweep.scorer
    setup = asdict(scorer.setup) | {
        "risk_free": scorer.risk_free,
        "portfolio": encode(scorer.portfolio, {}),
    }
    del setup["start"]
    manifest = {
        "schema": "trade-research/swept/1",
        **facts_of(scorer.strategy, scorer.data),
        "space": {
            "axes": {name: _plain(axis) for name, axis in plan.space.axes.items()},
            "where": plan.space.where,
            "method": plan.method,
            "samples": plan.samples,
            "seed": plan.seed,
            "by": list(plan.by),
            "folds": plan.folds,
        },
        "setup": setup,
        "first bar that counts": sweep.start,
    }
    counted = None if sweep.trials is None else asdict(sweep.trials)
    hashes = sweep_hashes(sweep.parts.scan().collect(), sweep.evidence)
    return named(manifest) | {"trials": counted, "results": hashes}


def _plain(axis: Any) -> Any:
    """An axis as JSON has it: its values, or the ends of its span."""
    return asdict(axis) if isinstance(axis, Span) else axis.tolist()
