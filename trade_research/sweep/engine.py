"""`score`: every configuration over the same bars, to accumulators and not to equity curves."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from trade_research.errors import ConfigError, TradeResearchError, nearest
from trade_research.kernels.jit import F64, I64
from trade_research.metrics.returns import returns_of, risk_free_per_period
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.market import Market
from trade_research.simulate.run import simulate
from trade_research.strategies.strategy import Strategy
from trade_research.sweep.factors import factor
from trade_research.sweep.field import Field, days_of, rows_of
from trade_research.sweep.game import Game
from trade_research.sweep.scores import Scores
from trade_research.sweep.signals import Maker
from trade_research.sweep.space import RUN_AXES, Configurations
from trade_research.sweep.work import Work

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
    targets: Callable[[Mapping[str, Any]], F64] | None = None,
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
    targets : callable, optional
        From parameters to the weights of all symbols, (n_bars, n_symbols), in the place of the
        strategy: for panels and portfolios. `columns` may then be empty.
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
    made = {name: value for name, value in locals().items() if name in Game.__dataclass_fields__}
    game = Game.of(**made)
    largest, failed = warmups(strategy, typed)
    first = max(start or 0, largest)
    field = Field(
        market,
        days_of(market, sessions),
        _ranges(market, spans),
        first,
        periods_per_year,
        sessions_per_year,
        risk_free_per_period(risk_free, periods_per_year),
        risk_free_per_period(risk_free, sessions_per_year),
    )
    maker = _maker(strategy, market, columns, typed, targets)
    work = Work(strategy, field, game, typed, maker, failed)
    n_threads = threads or os.cpu_count() or 1
    with ThreadPoolExecutor(n_threads) as pool:
        work.run(pool, n_threads, progress or (lambda n: None), stop or (lambda: False))
    return work.scores(configurations)


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
    targets: Callable[[Mapping[str, Any]], F64] | None = None,
    threads: int | None = None,
) -> F64:
    """Return of each day of each configuration, (n_days, n_configs), by running each in full.

    Parameters as for `score`; NaN in the column of a configuration that cannot be run.
    """
    typed = _typed(strategy, configurations)
    made = {name: value for name, value in locals().items() if name in Game.__dataclass_fields__}
    game = Game.of(**made)
    first = max(start or 0, largest_warmup(strategy, typed))
    maker = _maker(strategy, market, columns, typed, targets)
    day = days_of(market, sessions)
    last = np.flatnonzero(np.append(day[1:] != day[:-1], True))
    out = np.full((len(last), len(typed)), np.nan)

    def one(i: int) -> None:
        target = np.empty(market.close.shape)
        try:
            maker.whole(int(maker.signals.of[i]), target)
            own = {k: v for k, v in typed.row(i).items() if k not in strategy.params}
            run = simulate(market, target, start=first, **game.under(own).settings)
        except TradeResearchError:
            return
        out[:, i] = returns_of(run.equity[last], game.cash)

    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        list(pool.map(one, range(len(typed))))
    return out


def largest_warmup(strategy: Strategy, configurations: Configurations) -> int:
    """Bars that the configuration with the longest warm-up needs; those that fail are left out."""
    return warmups(strategy, configurations)[0]


def warmups(strategy: Strategy, configurations: Configurations) -> tuple[int, dict[int, str]]:
    """The largest warm-up, and what configurations say whose own cannot be worked out."""
    rule, n = strategy.warmup_rule, len(configurations)
    if not callable(rule):
        return rule or 0, {}
    names = strategy.warmup_names
    found = factor(configurations.values, names, n)
    columns = [
        found.values[name].tolist()
        if name in found.values
        else itertools.repeat(strategy.params[name].default, found.size)
        for name in names
    ]
    failed: dict[int, str] = {}
    try:
        bars = list(map(rule, *columns)) if columns else [rule()]
    except Exception:  # whatever it raises, the strategy says for which parameters
        bars = []
        for i in range(found.size):
            try:
                bars.append(strategy.warmup(**found.row(i)))
            except TradeResearchError as error:
                failed |= dict.fromkeys(np.flatnonzero(found.of == i).tolist(), str(error))
    return max(0, math.ceil(max(bars, default=0))), failed


def _ranges(market: Market, spans: I64 | None) -> I64:
    """The spans, checked; all bars where none are given."""
    if spans is None:
        return np.array([[0, market.n_bars]], dtype=np.int64)
    out = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
    if not ((out[:, 0] >= 0) & (out[:, 0] < out[:, 1]) & (out[:, 1] <= market.n_bars)).all():
        raise ConfigError(
            f"spans must be ranges [first, last) of the {market.n_bars} bars, "
            f"found {out.tolist()!r:.60}"
        )
    return out


def _maker(
    strategy: Strategy,
    market: Market,
    columns: Columns,
    typed: Configurations,
    targets: Callable[[Mapping[str, Any]], F64] | None,
) -> Maker:
    """What makes the targets of the configurations' distinct parameters."""
    parts = [columns] if isinstance(columns, Mapping) else list(columns)
    if targets is not None:
        parts = []
    elif len(parts) != market.n_symbols:
        raise ConfigError(f"columns of {len(parts)} symbols for a market of {market.n_symbols}")
    signals = factor(typed.values, list(strategy.params), len(typed))
    return Maker(strategy, signals, parts, rows_of(market), market.n_bars, targets)


def _typed(strategy: Strategy, configurations: Configurations) -> Configurations:
    """The configurations with parameters in their declared types.

    Raises
    ------
    ConfigError
        An axis that is neither a parameter nor one of `RUN_AXES`.
    ParameterError
        A value that a parameter does not take.
    """
    values = dict(configurations.values)
    for name, column in values.items():
        if name not in strategy.params:
            if name not in RUN_AXES:
                known = (*strategy.params, *RUN_AXES)
                raise ConfigError(
                    f"{strategy.name} has no parameter {name!r}; {nearest(name, known)}"
                )
            continue
        kind = strategy.params[name]
        distinct = {v: kind.normalise(v, strategy.name) for v in dict.fromkeys(column.tolist())}
        dtype = {int: np.int64, float: np.float64, bool: np.bool_}.get(kind.type, object)
        values[name] = np.array([distinct[v] for v in column.tolist()], dtype=dtype)
    return Configurations(values, configurations.trial)
