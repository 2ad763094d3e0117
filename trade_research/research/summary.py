"""The numbers of a result: what the metrics are given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from trade_research.frames.calendars import get_calendar
from trade_research.metrics.summary import Summary, summary
from trade_research.research.data import Data
from trade_research.simulate.result import Result

if TYPE_CHECKING:
    from trade_research.research.setup import Hold


def summarise(
    data: Data, result: Result, risk_free: float, benchmark: Hold | None = None
) -> Summary:
    """The metrics of a result, each computed when first read."""
    return summary(
        equity=result.equity,
        initial_cash=result.initial_cash,
        close_time=result.close_time,
        start_time=int(data.market.open_time[0]),
        periods_per_year=data.periods_per_year,
        sessions_per_year=data.sessions_per_year,
        session_dates=lambda: sessions_of(data, result),
        gross=lambda: result.equity_frame["gross"].to_numpy(),
        net=lambda: result.equity_frame["net"].to_numpy(),
        fills=lambda: {name: result.fills[name] for name in ("bar", "quantity", "price")},
        costs=lambda: result.costs,
        trades=lambda: trade_arrays(result),
        benchmark=None if benchmark is None else benchmark.returns,
        risk_free=risk_free,
    )


def sessions_of(data: Data, result: Result) -> Any:
    """Session date of every bar, datetime64[D] of shape (n_bars,)."""
    times = pl.Series(result.close_time).cast(pl.Datetime("us", "UTC"))
    return get_calendar(data.calendar_name).session_dates(times).to_numpy()


def trade_arrays(result: Result) -> dict[str, Any]:
    """What statistics read of the round trips, in order of exit: arrays of shape (n_trades,)."""
    found = result.trades
    return {
        "pnl": found.pnl,
        "return": found.returns,
        "bars": found.bars,
        "mae": found.mae,
        "mfe": found.mfe,
        "open": found.is_open,
    }
