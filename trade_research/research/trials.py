"""Runs on stored bars go to the ledger of their store, and it says how many there were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.errors import StoreError
from trade_research.evidence.days import utc_day_rows
from trade_research.evidence.tried import day_ratios
from trade_research.metrics.moments import moments
from trade_research.metrics.returns import returns_of, sharpe_ratio
from trade_research.simulate.exits import Exits
from trade_research.store.ledger import Ledger, Trials
from trade_research.store.trials import trials_of
from trade_research.sweep.space import Configurations

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.research.data import Data
    from trade_research.simulate.result import Result
    from trade_research.store.query import Query
    from trade_research.strategies.strategy import Strategy


def record_run(
    strategy: Strategy, params: Mapping[str, Any], exits: Exits | None, data: Data, result: Result
) -> str:
    """Count a run on a query as a trial; "" when it is counted, else why it is not.

    A store that cannot be written to keeps nobody from reading: the run goes on, its number of
    trials unknown.
    """
    query = data.query
    if query is None:
        return ""
    rows = utc_day_rows(result.close_time)
    days = moments(returns_of(result.equity[rows], result.initial_cash))
    ratio = sharpe_ratio(days, periods_per_year=1)
    start, end = span_of(data)
    trial = trials_of(
        query,
        start=start,
        end=end,
        strategy=strategy.name,
        source=strategy.source_hash,
        params=pl.DataFrame([dict(params)]),
        exits=exits_frame(exits),
        days=days.n,
        sharpe=pl.Series([ratio if ratio == ratio else None], dtype=pl.Float64),
        kind="backtest",
    )
    try:
        Ledger(query.root).record(trial)
    except StoreError as error:
        return f"this trial could not be counted: {error}"
    return ""


def record_configurations(
    strategy: Strategy,
    data: Data,
    configurations: Configurations,
    moments_of: F64,
    *,
    exits: Exits | None,
    kind: str,
) -> str:
    """Count configurations that were scored on a query; as `record_run`.

    With a `symbol` axis each counts on its own instrument, else on all of the query.

    Parameters
    ----------
    configurations : sweep.Configurations
    moments_of : float64 array of shape (n_configurations, 5)
        As of `sweep.Scores`: the Sharpe ratio per day is the mean over the root of the variance.
    exits : Exits, optional
        Those that are no axis.
    kind : str
        "sweep" or "walk_forward".
    """
    if data.query is None:
        return ""
    names = configurations.values.get("symbol")
    if names is not None and "symbol" not in strategy.params:
        said = ""
        for k, name in enumerate(data.instruments):
            rows = np.flatnonzero(names == name)
            if rows.size:
                some = Configurations(
                    {n: v[rows] for n, v in configurations.values.items() if n != "symbol"},
                    configurations.trial[rows],
                )
                alone = replace(data, query=_alone(data.query, k), instruments=(name,))
                said = said or record_configurations(
                    strategy, alone, some, moments_of[rows], exits=exits, kind=kind
                )
        return said
    query = data.query
    start, end = span_of(data)
    known = configurations.frame()
    named = {
        name: _param(known[name], param.type) if name in known.columns else param.default
        for name, param in strategy.params.items()
    }
    fixed = exits_frame(exits).to_dicts() or [{}]
    axes = [name for name in asdict(Exits()) if name in known.columns and name not in named]
    rules = {**fixed[0], **{name: _none_for_0(known[name]) for name in axes}}
    n = len(configurations)
    trials = trials_of(
        query,
        start=start,
        end=end,
        strategy=strategy.name,
        source=strategy.source_hash,
        params=_table(named, n),
        exits=_table(rules, n),
        days=pl.Series(moments_of[:, 0]).fill_nan(None).cast(pl.Int64),
        sharpe=pl.Series(day_ratios(moments_of)).fill_nan(None),
        kind=kind,
    )
    try:
        Ledger(query.root).record(trials)
    except StoreError as error:
        return f"these trials could not be counted: {error}"
    return ""


def _alone(query: Query, k: int) -> Query:
    """One instrument of a query."""
    return replace(
        query,
        names=query.names[k : k + 1],
        venues=query.venues[k : k + 1],
        symbols=query.symbols[k : k + 1],
        sources=query.sources[k : k + 1],
    )


def _param(column: pl.Series, kind: type) -> pl.Series:
    """A parameter as its declared type, so that 1 and 1.0 are one trial."""
    kinds: dict[type, type[pl.DataType]] = {float: pl.Float64, int: pl.Int64}
    return column.cast(kinds[kind]) if kind in kinds else column


def _none_for_0(column: pl.Series) -> pl.Series:
    """No cooldown, however it is written."""
    return column.set(column == 0, None) if column.name == "cooldown" else column


def _table(columns: Mapping[str, Any], n: int) -> pl.DataFrame:
    """Columns and single values as a table of `n` rows; one row where all are single."""
    return pl.DataFrame(
        {
            name: value if isinstance(value, pl.Series) else pl.Series([value]).new_from_index(0, n)
            for name, value in columns.items()
        }
    )


def count_trials(data: Data) -> Trials | None:
    """Trials on the bars of a run so far; None for bars that are not from a store."""
    if data.query is None:
        return None
    return Ledger(data.query.root).count(data.query.names, *span_of(data))


def span_of(data: Data) -> tuple[datetime, datetime]:
    """First open and last close of the bars."""
    return data.frame["open_time"].min(), data.frame["close_time"].max()  # type: ignore[return-value]


def exits_frame(exits: Exits | None) -> pl.DataFrame:
    """Exits as `trials_of` takes them: those that are set."""
    known = asdict(exits or Exits())
    return pl.DataFrame([{name: value for name, value in known.items() if value}])
