"""Does the neighbourhood agree? A result that holds for parameters next door is no accident of one.

Neighbours lie at most one step away on every axis. Steps are counted in the values that were
tried, so a logarithmic axis is as even as a linear one; on axes of texts and switches, and for
axes that are not ordered, neighbours have the same value.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trade_research.kernels.jit import B8, F64, I64

Column = npt.NDArray[Any]
_WORK = 40_000_000  # values in all boxes together; above it neighbours lie along one axis at a time
_ROWS = 65_536  # configurations whose neighbours are held at a time
_FULL = 0.5  # share of the largest neighbourhood that a plateau must have


@dataclass(frozen=True)
class Plateau:
    """The configuration whose neighbourhood is best, and how well that of the best agrees.

    Attributes
    ----------
    best, centre : int
        Row with the highest value, and row with the highest median over itself and its neighbours
        among those with at least half of a full neighbourhood.
    best_value, centre_value : float
        Values of the two.
    level : float
        Median over the centre and its neighbours.
    score : float
        Median over the neighbours of the best over its own value, in [0, 1]; 1: next door is as
        good, 0: nothing is left, or it has no neighbours. NaN where the best value is not above 0.
    neighbours : int
        Of the best that have a value.
    """

    best: int
    centre: int
    best_value: float
    centre_value: float
    level: float
    score: float
    neighbours: int


def plateau(axes: Mapping[str, Column], values: F64) -> Plateau | None:
    """Find the plateau of a swept measure.

    Parameters
    ----------
    axes : mapping of str to array of shape (n_configurations,)
        The value of every axis in each configuration: numbers (NaN: without), texts, switches.
    values : float64 array of shape (n_configurations,)
        What is wanted high; NaN for configurations without a result.

    Returns
    -------
    Plateau or None
        None without a result, or where no two configurations are neighbours (a random sample of
        continuous values has none).
    """
    if np.isnan(values).all() or not axes:
        return None
    steps, ordered = steps_of(axes)
    where, shape = _grid(steps)
    offsets = _offsets(ordered, values.size)
    if not offsets:
        return None

    def around(rows: slice) -> F64:
        """Values of each neighbour of some rows, (n_offsets, n_rows)."""
        at = np.stack([where.find(steps[rows] + offset, shape) for offset in offsets])
        return np.where(at >= 0, values[at], np.nan)

    known, level = np.zeros(values.size, np.int64), np.empty(values.size)
    for first in range(0, values.size, _ROWS):
        rows = slice(first, first + _ROWS)
        near = around(rows)
        known[rows] = (~np.isnan(near)).sum(axis=0)
        level[rows] = _medians(np.vstack([values[rows], near]))
    if not known.any():
        return None
    best = int(np.nanargmax(values))
    level[(known < _FULL * known.max()) | np.isnan(values)] = -np.inf
    highest = np.flatnonzero(level == level.max())  # of equal neighbourhoods, the best in itself
    centre = int(highest[values[highest].argmax()])
    top = float(values[best])
    near_top = float(_medians(around(slice(best, best + 1)))[0]) if known[best] else 0.0
    score = float(np.clip(near_top / top, 0.0, 1.0)) if top > 0.0 else math.nan
    return Plateau(
        best, centre, top, float(values[centre]), float(level[centre]), score, int(known[best])
    )


def _medians(x: F64) -> F64:
    """The median of each column's numbers, NaN where it has none."""
    n = (~np.isnan(x)).sum(axis=0)
    ranked = np.sort(x, axis=0)  # NaN last
    low, high = (np.take_along_axis(ranked, k[None], axis=0)[0] for k in ((n - 1) // 2, n // 2))
    return np.where(n > 0, (low + high) / 2, np.nan)


def steps_of(axes: Mapping[str, Column]) -> tuple[I64, B8]:
    """Each value's place among the distinct ones of its axis, (n_configurations, n_axes).

    And which axes have an order: those of numbers. NaN, "no such exit", lies beside the largest.
    """
    columns, ordered = [], []
    for values in axes.values():
        is_number = values.dtype.kind in "iuf"
        known = values if values.dtype != object else values.astype(str)
        columns.append(np.unique(known, return_inverse=True)[1])
        ordered.append(is_number)
    return np.stack(columns, axis=1).astype(np.int64), np.array(ordered, np.bool_)


@dataclass(frozen=True, eq=False)
class _Where:
    """Rows by their place on the grid, sorted: `keys` (n,), `rows` (n,)."""

    keys: I64
    rows: I64

    def find(self, steps: I64, shape: I64) -> I64:
        """Row at each place, -1 where there is none; of several at one place the first."""
        key = _key(steps, shape)
        at = np.minimum(np.searchsorted(self.keys, key), self.keys.size - 1)
        inside = ((steps >= 0) & (steps < shape)).all(axis=1)
        return np.where(inside & (self.keys[at] == key), self.rows[at], -1)


def _grid(steps: I64) -> tuple[_Where, I64]:
    shape = steps.max(axis=0) + 1
    keys = _key(steps, shape)
    order = np.argsort(keys, kind="stable")
    return _Where(keys[order], order), shape


def _key(steps: I64, shape: I64) -> I64:
    key = np.zeros(steps.shape[0], np.int64)
    for axis, size in enumerate(shape):
        key = key * size + steps[:, axis]
    return key


def _offsets(ordered: B8, places: int) -> list[I64]:
    """Steps to all neighbours: a box about the place, or a cross where boxes would be too many."""
    n = int(ordered.sum())
    if 3**n * places <= _WORK:
        inner = [np.array(o) for o in itertools.product((-1, 0, 1), repeat=n) if any(o)]
    else:
        inner = [sign * row for row in np.eye(n, dtype=np.int64) for sign in (-1, 1)]
    out = np.zeros((len(inner), ordered.size), np.int64)
    if n:
        out[:, ordered] = np.array(inner)
    return list(out)
