"""The one fill step: what happens to an account during one bar.

The backtest loops over it (`loop`); the paper broker and `Simulator` run the same compiled loop
over one bar. Later kinds of account enter here: a dated cash flow before `margin_call`, a fill
model beside `market_orders`.
"""

from __future__ import annotations

import math

from trade_research.kernels.jit import kernel
from trade_research.simulate import fields as f
from trade_research.simulate.exit_orders import close_position, exits, margin_call
from trade_research.simulate.market_orders import market_orders, take_targets
from trade_research.simulate.tape import Books


@kernel
def step(books: Books) -> None:
    """Take the account through the bar in its books, in the order of `semantics.md` 4.2."""
    acct = books.acct
    has_exits = acct[f.STOP] + acct[f.TAKE_PROFIT] + acct[f.TRAILING] + acct[f.MAX_HOLD] > 0.0
    for phase in range(3):
        if phase != f.INSIDE and acct[f.BORROW] > 0.0:
            charge_borrow(phase, books)
        if phase != f.AT_BAR_CLOSE and acct[f.MARGIN] > 0.0:
            margin_call(phase, books)
        if has_exits:
            exits(phase, books)
        if phase == (f.AT_BAR_CLOSE if acct[f.AT_CLOSE] > 0.0 else f.AT_OPEN):
            take_targets(books)
            market_orders(phase, books)
    equity = mark(books)
    if equity <= 0.0:
        acct[f.RUINED] = 1.0
        equity = close_all(f.LIQUIDATION, books)
    acct[f.EQUITY] = equity
    remember(equity, books)


@kernel
def charge_borrow(phase: int, books: Books) -> None:
    """Lending fee of the shorts held since the last charge, at the last known price (ACT/365)."""
    acct, sym = books.acct, books.sym
    now = acct[f.OPENED] if phase == f.AT_OPEN else acct[f.CLOSED]
    since = acct[f.CLOCK]
    acct[f.CLOCK] = now
    if now > since:
        value = 0.0
        for s in range(sym.shape[0]):
            if sym[s, f.POSITION] < 0.0:
                is_new = phase == f.AT_BAR_CLOSE and not math.isnan(sym[s, f.CLOSE])
                value -= sym[s, f.POSITION] * (sym[s, f.CLOSE] if is_new else sym[s, f.MARK])
        fee = value * acct[f.BORROW] * (now - since) / f.YEAR_US
        acct[f.CASH] -= fee
        acct[f.BORROW_PAID] += fee


@kernel
def mark(books: Books) -> float:
    """Equity at last real closes; a symbol whose last bar this is closes first, with costs."""
    acct, sym = books.acct, books.sym
    for s in range(sym.shape[0]):
        if not math.isnan(sym[s, f.CLOSE]):
            sym[s, f.MARK] = sym[s, f.CLOSE]
        if sym[s, f.LAST_BAR] == acct[f.BAR] and sym[s, f.POSITION] != 0.0:
            close_position(s, sym[s, f.MARK], f.AT_BAR_CLOSE, f.DELISTING, 0.0, books)
    value = acct[f.CASH]
    for s in range(sym.shape[0]):
        if sym[s, f.POSITION] != 0.0:
            value += sym[s, f.POSITION] * sym[s, f.MARK]
    return value


@kernel
def close_all(kind: int, books: Books) -> float:
    """Close every position at its last real close; returns the money left."""
    sym = books.sym
    for s in range(sym.shape[0]):
        if sym[s, f.POSITION] != 0.0:
            close_position(s, sym[s, f.MARK], f.AT_BAR_CLOSE, kind, 0.0, books)
    return books.acct[f.CASH]


@kernel
def remember(equity: float, books: Books) -> None:
    """What the next bar may know of this one: best prices, volumes, drift from the weights."""
    acct, sym = books.acct, books.sym
    acct[f.DRIFTED] = 0.0
    for s in range(sym.shape[0]):
        position = sym[s, f.POSITION]
        if acct[f.IMPACT] > 0.0 and sym[s, f.TRADED] > 0.0:
            sym[s, f.VOLUME] = sym[s, f.TRADED]
        is_new = sym[s, f.ENTRY_BAR] == acct[f.BAR] and sym[s, f.ENTRY_AT_CLOSE] > 0.0
        if acct[f.TRAILING] > 0.0 and position != 0.0 and not is_new:
            if position > 0.0 and sym[s, f.HIGH] > sym[s, f.PEAK]:
                sym[s, f.PEAK] = sym[s, f.HIGH]
            elif position < 0.0 and sym[s, f.LOW] < sym[s, f.PEAK]:
                sym[s, f.PEAK] = sym[s, f.LOW]
        if acct[f.DRIFT] > 0.0 and sym[s, f.LOCKED] == 0.0:
            weight = position * sym[s, f.MARK] / equity if position != 0.0 else 0.0
            if abs(weight - sym[s, f.HELD]) > acct[f.DRIFT]:
                acct[f.DRIFTED] = 1.0
