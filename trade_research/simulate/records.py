"""The records the fill step keeps its books in: flat memory, changed in place, compared bit by bit.

Each class names the fields of one NumPy record; compiled code reads and writes them by name
through a pointer, which compiles fast and counts no references.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from trade_research.kernels.jit import B8, F64, I64

Records = npt.NDArray[Any]


class Acct:
    """The account: the rules of the run, the money, and the clock of the bar being stepped."""

    # rules, constant: fractions of the traded notional
    fee: float
    maker_fee: float
    half_spread: float
    slippage: float
    impact: float
    sell_tax: float
    borrow: float  # a year
    fixed_fee: float  # money
    min_fee: float  # money
    fee_per_unit: float  # money per unit
    stop: float  # fractions of the entry price, of the peak; 0 is off
    take_profit: float
    trailing: float
    max_hold: int  # bars; 0 is off
    cooldown: int
    leverage: float
    maintenance: float
    drift: float  # 0 is off
    buffer: float  # 0 is off
    lag: int  # rows from decision to fill
    start: int  # first row that decides
    is_margin: int  # shorts and borrows
    is_isolated: int  # on a margin for each position: perpetuals
    is_at_close: int  # fills happen at the close
    is_optimistic: int  # reads a bar with stop and target inside as target first
    is_rebalancing: int  # by any rule
    has_range: int  # something depends on the high and low of a bar
    # money
    cash: float
    equity: float
    borrow_paid: float
    funding_paid: float
    charged_until: int  # µs; 0 before the first bar
    batch_cost: float  # of the orders of one moment
    # journals
    n_orders: int
    n_fills: int
    n_flows: int  # fundings that are behind us
    n_ambiguous: int
    bad_row: int  # row of an infinite target, or -1
    is_ruined: int
    # the bar being stepped
    bar: int
    opened: int
    closed: int
    has_row: int  # a decision row fills at this bar
    is_rebalance: int
    is_drifted: int


class Sym:
    """One symbol: its rules, its position, what is wanted of it, and its bar being stepped."""

    tick: float
    lot: float
    min_notional: float
    maintenance: float  # of an isolated margin, a fraction of the position's value
    last_bar: int  # of a symbol that is delisted, or -1
    position: float  # units
    entry_price: float  # average fill price
    entry_bar: int
    is_close_entry: int
    peak: float  # best price since the entry
    margin: float  # money set aside for the position on an isolated margin
    desired: float  # units
    held: float  # target in force
    row: float  # target of the symbol's row before
    pending: int  # kind of the change that waits to be sized
    kind: int  # kind of the order in force
    waiting: int  # order row that waits for a bar or for volume, or -1
    waiting_exit: int
    is_locked: int  # after an exit, until a new opinion
    exit_bar: int
    mark: float  # last real close
    known_volume: float  # last positive volume before this bar
    # scratch of one batch of orders
    want: float
    order: int
    key: float
    rank: int
    # the bar being stepped
    open: float
    high: float
    low: float
    close: float
    volume: float
    target: float  # of the decision row
    was_absent: int  # no bar at the decision row


class OrderRow:
    """One order."""

    symbol: int
    decided: int  # row
    target: float
    desired: float
    quantity: float  # signed
    filled: float  # signed
    kind: int
    reason: int
    attempts: int


class FillRow:
    """One fill."""

    order: int
    symbol: int
    bar: int
    phase: int
    quantity: float  # signed
    reference: float
    price: float
    fee: float  # money, as the next four
    spread: float
    slippage: float
    impact: float
    tax: float
    kind: int
    ambiguous: int
    position: float  # after it
    cash: float  # after it


class FlowRow:
    """One funding of a perpetual: what is due, and once it is behind us what was paid."""

    bar: int
    phase: int  # AT_OPEN, before that open's fills, or INSIDE
    symbol: int
    time: int  # µs, floored to the minute
    rate: float  # of the position's value; positive: longs pay
    mark: float  # NaN: not known
    price: float  # the mark, or the bar's open in its place
    position: float  # before it
    paid: float  # money; negative: received


class TradeRow:
    """One round trip; while it is open, the first part is the position it will come from."""

    symbol: int
    side: float
    entry_bar: int
    entry_phase: int
    exit_bar: int
    exit_phase: int
    quantity: float
    entry_price: float
    exit_price: float
    fees: float
    costs: float
    pnl: float
    mae: float
    mfe: float
    kind: int
    is_open: int
    # while matching
    gross: float
    high: float
    low: float
    seen: int


class Tape(NamedTuple):
    """What happens from outside: (n_bars, n_symbols) prices and targets, read only."""

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
    """The account and its journals, changed in place."""

    acct: Records  # one Acct
    syms: Records  # Sym
    orders: Records  # OrderRow, with spare room
    fills: Records  # FillRow
    flows: Records  # FlowRow, by bar and phase


@cache
def dtype_of(record: type) -> np.dtype[Any]:
    """NumPy's type of a record class: 8 bytes a field."""
    kinds = {"float": "f8", "int": "i8"}
    fields = [(name, kinds[kind]) for name, kind in record.__annotations__.items()]
    return np.dtype((np.record, fields))


def empty(record: type, n: int) -> Records:
    """`n` records, every field 0."""
    return np.zeros(n, dtype=dtype_of(record))


def room(record: type, n: int) -> Records:
    """Room for `n` records that are written whole; memory nobody writes to costs nothing."""
    return np.empty(n, dtype=dtype_of(record))
