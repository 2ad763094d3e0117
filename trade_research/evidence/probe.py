"""How the laws question a strategy: rows cut short, in a window, or with another future."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np

from trade_research.errors import DataError
from trade_research.kernels.jit import F64, I64

if TYPE_CHECKING:
    from trade_research.strategies.declare import Col

Outputs = dict[str, F64]
How = Literal["truncate", "times_1000", "random_walk"]
FUTURES: tuple[How, ...] = ("truncate", "times_1000", "random_walk")


class TargetsLike(Protocol):
    """What a strategy returns: targets and the columns beside them, one value a bar."""

    @property
    def target(self) -> F64: ...
    @property
    def extras(self) -> Mapping[str, F64]: ...


class StrategyLike(Protocol):
    """As much of a strategy as the laws need; `strategies.Strategy` is one."""

    @property
    def name(self) -> str: ...
    @property
    def inputs(self) -> Mapping[str, Col]: ...
    def compute(self, columns: Mapping[str, F64], **params: Any) -> TargetsLike: ...
    def raw(self, columns: Mapping[str, F64], **params: Any) -> TargetsLike: ...
    def warmup(self, **params: Any) -> int: ...


class Probe:
    """A strategy, its parameters and the columns it is asked about; every answer is a fresh run.

    Parameters
    ----------
    strategy : StrategyLike
    columns : mapping of str to float64 array, (n_bars,) or (n_bars, k)
    params : mapping
    times : int64 array (n_bars,), close times in microseconds UTC, or None
    seed : int
        Of the random-walk futures.
    symbol : str, optional
        Whose bars they are, where there are several.
    across : tuple of str
        The symbols of a panel strategy, which is asked about all at once: its outputs have a
        column for each.
    """

    def __init__(
        self,
        strategy: StrategyLike,
        columns: Mapping[str, F64],
        params: Mapping[str, Any],
        times: I64 | None = None,
        seed: int = 0,
        symbol: str | None = None,
        across: tuple[str, ...] = (),
    ) -> None:
        self.symbol, self.across = symbol, across
        self.strategy, self.params, self.times, self.seed = strategy, dict(params), times, seed
        self.columns = {name: _read_only(values) for name, values in columns.items()}
        self.n_bars = min((len(v) for v in self.columns.values()), default=0)
        if self.n_bars == 0:
            raise DataError(f"there are no bars to check {strategy.name} on; give it some")
        self.warmup = int(strategy.warmup(**params))
        self.decided: dict[int, F64] = {}
        self.refused: dict[int, str] = {}
        self._full: Outputs | None = None
        self._walk: F64 | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The input columns whose futures can be replaced."""
        return tuple(self.columns)

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of the outputs that are targets."""
        return tuple(f"target of {name}" for name in self.across) or ("target",)

    def wanted(self, outputs: Outputs) -> F64:
        """Targets among the outputs, (n_bars,), of a panel strategy (n_bars, n_symbols)."""
        if not self.across:
            return outputs["target"]
        return np.stack([outputs[name] for name in self.targets], axis=1)

    def full(self) -> Outputs:
        """Outputs on all rows, remembered."""
        if self._full is None:
            self._full = self._run(self.columns)
        return self._full

    def prefix(self, t: int) -> Outputs:
        """Outputs when only rows [0, t) exist; empty, and noted in `refused`, if it raises.

        The decision on the last of them is remembered in `decided`, for the replay law.
        """
        out = self._tried(t, lambda: self._cut(t))
        if out:
            self.decided[t] = self.wanted(out)[t - 1]
        return out

    def future(self, t: int, how: How) -> Outputs:
        """Outputs when the rows from t on are cut off, or their values replaced."""
        if how == "truncate":
            return self.prefix(t)
        return self._tried(t, lambda: self._replaced(t, how))

    def perturbed(self, row: int, name: str, factor: float) -> Outputs:
        """Outputs when one value of one column is multiplied by `factor`."""
        changed = {name: _scaled(self.columns[name], row, row + 1, factor)}
        return self._tried(row + 1, lambda: self._run({**self.columns, **changed}))

    def window(self, a: int, b: int) -> Probe:
        """The same questions about rows [a, b) alone."""
        cut = {name: values[a:b] for name, values in self.columns.items()}
        times = None if self.times is None else self.times[a:b]
        return Probe(self.strategy, cut, self.params, times, self.seed, across=self.across)

    def raw(self, a: int, b: int) -> F64:
        """Targets of rows [a, b) alone, as the function returns them: the warm-up not flattened."""
        cut = {name: values[a:b] for name, values in self.columns.items()}
        return self.strategy.raw(cut, **self.params).target

    def walk(self) -> F64:
        """Factors of a random walk, (n_bars,): the future that replaces the recorded one."""
        if self._walk is None:
            steps = np.random.default_rng(self.seed).normal(0.0, 0.01, self.n_bars)
            self._walk = np.exp(np.clip(np.cumsum(steps), -50.0, 50.0))
        return self._walk

    def _cut(self, t: int) -> Outputs:
        return self._run({name: values[:t] for name, values in self.columns.items()})

    def _replaced(self, t: int, how: How) -> Outputs:
        factor = 1000.0 if how == "times_1000" else self.walk()[: self.n_bars - t]
        return self._run({k: _scaled(v, t, self.n_bars, factor) for k, v in self.columns.items()})

    def _tried(self, t: int, run: Callable[[], Outputs]) -> Outputs:
        try:
            return run()
        except Exception as error:  # recorded: that it cannot run on its own past is a finding
            self.refused[t] = str(error)
            return {}

    def _run(self, columns: Mapping[str, F64]) -> Outputs:
        got = self.strategy.compute(columns, **self.params)
        found: Outputs = {}
        for name, values in {"target": got.target, **got.extras}.items():
            if values.ndim == 1:
                found[name] = values
            else:
                of = zip(self.across, values.T, strict=True)
                found |= {f"{name} of {symbol}": column for symbol, column in of}
        return found


def first_difference(a: F64, b: F64) -> int:
    """First row where two equally long arrays differ in bits (any NaN equals any NaN), or -1."""
    a, b = np.ascontiguousarray(a, np.float64), np.ascontiguousarray(b, np.float64)
    same = a.view(np.int64) == b.view(np.int64)
    if same.all():
        return -1
    same |= np.isnan(a) & np.isnan(b)
    if same.ndim > 1:
        same = same.all(axis=1)
    row = int(same.argmin())
    return -1 if same[row] else row


def value_at(outputs: Outputs, column: str, bar: int) -> float | None:
    """One value of one run, None if the run failed."""
    return float(outputs[column][bar]) if outputs else None


def same_value(a: float | None, b: float | None) -> bool:
    """Bit equality of two values, any NaN equal to any NaN; a failed run equals nothing."""
    if a is None or b is None:
        return False
    return first_difference(np.array([a]), np.array([b])) < 0


def first_disagreement(full: Outputs, part: Outputs, rows: int) -> tuple[int, str] | None:
    """Earliest (row, column) at which `part` differs from `full` on the first `rows` rows."""
    found = [
        (row, name)
        for name, values in part.items()
        if (row := first_difference(full[name][:rows], values[:rows])) >= 0
    ]
    return min(found, default=None)


def _read_only(values: F64) -> F64:
    fixed = np.ascontiguousarray(values, dtype=np.float64).view()
    fixed.flags.writeable = False
    return fixed


def _scaled(values: F64, start: int, stop: int, factor: float | F64) -> F64:
    changed = values.copy()
    by = factor if values.ndim == 1 or isinstance(factor, float) else factor[:, None]
    changed[start:stop] *= by
    return changed
