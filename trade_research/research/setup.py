"""What a run depends on beside strategy and data, and the targets that go through it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.errors import ConfigError, ParameterError, nearest
from trade_research.research.data import Data
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.result import Result
from trade_research.simulate.run import simulate
from trade_research.strategies.panel import panel_arrays

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.portfolio.sizing import Portfolio
    from trade_research.strategies.strategy import Strategy


_MADE_OF: Mapping[str, tuple[Any, str]] = {
    "costs": (Costs, "tr.Costs(fee_bps=10), 0.1 per cent, or tr.Costs.venue('binance')"),
    "exits": (Exits | None, "tr.Exits(stop=0.05)"),
    "rules": (Rules | None, "tr.Rules(lot=0.001)"),
}


@dataclass(frozen=True)
class Setup:
    """Everything a run depends on beside strategy, parameters and data."""

    costs: Costs
    account: Account
    exits: Exits | None
    rules: Rules | None
    cash: float
    fill: str
    delay: int
    rebalance: str | int | float | None
    finalize: bool
    start: int = 0
    """First row whose target counts; the rows before only warm the strategy up."""

    def __post_init__(self) -> None:
        for name, (kind, advice) in _MADE_OF.items():
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise ConfigError(f"{name} cannot be {value!r}: write {name}={advice}")
        if self.exits == Exits():  # asks for nothing: the same run, and the same name for it
            object.__setattr__(self, "exits", None)

    @classmethod
    def of(
        cls,
        costs: Costs | None,
        account: str | Account,
        exits: Exits | None,
        rules: Rules | None,
        cash: float,
        fill: str = "next_open",
        delay: int = 0,
        rebalance: str | int | float | None = None,
        finalize: bool = False,
    ) -> Setup:
        """From what users write: no costs are the usual ones, an account may be its kind."""
        known, kind = Costs() if costs is None else costs, Account.of(account)
        return cls(known, kind, exits, rules, float(cash), fill, delay, rebalance, finalize)

    def run(self, data: Data, target: F64) -> Result:
        """The targets through the simulator."""
        rules = self.rules_of_the_game
        return simulate(data.market, target, finalize=self.finalize, start=self.start, **rules)

    @property
    def rules_of_the_game(self) -> dict[str, Any]:
        """All of it that `simulate` and `Simulator` have in common."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("finalize", "start")
        }

    @property
    def of_the_account(self) -> dict[str, Any]:
        """What a paper account is made of: it always fills at the next open, without delay."""
        rules = self.rules_of_the_game
        return {name: rules[name] for name in rules if name not in ("fill", "delay")}


@dataclass(frozen=True)
class Hold:
    """Buying and holding in equal parts at the costs of a run, simulated when first asked for."""

    data: Data
    setup: Setup

    @cached_property
    def result(self) -> Result:
        """The simulation."""
        shape = self.data.market.close.shape
        target = np.full(shape, 1.0 / shape[1])
        return replace(self.setup, exits=None, rebalance=None).run(self.data, target)

    def returns(self) -> F64:
        """Return of every bar."""
        from trade_research.metrics.returns import returns_of

        return returns_of(self.result.equity, self.setup.cash)


def bound_of(
    strategy: Strategy, params: Mapping[str, Any], door: Callable[..., Any]
) -> dict[str, Any]:
    """The strategy's parameters in full; a name unknown to it may be a misspelt one of `door`."""
    for name in params:
        if name not in strategy.params:
            known = {*strategy.params, *inspect.signature(door).parameters} - {"params"}
            raise ParameterError(
                f"{door.__name__} has no argument and {strategy.name} no parameter {name!r}; "
                f"{nearest(name, known)}"
            )
    return strategy.bind(**params)


def targets_of(
    strategy: Strategy, data: Data, params: Mapping[str, Any], portfolio: Portfolio | None = None
) -> tuple[F64, Mapping[str, F64]]:
    """Weights wanted after each bar, (n_bars, n_symbols), and the strategy's other columns.

    Each symbol's rows are seen alone; a bar a symbol does not have is NaN: no opinion. A panel
    strategy sees all, and its targets are fractions of all of the equity. The other columns are
    given for a single symbol only, and of panels.
    """
    weights, extras, shares = opinions_of(strategy, data, params)
    if portfolio is None:
        return (weights if shares == 1 else weights / shares), extras
    if not callable(getattr(portfolio, "weights", None)):
        raise ConfigError(f"portfolio cannot be {portfolio!r}: write portfolio=tr.EqualWeight()")
    market = data.market
    sized = portfolio.weights(
        weights,
        market.close,
        close_time=market.close_time,
        periods_per_year=data.periods_per_year,
        symbols=market.symbols,
    )
    return sized, extras


def opinions_of(
    strategy: Strategy, data: Data, params: Mapping[str, Any]
) -> tuple[F64, Mapping[str, F64], int]:
    """Targets as the strategy gives them, (n_bars, n_symbols), and the equity 1.0 stands for."""
    market, calendar = data.market, data.calendar_name
    if strategy.is_panel:
        given, _ = panel_arrays(strategy.inputs, data.frame, calendar, market.symbols)
        whole = strategy.compute(given, **params)
        return whole.target, whole.extras, 1
    if market.n_symbols == 1:
        whole = strategy.compute(strategy.columns_of(data.frame, calendar=calendar), **params)
        return whole.target.reshape(-1, 1), whole.extras, 1
    weights, parts = np.full(market.close.shape, np.nan), data.by_instrument().values()
    for which, (rows, part) in enumerate(zip(data.places, parts, strict=True)):
        if rows.size:  # in a session a symbol may have no bar yet
            given = strategy.columns_of(part, calendar=calendar, whole=data.frame)
            weights[rows, which] = strategy.compute(given, **params).target
    return weights, {}, len(parts)
