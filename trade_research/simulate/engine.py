"""From validated settings to the arrays of the fill step, and through the step over bars."""

from __future__ import annotations

import numpy as np

from trade_research.errors import SimulationError, nearest
from trade_research.kernels.jit import F64
from trade_research.simulate import fields as f
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.schedule import Rebalance
from trade_research.simulate.loop import finish, run
from trade_research.simulate.tape import Books, Tape

FILLS = ("next_open", "next_close", "this_close")
_FIRST_ROWS = 512


def pack_conf(
    *,
    costs: Costs,
    exits: Exits | None,
    account: Account,
    fill: str,
    delay: int,
    start: int,
    rebalance: Rebalance | None,
    is_optimistic: bool,
) -> F64:
    """Every rule of a run in the first part of a new account array (`fields`)."""
    if fill not in FILLS:
        raise SimulationError(f"unknown fill {fill!r}: {nearest(str(fill), FILLS)}")
    for name, value in (("delay", delay), ("start", start)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise SimulationError(f"{name} must be a whole number of bars from 0, found {value!r}.")
    exits = exits or Exits()
    conf = np.zeros(f.N_ACCT)
    maker = costs.fee_bps if costs.maker_fee_bps is None else costs.maker_fee_bps
    conf[f.FEE], conf[f.MAKER_FEE] = costs.fee_bps / 1e4, maker / 1e4
    conf[f.HALF_SPREAD], conf[f.SLIPPAGE] = costs.spread_bps / 2e4, costs.slippage_bps / 1e4
    conf[f.IMPACT], conf[f.SELL_TAX] = costs.impact_bps / 1e4, costs.sell_tax_bps / 1e4
    conf[f.FIXED_FEE], conf[f.MIN_FEE] = costs.fixed_fee, costs.min_fee
    conf[f.FEE_PER_UNIT], conf[f.BORROW] = costs.fee_per_unit, costs.borrow_bps / 1e4
    conf[f.STOP], conf[f.TAKE_PROFIT] = exits.stop or 0.0, exits.take_profit or 0.0
    conf[f.TRAILING], conf[f.MAX_HOLD] = exits.trailing or 0.0, exits.max_hold or 0
    conf[f.COOLDOWN] = exits.cooldown
    conf[f.MARGIN] = account.kind == "margin"
    conf[f.LEVERAGE], conf[f.MAINTENANCE] = account.leverage, account.maintenance
    conf[f.LAG] = delay + (fill != "this_close")
    conf[f.AT_CLOSE] = fill != "next_open"
    conf[f.START] = start
    if rebalance is not None:
        conf[f.REBALANCES], conf[f.DRIFT] = 1.0, rebalance.drift
    conf[f.OPTIMISTIC] = is_optimistic
    return conf


def open_books(acct: F64, cash: float, n_symbols: int, rules: Rules | None) -> Books:
    """Books of an account under the rules in `acct` that holds `cash` and nothing else."""
    if isinstance(cash, bool) or not (np.isfinite(cash) and cash > 0):
        raise SimulationError(f"cash must be a positive amount of money, found {cash!r}.")
    acct[f.CASH] = acct[f.EQUITY] = cash
    acct[f.CLOCK], acct[f.BAD_ROW] = np.nan, -1.0
    sym = np.zeros((n_symbols, f.N_SYM))
    sym[:, [f.ROW, f.MARK, f.VOLUME]] = np.nan
    sym[:, [f.ENTRY_BAR, f.WAITING, f.WAITING_EXIT, f.LAST_BAR]] = -1.0
    sym[:, f.TICK : f.MIN_NOTIONAL + 1] = (rules or Rules()).table(n_symbols)
    rows = max(_FIRST_ROWS, 2 * f.ROWS_PER_BAR * n_symbols)
    return Books(
        acct=acct,
        sym=sym,
        orders=np.empty((rows, f.N_ORDER_FIELDS)),
        fills=np.empty((rows, f.N_FILL_FIELDS)),
    )


def advance(first: int, last: int, tape: Tape, books: Books, equity: F64, ledger: F64) -> Books:
    """Run the bars [first, last) and give back the books, in larger arrays if they had to grow."""
    t = first
    while True:
        t = run(t, last, tape, books, equity, ledger)
        row = int(books.acct[f.BAD_ROW])
        if row >= 0:
            raise SimulationError(
                f"the target of row {row} is infinite. A target is a fraction of equity; "
                "NaN is no opinion."
            )
        if t == last:
            return books
        books = with_room(books)


def end(n_bars: int, is_final: bool, tape: Tape, books: Books) -> Books:
    """Journal decisions the data ended before; close positions if asked."""
    room = f.ROWS_PER_BAR * books.sym.shape[0]
    while (
        books.acct[f.N_ORDERS] + room > books.orders.shape[0]
        or books.acct[f.N_FILLS] + room > books.fills.shape[0]
    ):
        books = with_room(books)
    finish(n_bars, is_final, tape, books)
    return books


def with_room(books: Books) -> Books:
    """The same books with journals twice as long."""
    return books._replace(orders=_doubled(books.orders), fills=_doubled(books.fills))


def _doubled(rows: F64) -> F64:
    out = np.empty((2 * rows.shape[0], rows.shape[1]))
    out[: rows.shape[0]] = rows
    return out
