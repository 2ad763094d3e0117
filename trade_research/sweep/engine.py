"""`score`: every configuration over the same bars, to accumulators and not to equity curves."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64, I64
from trade_research.metrics.returns import returns_of, risk_free_per_period
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.market import Market
from trade_research.simulate.run import simulate
from trade_research.simulate.schedule import Rebalance
from trade_research.strategies.strategy import Strategy
from trade_research.sweep.factors import Factor, factor
from trade_research.sweep.game import Game
from trade_research.sweep.scores import Scores
from trade_research.sweep.space import RUN_AXES, Configurations
from trade_research.sweep.work import Field, Shop

Columns = Mapping[str, F64] | Sequence[Mapping[str, F64]]


def score(
    strategy: Strategy,
    market: Market,
    columns: Columns,
    configurations: Configurations,
    *,
    costs: Costs | None = None,
    exits: Exits | None = None,
    account: Account | str = "spot",
    cash: float = 100_000.0,
    fill: str = "next_open",
    delay: int = 0,
    rebalance: Any = None,
    rules: Rules | None = None,
    finalize: bool = False,
    start: int | None = None,
    spans: I64 | None = None,
    periods_per_year: float | None = None,
    sessions_per_year: float | None = None,
    sessions: I64 | None = None,
    risk_free: float = 0.0,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Scores:
    """Metrics of every configuration over every span.

    Parameters
    ----------
    strategy : Strategy
    market : Market
        Bars of one instrument; of several, they share one account as in `simulate`.
    columns : mapping of str to float64 array, or one a symbol
        What the strategy reads, by argument name; of several symbols each its own rows.
    configurations : Configurations
        Axes are parameters of the strategy and `space.RUN_AXES` but `symbol`.
    costs, exits, account, cash, fill, delay, rebalance, rules, finalize
        As for `simulate`; axes of the same name come before them.
    start : int, optional
        First row whose target counts; not before the largest warm-up of these configurations.
    spans : int64 array of shape (n_spans, 2), optional
        Ranges of bars [first, last), each an account of its own that starts with `cash`; targets
        are those of all bars. One range of all bars when left out.
    periods_per_year, sessions_per_year : float, optional
        For annualised metrics; NaN without.
    sessions : int64 array of shape (n_bars,), optional
        Number of each bar's session, never decreasing; UTC days when left out.
    risk_free : float
        Yearly rate as a fraction.
    threads : int, optional
        As many as there are processors when left out. No effect on any bit.
    progress : callable, optional
        Told how many configurations were just done.
    stop : callable, optional
        Asked between pieces of work whether to give up: what is not done says "stopped".

    Returns
    -------
    Scores
        Equal to `simulate` and `metrics` of each configuration to 1e-9, trades exactly.

    Raises
    ------
    ConfigError, SimulationError, ParameterError
        A setting that no configuration can be run with. What one configuration cannot be run with
        is in its `status`.
    """
    typed = _typed(strategy, configurations)
    parts = [columns] if isinstance(columns, Mapping) else list(columns)
    if len(parts) != market.n_symbols:
        raise ConfigError(f"columns of {len(parts)} symbols for a market of {market.n_symbols}")
    game = Game(
        costs or Costs(),
        exits or Exits(),
        Account.of(account),
        float(cash),
        fill,
        delay,
        Rebalance.of(rebalance),
        rules,
        finalize,
    )
    first = max(start or 0, largest_warmup(strategy, typed))
    field = Field.of(
        market,
        parts,
        spans,
        first,
        sessions,
        periods_per_year,
        sessions_per_year,
        risk_free_per_period(risk_free, periods_per_year),
        risk_free_per_period(risk_free, sessions_per_year),
    )
    shop = Shop(strategy, field, game, typed)
    n_threads = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(n_threads) as pool:
        shop.run(pool, n_threads, progress or (lambda n: None), stop or (lambda: False))
    return shop.scores(configurations)


def day_returns(
    strategy: Strategy,
    market: Market,
    columns: Columns,
    configurations: Configurations,
    *,
    costs: Costs | None = None,
    exits: Exits | None = None,
    account: Account | str = "spot",
    cash: float = 100_000.0,
    fill: str = "next_open",
    delay: int = 0,
    rebalance: Any = None,
    rules: Rules | None = None,
    finalize: bool = False,
    start: int | None = None,
    sessions: I64 | None = None,
    threads: int | None = None,
) -> F64:
    """Return of each day of each configuration, (n_days, n_configs), by running each in full.

    Parameters as for `score`; NaN in the column of a configuration that cannot be run.
    """
    typed = _typed(strategy, configurations)
    parts = [columns] if isinstance(columns, Mapping) else list(columns)
    game = Game(
        costs or Costs(),
        exits or Exits(),
        Account.of(account),
        float(cash),
        fill,
        delay,
        Rebalance.of(rebalance),
        rules,
        finalize,
    )
    first = max(start or 0, largest_warmup(strategy, typed))
    field = Field.of(market, parts, None, first, sessions, None, None, 0.0, 0.0)
    shop = Shop(strategy, field, game, typed)
    last = np.flatnonzero(np.append(field.day[1:] != field.day[:-1], True))
    out = np.full((len(last), len(typed)), np.nan)

    def one(i: int) -> None:
        if i in shop.refused:
            return
        target = np.empty(market.close.shape)
        shop.maker.whole(int(shop.signals.of[i]), target)
        mine = game.under(configurations.row(i))
        run = simulate(market, target, start=first, **mine.settings)
        out[:, i] = returns_of(run.equity[last], game.cash)

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        list(pool.map(one, range(len(typed))))
    return out


def largest_warmup(strategy: Strategy, configurations: Configurations) -> int:
    """Bars that the configuration with the longest warm-up needs."""
    rule = strategy.warmup_rule
    if not callable(rule):
        return rule or 0
    found = factor(configurations.values, strategy.warmup_names, len(configurations))
    fixed = {name: strategy.params[name].default for name in strategy.warmup_names}
    names = list(found.values)
    rows = zip(*(column.tolist() for column in found.values.values()), strict=True) if names else [()]
    try:
        bars = [rule(**{**fixed, **dict(zip(names, row, strict=True))}) for row in rows]
    except (TypeError, ValueError, ArithmeticError):  # the strategy says for which
        bars = [strategy.warmup(**found.row(i)) for i in range(found.size)]
    return max(0, math.ceil(max(bars, default=0)))


def _typed(strategy: Strategy, configurations: Configurations) -> Configurations:
    """The configurations with parameters in their declared types.

    Raises
    ------
    ConfigError
        An axis that is neither a parameter nor one of `RUN_AXES`.
    ParameterError
        A value that a parameter does not take.
    """
    from trade_research.errors import nearest

    values = dict(configurations.values)
    for name, column in values.items():
        if name not in strategy.params:
            if name not in RUN_AXES:
                known = (*strategy.params, *RUN_AXES)
                raise ConfigError(f"{strategy.name} has no parameter {name!r}; {nearest(name, known)}")
            continue
        kind = strategy.params[name]
        distinct = {v: kind.normalise(v, strategy.name) for v in dict.fromkeys(column.tolist())}
        dtype = {int: np.int64, float: np.float64, bool: np.bool_}.get(kind.type, object)
        values[name] = np.array([distinct[v] for v in column.tolist()], dtype=dtype)
    return Configurations(values, configurations.trial)
