"""Round trips: fills matched at the average entry price, with the best and worst seen meanwhile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trade_research.kernels.jit import F64, kernel
from trade_research.simulate import fields as f
from trade_research.simulate.market import Market

T_SYMBOL, T_SIDE, T_ENTRY_BAR, T_ENTRY_PHASE, T_EXIT_BAR, T_EXIT_PHASE = 0, 1, 2, 3, 4, 5
T_QUANTITY, T_ENTRY, T_EXIT, T_FEES, T_COSTS, T_PNL = 6, 7, 8, 9, 10, 11
T_MAE, T_MFE, T_KIND, T_OPEN = 12, 13, 14, 15
N_TRADE_FIELDS = 16


@dataclass(frozen=True, eq=False)
class Trades:
    """Columns of the round trips, each of shape (n_trades,), in order of exit; open ones last."""

    rows: F64

    def __len__(self) -> int:
        return len(self.rows)

    def column(self, number: int) -> F64:
        """One column by its number in this module."""
        out: F64 = self.rows[:, number]
        return out

    @property
    def pnl(self) -> F64:
        """Net money made by each."""
        return self.column(T_PNL)

    @property
    def returns(self) -> F64:
        """Net money made as a fraction of the money entered with."""
        out: F64 = self.column(T_PNL) / (self.column(T_QUANTITY) * self.column(T_ENTRY))
        return out

    @property
    def is_open(self) -> np.ndarray:  # type: ignore[type-arg] # of bool
        """Which are still open: their exit is the mark at the last close."""
        return self.column(T_OPEN) > 0

    @property
    def bars(self) -> F64:
        """Bars from entry to exit."""
        return self.column(T_EXIT_BAR) - self.column(T_ENTRY_BAR)

    @property
    def mae(self) -> F64:
        """Worst excursion while held, a fraction of the entry price, ≤ 0."""
        return self.column(T_MAE)

    @property
    def mfe(self) -> F64:
        """Best excursion while held, a fraction of the entry price, ≥ 0."""
        return self.column(T_MFE)


def trades_of(fills: F64, market: Market) -> Trades:
    """Round trips of a fill journal; a partial exit closes its share of the position."""
    out = np.empty((len(fills) + market.n_symbols, N_TRADE_FIELDS))
    open_ = np.zeros((market.n_symbols, 12))
    n = match_fills(fills, market.high, market.low, market.close, open_, out)
    return Trades(out[:n])


# Columns of the open positions while matching
_SIZE, _GROSS, _FEES, _COSTS, _BAR, _PHASE, _HIGH, _LOW, _SEEN, _SIDE = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9


@kernel
def match_fills(fills: F64, high: F64, low: F64, close: F64, held: F64, out: F64) -> int:
    """Write the round trips of `fills` (in time order) to `out`; returns how many.

    `held` is scratch of one row a symbol, zeroed. Entries average; an exit of a share of the
    position takes that share of the entry costs.
    """
    n = 0
    n_bars = close.shape[0]
    for i in range(fills.shape[0]):
        s, bar = int(fills[i, f.F_SYMBOL]), int(fills[i, f.F_BAR])
        size, price = abs(fills[i, f.F_QUANTITY]), fills[i, f.F_PRICE]
        fees = fills[i, f.F_FEE] + fills[i, f.F_TAX]
        costs = fees + fills[i, f.F_SPREAD] + fills[i, f.F_SLIPPAGE] + fills[i, f.F_IMPACT]
        side = 1.0 if fills[i, f.F_QUANTITY] > 0.0 else -1.0
        me = held[s]
        if me[_SIZE] == 0.0:
            me[_GROSS] = me[_FEES] = me[_COSTS] = 0.0
            me[_BAR], me[_PHASE], me[_SIDE] = bar, fills[i, f.F_PHASE], side
            me[_HIGH] = me[_LOW] = price
            me[_SEEN] = bar + 1 if fills[i, f.F_PHASE] == f.AT_BAR_CLOSE else bar
        if me[_SIDE] == side:
            me[_SIZE] += size
            me[_GROSS] += size * price
            me[_FEES] += fees
            me[_COSTS] += costs
            continue
        until = bar + 1 if fills[i, f.F_PHASE] == f.AT_BAR_CLOSE else bar
        see(me, s, until, price, high, low)
        share = 1.0 if fills[i, f.F_POSITION] == 0.0 else size / me[_SIZE]
        fees += me[_FEES] * share
        costs += me[_COSTS] * share
        close_trade(me, s, bar, fills[i, f.F_PHASE], size, price, fees, costs, out[n])
        out[n, T_KIND] = fills[i, f.F_KIND]
        n += 1
        me[_FEES] -= me[_FEES] * share
        me[_COSTS] -= me[_COSTS] * share
        me[_GROSS] -= me[_GROSS] * share
        me[_SIZE] = 0.0 if share == 1.0 else me[_SIZE] - size
    for s in range(held.shape[0]):
        me = held[s]
        if me[_SIZE] > 0.0:
            last = n_bars - 1
            while last > 0 and np.isnan(close[last, s]):
                last -= 1
            see(me, s, n_bars, close[last, s], high, low)
            size, fees, costs = me[_SIZE], me[_FEES], me[_COSTS]
            phase = float(f.AT_BAR_CLOSE)
            close_trade(me, s, n_bars - 1, phase, size, close[last, s], fees, costs, out[n])
            out[n, T_KIND], out[n, T_OPEN] = 0.0, 1.0
            n += 1
    return n


@kernel
def see(me: F64, s: int, until: int, price: float, high: F64, low: F64) -> None:
    """Extend the extremes seen by the bars before `until` and by the exit's own price."""
    top, bottom = max(me[_HIGH], price), min(me[_LOW], price)
    for k in range(int(me[_SEEN]), until):
        if high[k, s] > top:
            top = high[k, s]
        if low[k, s] < bottom:
            bottom = low[k, s]
    me[_HIGH], me[_LOW], me[_SEEN] = top, bottom, max(until, int(me[_SEEN]))


@kernel
def close_trade(
    me: F64,
    s: int,
    bar: int,
    phase: float,
    size: float,
    price: float,
    fees: float,
    costs: float,
    row: F64,
) -> None:
    """Write one round trip of `size` units out of the open position `me`."""
    side, entry = me[_SIDE], me[_GROSS] / me[_SIZE]
    row[T_SYMBOL], row[T_SIDE] = s, side
    row[T_ENTRY_BAR], row[T_ENTRY_PHASE] = me[_BAR], me[_PHASE]
    row[T_EXIT_BAR], row[T_EXIT_PHASE] = bar, phase
    row[T_QUANTITY], row[T_ENTRY], row[T_EXIT] = size, entry, price
    row[T_FEES], row[T_COSTS] = fees, costs
    row[T_PNL] = side * (price - entry) * size - fees
    best, worst = (me[_HIGH], me[_LOW]) if side > 0.0 else (me[_LOW], me[_HIGH])
    row[T_MFE] = side * (best - entry) / entry
    row[T_MAE] = side * (worst - entry) / entry
    row[T_OPEN] = 0.0
