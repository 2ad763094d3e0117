"""What a sweep found: its results, the best again in full, and what they are worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.errors import ConfigError, SimulationError, nearest
from trade_research.research.backtest import Backtest, backtest
from trade_research.research.data import NO_CALENDAR
from trade_research.research.sweep_parts import Parts
from trade_research.research.sweep_run import Plan
from trade_research.research.sweep_scorer import MOMENTS, Scorer
from trade_research.research.trials import count_trials
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.sweep.scores import METRICS
from trade_research.sweep.search import LOWER_IS_BETTER
from trade_research.sweep.space import COST_AXES, EXIT_AXES, Configurations, Space, columns_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trade_research.evidence.sweep_facts import SweepEvidence
    from trade_research.kernels.jit import I64
    from trade_research.report.sweep import SweepView
    from trade_research.research.walked import WalkForward
    from trade_research.store.ledger import Trials
    from trade_research.strategies.strategy import Strategy

TOLERANCE = 1e-9
"""How far a result may lie from a full run of its configuration, relative to 1 or to its size."""

_FINE = ("ok", "no_trades", "ruined")


@dataclass(frozen=True, repr=False)
class Sweep:
    """What a sweep found: results, the best re-run in full, and what they are worth.

    Attributes
    ----------
    plan : Plan
        What was carried out: strategy, bars, rules and space.
    parts : Parts
        The results as they are kept.
    seconds : float
        How long it took.
    is_complete : bool
        False when it was interrupted: `results` then holds what was done.
    uncounted : str
        Why the ledger does not count it; "" where it does, or where there is none.
    """

    plan: Plan
    parts: Parts
    seconds: float
    is_complete: bool
    uncounted: str = ""

    @property
    def scorer(self) -> Scorer:
        """Strategy, bars and rules: gives the results of any configuration."""
        return self.plan.scorer

    @property
    def strategy(self) -> Strategy:
        return self.scorer.strategy

    @property
    def space(self) -> Space:
        """What was searched."""
        return self.plan.space

    @property
    def by(self) -> tuple[str, ...]:
        """Metrics that were searched by."""
        return self.plan.by

    @property
    def start(self) -> int:
        """First bar that counts for every configuration: the largest warm-up among them."""
        return self.scorer.start

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes."""
        return tuple(self.space.axes)

    @cached_property
    def results(self) -> pl.DataFrame:
        """One row a configuration: axes, metrics, status, path and why, trial."""
        return self.scan().collect()

    def scan(self) -> pl.LazyFrame:
        """The same, read only when collected: for results larger than memory."""
        return self.parts.scan().drop(MOMENTS)

    @cached_property
    def size(self) -> int:
        """How many configurations there are results of."""
        return int(self.scan().select(pl.len()).collect().item())

    @property
    def facts(self) -> str:
        """One line: how much was done, how fast, and by which path."""
        from trade_research.research.sweep_text import facts_of

        return facts_of(self)

    def top(self, n: int = 10, *, by: str | None = None, min_trades: int = 0) -> pl.DataFrame:
        """The `n` best rows of the results; arguments as for `best`."""
        by = self.by[0] if by is None else by
        if by not in METRICS:
            raise ConfigError(f"by={by!r} is no metric of a sweep: {nearest(by, METRICS)}")
        return (
            self.scan()
            .filter(pl.col("trades") >= min_trades, pl.col(by).is_not_null())
            .sort(by, descending=by not in LOWER_IS_BETTER, maintain_order=True)
            .head(n)
            .collect()
        )

    def best(self, n: int = 1, *, by: str | None = None, min_trades: int = 0) -> list[Backtest]:
        """The `n` best configurations, each run again in full.

        Parameters
        ----------
        n : int
        by : str, optional
            A metric of the results; what the sweep was searched by when left out. Volatility,
            turnover, costs and exposure are better when small, all others when large.
        min_trades : int
            Configurations with fewer closed trades are left out.

        Raises
        ------
        ConfigError
            An unknown metric.
        SimulationError
            A full run differs from its result by more than 1e-9: never, unless something is broken.
        """
        rows = self.top(n, by=by, min_trades=min_trades)
        return [self._again(row) for row in rows.iter_rows(named=True)]

    def _again(self, row: Mapping[str, Any]) -> Backtest:
        """One configuration as a full run, which must agree with its result."""
        scorer, setup, params = self.scorer, self.scorer.setup, self.strategy.params
        axes = {name: row[name] for name in self.axes}
        own = {name: value for name, value in axes.items() if name in params}
        ours = {name: value for name, value in axes.items() if name not in params}
        costs = {name: ours[name] for name in COST_AXES if name in ours}
        exits = {name: ours[name] for name in EXIT_AXES if name in ours}
        if "cooldown" in exits:
            exits["cooldown"] = exits["cooldown"] or 0
        rules = setup.rules_of_the_game | {
            "costs": Costs(**(asdict(setup.costs) | costs)),
            "exits": Exits(**(asdict(setup.exits or Exits()) | exits)),
            "delay": ours.get("delay", setup.delay),
        }
        run = backtest(
            self.strategy,
            scorer.grounds[ours.get("symbol", "")].data,
            finalize=setup.finalize,
            portfolio=scorer.portfolio,
            risk_free=scorer.risk_free,
            start=self.start,
            **rules,
            **own,
        )
        for name in METRICS:
            _check_same(name, row[name], run.metrics[name], axes)
        return run

    def by_year(self, rows: I64 | None = None) -> pl.DataFrame:
        """Metrics of the configurations in every calendar year: does the plateau stay in place?

        Parameters
        ----------
        rows : int64 array, optional
            Of the results; all when left out.

        Returns
        -------
        DataFrame
            One row a configuration and year: the axes, `year`, metrics, `trial`. Each year is an
            account of its own that begins with the cash and no position, traded on the targets of
            all bars; all come of one pass over them.
        """
        table = self.results.select(*self.axes, "trial")
        table = table if rows is None else table[rows.tolist()]
        some = Configurations(columns_of(table.drop("trial")), table["trial"].to_numpy())
        return self.scorer.by_year(some)

    @cached_property
    def evidence(self) -> SweepEvidence:
        """What the best is worth: luck discounted, overfitting, neighbourhood; made when read.

        Day returns of at most 1,000 configurations are made for it (the best, and others over all
        ranks), and sums by stretch of days of at most 20,000.
        """
        from trade_research.research.sweep_worth import evidence_of

        return evidence_of(self, self.trials)

    @cached_property
    def trials(self) -> Trials | None:
        """Trials on these bars by the ledger, as of `Backtest`; None: nobody knows."""
        return None if self.uncounted else count_trials(self.scorer.data)

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """What it takes to make this sweep again: hashes, space, costs, versions, results."""
        from trade_research.research.sweep_page import manifest_of_sweep

        return manifest_of_sweep(self)

    @cached_property
    def view(self) -> SweepView:
        """What a report shows of this sweep."""
        from trade_research.research.sweep_page import view_of

        return view_of(self)

    def report(self, path: str | Path, *, walk: WalkForward | None = None) -> Path:
        """Write one self-contained HTML page, and all results beside it as Parquet.

        Parameters
        ----------
        path : str or Path
            Folders in between are made.
        walk : WalkForward, optional
            Of the same strategy, to be shown on the page.
        """
        from trade_research.report.sweep_block import write_sweep

        view = self.view if walk is None else replace(self.view, walk=walk.page)
        return write_sweep(view, path)

    def plot(
        self,
        kind: str | None = None,
        *,
        metric: str | None = None,
        x: str | None = None,
        y: str | None = None,
    ) -> Figure:
        """A picture of the results, as a Matplotlib figure.

        Parameters
        ----------
        kind : {"heatmap", "slices", "parallel", "years"}, optional
            A heat map of the best over all other axes where two axes have numbers, else slices;
            "years" is the heat map of one axis, `y`, over the calendar years.
        metric : str, optional
            What is shown; what the sweep was searched by when left out.
        x, y : str, optional
            Axes of the heat map; those with most values when left out.
        """
        from trade_research.report.sweep_figures import draw

        metric = metric or self.by[0]
        if kind == "years":
            return draw(self.by_year(), (*self.axes, "year"), metric, "heatmap", "year", y)
        return draw(self.results, self.axes, metric, kind, x, y)

    @property
    def warnings(self) -> list[str]:
        """What a reader must know before believing a number; empty when there is nothing."""
        notes = [NO_CALENDAR] if self.scorer.data.calendar is None else []
        if not self.is_complete:
            notes.append("interrupted: the results are those that were done by then")
        if self.uncounted:
            notes.append(self.uncounted)
        failed = self.scan().select((~pl.col("status").is_in(_FINE)).sum()).collect().item()
        if failed:
            notes.append(f"{failed:,} configurations failed: `results` says why in `status`")
        return notes

    def __repr__(self) -> str:
        from trade_research.research.sweep_text import text_of

        return text_of(self)

    def _repr_html_(self) -> str:
        from trade_research.research.sweep_text import html_of

        return html_of(self)


def _check_same(name: str, ours: Any, full: Any, axes: Mapping[str, Any]) -> None:
    """Raise unless a result is that of the full run."""
    if ours is None or full is None:
        is_same = ours is None and full is None
    elif name == "trades":
        is_same = ours == full
    else:
        is_same = abs(ours - full) <= TOLERANCE * max(1.0, abs(full))
    if not is_same:
        shown = ", ".join(f"{k}={v!r}" for k, v in axes.items())
        raise SimulationError(
            f"{name} of {shown} is {ours!r} in the sweep and {full!r} in a full run. This is an "
            "error of ours: please report it with the strategy."
        )
