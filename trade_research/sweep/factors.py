"""Telling apart what configurations share: distinct rows of some of their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from trade_research.kernels.jit import I64
from trade_research.sweep.space import Column, plain


@dataclass(frozen=True)
class Factor:
    """The distinct rows of some columns.

    Attributes
    ----------
    values : mapping of str to array of shape (n_distinct,)
    of : int64 array of shape (n,)
        Which of them each row has.
    """

    values: Mapping[str, Column]
    of: I64
    size: int

    def row(self, i: int) -> dict[str, Any]:
        """One distinct row as plain values; None where an exit is off."""
        return {name: plain(name, column[i]) for name, column in self.values.items()}


def factor(columns: Mapping[str, Column], names: Sequence[str], n: int) -> Factor:
    """The distinct rows of the columns `names` that are there, in order of first appearance."""
    mine = [name for name in names if name in columns]
    code = np.zeros(n, dtype=np.int64)
    for name in mine:
        _, each = np.unique(_sortable(columns[name]), return_inverse=True)
        _, code = np.unique(code * (each.max(initial=0) + 1) + each, return_inverse=True)
    _, first, of = np.unique(code, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    rows = first[order]
    return Factor({name: columns[name][rows] for name in mine}, rank[of], len(rows))


def _sortable(column: Column) -> Column:
    return np.array([str(v) for v in column]) if column.dtype == object else column
