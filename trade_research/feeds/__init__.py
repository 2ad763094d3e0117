"""Closed bars as they happen, in order, or an event that says why not."""

from trade_research.lazy import attach

__getattr__, __dir__, __all__ = attach(
    __name__,
    {
        "Bar": "bars",
        "BarClock": "barclock",
        "Row": "bars",
        "Stored": "replay",
        "Skipped": "bars",
        "Socket": "socket",
        "Warned": "bars",
    },
)
