"""The one door to Numba: `kernel` and `indicator`, and the array types they are annotated with.

Numba is imported when something compiled is first called, never when it is defined.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
I8 = npt.NDArray[np.int8]
B8 = npt.NDArray[np.bool_]


class Kernel:
    """A function that Numba compiles on its first call; callable inside other compiled functions.

    Attributes
    ----------
    py_func : callable
        The function as written; it gives the same results, slowly.
    dispatcher : numba.core.dispatcher.Dispatcher
        Numba's own object, made when first asked for.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.py_func = fn
        self.__name__, self.__doc__, self.__module__ = fn.__name__, fn.__doc__, fn.__module__
        self.__qualname__, self.__wrapped__ = fn.__qualname__, fn
        self._dispatcher: Any = None

    @property
    def dispatcher(self) -> Any:
        if self._dispatcher is None:
            self._dispatcher = self._build()
        return self._dispatcher

    def _build(self) -> Any:
        from numba import njit

        return njit(nogil=True, error_model="numpy")(self.py_func)

    @property
    def _numba_type_(self) -> Any:
        return self.dispatcher._numba_type_

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.dispatcher(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.__name__}{inspect.signature(self.py_func)}>"


class Indicator(Kernel):
    """A kernel for users: one compiled form, whatever kind of array or number it is given.

    Called from Python, arguments are brought to the annotated types: `F64` to a one-dimensional,
    C-contiguous, read-only float64 array, `int`, `float` and `bool` to themselves.
    """

    def __init__(self, fn: Callable[..., Any]) -> None:
        super().__init__(fn)
        self.__signature__ = inspect.signature(fn)

    def _build(self) -> Any:
        from trade_research.kernels.canonical import canonical_dispatcher

        return canonical_dispatcher(self.py_func)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        bound = self.__signature__.bind(*args, **kwargs)
        bound.apply_defaults()
        kinds = self.__signature__.parameters
        return self.dispatcher(
            *(_as(kinds[name].annotation, value) for name, value in bound.arguments.items())
        )


def _as(kind: Any, value: Any) -> Any:
    """`value` as an argument annotated `kind`."""
    if kind in ("F64", F64):
        array = np.require(value, np.float64, ["C", "A"])
        if array.flags.writeable:
            array = array.view()
            array.flags.writeable = False
        return array
    if kind in ("int", int):
        return int(value) if isinstance(value, float) and value.is_integer() else _index(value)
    return float(value) if kind in ("float", float) else value


def _index(value: Any) -> int:
    import operator

    return operator.index(value)


def kernel(fn: Callable[..., Any]) -> Kernel:
    """Compile `fn` with our flags: nopython, GIL released, NumPy's division rules, no fastmath."""
    return Kernel(fn)


def indicator(fn: Callable[..., Any]) -> Indicator:
    """A `kernel` whose arguments are normalised to their annotations: see `Indicator`."""
    return Indicator(fn)
