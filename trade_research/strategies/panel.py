"""From bars of many symbols to the tables a panel strategy reads, and from its targets to rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from trade_research.frames.columns import columns
from trade_research.frames.grid import Grid
from trade_research.kernels.jit import F64
from trade_research.strategies.declare import TIMES, Col
from trade_research.strategies.frame import KEYS, joined

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy


def panel_arrays(
    inputs: Mapping[str, Col],
    whole: pl.DataFrame,
    calendar: str,
    symbols: Sequence[str] | None = None,
) -> tuple[dict[str, F64], Grid]:
    """Arrays for the declared inputs on the union of all open times, and that union.

    Parameters
    ----------
    whole : DataFrame
        Bars of all symbols.
    symbols : sequence of str, optional
        The symbols as they were fixed, some of which may have no bar here yet.

    Returns
    -------
    dict of str to float64 array
        A panel is (n_bars, n_symbols), NaN where a symbol has no bar; another input (n_bars,).
    Grid
        The bars.
    """
    grid = Grid.of(whole, symbols)
    bars = grid.frame()
    found: dict[str, F64] = {}
    for name, col in inputs.items():
        if col.name in TIMES and not col.panel:
            found[name] = columns(bars, [col.name])[col.name]
        elif not col.panel:
            found[name] = joined(col, bars, whole, calendar)
        elif col.plain:
            found[name] = grid.laid(columns(whole, [col.name])[col.name])
        else:
            found[name] = grid.laid(_each(col, whole, grid, calendar))
    return found, grid


def _each(col: Col, whole: pl.DataFrame, grid: Grid, calendar: str) -> F64:
    """A late or resampled column, made of each symbol's own rows, for the rows of `whole`."""
    out = np.full(whole.height, np.nan)
    for s in range(len(grid.symbols)):
        rows = np.flatnonzero(grid.columns == s)
        if rows.size:
            base = whole[rows]
            out[rows] = joined(col, base, base, calendar)
    return out


def panel_targets(
    strategy: Strategy, whole: pl.DataFrame, calendar: str, params: dict[str, Any]
) -> pl.DataFrame:
    """Rows of `whole` with their targets and the strategy's other columns."""
    arrays, grid = panel_arrays(strategy.inputs, whole, calendar)
    result = strategy.compute(arrays, **params)
    keys = [name for name in KEYS if name in whole.columns]
    return whole.select(keys).with_columns(
        pl.Series(name, grid.picked(values))
        for name, values in {"target": result.target, **result.extras}.items()
    )
