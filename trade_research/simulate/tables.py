"""The tables of a result, built from its arrays when somebody looks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.kernels.jit import B8, F64, I64
from trade_research.simulate.codes import AT_OPEN, KINDS, LOT_ROUNDING, REASONS

if TYPE_CHECKING:
    from trade_research.simulate.market import Market
    from trade_research.simulate.records import Records
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
    quantity, filled = rows["quantity"], rows["filled"]
    reason = rows["reason"]
    is_short_of = ~np.isin(reason, (0, LOT_ROUNDING))
    status = np.where(filled == 0.0, "unfilled", np.where(is_short_of, "partial", "filled"))
    return pl.DataFrame(
        {
            "order": np.arange(len(rows), dtype=np.int64),
            "symbol": _named(rows["symbol"], result.symbols),
            "decided": _time(result.close_time[rows["decided"]]),
            "kind": _named(rows["kind"], KINDS),
            "target": _numbers(rows["target"]),
            "desired": _numbers(rows["desired"]),
            "quantity": _numbers(quantity),
            "filled": filled.copy(),
            "status": status,
            "reason": _named(reason, REASONS),
            "attempts": rows["attempts"],
        },
        schema_overrides={"status": pl.String},
    )


def fills_table(result: Result) -> pl.DataFrame:
    """Every fill, in order of time."""
    rows, market = result.fills, result.market
    bar = rows["bar"]
    quantity = rows["quantity"]
    return pl.DataFrame(
        {
            "order": rows["order"],
            "symbol": _named(rows["symbol"], result.symbols),
            "time": _time(_moment(bar, rows["phase"], market.open_time, market.close_time)),
            "bar": bar,
            "side": _named((quantity < 0.0).astype(np.int64), ("buy", "sell")),
            "quantity": np.abs(quantity),
            "reference": rows["reference"].copy(),
            "price": rows["price"].copy(),
            "fee": rows["fee"].copy(),
            "spread": rows["spread"].copy(),
            "slippage": rows["slippage"].copy(),
            "impact": rows["impact"].copy(),
            "tax": rows["tax"].copy(),
            "reason": _named(rows["kind"], KINDS),
            "ambiguous": rows["ambiguous"] > 0.0,
            "outside": _is_outside(rows, market),
            "position_after": rows["position"].copy(),
        }
    )


def funding_table(result: Result) -> pl.DataFrame:
    """Every funding that found a position, in order of time.

    `is_marked` is False where no mark price was known and the bar's open took its place.
    """
    rows = result.flows[result.flows["position"] != 0.0]
    return pl.DataFrame(
        {
            "symbol": _named(rows["symbol"], result.symbols),
            "time": _time(rows["time"]),
            "bar": rows["bar"],
            "rate": rows["rate"].copy(),
            "mark": rows["price"].copy(),
            "is_marked": ~np.isnan(rows["mark"]),
            "position": rows["position"].copy(),
            "paid": rows["paid"].copy(),
        }
    )


def trades_table(result: Result) -> pl.DataFrame:
    """Every round trip, in order of exit."""
    trades, market = result.trades, result.market
    rows = trades.rows
    entry, exit_ = rows["entry_bar"], rows["exit_bar"]
    opened, closed = market.open_time, market.close_time
    return pl.DataFrame(
        {
            "symbol": _named(rows["symbol"], result.symbols),
            "side": _named((rows["side"] < 0.0).astype(np.int64), ("long", "short")),
            "entry_time": _time(_moment(entry, rows["entry_phase"], opened, closed)),
            "exit_time": _time(_moment(exit_, rows["exit_phase"], opened, closed)),
            "entry_bar": entry,
            "exit_bar": exit_,
            "quantity": rows["quantity"].copy(),
            "entry_price": rows["entry_price"].copy(),
            "exit_price": rows["exit_price"].copy(),
            "fees": rows["fees"].copy(),
            "costs": rows["costs"].copy(),
            "pnl": rows["pnl"].copy(),
            "return": trades.returns,
            "bars": exit_ - entry,
            "mae": rows["mae"].copy(),
            "mfe": rows["mfe"].copy(),
            "exit_reason": _named(rows["kind"], KINDS),
            "open": trades.is_open,
        }
    )


def _moment(bar: I64, phase: F64, opened: I64, closed: I64) -> I64:
    """Open of the bar for fills at the open; for fills inside, its close: when it was known."""
    return np.where(phase == AT_OPEN, opened[bar], closed[bar])


def _is_outside(rows: Records, market: Market) -> B8:
    """Fills at a price the bar did not reach: costs carried them beyond its high or low."""
    at = rows["bar"], rows["symbol"]
    out: B8 = (rows["price"] < market.low[at]) | (rows["price"] > market.high[at])
    return out


def _time(us: I64) -> pl.Series:
    return pl.Series(us, dtype=pl.Int64).cast(TIME)


def _numbers(values: F64) -> pl.Series:
    """NaN (no price to size with yet) is null at the edge."""
    return pl.Series(values.copy(), nan_to_null=True)


def _named(codes: F64 | I64, names: Sequence[str]) -> pl.Series:
    """Codes to their words; the empty word is null."""
    words = pl.Series([word or None for word in names], dtype=pl.String)
    return words.gather(pl.Series(np.asarray(codes, dtype=np.int64), dtype=pl.Int64))
