"""Configurations that need every bar: the simulator's own loop, one after the other, and its sums.

Nothing of a run is kept but its `Tally`. The loop is the one that `simulate` calls, so the account
of every bar has the bits of a backtest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from trade_research.kernels.jit import F64, I64, bare_kernel, inner_kernel
from trade_research.simulate import codes as k
from trade_research.simulate.loop import finish, run
from trade_research.simulate.records import (
    Acct,
    Books,
    FillRow,
    FlowRow,
    OrderRow,
    Records,
    Sym,
    Tape,
    TradeRow,
    empty,
)
from trade_research.sweep.tally import INFINITE, RUINED, Tally

_ROWS = 1024


class Desk(NamedTuple):
    """Room for one run after another, one for each thread."""

    account: Records  # one Acct
    syms: Records
    orders: Records
    fills: Records
    flows: Records  # none
    held: Records  # TradeRow, one a symbol
    equity: F64  # (n_bars,)
    ledger: F64  # no rows


def new_desk(n_bars: int, n_symbols: int, rows: int = _ROWS) -> Desk:
    """A desk whose journals hold `rows` rows."""
    return Desk(
        empty(Acct, 1),
        empty(Sym, n_symbols),
        empty(OrderRow, rows),
        empty(FillRow, rows),
        empty(FlowRow, 0),
        empty(TradeRow, n_symbols),
        np.empty(n_bars),
        np.empty((0, 2)),
    )


def with_room(desk: Desk) -> Desk:
    """The same with journals four times as long."""
    rows = 4 * len(desk.orders)
    return desk._replace(orders=empty(OrderRow, rows), fills=empty(FillRow, rows))


@bare_kernel
def play(
    first: int,
    tape: Tape,
    targets: F64,
    signal: I64,
    accounts: Sequence[Acct],
    of_account: I64,
    fresh: Records,
    desk: Desk,
    spans: I64,
    day: I64,
    is_final: bool,
    tallies: Records,
    sums: F64,
) -> int:
    """Run configurations from the `first` on; returns the one that a journal has no room for.

    Parameters
    ----------
    targets : float64 array of shape (n_signals, n_bars, n_symbols)
    signal, of_account : int64 arrays of shape (n_configs,)
        Row of `targets` and record of `accounts` of each configuration.
    fresh : records of shape (n_symbols,)
        The symbols' books before the first bar.
    spans : int64 array of shape (n_spans, 20)
        See `tables.span_table`.
    day : int64 array of shape (n_bars,)
    is_final : bool
        Close what is open at the end of a span, with costs.
    """
    for c in range(first, signal.size):
        for s in range(spans.shape[0]):
            a, b = spans[s, 19], spans[s, 1]
            desk.account[0] = accounts[of_account[c]]
            desk.account[0].start = spans[s, 0] - a
            for i in range(len(fresh)):
                desk.syms[i] = fresh[i]
            books = Books(desk.account, desk.syms, desk.orders, desk.fills, desk.flows)
            part = Tape(
                tape.open[a:b],
                tape.high[a:b],
                tape.low[a:b],
                tape.close[a:b],
                tape.volume[a:b],
                targets[signal[c], a:b],
                tape.opened[a:b],
                tape.closed[a:b],
                tape.rebalance[a:b],
            )
            equity = desk.equity[: b - a]
            t = run(0, b - a, part, books, equity, desk.ledger)
            me, acct = tallies[c, s], desk.account[0]
            if acct.bad_row >= 0:
                me.status = INFINITE
                continue
            room = k.ROWS_PER_BAR * len(fresh)
            if (
                t < b - a
                or acct.n_orders + room > len(desk.orders)
                or acct.n_fills + room > len(desk.fills)
            ):
                return c
            if is_final:
                finish(b - a, True, part, books)
                equity[b - a - 1] = acct.equity
            if acct.is_ruined != 0:
                me.status = RUINED
            cash = accounts[of_account[c]].cash
            sum_returns(equity, cash, me)
            sum_days(equity, cash, day[a:b], spans[s], me, sums[c, s])
            sum_fills(desk.fills, acct.n_fills, equity, cash, desk.held, me)
            me.cost += acct.borrow_paid / cash
    return signal.size


@bare_kernel
def tally_run(
    equity: F64,
    fills: Sequence[FillRow],
    cash: float,
    day: I64,
    span: I64,
    held: Sequence[TradeRow],
    tally: Sequence[Tally],
    sums: F64,
) -> None:
    """Sum up a run that `simulate` made: what the accounts pay beside their fills is left out."""
    me = tally[0]
    sum_returns(equity, cash, me)
    sum_days(equity, cash, day, span, me, sums)
    sum_fills(fills, len(fills), equity, cash, held, me)


@inner_kernel
def sum_returns(equity: F64, cash: float, me: Tally) -> None:
    """Sums of the returns of bars, and the depth."""
    before = peak = cash
    sum1, sum2, down2, depth = 0.0, 0.0, 0.0, 1.0
    for t in range(equity.size):
        now = equity[t]
        r = now / before - 1.0 if before > 0.0 else 0.0
        sum1 += r
        sum2 += r * r
        lost = r - me.cash_rate
        down2 += lost * lost if lost < 0.0 else 0.0
        peak = now if now > peak else peak
        depth = now / peak if now < depth * peak else depth
        before = now
    me.sum1, me.sum2, me.down2, me.depth = sum1, sum2, down2, depth
    me.money = before / cash


@inner_kernel
def sum_days(equity: F64, cash: float, day: I64, span: I64, me: Tally, sums: F64) -> None:
    """Sums of the returns of days, by stretch."""
    before, block = cash, 0
    for t in range(equity.size):
        if t + 1 < equity.size and day[t + 1] == day[t]:
            continue
        while span[3 + block] <= day[t]:
            block += 1
        r = equity[t] / before - 1.0 if before > 0.0 else 0.0
        before = equity[t]
        z = r * r
        sums[block, 0] += r
        sums[block, 1] += z
        me.cubes += z * r
        me.fourths += z * z


@inner_kernel
def sum_fills(
    fills: Sequence[FillRow],
    n: int,
    equity: F64,
    cash: float,
    held: Sequence[TradeRow],
    me: Tally,
) -> None:
    """Round trips, turnover, costs and bars held, as `simulate.trades` and `metrics` have them."""
    for s in range(len(held)):
        held[s].quantity = 0.0
    n_open, bar = 0, 0
    for i in range(n):
        fill = fills[i]
        if n_open > 0:
            me.held += fill.bar - bar
        bar = fill.bar
        mine = held[fill.symbol]
        was_open = mine.quantity != 0.0
        add_trade(fill, mine, me, cash)
        n_open += (1 if mine.quantity != 0.0 else 0) - (1 if was_open else 0)
        before = equity[bar - 1] if bar > 0 else cash
        traded = abs(fill.quantity) * fill.price / before / 2.0
        me.traded += traded if before > 0.0 else np.nan
        me.cost += (fill.fee + fill.spread + fill.slippage + fill.impact + fill.tax) / cash
    if n_open > 0:
        me.held += equity.size - bar
    me.fills = n


@inner_kernel
def add_trade(fill: FillRow, mine: TradeRow, me: Tally, cash: float) -> None:
    """Add a fill to the position of its symbol; where it closes some of it, note the round trip."""
    size, price = abs(fill.quantity), fill.price
    side = 1.0 if fill.quantity > 0.0 else -1.0
    fees = fill.fee + fill.tax
    if mine.quantity == 0.0:
        mine.side = side
        mine.gross = mine.fees = 0.0
    if mine.side == side:
        mine.quantity += size
        mine.gross += size * price
        mine.fees += fees
        return
    share = 1.0 if fill.position == 0.0 else size / mine.quantity
    entry = mine.gross / mine.quantity
    pnl = mine.side * (price - entry) * size - (fees + mine.fees * share)
    me.trades += 1
    me.wins += 1 if pnl > 0.0 else 0
    me.won += pnl / cash if pnl > 0.0 else 0.0
    me.lost -= pnl / cash if pnl < 0.0 else 0.0
    mine.fees -= mine.fees * share
    mine.gross -= mine.gross * share
    mine.quantity = 0.0 if share == 1.0 else mine.quantity - size
