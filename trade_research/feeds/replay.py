"""Stored bars as a feed: one row after the other, as fast as they are taken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from trade_research.feeds.bars import Bar
from trade_research.kernels.jit import F64, I64


class Stored:
    """Rows of bars, in the order in which they closed, and again on request.

    Parameters
    ----------
    symbols : sequence of str
    open_time, close_time : int64 array (n_rows,)
        Microseconds since 1970, UTC.
    prices : float64 array (n_rows, 5, n_symbols)
        Open, high, low, close, volume; NaN where a symbol has no bar.
    """

    def __init__(
        self, symbols: Sequence[str], open_time: I64, close_time: I64, prices: F64
    ) -> None:
        self._symbols, self._opened, self._prices = tuple(symbols), open_time, prices
        self._closed = close_time

    def bars(self, row: int) -> list[Bar]:
        """The bars of one row, of the symbols that have one."""
        opened, closed = int(self._opened[row]), int(self._closed[row])
        return [
            Bar(symbol, opened, closed, *prices)
            for symbol, prices in zip(self._symbols, self._prices[row].T.tolist(), strict=True)
            if prices[3] == prices[3]
        ]

    def backfill(self, symbol: str, start: int, end: int) -> Iterator[Bar]:
        """Bars of a symbol with open times in [start, end): what a venue's REST would answer."""
        first, last = np.searchsorted(self._opened, [start, end])
        for row in range(int(first), int(last)):
            yield from (bar for bar in self.bars(row) if bar.symbol == symbol)
