"""Rows of many instruments laid on the union of their open times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.errors import BarGridError

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64, I64


@dataclass(frozen=True, eq=False)
class Grid:
    """Where each row of a long frame lies in a table of (n_bars, n_symbols).

    Attributes
    ----------
    symbols : tuple of str
        Names of the columns; a frame without a column `symbol` has one, "".
    open_time, close_time : int64 arrays of shape (n_bars,)
        Of each bar, µs since 1970, UTC; increasing.
    rows, columns : int64 arrays of shape (n_rows,)
        Place of each row of the frame.
    """

    symbols: tuple[str, ...]
    open_time: I64
    close_time: I64
    rows: I64
    columns: I64

    @classmethod
    def of(cls, frame: pl.DataFrame, symbols: Sequence[str] | None = None) -> Grid:
        """The grid of a frame of bars, each symbol in time order.

        Parameters
        ----------
        symbols : sequence of str, optional
            Columns in this order, also those that have no row here; by default in order of
            appearance.

        Raises
        ------
        BarGridError
            Bars that open together and close at different times.
        """
        opened, closed = (
            frame[name].cast(pl.Datetime("us", "UTC")).to_physical().to_numpy()
            for name in ("open_time", "close_time")
        )
        if "symbol" not in frame.columns:
            which = np.zeros(frame.height, dtype=np.int64)
            names = tuple(symbols or ("",))
        else:
            found = symbols or frame["symbol"].unique(maintain_order=True).to_list()
            names = tuple(found)
            which = frame["symbol"].cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
        times, rows = _union(opened)
        ends = np.zeros(times.size, dtype=np.int64)
        ends[rows] = closed
        is_odd = ends[rows] != closed
        if is_odd.any():
            row = int(is_odd.argmax())
            raise BarGridError(names[which[row]], row)
        return cls(names, times, ends, rows, which)

    @property
    def shape(self) -> tuple[int, int]:
        """(n_bars, n_symbols)."""
        return self.open_time.size, len(self.symbols)

    def laid(self, values: F64) -> F64:
        """Values of the frame's rows as a table (n_bars, n_symbols), NaN where there is no row."""
        out = np.full(self.shape, np.nan)
        out[self.rows, self.columns] = values
        return out

    def picked(self, table: F64) -> F64:
        """Values of the frame's rows out of a table (n_bars, n_symbols) or a column (n_bars,)."""
        found: F64 = table[self.rows] if table.ndim == 1 else table[self.rows, self.columns]
        return found

    def frame(self) -> pl.DataFrame:
        """`open_time` and `close_time` of every bar."""
        times = {"open_time": self.open_time, "close_time": self.close_time}
        return pl.DataFrame(
            [pl.Series(name, us).cast(pl.Datetime("us", "UTC")) for name, us in times.items()]
        )


def _union(times: I64) -> tuple[I64, I64]:
    """Sorted distinct times, and the number of each time among them.

    Stamps on one clock are numbered through a table of its ticks; others are sorted.
    """
    if times.size == 0:
        return times, times
    first, steps = int(times.min()), np.diff(times)
    step = int(np.abs(steps[steps != 0]).min(initial=np.iinfo(np.int64).max))
    offset = times - first
    if offset.max() // step >= 8 * times.size or (offset % step).any():
        found: tuple[I64, I64] = np.unique(times, return_inverse=True)
        return found
    tick = offset // step
    is_there = np.zeros(int(tick.max()) + 1, dtype=np.bool_)
    is_there[tick] = True
    number = np.cumsum(is_there) - 1
    return first + step * np.flatnonzero(is_there), number[tick]
