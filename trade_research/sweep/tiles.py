"""Signals whose targets are made tile by tile, in the cache, and settled at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trade_research.kernels.jit import F64, I64
from trade_research.simulate.records import Records
from trade_research.sweep.factors import Factor
from trade_research.sweep.field import Field
from trade_research.sweep.pool import Pool, addresses
from trade_research.sweep.scan import TILE, Scanner
from trade_research.sweep.signals import Recipe
from trade_research.sweep.tables import Tables
from trade_research.sweep.tally import UNFIT

TILES = 4
"""Tiles between one call of compiled code and the next."""


class Scan:
    """The signals of one piece of a recipe, ready to be scanned from the first bar to the last."""

    def __init__(
        self,
        recipe: Recipe,
        piece: slice,
        pool: Pool,
        signals: Factor,
        defaults: Mapping[str, Any],
    ) -> None:
        assert recipe.scanner is not None
        self._scanner: Scanner = recipe.scanner
        mine = recipe.signals[piece]
        self._n = len(mine)
        self._arrays, self._index = _inputs(recipe, piece, pool)
        self._ints = _numbers(self._scanner.ints, signals, mine, defaults, np.int64)
        self._floats = _numbers(self._scanner.floats, signals, mine, defaults, np.float64)
        self._held = self._scanner.begins_of(
            lambda i: {**defaults, **signals.row(int(mine[i]))}, self._n
        )

    def settle(
        self,
        field: Field,
        tables: Tables,
        which: I64,
        terms: Records,
        of_terms: I64,
        tallies: Records,
        sums: F64,
        settle: Callable[..., None],
    ) -> None:
        """Take configurations over all bars; `which` is the signal of each within the piece."""
        n_bars, k = field.market.n_bars, self._n
        before, room = np.full(k, np.nan), np.zeros(TILE + 66)
        at = np.empty(k * TILE * TILES + 66, dtype=np.int32)
        to = np.empty(k * TILE * TILES + 66)
        scan = self._scanner.kernel.dispatcher
        for first in range(0, n_bars, TILE * TILES):
            last = min(first + TILE * TILES, n_bars)
            begin = np.empty((-(-(last - first) // TILE), k + 1), dtype=np.int64)
            scan(
                self._arrays,
                self._index,
                self._ints,
                self._floats,
                field.forced,
                first,
                last,
                before,
                self._held,
                room,
                at,
                to,
                begin,
            )
            is_last = last == n_bars
            settle(
                at, to, begin, which, terms, of_terms, tables, field.table, is_last, tallies, sums
            )
            if (tallies["status"] == UNFIT).all():
                return


def _inputs(recipe: Recipe, piece: slice, pool: Pool) -> tuple[I64, I64]:
    """Addresses of the arrays, and which of them each signal reads, (n_signals, n_arrays)."""
    assert recipe.scanner is not None
    assert recipe.keys is not None
    names = recipe.scanner.arrays
    index = np.zeros((piece.stop - piece.start, len(names)), dtype=np.int64)
    found, size = [np.empty(0, dtype=np.int64)], 0
    for a, name in enumerate(names):
        keys = [name]
        if name in recipe.keys:
            keys, of = recipe.keys[name]
            index[:, a] = of[piece]
        index[:, a] += size
        found.append(addresses(pool, keys))
        size += len(keys)
    return np.concatenate(found), index


def _numbers(
    names: tuple[str, ...], signals: Factor, mine: I64, defaults: Mapping[str, Any], kind: Any
) -> Any:
    """Numeric parameters of some signals, (n_signals, n_names)."""
    out = np.empty((len(mine), len(names)), dtype=kind)
    for k, name in enumerate(names):
        column = signals.values.get(name)
        out[:, k] = defaults[name] if column is None else column[mine]
    return out
