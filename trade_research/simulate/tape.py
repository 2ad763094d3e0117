"""The two bundles of arrays the fill step works on."""

from __future__ import annotations

from typing import NamedTuple

from trade_research.kernels.jit import B8, F64, I64


class Tape(NamedTuple):
    """What happens to the account from outside: (n_bars, n_symbols) prices and targets, read only."""

    open: F64
    high: F64
    low: F64
    close: F64
    volume: F64
    target: F64
    opened: I64  # (n_bars,) µs since 1970, UTC
    closed: I64
    rebalance: B8  # (n_bars,) where a decision row rebalances; drift writes here


class Books(NamedTuple):
    """The account and its journals, changed in place; columns as in `fields`."""

    acct: F64  # (N_ACCT,)
    sym: F64  # (n_symbols, N_SYM)
    orders: F64  # (capacity, N_ORDER_FIELDS)
    fills: F64  # (capacity, N_FILL_FIELDS)
