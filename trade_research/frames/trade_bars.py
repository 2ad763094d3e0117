"""Bars out of market trades: by time, count, volume, money or imbalance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.frames.bars import TIME
from trade_research.frames.books import check_trades
from trade_research.frames.intervals import Interval, parse_interval
from trade_research.kernels.trade_bars import ends_by_imbalance, ends_by_sum, summed

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64, I64

By = Literal["ticks", "volume", "money", "tick_imbalance", "volume_imbalance"]


def bars_of_trades(
    trades: pl.DataFrame,
    every: str | Interval | None = None,
    *,
    by: By | None = None,
    amount: float | None = None,
    alpha: float = 0.1,
) -> pl.DataFrame:
    """Bars of trades, in the schema of bars and with ``buy_volume``.

    Parameters
    ----------
    trades : polars.DataFrame
        In the schema of `frames.to_trades`.
    every : str or Interval, optional
        Time bars of this length; only those in which something was traded.
    by : {"ticks", "volume", "money", "tick_imbalance", "volume_imbalance"}, optional
        What ends a bar instead: the number of trades, base units, quote units, or how far bought
        and sold trades or volume are apart.
    amount : float
        How much of it; for imbalance bars, of the first one.
    alpha : float
        Weight of the last bar in what an imbalance bar is expected to end at.

    Returns
    -------
    polars.DataFrame
        ``open_time, close_time, open, high, low, close, volume, quote_volume, trades, buy_volume``.
        A time bar spans its interval; another one runs from the end of the bar before to its last
        trade. Trades of one stamp are never divided; an unfinished last bar is left out.
    """
    check_trades(trades)
    if (every is None) == (by is None):
        raise ConfigError("bars_of_trades needs either every='1m' or by='volume' with amount=")
    time = trades["time"].to_physical().to_numpy()
    price, size = trades["price"].to_numpy(), trades["size"].to_numpy()
    side = trades["side"].cast(pl.Float64).to_numpy()
    if every is not None:
        return _by_time(time, price, size, side, parse_interval(every).us)
    ends = _ends(time, price, size, side, by, amount, alpha)
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    micros = -(-time // 1000)  # a bar is known at the first microsecond after its last trade
    closes = micros[ends]
    opens = np.concatenate([time[:1] // 1000, closes[:-1]]) if ends.size else closes
    return _frame(opens, closes, summed(starts, ends, price, size, side))


def _ends(
    time: I64, price: F64, size: F64, side: F64, by: By | None, amount: float | None, alpha: float
) -> I64:
    if amount is None or not amount > 0:
        raise ConfigError(f"amount must be above 0 for bars by {by}, found {amount!r}")
    if by in ("tick_imbalance", "volume_imbalance"):
        signed = side if by == "tick_imbalance" else side * size
        return ends_by_imbalance(time, signed, float(amount), float(alpha))
    amounts = {"ticks": np.ones(size.size), "volume": size, "money": price * size}
    if by not in amounts:
        raise ConfigError(
            f"by={by!r} ends no bar: ticks, volume, money, tick_imbalance or volume_imbalance"
        )
    return ends_by_sum(time, amounts[by], float(amount))


def _by_time(time: I64, price: F64, size: F64, side: F64, step: int) -> pl.DataFrame:
    bucket = time // (step * 1000)
    ends = np.flatnonzero(np.diff(bucket))
    starts = np.concatenate([[0], ends[:-1] + 1]) if ends.size else ends
    opens = bucket[starts] * step
    return _frame(opens, opens + step, summed(starts, ends, price, size, side))


def _frame(opens: I64, closes: I64, table: F64) -> pl.DataFrame:
    names = ("open", "high", "low", "close", "volume", "quote_volume", "trades", "buy_volume")
    values = {name: np.ascontiguousarray(table[:, k]) for k, name in enumerate(names)}
    return pl.DataFrame({"open_time": opens, "close_time": closes, **values}).with_columns(
        pl.col("open_time", "close_time").cast(TIME), pl.col("trades").cast(pl.Int64)
    )
