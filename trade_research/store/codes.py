"""How a column of bars is stored: as whole ticks or lots wherever that loses nothing.

A column that is ``n / 10**d`` for whole numbers ``n``, bit for bit, is stored as those numbers with
DELTA_BINARY_PACKED under a name that says so (``open_ticks``); one that is not, as float64 under
its own name. Reading divides: ``n / 10**d`` rounds correctly in Arrow, NumPy and DuckDB and so
gives back the very double that was written. (Polars and multiplication by ``10**-d`` do not.)
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

TIME = pl.Datetime("us", "UTC")
TIMES = ("open_time", "close_time")
PRICES = ("open", "high", "low", "close")
OPTIONAL = ("quote_volume", "trades")
VALUES = (*PRICES, "volume", *OPTIONAL)
MAX_DIGITS = 12
EXACT = 2.0**53  # whole numbers beyond are not all doubles


@dataclass(frozen=True)
class Code:
    """How one column is stored: whole numbers to be divided by ``10**digits``, or doubles."""

    digits: int | None
    wide: bool = False

    @property
    def text(self) -> str:
        """Short form kept in manifests: ``i32/2``, ``i64/6`` or ``f64``."""
        return "f64" if self.digits is None else f"i{64 if self.wide else 32}/{self.digits}"

    @classmethod
    def parse(cls, text: str) -> Code:
        """The code that `text` is the short form of."""
        if text == "f64":
            return cls(None)
        kind, _, digits = text.partition("/")
        return cls(int(digits), kind == "i64")


def stored_name(column: str, code: Code) -> str:
    """Name of the column inside the file; whole ticks and lots never pass for prices."""
    if code.digits is None or column == "trades":
        return column
    return f"{column}_{'ticks' if column in PRICES else 'lots'}"


def choose_code(values: F64) -> tuple[Code, I64 | None]:
    """The code that gives `values` back bit for bit, and the whole numbers it stores.

    NaN stands for unknown and is stored as null; a negative zero is stored as zero.
    """
    known = values[~np.isnan(values)]
    probe = known[:: max(1, known.size // 512)]
    for digits in range(MAX_DIGITS + 1):
        if _ticks(probe, digits) is None:
            continue
        whole = _ticks(known, digits)
        if whole is not None:
            wide = bool(whole.size and np.abs(whole).max() > np.iinfo(np.int32).max)
            full = np.zeros(values.size, np.int64)
            full[~np.isnan(values)] = whole
            return Code(digits, wide), full
    return Code(None), None


def _ticks(known: F64, digits: int) -> I64 | None:
    scale = 10.0**digits
    with np.errstate(over="ignore", invalid="ignore"):
        whole = np.rint(known * scale)
        same = bool(np.all(whole / scale == known) and np.all(np.abs(whole) <= EXACT))
    return whole.astype(np.int64) if same else None
