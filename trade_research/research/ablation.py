"""What each part of a composed strategy adds: the whole, the whole without it, and it alone."""

from __future__ import annotations

from typing import Any

import polars as pl

from trade_research.errors import StrategyError
from trade_research.research.backtest import Backtest, backtest
from trade_research.strategies.compose import Composed
from trade_research.strategies.parts import own_params
from trade_research.strategies.strategy import Strategy

METRICS = ("total_return", "sharpe", "max_drawdown", "trades", "cost_paid")


def ablation(strategy: Composed, data: Any, **arguments: Any) -> pl.DataFrame:
    """Backtest a composed strategy whole, without each part, and each part alone.

    Parameters
    ----------
    strategy : Composed
        Of `vote`, `confirm` or `only_in_regime`.
    data : Query or DataFrame
        As `backtest` takes it.
    **arguments
        Of `backtest`: costs, account and so on, and parameters of the composition, which each part
        keeps where it is left out or alone.

    Returns
    -------
    polars.DataFrame
        A row for the whole and two for each part: `run` (``whole``, ``without``, ``alone``),
        `part`, the metrics in `METRICS`, and `adds_return` and `adds_sharpe`: the whole less this
        run. What the parts add does not sum to the whole: they are not independent.

    Raises
    ------
    StrategyError
        The strategy is not composed of others.

    Notes
    -----
    Every row is one more trial on the same data: choosing the best is fitting.
    """
    if not isinstance(strategy, Composed):
        raise StrategyError(
            f"ablation: {strategy.name} is not made of others; see tr.vote and tr.confirm"
        )
    params = {key: arguments.pop(key) for key in strategy.params if key in arguments}
    runs: list[tuple[str, str | None, Strategy, dict[str, Any]]] = [
        ("whole", None, strategy, params)
    ]
    for name in strategy.removable:
        rest = strategy.without(name)
        kept = {key: value for key, value in params.items() if key in rest.params}
        if not isinstance(rest, Composed):  # a single part is left, without its name before
            kept = own_params(rest.name, params)
        runs.append(("without", name, rest, kept))
    for name, part in strategy.parts.items():
        runs.append(("alone", name, part, own_params(name, params)))
    rows = [
        {"run": kind, "part": name} | _numbers(backtest(one, data, **arguments, **given))
        for kind, name, one, given in runs
    ]
    whole = {key: pl.lit(rows[0][key], pl.Float64) for key in ("total_return", "sharpe")}
    return pl.DataFrame(rows, infer_schema_length=None).with_columns(
        adds_return=whole["total_return"] - pl.col("total_return"),
        adds_sharpe=whole["sharpe"] - pl.col("sharpe").cast(pl.Float64),
    )


def _numbers(run: Backtest) -> dict[str, Any]:
    return {name: run.metrics[name] for name in METRICS}
