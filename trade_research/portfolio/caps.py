"""Caps on weights, the projection onto them, and what it changed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from trade_research.errors import ConfigError, nearest
from trade_research.kernels.jit import F64, I64
from trade_research.portfolio.projection import MARGIN, N_SUMS, project_rows

if TYPE_CHECKING:
    import polars as pl

Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True)
class Caps:
    """What weights may be, all as fractions of equity. None: no such cap.

    Every cap lets a symbol be flat, so some weights always keep all of them.

    Attributes
    ----------
    max_weight : float or mapping of str to float
        Largest ``|weight|`` of one symbol; a mapping names symbols, and others have none.
    gross : float
        Largest sum of ``|weight|``.
    net : float or (low, high)
        Bounds of the sum of weights, ``low <= 0 <= high``; one number x means (-x, x).
    class_gross : mapping of str to float
        Largest sum of ``|weight|`` within a class.
    class_of : mapping of str to str
        Class of each symbol; a symbol not named here is in none.
    turnover : float
        Largest sum of ``|change of weight|`` from one row to the next, over wanted weights: the
        drift of prices in between is not counted. What does not fit waits for the next row.
    shorts : bool
        False: no weight below 0.
    hedge : bool
        False (default): caps only ever take away, so every weight lies between 0 and the one wanted
        (under a turnover cap: or the one before). True: a net cap may also open positions that
        nobody asked for, where those are the nearest weights.
    """

    max_weight: float | Mapping[str, float] | None = None
    gross: float | None = None
    net: float | tuple[float, float] | None = None
    class_gross: Mapping[str, float] = field(default_factory=dict)
    class_of: Mapping[str, str] = field(default_factory=dict)
    turnover: float | None = None
    shorts: bool = True
    hedge: bool = False

    def __post_init__(self) -> None:
        names = self.max_weight if isinstance(self.max_weight, Mapping) else {}
        one = {} if isinstance(self.max_weight, Mapping) else {"max_weight": self.max_weight}
        for what, value in (
            *one.items(),
            ("gross", self.gross),
            ("turnover", self.turnover),
            *((f"max_weight of {name!r}", cap) for name, cap in names.items()),
            *((f"class_gross of {name!r}", cap) for name, cap in self.class_gross.items()),
        ):
            if value is not None and not 0.0 <= value <= math.inf:
                raise ConfigError(f"{what} must be a fraction of equity from 0 up, found {value!r}")
        low, high = self._net()
        if not low <= 0.0 <= high:
            raise ConfigError(
                f"net must hold 0, so that being flat is allowed: write net=(low, high) with "
                f"low <= 0 <= high, found {self.net!r}"
            )
        for name in set(self.class_gross) - set(self.class_of.values()):
            raise ConfigError(
                f"class_gross names {name!r}, but class_of puts no symbol in it; "
                f"{nearest(name, set(self.class_of.values()))}"
            )

    def _net(self) -> tuple[float, float]:
        if self.net is None:
            return -math.inf, math.inf
        if isinstance(self.net, tuple):
            return self.net
        return -abs(self.net), abs(self.net)

    def arrays(self, symbols: Sequence[str]) -> tuple[F64, F64, I64, F64, F64]:
        """What the kernels read: low and high (n_symbols,), class codes, class caps, sums."""
        if len(set(symbols)) < len(symbols):
            twice = next(name for name in symbols if list(symbols).count(name) > 1)
            raise ConfigError(f"symbol {twice!r} has two columns: blend its opinions into one")
        if isinstance(self.max_weight, Mapping):
            for name in self.max_weight:
                if name not in symbols:
                    raise ConfigError(
                        f"max_weight names {name!r}, which is not among the symbols; "
                        f"{nearest(name, symbols)}"
                    )
            tops = [self.max_weight.get(name, math.inf) for name in symbols]
        else:
            tops = [math.inf if self.max_weight is None else self.max_weight] * len(symbols)
        high = np.array(tops, dtype=np.float64)
        low = -high if self.shorts else np.zeros(len(symbols))
        classes = list(self.class_gross)
        codes = [
            classes.index(self.class_of[name]) if self.class_of.get(name) in classes else -1
            for name in symbols
        ]
        below, above = self._net()
        below = min(below, above - MARGIN)
        sums = [above, below] + [math.inf if x is None else x for x in (self.gross, self.turnover)]
        return (
            low,
            high,
            np.array(codes, dtype=np.int64),
            np.array(list(self.class_gross.values()), dtype=np.float64),
            np.array(sums, dtype=np.float64),
        )


@dataclass(frozen=True, eq=False)
class Projection:
    """Weights before and after the caps.

    Attributes
    ----------
    wanted : float64 array of shape (n_bars, n_symbols)
        Before the caps; NaN before a symbol's first opinion.
    weights : float64 array of shape (n_bars, n_symbols)
        Within the caps. NaN: no opinion at this row, what is held stays.
    symbols : tuple of str
    """

    wanted: F64
    weights: F64
    symbols: tuple[str, ...]

    @property
    def standing(self) -> F64:
        """The weights in force at each row, (n_bars, n_symbols); 0 before the first opinion."""
        return np.nan_to_num(forward(self.weights), copy=False, nan=0.0)

    @property
    def moved(self) -> F64:
        """How much the caps changed each row, (n_bars,): sum of ``|weight - wanted|``."""
        moved: F64 = np.abs(self.standing - np.nan_to_num(self.wanted, nan=0.0)).sum(axis=1)
        return moved

    def changes(self, close_time: I64) -> pl.DataFrame:
        """What the caps changed, one row for each weight from the bar on at which it changed.

        Returns
        -------
        DataFrame
            ``close_time, symbol, wanted, weight, change``; oldest first.
        """
        import polars as pl

        wanted, weights = np.nan_to_num(self.wanted, nan=0.0), self.standing
        change = weights - wanted
        is_new = np.ones(change.shape, dtype=np.bool_)
        is_new[1:] = (wanted[1:] != wanted[:-1]) | (weights[1:] != weights[:-1])
        row, column = np.nonzero((change != 0.0) & is_new)
        return pl.DataFrame(
            {
                "close_time": pl.Series(close_time[row]).cast(pl.Datetime("us", "UTC")),
                "symbol": pl.Series([self.symbols[s] for s in column], dtype=pl.String),
                "wanted": wanted[row, column],
                "weight": weights[row, column],
                "change": change[row, column],
            }
        )


def forward(values: F64) -> F64:
    """Each column with NaN replaced by the last value above it; a new array."""
    rows = np.where(np.isnan(values), 0, np.arange(len(values))[:, None])
    np.maximum.accumulate(rows, axis=0, out=rows)
    found: F64 = np.take_along_axis(values, rows, axis=0)
    return found


def project(
    wanted: F64, caps: Caps, *, symbols: Sequence[str] | None = None, targets: F64 | None = None
) -> Projection:
    """The nearest weights that keep the caps, row by row (least sum of squared changes).

    Parameters
    ----------
    wanted : float64 array of shape (n_bars, n_symbols)
        NaN: no opinion was ever given; counts as 0 and stays NaN.
    caps : Caps
    symbols : sequence of str, optional
        Names of the columns, where caps name symbols.
    targets : float64 array of shape (n_bars, n_symbols), optional
        Rows where it is NaN have no opinion: their weight is NaN unless the caps move it.

    Returns
    -------
    Projection
        Caps hold to 1e-14 in each row. A row depends on itself, and under a turnover cap on the
        rows above it.

    Raises
    ------
    ConfigError
        A cap names an unknown symbol, or weights are infinite.

    References
    ----------
    Duchi et al. (2008), Efficient Projections onto the l1-Ball, ICML, for the gross cap alone.
    """
    wanted = np.ascontiguousarray(wanted, dtype=np.float64)
    if wanted.ndim != 2:
        raise ConfigError(f"weights must be (n_bars, n_symbols), found shape {wanted.shape}")
    names = tuple(symbols) if symbols is not None else _numbered(wanted.shape[1])
    if len(names) != wanted.shape[1]:
        raise ConfigError(f"{wanted.shape[1]} columns of weights, but {len(names)} symbols")
    if np.isinf(wanted).any():
        raise ConfigError("weights must be finite or NaN, found an infinite one")
    opinions = wanted if targets is None else np.ascontiguousarray(targets, dtype=np.float64)
    out = np.empty_like(wanted)
    spare = np.zeros((7, len(names) + N_SUMS))
    given = as_read(wanted), as_read(opinions), *caps.arrays(names)
    row = project_rows(*given, caps.hedge, spare, out)
    if row >= 0:
        raise ConfigError(f"no weights keep {caps} at row {row}: raise a cap")
    return Projection(wanted, out, names)


def as_read(array: npt.NDArray[Kind]) -> npt.NDArray[Kind]:
    """A read-only view: kernels compile for one kind of array."""
    view = array.view()
    view.setflags(write=False)
    return view


def _numbered(n_symbols: int) -> tuple[str, ...]:
    return tuple(f"symbol {s}" for s in range(n_symbols))
