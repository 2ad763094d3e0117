"""A closed bar as a feed hands it on, and the row of all symbols that a session steps on."""

from __future__ import annotations

import math
from typing import NamedTuple

from trade_research.kernels.jit import F64


class Bar(NamedTuple):
    """One closed bar; times in microseconds since 1970, UTC."""

    symbol: str
    open_time: int
    close_time: int
    open: float
    high: float
    low: float
    close: float
    volume: float

    def fault(self) -> str:
        """What makes it impossible, or an empty text. A NaN volume is unknown, not wrong."""
        top = math.inf
        if not (
            0.0 < self.open < top
            and 0.0 < self.high < top
            and 0.0 < self.low < top
            and 0.0 < self.close < top
        ):
            return f"prices {self[3:7]} are not all positive numbers"
        if not self.high >= self.low:
            return f"high {self.high} is under low {self.low}"
        if self.volume < 0.0 or math.isinf(self.volume):
            return f"volume is {self.volume}"
        if not self.close_time > self.open_time:
            return f"closes at {self.close_time}, not after its open {self.open_time}"
        return ""


class Row(NamedTuple):
    """The bars of all symbols with one open time.

    `bars` is (5, n_symbols): open, high, low, close, volume, NaN where a symbol is absent.
    """

    open_time: int
    close_time: int
    received_ns: int
    bars: F64


class Skipped(NamedTuple):
    """Bars that could not be had: of one symbol, or of all where `symbol` is empty."""

    symbol: str
    open_time: int
    end_time: int
    reason: str


class Warned(NamedTuple):
    """A bar that was not handed on, and why: revision, late, bad."""

    bar: Bar
    kind: str
    reason: str
