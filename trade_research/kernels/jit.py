"""The one door to Numba: `kernel`, and the array types kernels are annotated with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
B8 = npt.NDArray[np.bool_]


class Kernel:
    """A function Numba compiles on its first call; usable inside other compiled functions."""

    def __init__(self, fn: Callable[..., Any]) -> None:
        self.py_func = fn
        self.__name__, self.__doc__, self.__module__ = fn.__name__, fn.__doc__, fn.__module__
        self.__wrapped__ = fn
        self._dispatcher: Any = None

    @property
    def dispatcher(self) -> Any:
        """Numba's dispatcher, made when first asked for."""
        if self._dispatcher is None:
            from numba import njit

            self._dispatcher = njit(nogil=True, error_model="numpy")(self.py_func)
        return self._dispatcher

    @property
    def _numba_type_(self) -> Any:
        return self.dispatcher._numba_type_

    def __call__(self, *args: Any) -> Any:
        return self.dispatcher(*args)


def kernel(fn: Callable[..., Any]) -> Kernel:
    """Compile `fn` with our flags: nopython, GIL released, NumPy's division rules, never fastmath."""
    return Kernel(fn)
