"""Round trips: fills matched at the average entry price, with the best and worst seen meanwhile."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from trade_research.kernels.ahead import LINE, fetch
from trade_research.kernels.jit import B8, F64, I64, bare_kernel, inner_kernel
from trade_research.simulate import codes as k
from trade_research.simulate.market import Market
from trade_research.simulate.records import FillRow, Records, TradeRow, empty, room

FAR = 32 * LINE  # bars looked at ahead of time; from there on the processor sees the pattern


@dataclass(frozen=True, eq=False)
class Trades:
    """Round trips in order of exit, open ones last; fields of `rows` in `records.TradeRow`."""

    rows: Records

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def pnl(self) -> F64:
        """Net money made by each, (n_trades,)."""
        out: F64 = self.rows["pnl"]
        return out

    @property
    def returns(self) -> F64:
        """Net money made as a fraction of the money entered with, (n_trades,)."""
        out: F64 = self.rows["pnl"] / (self.rows["quantity"] * self.rows["entry_price"])
        return out

    @property
    def is_open(self) -> B8:
        """Which are still open: their exit is the mark at the last close."""
        out: B8 = self.rows["is_open"] != 0
        return out

    @property
    def bars(self) -> I64:
        """Bars from entry to exit, (n_trades,)."""
        out: I64 = self.rows["exit_bar"] - self.rows["entry_bar"]
        return out

    @property
    def mae(self) -> F64:
        """Worst excursion while held, a fraction of the entry price, ≤ 0."""
        out: F64 = self.rows["mae"]
        return out

    @property
    def mfe(self) -> F64:
        """Best excursion while held, a fraction of the entry price, ≥ 0."""
        out: F64 = self.rows["mfe"]
        return out


def trades_of(fills: Records, market: Market) -> Trades:
    """Round trips of a fill journal; a partial exit closes its share of the position."""
    out = room(TradeRow, len(fills) + market.n_symbols)
    held = empty(TradeRow, market.n_symbols)
    n = match_fills(fills, market.high, market.low, market.close, held, out)
    return Trades(out[:n])


@bare_kernel
def match_fills(
    fills: Sequence[FillRow],
    high: F64,
    low: F64,
    close: F64,
    held: Sequence[TradeRow],
    out: Sequence[TradeRow],
) -> int:
    """Write the round trips of `fills` (in time order) to `out`; returns how many.

    `held` is scratch of one row a symbol, zeroed: quantity, entry bar, costs and gross money of
    the open position. Entries average; an exit takes its share of the entry costs.
    """
    n = 0
    for i in range(len(fills)):
        if i + 5 < len(fills):
            fetch_span(fills[i + 4], fills[i + 5].bar, high, low)
        fill = fills[i]
        me = held[fill.symbol]
        size, price = abs(fill.quantity), fill.price
        side = 1.0 if fill.quantity > 0.0 else -1.0
        fees = fill.fee + fill.tax
        costs = fees + fill.spread + fill.slippage + fill.impact
        until = fill.bar + 1 if fill.phase == k.AT_CLOSE else fill.bar
        if me.quantity == 0.0:
            me.symbol, me.side = fill.symbol, side
            me.entry_bar, me.entry_phase = fill.bar, fill.phase
            me.gross = me.fees = me.costs = 0.0
            me.high = me.low = price
            me.seen = until
        if me.side == side:
            me.quantity += size
            me.gross += size * price
            me.fees += fees
            me.costs += costs
            continue
        see(me, until, price, high, low)
        share = 1.0 if fill.position == 0.0 else size / me.quantity
        row = out[n]
        row.fees, row.costs = fees + me.fees * share, costs + me.costs * share
        close_trade(me, size, price, row)
        row.exit_bar, row.exit_phase = fill.bar, fill.phase
        row.kind, row.is_open = fill.kind, 0
        n += 1
        me.fees -= me.fees * share
        me.costs -= me.costs * share
        me.gross -= me.gross * share
        me.quantity = 0.0 if share == 1.0 else me.quantity - size
    for s in range(len(held)):
        me = held[s]
        if me.quantity != 0.0:
            last = close.shape[0] - 1
            while last > 0 and math.isnan(close[last, s]):
                last -= 1
            see(me, close.shape[0], close[last, s], high, low)
            row = out[n]
            row.fees, row.costs = me.fees, me.costs
            close_trade(me, me.quantity, close[last, s], row)
            row.exit_bar, row.exit_phase = close.shape[0] - 1, k.AT_CLOSE
            row.kind, row.is_open = 0, 1
            n += 1
    return n


@inner_kernel
def fetch_span(fill: FillRow, until: int, high: F64, low: F64) -> None:
    """Have near by then what a position of the only symbol will see from this fill on."""
    if fill.position != 0.0 and high.shape[1] == 1:
        for b in range(fill.bar, min(until, fill.bar + FAR), LINE):
            fetch(high, b)
            fetch(low, b)


@inner_kernel
def see(me: TradeRow, until: int, price: float, high: F64, low: F64) -> None:
    """Extend the extremes seen by the bars before `until` and by the exit's own price."""
    top, bottom = max(me.high, price), min(me.low, price)
    for b in range(me.seen, until):
        if high[b, me.symbol] > top:
            top = high[b, me.symbol]
        if low[b, me.symbol] < bottom:
            bottom = low[b, me.symbol]
    me.high, me.low, me.seen = top, bottom, max(until, me.seen)


@inner_kernel
def close_trade(me: TradeRow, size: float, price: float, row: TradeRow) -> None:
    """Write one round trip of `size` units out of the open position `me`, its costs known."""
    entry = me.gross / me.quantity
    row.symbol, row.side = me.symbol, me.side
    row.entry_bar, row.entry_phase = me.entry_bar, me.entry_phase
    row.quantity, row.entry_price, row.exit_price = size, entry, price
    row.gross, row.high, row.low, row.seen = 0.0, 0.0, 0.0, 0
    row.pnl = me.side * (price - entry) * size - row.fees
    best, worst = me.high, me.low
    if me.side < 0.0:
        best, worst = worst, best
    row.mfe = me.side * (best - entry) / entry
    row.mae = me.side * (worst - entry) / entry
