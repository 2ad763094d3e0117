"""Walk forward: parameters chosen on the bars so far, traded on the next ones, again and again.

Every configuration's targets are computed once, from the first bar; folds are spans of that one
matrix. A fold chooses by what its own training bars gave, which end where its test bars begin.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64, I64
from trade_research.simulate.exits import Exits
from trade_research.simulate.market import PRICES, Market
from trade_research.simulate.result import Result
from trade_research.simulate.run import simulate
from trade_research.sweep.engine import largest_warmup, score
from trade_research.sweep.folds import Folds, choose, folds_of, rank
from trade_research.sweep.scores import Scores
from trade_research.sweep.space import COST_AXES, EXIT_AXES, Configurations

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy

Columns = Mapping[str, F64] | Sequence[Mapping[str, F64]]
Targets = Callable[[Mapping[str, Any]], F64]
NOT_CHOSEN = (*COST_AXES, "delay", "symbol")
"""Axes of a sweep that nobody can choose: they are what the market makes of the rest."""


@dataclass(frozen=True, eq=False)
class Walk:
    """A walk forward.

    Attributes
    ----------
    chosen : int64 array of shape (n_folds,)
        Row of the configuration traded in each fold; -1 where none had a result in training, and
        nothing is held.
    inside, outside : float64 array of shape (n_folds,)
        The measure of the chosen one in training and in the test span, each from a flat start.
    rank : float64 array of shape (n_folds,)
        Share of the configurations that the chosen one beat in the test span: 0.5 is chance.
    target : float64 array of shape (n_bars, n_symbols)
        What was wanted after each bar: 0 before the first test span.
    results : tuple of Result
        The trading of the test spans: one simulation from the first of them on, or one a fold
        where exits were chosen too.
    scores : Scores
        Of all configurations: the first span is the whole, then training and test spans.
    """

    folds: Folds
    configurations: Configurations
    metric: str
    chosen: I64
    inside: F64
    outside: F64
    rank: F64
    target: F64
    results: tuple[Result, ...]
    scores: Scores

    @property
    def first(self) -> int:
        """The first bar that was not used to choose."""
        return int(self.folds.test[0, 0])

    @cached_property
    def equity(self) -> F64:
        """Money after each bar from the first test span on, (n_bars - first,)."""
        return np.concatenate([result.equity for result in self.results])

    @property
    def initial_cash(self) -> float:
        """Money before the first test span."""
        return self.results[0].initial_cash

    @property
    def stability(self) -> dict[str, float]:
        """How little each parameter moved from fold to fold: 1 never, 0 from end to end each time.

        One less the mean step between successive choices over the longest step possible; of texts
        and switches the share of folds that kept the choice.
        """
        found = self.chosen[self.chosen >= 0]
        out = {}
        for name, values in self.configurations.values.items():
            known, places = np.unique(
                values.astype(str) if values.dtype == object else values, return_inverse=True
            )
            if known.size > 1 and found.size > 1:
                steps = np.abs(np.diff(places[found]))
                is_number = values.dtype.kind in "iuf"
                out[name] = 1.0 - float(
                    (steps / (known.size - 1)).mean() if is_number else (steps > 0).mean()
                )
        return out


def walk(
    strategy: Strategy,
    market: Market,
    columns: Columns,
    configurations: Configurations,
    *,
    train_us: int,
    test_us: int,
    anchored: bool = False,
    metric: str = "sharpe",
    min_trades: int = 1,
    settings: Mapping[str, Any],
    sessions: I64 | None = None,
    targets: Targets | None = None,
    periods_per_year: float = 1.0,
    sessions_per_year: float = 1.0,
    risk_free: float = 0.0,
    threads: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> Walk:
    """Choose on each training span, trade the next test span.

    Parameters
    ----------
    strategy, market, columns, configurations
        As for `score`.
    train_us, test_us, anchored
        As for `folds_of`.
    metric : str
        What is wanted high; one of `METRICS`.
    min_trades : int
        Fewer in training, and a configuration is not chosen.
    settings : mapping
        Arguments of `simulate`: costs, exits, account, cash, fill, delay, rebalance, rules.
    sessions, targets
        As for `score`.

    Raises
    ------
    ConfigError
        Axes that cannot be chosen, or too few bars.
    """
    _check_axes(configurations)
    start = largest_warmup(strategy, configurations)
    folds = folds_of(
        market.open_time, train_us=train_us, test_us=test_us, anchored=anchored, first=start
    )
    n = len(folds)
    whole = np.array([[folds.train[0, 0], market.n_bars]])
    scores = score(
        strategy,
        market,
        columns,
        configurations,
        **settings,
        start=start,
        spans=np.concatenate([whole, folds.train, folds.test]),
        sessions=sessions,
        targets=targets,
        periods_per_year=periods_per_year,
        sessions_per_year=sessions_per_year,
        risk_free=risk_free,
        threads=threads,
        progress=progress,
    )
    values, trades = scores.metrics[metric], scores.metrics["trades"]
    train, test = slice(1, n + 1), slice(n + 1, None)
    chosen = choose(values[:, train], trades[:, train], min_trades=min_trades)

    def make(params: Mapping[str, Any]) -> F64:
        own = {name: value for name, value in params.items() if name in strategy.params}
        if targets is not None:
            return targets(own)
        return strategy.compute(columns, **own).target.reshape(-1, 1)  # type: ignore[arg-type]

    target = _stitched(make, market, configurations, folds, chosen, start)
    every = np.arange(n)
    is_held = chosen >= 0
    return Walk(
        folds,
        configurations,
        metric,
        chosen,
        np.where(is_held, values[:, train][chosen, every], np.nan),
        np.where(is_held, values[:, test][chosen, every], np.nan),
        rank(values[:, test], chosen),
        target,
        _traded(market, configurations, folds, chosen, target, settings),
        scores,
    )


def _check_axes(configurations: Configurations) -> None:
    for name in NOT_CHOSEN:
        if name in configurations.values and len(np.unique(configurations.values[name])) > 1:
            raise ConfigError(
                f"walk forward cannot choose {name!r}: it is not yours to choose. "
                "Give one value, and sweep it to see what it does."
            )


def _stitched(
    make: Targets,
    market: Market,
    configurations: Configurations,
    folds: Folds,
    chosen: I64,
    start: int,
) -> F64:
    """Targets of the chosen configuration in each test span, 0 elsewhere."""
    out = np.zeros(market.close.shape)
    for row in np.unique(chosen[chosen >= 0]):
        target = make(configurations.row(int(row)))
        for a, b in folds.test[chosen == row]:
            out[max(a, start) : b] = target[max(a, start) : b]
    return out


def _traded(
    market: Market,
    configurations: Configurations,
    folds: Folds,
    chosen: I64,
    target: F64,
    settings: Mapping[str, Any],
) -> tuple[Result, ...]:
    """The stitched targets traded: in one go, or fold by fold where their exits differ."""
    if not any(name in EXIT_AXES for name in configurations.values):
        first = int(folds.test[0, 0])
        return (simulate(market.since(first), target[first:], **settings),)
    results: list[Result] = []
    cash = float(settings["cash"])
    for (a, b), row in zip(folds.test, chosen, strict=True):
        values = configurations.row(int(row)) if row >= 0 else {}
        exits = {name: values[name] for name in EXIT_AXES if name in values}
        if exits.get("cooldown", 0) is None:
            exits["cooldown"] = 0
        given = replace(settings.get("exits") or Exits(), **exits)
        mine = {**settings, "exits": given, "cash": cash, "finalize": True}
        results.append(simulate(cut(market, int(a), int(b)), target[a:b], **mine))
        cash = float(results[-1].equity[-1])
        if not cash > 0.0:
            break
    return tuple(results)


def cut(market: Market, first: int, last: int) -> Market:
    """Bars [first, last); no price is copied."""
    whole = market.since(first)
    names = ("open_time", "close_time", *PRICES)
    session = None if whole.session is None else whole.session[: last - first]
    due = whole.funding
    due = None if due is None else due[due["bar"] < last - first]
    cut = {name: getattr(whole, name)[: last - first] for name in names}
    return replace(whole, **cut, session=session, funding=due)
