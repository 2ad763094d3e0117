"""Asking for memory before it is needed."""

from __future__ import annotations

from trade_research.kernels.jit import F64

LINE = 8  # float64 values that come with one


def fetch(table: F64, row: int) -> None:
    """Have the row of a (n_rows, n_columns) table brought near meanwhile; changes nothing.

    In compiled code `kernels.ahead_code` puts the processor's instruction in its place.
    """
