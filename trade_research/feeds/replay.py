"""Stored bars as a feed: one row after the other, as fast as they are taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from trade_research.feeds.bars import Bar
from trade_research.kernels.jit import F64, I64

AT_ONCE = 256


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
        self._first, self._near = 0, list[list[Bar]]()

    def bars(self, row: int) -> list[Bar]:
        """The bars of one row, of the symbols that have one."""
        if not self._first <= row < self._first + len(self._near):
            self._first, self._near = row, self._read(slice(row, row + AT_ONCE))
        return self._near[row - self._first]

    def _read(self, rows: slice) -> list[list[Bar]]:
        opened, closed = self._opened[rows].tolist(), self._closed[rows].tolist()
        prices = self._prices[rows].transpose(0, 2, 1).tolist()
        return [
            [
                Bar(symbol, *times, *bar)
                for symbol, bar in zip(self._symbols, bars, strict=True)
                if bar[3] == bar[3]
            ]
            for *times, bars in zip(opened, closed, prices, strict=True)
        ]

    def backfill(self, symbol: str, start: int, end: int) -> list[Bar]:
        """Bars of a symbol with open times in [start, end): what a venue's REST would answer."""
        rows = slice(*np.searchsorted(self._opened, [start, end]).tolist())
        return [bar for bars in self._read(rows) for bar in bars if bar.symbol == symbol]


class Paced:
    """Stored rows as a live feed: each when its time has come, times `speed`.

    Parameters
    ----------
    stored : Stored
    close_time : int64 array (n_rows,)
    set_time : callable
        Told the close of each row, plus `grace_us`, in ns when the row is handed on.
    speed : float
        Seconds of the market in a second; 0 is as fast as rows are taken.
    first : int
        Row to begin at.
    """

    def __init__(
        self,
        stored: Stored,
        close_time: I64,
        set_time: Callable[[int], None],
        *,
        speed: float = 0.0,
        grace_us: int = 2_000_000,
        first: int = 0,
    ) -> None:
        self._stored, self._closed, self._set_time = stored, close_time, set_time
        self._speed, self._grace, self._row = speed, grace_us, first
        self._began: tuple[float, int] | None = None

    def poll(self, seconds: float) -> list[Bar] | None:
        """The next row, if its time comes within so many seconds; None after the last."""
        if self._row >= self._closed.size:
            return None
        closed = int(self._closed[self._row])
        if self._speed > 0.0 and not self._is_time(closed, seconds):
            return []
        self._set_time((closed + self._grace) * 1_000)
        self._row += 1
        return self._stored.bars(self._row - 1)

    def backfill(self, symbol: str, start: int, end: int) -> list[Bar]:
        """What is stored."""
        return self._stored.backfill(symbol, start, end)

    def troubles(self) -> list[str]:
        """Nothing can go wrong."""
        return []

    def close(self) -> None:
        """Nothing is held."""

    def _is_time(self, closed: int, seconds: float) -> bool:
        now = time.monotonic()
        if self._began is None:
            self._began = now, closed
        wait = self._began[0] + (closed - self._began[1]) / 1e6 / self._speed - now
        time.sleep(min(max(wait, 0.0), seconds))
        return wait <= seconds
