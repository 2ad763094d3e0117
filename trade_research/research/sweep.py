"""`sweep`: many configurations over the same bars, and what the best of them is worth."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.errors import ConfigError, nearest
from trade_research.research.data import Data, funded, read_data
from trade_research.research.setup import Setup
from trade_research.research.sweep_run import Plan, carry_out
from trade_research.research.sweep_scorer import Scorer, start_of
from trade_research.research.swept import Sweep
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.strategies.declare import Span
from trade_research.strategies.parts import check_strategy
from trade_research.sweep.scores import METRICS
from trade_research.sweep.space import Configurations, Space

if TYPE_CHECKING:
    from trade_research.frames.calendars import Calendar
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.store.store import Store
    from trade_research.strategies.strategy import Strategy


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
    measures = _measures(by)
    if not isinstance(delay, int):
        axes, delay = {"delay": delay} | axes, 0
    check_strategy(strategy, "sweep")
    space = space_of(strategy, axes, where)
    if method is None:
        method = "grid" if axes and samples is None else "sobol"
        samples = 1_000 if not axes and samples is None else samples
    found = funded(found, funding, account=Account.of(account).kind, reads=strategy.reads)
    setup = Setup.of(costs, account, exits, rules, cash, fill, delay, rebalance, finalize)
    drawn = _drawn(space, method, samples, seed)
    names = tuple(space.levels["symbol"].tolist()) if "symbol" in space.axes else ()
    start = _start(strategy, found, space, drawn)
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
    return Sweep(plan, parts, seconds, is_complete, uncounted)


def _measures(by: str | Sequence[str]) -> tuple[str, ...]:
    """What to search by, checked."""
    measures = (by,) if isinstance(by, str) else tuple(by)
    for name in measures:
        if name not in METRICS:
            raise ConfigError(f"by={name!r} is no metric of a sweep: {nearest(name, METRICS)}")
    return measures


def _start(strategy: Strategy, data: Data, space: Space, drawn: Configurations | None) -> int:
    """The first bar that counts for every configuration."""
    start, n_bars = start_of(strategy, space, drawn), data.market.n_bars
    if start >= n_bars:
        raise ConfigError(
            f"all configurations begin after the longest warm-up, {start:,} bars, and there are "
            f"{n_bars:,}. Give more bars, or axes whose values look back less."
        )
    return start


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
