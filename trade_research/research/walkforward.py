"""`walk_forward`: parameters chosen again as time goes on, judged on bars they never saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.errors import ConfigError, nearest
from trade_research.research.data import Data, funded, read_data
from trade_research.research.setup import Setup
from trade_research.research.sweep import space_of
from trade_research.research.sweep_scorer import Ground
from trade_research.research.trials import record_configurations
from trade_research.research.walked import WalkForward, settings_of
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.strategies.parts import check_strategy
from trade_research.sweep.scores import METRICS
from trade_research.sweep.walkforward import walk

if TYPE_CHECKING:
    from trade_research.frames.calendars import Calendar
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.strategies.strategy import Strategy

DRAWN = 200  # configurations of a strategy's own space


def walk_forward(
    strategy: Strategy,
    data: Any,
    *,
    train: str,
    test: str,
    anchored: bool = False,
    metric: str = "sharpe",
    min_trades: int = 1,
    where: str | None = None,
    costs: Costs | None = None,
    account: str | Account = "spot",
    cash: float = 100_000.0,
    exits: Exits | None = None,
    fill: str = "next_open",
    delay: int = 0,
    rebalance: str | int | float | None = None,
    portfolio: Portfolio | None = None,
    rules: Rules | None = None,
    funding: pl.DataFrame | float | None = None,
    calendar: str | Calendar | None = None,
    risk_free: float = 0.0,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    **axes: Any,
) -> WalkForward:
    """Choose parameters on past bars, trade them on the next ones, move on; again and again.

    Parameters
    ----------
    strategy : Strategy
    data : Query or polars.DataFrame
        As for `backtest`.
    train, test : str
        Lengths of both spans by the clock: ``"180d"``, ``"4w"``.
    anchored : bool
        Train on everything from the first bar on, instead of on the last `train`.
    metric : str
        What is wanted high in training: one of `sweep.METRICS`.
    min_trades : int
        Configurations with fewer trades in training are not chosen.
    where : str, optional
        A constraint on the axes: ``"fast < slow"``.
    progress : callable, optional
        Is told how many configurations are done since it was called last.
    **axes
        Values to choose from, for parameters and for `stop`, `take_profit`, `trailing`, `max_hold`
        and `cooldown`; a single value is fixed. Without any: 200 Sobol
        draws from the space that the strategy declares.
    costs, account, cash, exits, fill, delay, rebalance, portfolio, rules, funding, calendar,
    risk_free
        As for `backtest`.

    Returns
    -------
    WalkForward
        On bars of a store every configuration goes to the ledger.

    Raises
    ------
    ConfigError
        Spans or axes that cannot be used.

    Examples
    --------
    >>> tr.walk_forward(tr.strategies.ma_crossover, bars, train="180d", test="30d",
    ...                 fast=range(5, 50, 5), slow=range(60, 200, 20))       # doctest: +SKIP
    """
    check_strategy(strategy, "walk_forward")
    if metric not in METRICS:
        raise ConfigError(f"metric {metric!r} cannot be chosen by: {nearest(metric, METRICS)}")
    found = data if isinstance(data, Data) else read_data(data, calendar)
    setup = Setup.of(costs, account, exits, rules, cash, fill, delay, rebalance)
    space = space_of(strategy, axes, where)
    configurations = space.grid() if axes else space.sobol(DRAWN, seed=0)
    if not len(configurations):
        raise ConfigError(f"where={where!r} admits no configuration. Widen the axes.")
    found = funded(found, funding, account=setup.account.kind, reads=strategy.reads)
    ground = Ground(found, strategy, portfolio)
    how = settings_of(
        found,
        setup,
        train=train,
        test=test,
        anchored=anchored,
        metric=metric,
        min_trades=min_trades,
        risk_free=risk_free,
    )
    walked = walk(
        strategy,
        ground.market,
        ground.columns,
        configurations,
        **ground.common,
        threads=threads,
        progress=progress,
        **how,
    )
    uncounted = record_configurations(
        strategy, found, configurations, walked.scores.moments, exits=exits, kind="walk_forward"
    )
    return WalkForward(
        strategy,
        found,
        setup,
        space,
        walked,
        train,
        test,
        anchored,
        min_trades,
        risk_free,
        uncounted,
    )
