"""The tables of a result, built from its arrays when somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.kernels.jit import F64, I64
from trade_research.simulate import fields as f
from trade_research.simulate import trades as tr

if TYPE_CHECKING:
    from trade_research.simulate.result import Result

TIME = pl.Datetime("us", "UTC")


def equity_table(result: Result) -> pl.DataFrame:
    """One row a bar: equity, what it did, and what it rests on."""
    equity = result.equity
    before = np.append(result.initial_cash, equity[:-1])[: len(equity)]
    change = np.divide(equity, before, out=np.ones_like(equity), where=before != 0.0) - 1.0
    if result.status == "ruined":
        change[equity == before] = 0.0
    peak = np.maximum.accumulate(np.append(result.initial_cash, equity))[1:]
    value = result.value
    is_alive = equity > 0.0

    def share(money: F64) -> F64:
        return np.divide(money, equity, out=np.zeros_like(equity), where=is_alive)

    return pl.DataFrame(
        {
            "close_time": _time(result.close_time),
            "equity": equity,
            "return": change,
            "drawdown": equity / peak - 1.0,
            "cash": result.cash,
            "gross": share(np.abs(value).sum(axis=1)),
            "net": share(value.sum(axis=1)),
            "cost": result.cost,
        }
    )


def orders_table(result: Result) -> pl.DataFrame:
    """Every order, in order of decision."""
    rows = result.orders
    quantity, filled = rows[:, f.O_QUANTITY], rows[:, f.O_FILLED]
    reason = rows[:, f.O_REASON].astype(np.int64)
    is_short_of = ~np.isin(reason, (0, f.LOT_ROUNDING))
    status = np.where(filled == 0.0, "unfilled", np.where(is_short_of, "partial", "filled"))
    return pl.DataFrame(
        {
            "order": np.arange(len(rows), dtype=np.int64),
            "symbol": _named(rows[:, f.O_SYMBOL], result.symbols),
            "decided": _time(result.close_time[rows[:, f.O_DECIDED].astype(np.int64)]),
            "kind": _named(rows[:, f.O_KIND], f.KINDS),
            "target": _numbers(rows[:, f.O_TARGET]),
            "desired": _numbers(rows[:, f.O_DESIRED]),
            "quantity": _numbers(quantity),
            "filled": filled.copy(),
            "status": status,
            "reason": _named(reason, f.REASONS),
            "attempts": rows[:, f.O_ATTEMPTS].astype(np.int64),
        },
        schema_overrides={"status": pl.String},
    )


def fills_table(result: Result) -> pl.DataFrame:
    """Every fill, in order of time."""
    rows, market = result.fills, result.market
    bar = rows[:, f.F_BAR].astype(np.int64)
    quantity = rows[:, f.F_QUANTITY]
    return pl.DataFrame(
        {
            "order": rows[:, f.F_ORDER].astype(np.int64),
            "symbol": _named(rows[:, f.F_SYMBOL], result.symbols),
            "time": _time(_moment(bar, rows[:, f.F_PHASE], market.open_time, market.close_time)),
            "bar": bar,
            "side": _named((quantity < 0.0).astype(np.int64), ("buy", "sell")),
            "quantity": np.abs(quantity),
            "reference": rows[:, f.F_REFERENCE].copy(),
            "price": rows[:, f.F_PRICE].copy(),
            "fee": rows[:, f.F_FEE].copy(),
            "spread": rows[:, f.F_SPREAD].copy(),
            "slippage": rows[:, f.F_SLIPPAGE].copy(),
            "impact": rows[:, f.F_IMPACT].copy(),
            "tax": rows[:, f.F_TAX].copy(),
            "reason": _named(rows[:, f.F_KIND], f.KINDS),
            "ambiguous": rows[:, f.F_AMBIGUOUS] > 0.0,
            "outside": rows[:, f.F_OUTSIDE] > 0.0,
            "position_after": rows[:, f.F_POSITION].copy(),
        }
    )


def trades_table(result: Result) -> pl.DataFrame:
    """Every round trip, in order of exit."""
    trades, market = result.trades, result.market
    rows = trades.rows
    entry, exit_ = (rows[:, c].astype(np.int64) for c in (tr.T_ENTRY_BAR, tr.T_EXIT_BAR))
    opened, closed = market.open_time, market.close_time
    return pl.DataFrame(
        {
            "symbol": _named(rows[:, tr.T_SYMBOL], result.symbols),
            "side": _named((rows[:, tr.T_SIDE] < 0.0).astype(np.int64), ("long", "short")),
            "entry_time": _time(_moment(entry, rows[:, tr.T_ENTRY_PHASE], opened, closed)),
            "exit_time": _time(_moment(exit_, rows[:, tr.T_EXIT_PHASE], opened, closed)),
            "entry_bar": entry,
            "exit_bar": exit_,
            "quantity": rows[:, tr.T_QUANTITY].copy(),
            "entry_price": rows[:, tr.T_ENTRY].copy(),
            "exit_price": rows[:, tr.T_EXIT].copy(),
            "fees": rows[:, tr.T_FEES].copy(),
            "costs": rows[:, tr.T_COSTS].copy(),
            "pnl": rows[:, tr.T_PNL].copy(),
            "return": trades.returns,
            "bars": exit_ - entry,
            "mae": rows[:, tr.T_MAE].copy(),
            "mfe": rows[:, tr.T_MFE].copy(),
            "exit_reason": _named(rows[:, tr.T_KIND], f.KINDS),
            "open": trades.is_open,
        }
    )


def _moment(bar: I64, phase: F64, opened: I64, closed: I64) -> I64:
    """Open of the bar for fills at the open; for fills inside, its close: when it was known."""
    return np.where(phase == f.AT_OPEN, opened[bar], closed[bar])


def _time(us: I64) -> pl.Series:
    return pl.Series(us, dtype=pl.Int64).cast(TIME)


def _numbers(values: F64) -> pl.Series:
    """NaN (no price to size with yet) is null at the edge."""
    return pl.Series(values.copy(), nan_to_null=True)


def _named(codes: F64 | I64, names: Sequence[str]) -> pl.Series:
    """Codes to their words; the empty word is null."""
    words = pl.Series([word or None for word in names], dtype=pl.String)
    return words.gather(pl.Series(np.asarray(codes, dtype=np.int64), dtype=pl.Int64))
