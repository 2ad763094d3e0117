"""Words for what the book simulator writes down as numbers."""

from __future__ import annotations

SIGNAL, STOP, TAKE_PROFIT, TRAILING, MAX_HOLD, HALT = range(6)
REASONS = ("signal", "stop", "take_profit", "trailing", "max_hold", "halt")
"""Why an order was sent."""

FILLED, PARTIAL, NO_BOOK, STALE, NO_CASH, WITHDRAWN = range(6)
STATUS = ("filled", "book_exhausted", "no_book", "stale_book", "no_cash", "withdrawn")
"""What became of it: all of it; as much as the recorded levels held; nothing, since there was no
book, or none newer than the limit, when it arrived; nothing, for want of cash; nothing, since risk
took it back."""

ORDER_FIELDS = (
    "row",
    "decided",
    "arrived",
    "filled_row",
    "quantity",
    "filled",
    "price",
    "fee",
    "reason",
    "status",
    "mid",
    "mid_arrived",
    "touch",
)
"""Columns of the loop's table of orders; times are in nanoseconds since its first row."""
