"""Where each number sits in the flat arrays the fill step works on, and what its codes mean.

The step keeps its state in float64 arrays that it changes in place, because that is what compiles
fast, runs fast, and can be compared bit by bit. This file is the only map of them.
"""

from __future__ import annotations

# acct, first part: one number per rule of the run, constant
FEE, MAKER_FEE, HALF_SPREAD, SLIPPAGE, IMPACT = 0, 1, 2, 3, 4  # fractions of the traded notional
FIXED_FEE, MIN_FEE, FEE_PER_UNIT = 5, 6, 7  # money, money, money per unit
SELL_TAX, BORROW = 8, 9  # fraction of sales; fraction a year
STOP, TAKE_PROFIT, TRAILING = 10, 11, 12  # fractions of the entry price or peak; 0 is off
MAX_HOLD, COOLDOWN = 13, 14  # bars; 0 is off
MARGIN, LEVERAGE, MAINTENANCE = 15, 16, 17  # 1 on margin, 0 on spot
LAG, AT_CLOSE, START = 18, 19, 20  # rows from decision to fill; 1 when fills are at the close
REBALANCES, DRIFT = 21, 22  # 1 when any rebalancing is asked for; drift limit, 0 is off
OPTIMISTIC = 23  # 1 reads a bar with stop and target inside as target first
# acct, second part: the account
CASH, N_ORDERS, N_FILLS, RUINED, AMBIGUOUS = 24, 25, 26, 27, 28
EQUITY, BORROW_PAID, CLOCK, BAD_ROW, BATCH_COST = 29, 30, 31, 32, 33
# acct, third part: the bar that is being stepped
BAR, OPENED, CLOSED, HAS_ROW, IS_REBALANCE, DRIFTED = 34, 35, 36, 37, 38, 39
N_ACCT = 40

# sym: one row a symbol
POSITION, ENTRY_PRICE, DESIRED = 0, 1, 2  # units, average price, units
HELD, ROW = 3, 4  # target in force; target of the symbol's row before
LOCKED, EXIT_BAR = 5, 6  # 1 after an exit until a new opinion; bar of that exit
ENTRY_BAR, ENTRY_AT_CLOSE, PEAK = 7, 8, 9  # bar and phase of entry; best price since
MARK, VOLUME = 10, 11  # last real close; last positive volume
PENDING, WAITING, WAITING_EXIT = 12, 13, 14  # kind of the change to size; order rows or -1
TICK, LOT, MIN_NOTIONAL, LAST_BAR = 15, 16, 17, 18  # rules; bar of delisting or -1
WANT, ORDER, KEY, ORDER_KIND, RANK = 19, 20, 21, 22, 23  # scratch of one batch of orders
OPEN, HIGH, LOW, CLOSE, TRADED = 24, 25, 26, 27, 28  # the bar that is being stepped
TARGET, WAS_ABSENT = 29, 30  # the decision row; 1 when the symbol had no bar at that row
N_SYM = 31

# orders: one row an order
O_SYMBOL, O_DECIDED, O_TARGET, O_DESIRED, O_QUANTITY, O_FILLED = 0, 1, 2, 3, 4, 5
O_KIND, O_REASON, O_ATTEMPTS = 6, 7, 8
N_ORDER_FIELDS = 9

# fills: one row a fill
F_ORDER, F_SYMBOL, F_BAR, F_PHASE, F_QUANTITY, F_REFERENCE, F_PRICE = 0, 1, 2, 3, 4, 5, 6
F_FEE, F_SPREAD, F_SLIPPAGE, F_IMPACT, F_TAX = 7, 8, 9, 10, 11  # money
F_KIND, F_AMBIGUOUS, F_OUTSIDE, F_POSITION, F_CASH = 12, 13, 14, 15, 16
N_FILL_FIELDS = 17

# phases of a bar
AT_OPEN, INSIDE, AT_BAR_CLOSE = 0, 1, 2

# kinds of orders: why somebody wanted it
SIGNAL, REBALANCE, STOPPED, TARGET_HIT, TRAILED = 1, 2, 3, 4, 5
HELD_MAX, LIQUIDATION, DELISTING, FINALIZE = 6, 7, 8, 9
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
)

# reasons: why an order was not filled in full as asked
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

# Rows a bar can add to either journal, per symbol: a liquidation or gapped exit, a market order in
# two parts, an exit inside, one at the close, one at the end.
ROWS_PER_BAR = 8
YEAR_US = 365.0 * 86_400e6
