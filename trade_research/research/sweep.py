"""`sweep`: many configurations over the same bars, and what the best of them is worth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import ConfigError, SimulationError, nearest
from trade_research.metrics.returns import returns_of
from trade_research.research.backtest import Backtest, backtest
from trade_research.research.data import NO_CALENDAR, Data, funded, read_data
from trade_research.research.health import versions
from trade_research.research.setup import Hold, Setup
from trade_research.research.sweep_parts import Parts
from trade_research.research.sweep_run import Plan, carry_out
from trade_research.research.sweep_scorer import MOMENTS, Scorer, start_of
from trade_research.research.trials import count_trials
from trade_research.settings.in_force import hash_in_force
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.strategies.declare import Span
from trade_research.sweep.scores import METRICS
from trade_research.sweep.search import LOWER_IS_BETTER
from trade_research.sweep.space import COST_AXES, EXIT_AXES, Configurations, Space

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from trade_research.evidence.sweep_facts import SweepEvidence
    from trade_research.frames.calendars import Calendar
    from trade_research.kernels.jit import F64
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.report.sweep import SweepView
    from trade_research.research.walked import WalkForward
    from trade_research.store.store import Store
    from trade_research.strategies.strategy import Strategy

TOLERANCE = 1e-9
"""How far a result may lie from a full run of its configuration, relative to 1 or to its size."""


@dataclass(frozen=True, repr=False)
class Sweep:
    """What a sweep found: results, the best re-run in full, and what they are worth.

    Attributes
    ----------
    space : Space
        What was searched.
    start : int
        First bar that counts for every configuration: the largest warm-up among them.
    seconds : float
        How long it took.
    is_complete : bool
        False when it was interrupted: `results` then holds what was done.
    """

    scorer: Scorer
    space: Space
    by: tuple[str, ...]
    parts: Parts
    seconds: float
    is_complete: bool
    uncounted: str = ""
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def strategy(self) -> Strategy:
        return self.scorer.strategy

    @property
    def start(self) -> int:
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
        strategy, setup, scorer = self.strategy, self.scorer.setup, self.scorer
        axes = {name: row[name] for name in self.axes}
        params = {k: v for k, v in {**self.fixed, **axes}.items() if k in strategy.params}
        mine = {k: v for k, v in axes.items() if k not in strategy.params}
        costs = {k: v for k, v in mine.items() if k in COST_AXES}
        exits = {k: (v or 0) if k == "cooldown" else v for k, v in mine.items() if k in EXIT_AXES}
        run = backtest(
            strategy,
            scorer.grounds[mine.get("symbol", "")].data,
            costs=Costs(**(asdict(setup.costs) | costs)),
            exits=Exits(**(asdict(setup.exits or Exits()) | exits)),
            account=setup.account,
            cash=setup.cash,
            fill=setup.fill,
            delay=mine.get("delay", setup.delay),
            rebalance=setup.rebalance,
            rules=setup.rules,
            finalize=setup.finalize,
            portfolio=scorer.portfolio,
            risk_free=scorer.risk_free,
            start=self.start,
            **params,
        )
        for name in METRICS:
            _check_same(name, row[name], run.metrics[name], axes)
        return run

    @cached_property
    def evidence(self) -> SweepEvidence:
        """What the best is worth: luck discounted, overfitting, neighbourhood; made when read.

        Day returns of at most 1,000 configurations are made for it (the best, and others over all
        ranks), and sums by stretch of days of at most 20,000.
        """
        from trade_research.evidence.sweeps import sweep_evidence
        from trade_research.evidence.tried import rows_to_test

        table = self.parts.scan().select(*self.axes, *MOMENTS).collect()
        found = table.select(MOMENTS).to_numpy()
        rows = rows_to_test(found)
        axes = _columns(table.select(self.axes))
        some = Configurations({k: v[rows] for k, v in axes.items()}, rows)
        return sweep_evidence(
            moments=found,
            blocks=lambda which: self._blocks(axes, which),
            block_days=self._block_days,
            day_returns=self.scorer.day_returns(some),
            rows=rows,
            axes={name: column for name, column in axes.items() if len(set(column.tolist())) > 1},
            per_year=self.scorer.data.sessions_per_year,
            trials=None if self.uncounted else count_trials(self.scorer.data),
            benchmark=self._held,
        )

    @property
    def _held(self) -> F64 | None:
        """Day returns of buying and holding; None where the instrument is an axis."""
        if self.scorer.instruments:
            return None
        ground, setup = self.scorer.grounds[""], replace(self.scorer.setup, start=self.start)
        last = np.flatnonzero(np.append(np.diff(ground.sessions) != 0, True))
        return returns_of(Hold(ground.data, setup).result.equity[last], setup.cash)

    def _blocks(self, axes: Mapping[str, Any], rows: Any) -> Any:
        some = Configurations({name: column[rows] for name, column in axes.items()}, rows)
        return self.scorer.score(some).blocks

    @property
    def _block_days(self) -> Any:
        from trade_research.sweep.scores import block_edges

        ground = next(iter(self.scorer.grounds.values()))
        return np.diff(block_edges(len(np.unique(ground.sessions))))

    @cached_property
    def view(self) -> SweepView:
        """What a report shows of this sweep."""
        from trade_research.report.run import StrategyInfo
        from trade_research.report.sweep import SweepView

        scorer, data = self.scorer, self.scorer.data
        strategy, times = scorer.strategy, data.frame
        table = self.parts.scan().collect()
        names = dict(zip(MOMENTS, ("days", "mean", "variance", "skew", "kurtosis"), strict=True))
        return SweepView(
            strategy=StrategyInfo(
                strategy.name, strategy.doc, strategy.source, strategy.source_hash
            ),
            instruments=data.instruments,
            interval=data.interval.text,
            calendar=None if data.calendar is None else data.calendar.name,
            start=times["open_time"].min(),  # type: ignore[arg-type]
            end=times["close_time"].max(),  # type: ignore[arg-type]
            results=table.drop(MOMENTS),
            axes=self.axes,
            evidence=self.evidence,
            moments=table.select(MOMENTS).rename(names),
            where=self.space.where,
            account=scorer.setup.account.kind,
            seconds=self.seconds,
            n_bars=data.frame.height,
            notes=self.warnings,
            manifest={
                "data": ", ".join(data.query.names) if data.query else "bars of a frame",
                "data hash": data.content_hash,
                "first bar that counts": self.start,
                "costs": asdict(scorer.setup.costs),
                "exits": None if scorer.setup.exits is None else asdict(scorer.setup.exits),
                "cash": scorer.setup.cash,
                "fill": scorer.setup.fill,
                "delay": scorer.setup.delay,
                "versions": versions(),
                **hash_in_force(),
            },
        )

    def report(self, path: str | Path, *, walk: WalkForward | None = None) -> Path:
        """Write one self-contained HTML page, and all results beside it as Parquet.

        Parameters
        ----------
        path : str or Path
            Folders in between are made.
        walk : WalkForward, optional
            Of the same strategy, to be shown on the page.
        """
        from trade_research.report.sweep import write_sweep

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
        kind : {"heatmap", "slices", "parallel"}, optional
            A heat map of the best over all other axes where two axes have numbers, else slices.
        metric : str, optional
            What is shown; what the sweep was searched by when left out.
        x, y : str, optional
            Axes of the heat map; those with most values when left out.
        """
        from trade_research.report.sweep_figures import draw

        return draw(self.results, self.axes, metric or self.by[0], kind, x, y)

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


_FINE = ("ok", "no_trades", "ruined")


def sweep(
    strategy: Strategy,
    data: Any,
    *,
    where: str | None = None,
    method: str | None = None,
    samples: int | None = None,
    seed: int = 0,
    by: str | Sequence[str] = "sharpe",
    folds: int = 1,
    costs: Costs | None = None,
    account: str | Account = "spot",
    funding: pl.DataFrame | float | None = None,
    cash: float = 100_000.0,
    exits: Exits | None = None,
    fill: str = "next_open",
    delay: Any = 0,
    rebalance: str | int | float | None = None,
    portfolio: Portfolio | None = None,
    rules: Rules | None = None,
    finalize: bool = False,
    calendar: str | Calendar | None = None,
    risk_free: float = 0.0,
    store: Store | str | Path | None = None,
    resume: str | Path | None = None,
    executor: Any = "threads",
    threads: int | None = None,
    progress: bool | None = None,
    **axes: Any,
) -> Sweep:
    """Score many configurations of a strategy over the same bars.

    Each is what a `backtest` of it would say, to 1e-9, from the same first bar on. On bars of a
    store all go to its ledger, and the evidence counts them.

    Parameters
    ----------
    strategy : Strategy
    data : Query, DataFrame or str
        As for `backtest`; or the name of an instrument in `store`: ``"binance:BTC/USDT@1h"``.
    where : str, optional
        A constraint between axes, such as ``"fast < slow"``.
    method : {"grid", "random", "sobol", "tpe", "nsga2"}, optional
        All combinations; or `samples` drawn evenly, or as Optuna's models guide the search. Left
        out: "grid" for axes, "sobol" where `samples` is given or there are no axes.
    samples : int, optional
        How many to draw, by every method but "grid"; 1,000 of the strategy's own space.
    seed : int
        Of the draws.
    by : str or sequence of str
        What to search for and to sort by; several with "nsga2" or "tpe".
    folds : int
        With "tpe": configurations are tried on so many growing stretches of the bars, and those
        that fall behind are given up early.
    costs, account, funding, cash, exits, fill, delay, rebalance, portfolio, rules, finalize,
    calendar, risk_free
        As for `backtest`.
    store : Store or path, optional
        Where an instrument's name is looked up.
    resume : path, optional
        A folder to keep results in while they come. Called again with the same sweep, what is done
        is not done again.
    executor : "threads" or dask.distributed.Client
        Where to work. A cluster is sent the query and the strategy's text, not the bars.
    threads : int, optional
        As many as there are processors when left out. No effect on any bit.
    progress : bool, optional
        Show a bar with rate and time left; by default where there is a terminal.
    **axes
        Values of parameters, and of ``stop``, ``take_profit``, ``trailing``, ``max_hold``,
        ``cooldown``, ``fee_bps``, ``slippage_bps``, ``spread_bps``, ``delay``, ``symbol``: ranges,
        lists, ``np.geomspace(…)``, `Span`, or one value. Without any, the strategy's own space.

    Returns
    -------
    Sweep
        Ctrl-C returns what was done until then.

    Raises
    ------
    ConfigError, ParameterError
        An axis or a setting that cannot be used. A configuration that fails is a row that says so.

    Examples
    --------
    >>> s = tr.sweep(tr.strategies.ma_crossover, bars, fast=range(5, 45, 2),
    ...              slow=range(50, 300, 5), where="fast < slow")         # doctest: +SKIP
    >>> s.results, s.best(5), s.evidence, s.report("reports/sweep.html")  # doctest: +SKIP
    """
    begun = time.perf_counter()
    found = _data(data, store, calendar)
    measures = (by,) if isinstance(by, str) else tuple(by)
    for name in measures:
        if name not in METRICS:
            raise ConfigError(f"by={name!r} is no metric of a sweep: {nearest(name, METRICS)}")
    if not isinstance(delay, int):
        axes, delay = {"delay": delay} | axes, 0
    space = space_of(strategy, axes, where)
    if method is None:
        method = "grid" if axes and samples is None else "sobol"
        samples = 1_000 if not axes and samples is None else samples
    found = funded(found, funding, account=Account.of(account).kind, reads=strategy.reads)
    setup = Setup(
        costs=Costs() if costs is None else costs,
        account=Account.of(account),
        exits=exits,
        rules=rules,
        cash=float(cash),
        fill=fill,
        delay=delay,
        rebalance=rebalance,
        finalize=finalize,
    )
    drawn = _drawn(space, method, samples, seed)
    names = tuple(space.levels["symbol"].tolist()) if "symbol" in space.axes else ()
    start = start_of(strategy, space, drawn)
    if start >= (n_bars := found.market.n_bars):
        raise ConfigError(
            f"all configurations begin after the longest warm-up, {start:,} bars, and there are "
            f"{n_bars:,}. Give more bars, or axes whose values look back less."
        )
    scorer = Scorer(strategy, found, setup, start, risk_free, portfolio, names)
    plan = Plan(scorer, space, drawn, method, samples, seed, measures, folds)
    parts, is_complete, uncounted = carry_out(
        plan,
        folder=None if resume is None else Path(resume),
        executor=executor,
        threads=threads,
        progress=progress,
    )
    if parts.is_empty:
        if not is_complete:
            raise KeyboardInterrupt
        raise ConfigError(f"where={where!r} admits no configuration. Widen the axes.")
    seconds = time.perf_counter() - begun
    return Sweep(scorer, space, measures, parts, seconds, is_complete, uncounted)


def _data(data: Any, store: Any, calendar: Any) -> Data:
    if isinstance(data, Data):
        return data
    if isinstance(data, str):
        from trade_research.store.store import Store

        if store is None:
            raise ConfigError(
                f"data {data!r} is a name: say in which store, e.g. store='datasets', or pass "
                "store.query(…)"
            )
        opened = store if isinstance(store, Store) else Store(store)
        data = opened.query(data)
    return read_data(data, calendar)


def space_of(strategy: Strategy, axes: Mapping[str, Any], where: str | None) -> Space:
    """The space of the axes given, values in the parameters' types; else the strategy's own."""
    given = dict(axes) or {
        name: _declared(strategy, name, values) for name, values in strategy.space.items()
    }
    if not given:
        raise ConfigError(
            f"{strategy.name} declares no space: give axes, e.g. "
            f"{next(iter(strategy.params), 'stop')}=[…]"
        )
    return Space(given, where)


def _declared(strategy: Strategy, name: str, values: Any) -> Any:
    """A declared span with whole ends for a whole parameter."""
    if isinstance(values, Span) and strategy.params[name].type is int:
        return Span(int(values.lo), int(values.hi), values.step, values.log)
    return values


def _drawn(space: Space, method: str, samples: int | None, seed: int) -> Configurations | None:
    """Configurations that are drawn beforehand; None for a grid and for a guided search."""
    methods = ("grid", "random", "sobol", "tpe", "nsga2")
    if method not in methods:
        raise ConfigError(f"method={method!r} is unknown: {nearest(method, methods)}")
    if method == "grid":
        if samples is not None:
            raise ConfigError(
                "samples= is for drawing: say method='random', 'sobol', 'tpe' or 'nsga2'"
            )
        _ = space.levels
        return None
    if samples is None or samples < 1:
        raise ConfigError(f"method={method!r} draws configurations: say how many with samples=1000")
    if method == "random":
        return space.random(samples, seed)
    return space.sobol(samples, seed) if method == "sobol" else None


def _columns(table: pl.DataFrame) -> dict[str, Any]:
    """Axes of a table of results as arrays; NaN where an exit is off."""
    out: dict[str, Any] = {}
    for column in table:
        if column.dtype == pl.String:
            out[column.name] = np.array(column.to_list(), dtype=object)
        elif column.name in EXIT_AXES:
            out[column.name] = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        else:
            out[column.name] = column.to_numpy()
    return out


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
