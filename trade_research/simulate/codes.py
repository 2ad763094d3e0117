"""Small numbers in the journals and the words they stand for."""

from __future__ import annotations

# Phases of a bar
AT_OPEN, INSIDE, AT_CLOSE = 0, 1, 2

# Kinds of orders: why somebody wanted it
SIGNAL, REBALANCE, STOPPED, TARGET_HIT, TRAILED = 1, 2, 3, 4, 5
HELD_MAX, LIQUIDATION, DELISTING, FINALIZE, HALT, DELEVERAGE = 6, 7, 8, 9, 10, 11
KINDS = (
    "",
    "signal",
    "rebalance",
    "stop",
    "take_profit",
    "trailing",
    "max_hold",
    "liquidation",
    "delisting",
    "finalize",
    "halt",
    "deleverage",
)

# Reasons: why an order was not filled in full as asked
NO_BAR, NO_LIQUIDITY, SHORT_NOT_ALLOWED, NO_CASH, NO_MARGIN = 1, 2, 3, 4, 5
BELOW_LOT, LOT_ROUNDING, BELOW_MIN_NOTIONAL, DELISTED, END_OF_DATA = 6, 7, 8, 9, 10
REASONS = (
    "",
    "no_bar",
    "no_liquidity",
    "short_not_allowed",
    "insufficient_cash",
    "insufficient_margin",
    "below_lot",
    "lot_rounding",
    "below_min_notional",
    "delisted",
    "end_of_data",
)
EXPLAIN = {
    "no_bar": "the symbol had no bar; the order waits for one",
    "no_liquidity": "the bar traded nothing (volume 0); the order waits",
    "short_not_allowed": "a spot account cannot sell short; the target was taken as 0",
    "insufficient_cash": "the order shrank to the cash there was",
    "insufficient_margin": "the order shrank to the buying power there was",
    "below_lot": "the quantity is less than one lot",
    "lot_rounding": "the quantity was rounded down to whole lots",
    "below_min_notional": "the order's value is below the venue's minimum",
    "delisted": "the symbol no longer trades",
    "end_of_data": "the data ends before the bar that would have filled it",
}

# Rows a bar can add to either journal, per symbol: a liquidation or gapped exit, a halving, a
# market order in two parts, an exit inside, one at the close, one at the end.
ROWS_PER_BAR = 8
YEAR_US = 365.0 * 86_400e6
# Orders below this share of the position or of what was asked are rounding errors, not wishes;
# cash releases closer than this share of the account are equal.
DUST = 1e-9
# Numba types a global 0 as a number, but compiles a second copy of a function for the literal 0.
ZERO = 0
NEVER = -(2**62)  # a time before every bar
