"""Running a strategy's compiled function on arrays, and checking what comes back."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.errors import (
    MissingColumnError,
    StrategyError,
    StrategyOutputError,
    nearest,
)
from trade_research.kernels.jit import F64, Kernel
from trade_research.strategies.variant import with_defaults

if TYPE_CHECKING:
    from trade_research.kernels.digest import Digest


@dataclass(frozen=True)
class Targets:
    """What a strategy wants: `target` (n_bars,), and the columns it returned beside it.

    Of a panel strategy `target` is (n_bars, n_symbols), and a column may be either.
    """

    target: F64
    extras: dict[str, F64] = field(default_factory=dict)


class Program:
    """A strategy's function, compiled once for each choice of its text parameters."""

    def __init__(
        self,
        fn: Callable[..., Any],
        columns: tuple[str, ...],
        params: Mapping[str, Any],
        panels: frozenset[str] = frozenset(),
    ) -> None:
        self.fn, self.columns, self.panels = fn, columns, panels
        self.outputs: tuple[str, ...] | None = None
        self._digest: Digest | None = None
        self._texts = tuple(n for n, p in params.items() if p.type is str)
        self._kernels: dict[tuple[str, ...], Kernel[Any]] = {}

    @property
    def source_hash(self) -> str:
        from trade_research.kernels.digest import digest

        if self._digest is None or not self._digest.holds():
            self._digest = digest(self.fn)
        return self._digest.hex

    def run(self, columns: Mapping[str, F64], params: dict[str, Any]) -> Targets:
        """Targets of `columns` under normalised `params`, before any warm-up is flattened."""
        arrays = self._arrays(columns)
        kernel = self._kernel(tuple(params[n] for n in self._texts))
        numbers = {n: v for n, v in params.items() if n not in self._texts}
        result = self._call(kernel, arrays, numbers, params)
        return self._checked(result, arrays)

    def entry(self, params: dict[str, Any]) -> tuple[Kernel[Any], tuple[Any, ...]]:
        """The kernel, and the values that follow the columns when it is called by position."""
        leading = tuple(params)[: len(params) - len(self._texts)]
        if set(leading) & set(self._texts):  # a text parameter before a number: all are passed
            return self._kernel(()), tuple(params.values())
        return self._kernel(tuple(params[n] for n in self._texts)), tuple(
            params[n] for n in leading
        )

    def _kernel(self, texts: tuple[str, ...]) -> Kernel[Any]:
        """The kernel for these text parameters, which it has as defaults.

        Numba then knows them while compiling, leaves out the branches not taken, and needs no
        code to compare text, which takes a second to compile.
        """
        if texts not in self._kernels:
            made = self._specialised(dict(zip(self._texts, texts, strict=False)))
            self._kernels[texts] = Kernel(made)
        return self._kernels[texts]

    def kernel(self, params: Mapping[str, Any]) -> Kernel[Any]:
        """The kernel for the text parameters among `params`; it takes the others."""
        return self._kernel(tuple(params[n] for n in self._texts))

    def _specialised(self, texts: dict[str, Any]) -> Callable[..., Any]:
        """The function with these text parameters as its defaults."""
        return with_defaults(self.fn, texts, self.fn.__name__) if texts else self.fn

    def _arrays(self, columns: Mapping[str, F64]) -> list[F64]:
        """The declared columns as read-only, C-contiguous float64 arrays of one length."""
        arrays: list[F64] = []
        for name in self.columns:
            if name not in columns:
                raise MissingColumnError(
                    f"{self.fn.__name__} reads column {name!r}, which is not given; "
                    f"{nearest(name, columns)}"
                )
            array = np.require(columns[name], np.float64, ["C", "A"]).view()
            array.flags.writeable = False
            arrays.append(array)
        lengths = {name: a.shape[0] for name, a in zip(self.columns, arrays, strict=True)}
        if len(set(lengths.values())) > 1:
            raise StrategyError(f"{self.fn.__name__}: columns differ in length: {lengths}")
        if self.panels:
            self._check_panels(arrays)
        return arrays

    def _check_panels(self, arrays: list[F64]) -> None:
        """Raise unless the panels are tables of the same symbols, and nothing else is a table."""
        shapes = {n: a.shape for n, a in zip(self.columns, arrays, strict=True)}
        widths = {shape[1:] for n, shape in shapes.items() if n in self.panels}
        if len(widths) > 1 or any(
            len(shape) != 1 + (n in self.panels) for n, shape in shapes.items()
        ):
            raise StrategyError(
                f"{self.fn.__name__} reads panels of shape (n_bars, n_symbols), all of the same "
                f"symbols, and other columns of shape (n_bars,), found {shapes}"
            )

    def _call(
        self,
        kernel: Kernel[Any],
        arrays: list[F64],
        numbers: dict[str, Any],
        params: dict[str, Any],
    ) -> Any:
        from trade_research.strategies.explain import compiled_entry

        entry = compiled_entry(kernel, arrays, numbers)
        try:
            return entry(*arrays, **numbers)
        except Exception as error:
            shown = ", ".join(f"{k}={v!r}" for k, v in params.items()) or "no parameters"
            what = f"{type(error).__name__}: {error}".rstrip(": ")
            raise StrategyError(
                f"{self.fn.__name__} raised {what} (with {shown}, {arrays[0].shape[0]} bars)"
            ) from error

    def _checked(self, result: Any, arrays: list[F64]) -> Targets:
        """The returned value as `Targets` that share no memory with the columns."""
        fields = getattr(result, "_fields", None)
        if fields is None:
            values = {"target": result}
        elif fields[0] == "target":
            values = dict(zip(fields, result, strict=True))
        else:
            raise StrategyOutputError(
                f"{self.fn.__name__} returned a named tuple whose first field is {fields[0]!r}; "
                f"the first must be 'target'"
            )
        for name, value in values.items():
            self._check(name, value, self._shapes(name, arrays))
        owned = {n: self._owned(v, arrays) for n, v in values.items()}
        target = owned.pop("target")
        if any(np.may_share_memory(target, extra) for extra in owned.values()):
            target = target.copy()
        self._blank(target, arrays)
        self.outputs = tuple(values)
        return Targets(target, owned)

    def _blank(self, target: F64, arrays: list[F64]) -> None:
        """No opinion where a scalar column or a panel is NaN."""
        for name, column in zip(self.columns, arrays, strict=True):
            if name in self.panels:
                target[np.isnan(column)] = np.nan
                continue
            # The least value is NaN if any is: ten times as fast as looking at each.
            if column.ndim == 1 and column.size and np.isnan(column.min()):
                target[np.isnan(column)] = np.nan

    def _owned(self, value: Any, arrays: list[F64]) -> F64:
        aliased = any(np.may_share_memory(value, array) for array in arrays)
        return np.array(value, np.float64, order="C", copy=True if aliased else None)

    def _shapes(self, name: str, arrays: list[F64]) -> tuple[tuple[int, ...], ...]:
        """The shapes that the field `name` of the result may have."""
        row = arrays[0].shape[:1]
        for column, array in zip(self.columns, arrays, strict=True):
            if column in self.panels:
                return (array.shape,) if name == "target" else (array.shape, row)
        return (row,)

    def _check(self, name: str, value: Any, shapes: tuple[tuple[int, ...], ...]) -> None:
        """Raise unless `value` is an array that can be the field `name` of the result."""
        each = f"each of the {shapes[0][0]} bars"
        if len(shapes[0]) > 1:
            each += f" and {shapes[0][1]} symbols"
        what = f"{self.fn.__name__} returned " + ("" if name == "target" else f"as {name!r} ")
        if isinstance(value, tuple | list):
            raise StrategyOutputError(
                f"{what}a {type(value).__name__}; return one array, or a NamedTuple whose first "
                f"field is target"
            )
        if not isinstance(value, np.ndarray):
            raise StrategyOutputError(
                f"{what}{value!r:.60}; return an array with one target for {each}"
            )
        if value.shape not in shapes:
            raise StrategyOutputError(
                f"{what}an array of shape {value.shape}; it must have one value for {each}"
            )
        if name == "target" and value.dtype != np.float64:
            raise StrategyOutputError(
                f"{what}{value.dtype} targets; write 1.0 and 0.0 (np.where(rule, 1.0, 0.0)), "
                f"so that NaN can say no opinion"
            )
        if value.dtype.kind not in "fiub":
            raise StrategyOutputError(f"{what}an array of {value.dtype}; only numbers fit")
