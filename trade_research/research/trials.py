"""Runs on stored bars go to the ledger of their store, and it says how many there were."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.errors import StoreError
from trade_research.evidence.days import utc_day_rows
from trade_research.metrics.moments import moments
from trade_research.metrics.returns import returns_of, sharpe_ratio
from trade_research.simulate.exits import Exits
from trade_research.store.ledger import Ledger, Trials, trials_of

if TYPE_CHECKING:
    from trade_research.research.data import Data
    from trade_research.simulate.result import Result
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
