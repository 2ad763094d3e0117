"""A backtest as what a report shows: the evidence computed once, then plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.frames.calendars import get_calendar
from trade_research.metrics.returns import returns_of
from trade_research.report.embed import daily_frame
from trade_research.report.run import DataInfo, Run, StrategyInfo
from trade_research.research.data import NO_CALENDAR
from trade_research.research.summary import summarise
from trade_research.research.track import track

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.research.backtest import Backtest


def page_of(run: Backtest) -> Run:
    """Everything a report shows of `run`: check, edge budget, benchmark and intervals included."""
    result, data = run.result, run.data
    return Run(
        title=run.strategy.name,
        strategy=StrategyInfo(
            run.strategy.name,
            run.strategy.doc,
            run.strategy.source,
            run.strategy.source_hash,
            run.params,
        ),
        instruments=tuple(name or "bars" for name in data.instruments),
        interval=data.interval.text,
        calendar=data.calendar.name if data.calendar is not None else None,
        equity=run.equity,
        trades=run.trades,
        fills=run.fills,
        orders=run.orders,
        prices=_prices(run),
        metrics=run.metrics,
        initial_cash=run.setup.cash,
        account=run.setup.account.kind,
        benchmark=_curve(run.benchmark.equity_frame),
        benchmark_name="buy and hold",
        benchmark_metrics=run.benchmark_metrics,
        gross=_curve(run.gross.equity_frame),
        evidence=run.evidence,
        periods_per_year=data.periods_per_year,
        why_no_annual=NO_CALENDAR if data.calendar is None else "",
        budget=run.budget,
        check=run.check,
        verdicts=data.verdicts,
        data=_data(run),
        ambiguous=result.ambiguous,
        pnl_bounds=result.pnl_bounds,
        status=result.status,
        warmup_bars=run.strategy.warmup(**run.params),
        manifest=run.manifest,
        daily=_daily(run),
        unflagged=_unflagged(run),
        weights=_weights(run),
        track=track(run) if (run.result.trades.rows["is_open"] == 0).any() else None,
    )


def _unflagged(run: Backtest) -> Mapping[str, float | int | None] | None:
    """Metrics of the run with nothing made or lost in flagged bars; None where none is flagged."""
    if not run.data.flagged.any():
        return None
    returns = returns_of(run.result.equity, run.setup.cash)
    returns[run.data.flagged] = 0.0
    equity = (run.setup.cash * np.cumprod(1.0 + returns)).astype(np.float64, copy=False)
    return dict(summarise(run.data, replace(run.result, equity=equity), run.risk_free))


def _weights(run: Backtest) -> F64 | None:
    """Share of the equity in each of several symbols after every bar, (n_bars, n_symbols)."""
    if len(run.data.instruments) == 1:
        return None
    value, equity = run.result.value, run.result.equity[:, None]
    out: F64 = np.divide(value, equity, out=np.zeros(value.shape), where=equity > 0)
    return out


def _daily(run: Backtest) -> pl.DataFrame:
    """The run at the last close of each session: what a page carries."""
    gross, hold = _curve(run.gross.equity_frame), _curve(run.benchmark.equity_frame)
    calendar = get_calendar(run.data.calendar_name)
    dates = calendar.session_dates(run.equity["close_time"]).to_numpy()
    return daily_frame(run.equity, gross, hold, dates)


def _curve(equity: pl.DataFrame) -> pl.DataFrame:
    return equity.select("close_time", "equity")


def _prices(run: Backtest) -> pl.DataFrame:
    """Prices for the panel, with the strategy's own columns beside those of a single symbol."""
    wanted = ["open_time", "close_time", "open", "high", "low", "close"]
    frame = run.data.frame
    if "symbol" in frame.columns:
        return frame.select("symbol", *wanted)
    return frame.select(wanted).with_columns(
        pl.Series(name, values) for name, values in run.outputs.items()
    )


def _data(run: Backtest) -> list[DataInfo]:
    """Rows, span, content hash and rows the calendar would have, for each instrument."""
    from trade_research.store.hashing import content_hash

    found = []
    for name, frame in run.data.by_instrument().items():
        gaps = run.data.verdicts.filter(pl.col("instrument") == name, pl.col("kind") == "gap")
        found.append(
            DataInfo(
                name or "bars",
                frame.height,
                frame["open_time"][0],
                frame["open_time"][-1],
                content_hash(frame),
                frame.height + int(gaps["rows"].sum()),
            )
        )
    return found
