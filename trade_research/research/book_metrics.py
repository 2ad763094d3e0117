"""What a run over order books made and where its edge went."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.simulate.book_run import BookResult

MINUTE_NS = 60_000_000_000
LEAST_MARKS = 60
"""Minutes below which nothing is annualised."""


class BookTables:
    """The tables and numbers of a run over books, as what users hold shows them."""

    result: BookResult

    @property
    def equity(self) -> pl.DataFrame:
        return self.result.equity

    @property
    def orders(self) -> pl.DataFrame:
        return self.result.orders

    @property
    def fills(self) -> pl.DataFrame:
        return self.result.fills

    @property
    def trades(self) -> pl.DataFrame:
        return self.result.trades

    @cached_property
    def metrics(self) -> dict[str, float | int | None]:
        """Numbers of the run, computed when first read; see `book_metrics`."""
        return book_metrics(self.result)


def book_metrics(result: BookResult) -> dict[str, float | int | None]:
    """What a run made and where its edge went; money in quote units, bps of traded notional.

    ``gross`` is before fees, ``net`` after; ``break_even_bps`` is the fee a side at which net is
    zero. The edge is split: ``mid_bps`` is what the mid paid from decision to decision,
    ``latency_bps`` what it moved against us until orders arrived, ``spread_bps`` the way from the
    mid to the best price, ``walk_bps`` from there into the book. Annualised numbers use one-minute
    marks.
    """
    filled = result.column("filled")
    hit = filled != 0.0
    units, price = filled[hit], result.column("price")[hit]
    notional = float(np.sum(np.abs(units) * price))
    fees = float(np.sum(result.column("fee")[hit]))
    net = float(result.mid_equity[-1] - result.cash) if result.mid_equity.size else 0.0
    gross = net + fees

    def per_notional(money: float) -> float | None:
        return 1e4 * money / notional if notional > 0.0 else None

    decided, arrived = result.column("mid")[hit], result.column("mid_arrived")[hit]
    touch = result.column("touch")[hit]
    late = float(np.sum(units * (arrived - decided)))
    half = float(np.sum(units * (touch - arrived)))
    walked = float(np.sum(units * (price - touch)))
    trips = result.trades
    wins = trips.filter(pl.col("net") > 0).height
    holds = (trips["exit_time"] - trips["entry_time"]).dt.total_milliseconds()
    return {
        "gross": gross,
        "fees": fees,
        "net": net,
        "net_touch": float(result.touch_equity[-1] - result.cash) if hit.size else net,
        "return": net / result.cash,
        "fills": int(np.count_nonzero(hit)),
        "orders": len(filled),
        "trades": trips.height,
        "win_rate": wins / trips.height if trips.height else None,
        "win_rate_gross": (
            trips.filter(pl.col("gross") > 0).height / trips.height if trips.height else None
        ),
        "average_hold_s": float(np.mean(holds.to_numpy())) / 1e3 if trips.height else None,
        "notional": notional,
        "break_even_bps": per_notional(gross),
        "mid_bps": per_notional(gross + late + half + walked),
        "latency_bps": per_notional(late),
        "spread_bps": per_notional(half),
        "walk_bps": per_notional(walked),
        "fee_bps": per_notional(fees),
        "sharpe": _sharpe(result),
        "max_drawdown": _drawdown(result),
    }


def minute_marks(result: BookResult) -> F64:
    """Equity at the mid at the end of each minute in which there were books."""
    minute = result.market.time // MINUTE_NS
    last = np.append(np.flatnonzero(np.diff(minute)), minute.size - 1)
    marks: F64 = result.mid_equity[last]
    return marks


def _sharpe(result: BookResult) -> float | None:
    """Annualised Sharpe ratio of one-minute marks, around the clock."""
    from trade_research.metrics.returns import returns_of, sharpe_ratio

    marks = minute_marks(result)
    if marks.size < LEAST_MARKS or np.ptp(marks) == 0.0:
        return None
    found = sharpe_ratio(returns_of(marks, result.cash), periods_per_year=525_600.0)
    return float(found) if np.isfinite(found) else None


def _drawdown(result: BookResult) -> float:
    """Largest fall below the peak so far, as a fraction, 0 or less."""
    from trade_research.metrics.drawdowns import drawdown_series

    equity = result.mid_equity
    return float(drawdown_series(equity, result.cash).min()) if equity.size else 0.0
