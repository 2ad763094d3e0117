"""From validated settings to the arrays of the fill step, and through the step over bars."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from trade_research.errors import SimulationError, nearest
from trade_research.kernels.jit import F64
from trade_research.simulate import codes
from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.loop import finish, halt, run
from trade_research.simulate.records import (
    Acct,
    Books,
    FillRow,
    FlowRow,
    OrderRow,
    Records,
    Sym,
    Tape,
    empty,
    room,
)
from trade_research.simulate.schedule import Rebalance

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
) -> Records:
    """Every rule of a run, in a new account record."""
    if fill not in FILLS:
        raise SimulationError(f"unknown fill {fill!r}: {nearest(str(fill), FILLS)}")
    for name, value in (("delay", delay), ("start", start)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise SimulationError(f"{name} must be a whole number of bars from 0, found {value!r}.")
    exits, is_isolated = exits or Exits(), account.kind == "perp"
    acct = empty(Acct, 1)
    values = {
        "fee": costs.fee_bps / 1e4,
        "maker_fee": costs.resting_bps / 1e4,
        "half_spread": costs.spread_bps / 2e4,
        "slippage": costs.slippage_bps / 1e4,
        "impact": costs.impact_bps / 1e4,
        "sell_tax": costs.sell_tax_bps / 1e4,
        "borrow": 0.0 if is_isolated else costs.borrow_bps / 1e4,
        "fixed_fee": costs.fixed_fee,
        "min_fee": costs.min_fee,
        "fee_per_unit": costs.fee_per_unit,
        "stop": exits.stop or 0.0,
        "take_profit": exits.take_profit or 0.0,
        "trailing": exits.trailing or 0.0,
        "max_hold": exits.in_bars("max_hold"),
        "cooldown": exits.in_bars("cooldown"),
        "leverage": account.leverage,
        "maintenance": account.maintenance or 0.0,
        "buffer": account.buffer,
        "drift": rebalance.drift if rebalance else 0.0,
        "lag": delay + (fill != "this_close"),
        "start": start,
        "is_margin": account.kind != "spot",
        "is_isolated": is_isolated,
        "is_at_close": fill != "next_open",
        "is_optimistic": is_optimistic,
        "is_rebalancing": rebalance is not None,
        "has_range": exits != Exits() or account.kind != "spot",
    }
    for field, rule in values.items():
        acct[field] = rule
    return acct


def open_books(
    acct: Records,
    cash: float,
    account: Account,
    symbols: Sequence[str],
    rules: Rules | None,
    n_bars: int = 0,
    flows: Records | None = None,
) -> Books:
    """Books of an account under the rules in `acct` that holds `cash` and nothing else.

    The journals get room for a busy run of `n_bars`; memory that is not written to costs nothing.
    """
    n_symbols = len(symbols)
    if isinstance(cash, bool) or not (np.isfinite(cash) and cash > 0):
        raise SimulationError(f"cash must be a positive amount of money, found {cash!r}.")
    acct["cash"] = acct["equity"] = cash
    acct["charged_until"], acct["bad_row"] = codes.NEVER, -1
    syms = empty(Sym, n_symbols)
    for name in ("row", "mark", "known_volume"):
        syms[name] = np.nan
    for name in ("entry_bar", "waiting", "waiting_exit", "last_bar"):
        syms[name] = -1
    if account.kind == "perp":
        syms["maintenance"] = account.maintenance_of(symbols)
    table = (rules or Rules()).table(n_symbols)
    syms["tick"], syms["lot"], syms["min_notional"] = table.T
    rows = max(_FIRST_ROWS, 2 * codes.ROWS_PER_BAR * n_symbols, n_bars // 32)
    due = empty(FlowRow, 0) if flows is None else flows.copy()
    return Books(acct, syms, room(OrderRow, rows), room(FillRow, rows), due)


def has_ledger(acct: Records) -> bool:
    """Whether money is paid beside the fills, so that the cash of every bar is written down."""
    return bool(acct[0].borrow > 0.0 or acct[0].is_isolated)


def advance(
    first: int,
    last: int,
    tape: Tape,
    books: Books,
    equity: F64,
    ledger: F64,
    over: Callable[..., int] = run,
) -> Books:
    """Run the bars [first, last) and give back the books, in larger arrays if they had to grow.

    `over` is the loop: `run`, its `entry`, or `run_each`, which enters it anew for every bar.
    """
    t = first
    while True:
        t = over(t, last, tape, books, equity, ledger)
        row = int(books.acct["bad_row"][0])
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
    books = with_room_for_a_bar(books)
    finish(n_bars, is_final, tape, books)
    return books


def flatten(n_bars: int, tape: Tape, books: Books, equity: F64) -> Books:
    """Close everything at the last closes and want nothing any more."""
    books = with_room_for_a_bar(books)
    halt(n_bars - 1, tape, books, equity)
    return books


def with_room_for_a_bar(books: Books) -> Books:
    """The same books, or longer journals of them if a bar might not fit."""
    acct, rows = books.acct[0], codes.ROWS_PER_BAR * len(books.syms)
    while acct.n_orders + rows > len(books.orders) or acct.n_fills + rows > len(books.fills):
        books = with_room(books)
    return books


def with_room(books: Books) -> Books:
    """The same books with journals twice as long."""
    return books._replace(orders=_doubled(books.orders), fills=_doubled(books.fills))


def _doubled(rows: Records) -> Records:
    out = np.empty(2 * len(rows), dtype=rows.dtype)
    out[: len(rows)] = rows
    return out
