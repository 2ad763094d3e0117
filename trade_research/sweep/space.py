"""The space of a sweep: its axes, the constraint on them, and ways to draw from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from trade_research.errors import ConfigError
from trade_research.kernels.jit import I64
from trade_research.strategies.declare import Span
from trade_research.sweep.where import Where

if TYPE_CHECKING:
    import polars as pl

Column = npt.NDArray[Any]
EXIT_AXES = ("stop", "take_profit", "trailing", "max_hold", "cooldown")
COST_AXES = ("fee_bps", "slippage_bps", "spread_bps")
RUN_AXES = (*EXIT_AXES, *COST_AXES, "delay", "symbol")
"""Axes that are not parameters of the strategy; a strategy's own parameter of that name wins."""

_DRAWS = 64


@dataclass(frozen=True, eq=False)
class Configurations:
    """Some configurations of a space, one a row.

    Attributes
    ----------
    values : mapping of str to array of shape (n,)
        Axis to values: int64, float64, bool, or objects for texts. NaN in `stop`, `take_profit`,
        `trailing` or `max_hold`: without it.
    trial : int64 array of shape (n,)
        Number of each in its space: its identity in results, however the work was cut.
    """

    values: Mapping[str, Column]
    trial: I64

    def __len__(self) -> int:
        return len(self.trial)

    def __getitem__(self, rows: slice | I64) -> Configurations:
        return Configurations({k: v[rows] for k, v in self.values.items()}, self.trial[rows])

    def row(self, i: int) -> dict[str, Any]:
        """One configuration as plain values; None where an exit is off."""
        return {name: plain(name, column[i]) for name, column in self.values.items()}

    def frame(self) -> pl.DataFrame:
        """The configurations as a table: `trial` and one column an axis."""
        import polars as pl

        columns = {name: _series(name, column) for name, column in self.values.items()}
        return pl.DataFrame({"trial": self.trial, **columns})


def plain(name: str, value: Any) -> Any:
    """A value of an axis as Python has it; None where an exit is off."""
    value = value.item() if isinstance(value, np.generic) else value
    if name in EXIT_AXES and isinstance(value, float):
        if np.isnan(value):
            return None
        return int(value) if name in ("max_hold", "cooldown") else value
    return value


def _series(name: str, column: Column) -> pl.Series:
    import polars as pl

    if column.dtype == object:
        return pl.Series(name, column.tolist(), dtype=pl.String)
    made = pl.Series(name, column)
    if name in EXIT_AXES and column.dtype.kind == "f":
        made = made.fill_nan(None)
        return made.cast(pl.Int64) if name in ("max_hold", "cooldown") else made
    return made


def columns_of(table: pl.DataFrame) -> dict[str, Column]:
    """Axes of a table as arrays, the way back from `Configurations.frame`."""
    import polars as pl

    out: dict[str, Column] = {}
    for column in table:
        if column.dtype == pl.String:
            out[column.name] = np.array(column.to_list(), dtype=object)
        elif column.name in EXIT_AXES:
            out[column.name] = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        else:
            out[column.name] = column.to_numpy()
    return out


def varied(axes: Mapping[str, Column]) -> dict[str, Column]:
    """The axes with more than one value."""
    return {name: column for name, column in axes.items() if len(set(column.tolist())) > 1}


@dataclass(frozen=True)
class Space:
    """Axes to search and what must hold between them.

    Parameters
    ----------
    axes : mapping of str to sequence or Span
        Name to values: a range, a list, ``np.geomspace(…)``, one value, or a `Span`. A `Span`
        without step is for random, Sobol and model-guided search; a grid takes whole numbers of
        it where both ends are whole.
    where : str, optional
        A constraint such as ``"fast < slow"``.

    Raises
    ------
    ConfigError
        An axis without values, or a constraint that cannot be read.
    """

    axes: Mapping[str, Any]
    where: str | None = None
    _where: Where | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        found = {name: _axis(name, values) for name, values in self.axes.items()}
        object.__setattr__(self, "axes", found)
        if self.where is not None:
            object.__setattr__(self, "_where", Where(self.where, found))

    @cached_property
    def levels(self) -> dict[str, Column]:
        """Values of each axis in a grid."""
        return {name: _levels(name, axis) for name, axis in self.axes.items()}

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis of the grid."""
        return tuple(len(values) for values in self.levels.values())

    @property
    def size(self) -> int:
        """Configurations of the whole grid, those the constraint forbids included."""
        return int(np.prod(self.shape, dtype=np.float64)) if self.axes else 1

    def grid(self) -> Configurations:
        """Every configuration that the constraint admits, the last axis fastest."""
        return self.part(0, self.size)

    def part(self, first: int, last: int) -> Configurations:
        """The admitted configurations with grid numbers in [first, last)."""
        trial = np.arange(first, last, dtype=np.int64)
        values: dict[str, Column] = {}
        rest = trial
        for name, levels in reversed(self.levels.items()):
            values[name] = levels[rest % len(levels)]
            rest = rest // len(levels)
        whole = Configurations({name: values[name] for name in self.axes}, trial)
        return self._admitted(whole)

    def parts(self, size: int) -> Iterator[Configurations]:
        """The grid in parts of `size` numbers each; those the constraint empties are left out."""
        for first in range(0, self.size, size):
            found = self.part(first, min(first + size, self.size))
            if len(found):
                yield found

    def random(self, n: int, seed: int = 0) -> Configurations:
        """`n` configurations drawn independently, each axis evenly (Span(log=True): in the log)."""
        rng = np.random.default_rng(seed)
        return self._drawn(n, lambda first, k: rng.random((k, len(self.axes))))

    def sobol(self, n: int, seed: int = 0) -> Configurations:
        """`n` configurations of a scrambled Sobol sequence: even coverage with few points."""
        from scipy.stats import qmc

        sequence = qmc.Sobol(max(len(self.axes), 1), seed=seed)

        def draw(first: int, k: int) -> Any:
            return sequence.random(1 << max(k - 1, 0).bit_length())

        return self._drawn(n, draw)

    def admits(self, row: Mapping[str, Any]) -> bool:
        """Whether the constraint admits one configuration."""
        return self._where is None or bool(
            self._where({k: np.array([v]) for k, v in row.items()}, 1)[0]
        )

    def _drawn(self, n: int, draw: Any) -> Configurations:
        """The first `n` distinct admitted points; fewer where the space is smaller than that."""
        if n < 1:
            raise ConfigError(f"draw at least one configuration, found n={n}")
        kept: dict[tuple[Any, ...], None] = {}
        for first in range(_DRAWS):
            u = draw(first, n)
            columns = {a: _at(x, u[:, i]) for i, (a, x) in enumerate(self.axes.items())}
            found = self._admitted(Configurations(columns, np.arange(len(u), dtype=np.int64)))
            for point in zip(*(c.tolist() for c in found.values.values()), strict=True):
                kept.setdefault(point)
            if len(kept) >= n:
                break
        if not kept:
            raise ConfigError(f"where={self.where!r} admits none of the configurations drawn")
        points = list(kept)[:n]
        values = {
            name: np.array([p[i] for p in points], dtype=_at(axis, np.zeros(1)).dtype)
            for i, (name, axis) in enumerate(self.axes.items())
        }
        return Configurations(values, np.arange(len(points), dtype=np.int64))

    def _admitted(self, found: Configurations) -> Configurations:
        if self._where is None:
            return found
        return found[np.flatnonzero(self._where(found.values, len(found)))]


def _axis(name: str, values: Any) -> Span | Column:
    """An axis as a Span or an array of its values."""
    if isinstance(values, Span):
        return values
    if isinstance(values, str) or not isinstance(values, Sequence | np.ndarray | range):
        values = [values]
    items = [v.item() if isinstance(v, np.generic) else v for v in values]
    if not items:
        raise ConfigError(f"axis {name!r} has no values")
    if name in EXIT_AXES:
        numbers = [np.nan if v is None else v for v in items]
        if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in numbers):
            raise ConfigError(
                f"axis {name!r}: give numbers, or None for without; found {items!r:.60}"
            )
        return np.array(numbers, dtype=np.float64)
    kinds = {type(v) for v in items}
    if kinds == {bool}:
        return np.array(items, dtype=np.bool_)
    if kinds == {int}:
        return np.array(items, dtype=np.int64)
    if kinds <= {int, float}:
        return np.array(items, dtype=np.float64)
    out = np.empty(len(items), dtype=object)
    out[:] = items
    return out


def _levels(name: str, axis: Span | Column) -> Column:
    if not isinstance(axis, Span):
        return axis
    is_whole = float(axis.lo).is_integer() and float(axis.hi).is_integer()
    step = axis.step or (1.0 if is_whole else None)
    if step is None or axis.log:
        raise ConfigError(
            f"axis {name!r} is a span without step, which has no grid: give values, such as "
            "np.linspace(…) or np.geomspace(…), or search with method='random', 'sobol' or 'tpe'"
        )
    values = axis.lo + step * np.arange(int((axis.hi - axis.lo) / step + 1e-9) + 1)
    return values.astype(np.int64) if is_whole and float(step).is_integer() else values


def _at(axis: Span | Column, u: npt.NDArray[np.float64]) -> Column:
    """Values of an axis at places `u` in [0, 1)."""
    if not isinstance(axis, Span):
        return axis[np.minimum((u * len(axis)).astype(np.int64), len(axis) - 1)]
    if axis.step is not None and not axis.log:
        return _at(_levels("", axis), u)
    is_whole = isinstance(axis.lo, int) and isinstance(axis.hi, int)
    lo, hi = float(axis.lo), float(axis.hi) + is_whole
    x = lo * (hi / lo) ** u if axis.log else lo + (hi - lo) * u
    return np.minimum(np.floor(x), axis.hi).astype(np.int64) if is_whole else x
