"""The tile test as a compiled loop around a strategy's own compiled function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trade_research.evidence.probe import StrategyLike
from trade_research.kernels.jit import F64, kernel

MOST_COLUMNS = 6
Call = tuple[Any, tuple[F64, ...], tuple[Any, ...], Any]
Scan = Callable[[int, int, int, int], int]


def tile_scanner(
    fn: Any, columns: tuple[F64, ...], values: tuple[Any, ...], output: Any
) -> Scan | None:
    """`scan(start, first, stop, length)`: the first bar in [first, stop) that its tile disowns, -1.

    Parameters
    ----------
    fn : numba dispatcher
        Called as ``fn(*columns, *values)``.
    columns : tuple of read-only float64 arrays (n_bars,) or (n_bars, k)
    values : tuple, the parameters
    output : what `fn` returned on all rows: an array, or a tuple of float64 arrays, all of them
        (n_bars,) or all (n_bars, n_symbols)

    Returns
    -------
    callable or None
        None where no loop fits: more than six columns, or outputs of several types. `start` and
        `length` are the tile's rows; the bars count from its start.
    """
    if not 1 <= len(columns) <= MOST_COLUMNS:
        return None
    arrays = output if isinstance(output, tuple) else (output,)
    axes = {np.ndim(a) for a in arrays}
    if axes not in ({1}, {2}) or any(a.dtype != np.float64 for a in arrays):
        return None
    if axes == {2}:
        same = _same_rows if isinstance(output, tuple) else _same_row
    else:
        same = _same_tuple if isinstance(output, tuple) else _same
    cut = _CUTS[len(columns)].dispatcher
    loop = _loop(fn, cut, same.dispatcher)
    return lambda start, first, stop, length: int(loop(columns, values, start, first, stop, length))


def compiled_call(
    strategy: StrategyLike, columns: Mapping[str, F64], params: Mapping[str, Any]
) -> Call | None:
    """What `tile_scanner` takes of a strategy: its function, columns, parameters and an output.

    None for one that is not a `strategies.Strategy`, whose function may be anything.
    """
    from trade_research.strategies.strategy import Strategy

    if not isinstance(strategy, Strategy):
        return None
    compiled, values = strategy.compiled(**params)
    fn = compiled.dispatcher
    arrays = tuple(columns[name] for name in strategy.columns)
    return fn, arrays, values, fn(*arrays, *values)


def _loop(fn: Any, cut: Any, same: Any) -> Any:
    @kernel
    def scan(columns: Any, values: Any, start: int, first: int, stop: int, length: int) -> int:
        whole = fn(*cut(columns, start, start + length), *values)
        for bar in range(first, stop):
            part = fn(*cut(columns, start, start + bar + 1), *values)
            if not same(whole, part, bar):
                return bar
        return -1

    return scan


@kernel
def _same(a: F64, b: F64, t: int) -> bool:
    """Equal bits at t; a zero has a sign; any NaN equals any NaN."""
    if np.isnan(a[t]) or np.isnan(b[t]):
        return bool(np.isnan(a[t]) and np.isnan(b[t]))
    return bool(a[t] == b[t] and np.signbit(a[t]) == np.signbit(b[t]))


@kernel
def _same_tuple(a: tuple[F64, ...], b: tuple[F64, ...], t: int) -> bool:
    same = True
    for i in range(len(a)):
        same &= _same(a[i], b[i], t)
    return same


@kernel
def _same_row(a: F64, b: F64, t: int) -> bool:
    same = True
    for s in range(a.shape[1]):
        same &= _same(a[:, s], b[:, s], t)
    return same


@kernel
def _same_rows(a: tuple[F64, ...], b: tuple[F64, ...], t: int) -> bool:
    same = True
    for i in range(len(a)):
        same &= _same_row(a[i], b[i], t)
    return same


# Written out by number of columns: a tuple of unlike arrays has no loop in compiled code.
@kernel
def _cut_1(c: Any, a: int, b: int) -> Any:
    return (c[0][a:b],)


@kernel
def _cut_2(c: Any, a: int, b: int) -> Any:
    return c[0][a:b], c[1][a:b]


@kernel
def _cut_3(c: Any, a: int, b: int) -> Any:
    return c[0][a:b], c[1][a:b], c[2][a:b]


@kernel
def _cut_4(c: Any, a: int, b: int) -> Any:
    return c[0][a:b], c[1][a:b], c[2][a:b], c[3][a:b]


@kernel
def _cut_5(c: Any, a: int, b: int) -> Any:
    return c[0][a:b], c[1][a:b], c[2][a:b], c[3][a:b], c[4][a:b]


@kernel
def _cut_6(c: Any, a: int, b: int) -> Any:
    return c[0][a:b], c[1][a:b], c[2][a:b], c[3][a:b], c[4][a:b], c[5][a:b]


_CUTS = {1: _cut_1, 2: _cut_2, 3: _cut_3, 4: _cut_4, 5: _cut_5, 6: _cut_6}
