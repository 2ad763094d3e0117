"""A Numba dispatcher that compiles one form where Numba would compile one for each kind of array."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from numba.core import types
from numba.core.dispatcher import Dispatcher
from numba.core.errors import TypingError
from numba.core.registry import CPUDispatcher

FLAGS = {"nopython": True, "nogil": True, "error_model": "numpy", "boundscheck": None}
COLUMN = types.Array(types.float64, 1, "C", readonly=True)


class CanonicalDispatcher(CPUDispatcher):  # type: ignore[misc]  # numba has no types
    """Compiles for the annotated types: read-only arrays, int64, float64.

    A mutable array converts to a read-only one and an int32 to an int64 without a copy of the
    code, so `sma(close, 20)` and `sma(sma(close, 20), 5)` share one compiled function.
    """

    def compile(self, sig: Any) -> Any:
        args = sig.args if hasattr(sig, "args") else sig
        kinds = [p.annotation for p in self._compiler.pysig.parameters.values()]
        names = list(self._compiler.pysig.parameters)
        return super().compile(
            tuple(
                _canonical(self.py_func.__name__, name, kind, given)
                for name, kind, given in zip(names, kinds, args, strict=True)
            )
        )


def _canonical(owner: str, name: str, kind: Any, given: Any) -> Any:
    """The type to compile for where a `given` type arrives at an argument annotated `kind`."""
    if isinstance(given, types.Omitted):
        return given
    text = kind if isinstance(kind, str) else getattr(kind, "__name__", str(kind))
    plain = types.unliteral(given)
    if text == "int":
        if isinstance(plain, types.Integer):
            return types.int64
        raise TypingError(f"{owner}(): {name} must be a whole number, not {plain}")
    if text == "float":
        if isinstance(plain, types.Integer | types.Float):
            return types.float64
        raise TypingError(f"{owner}(): {name} must be a number, not {plain}")
    if text in ("F64", "ndarray"):
        if not (
            isinstance(plain, types.Array) and plain.ndim == 1 and plain.dtype == types.float64
        ):
            raise TypingError(
                f"{owner}(): {name} must be a one-dimensional float64 array, not {plain}"
            )
        return COLUMN if plain.layout == "C" else plain.copy(readonly=True)
    return plain


def canonical_dispatcher(fn: Callable[..., Any]) -> Dispatcher:
    """The dispatcher of an indicator."""
    return CanonicalDispatcher(py_func=fn, targetoptions=dict(FLAGS))
