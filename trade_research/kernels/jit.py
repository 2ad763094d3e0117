"""The one door to Numba: `kernel` and `indicator`, and the array types they are annotated with.

Numba is imported when something compiled is first called, never when it is defined.
"""

from __future__ import annotations

import inspect
import operator
import os
import sys
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from trade_research.kernels.digest import Digest

R = TypeVar("R")
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]
I8 = npt.NDArray[np.int8]
B8 = npt.NDArray[np.bool_]


class Kernel(Generic[R]):
    """A function that Numba compiles on its first call; callable inside other compiled functions.

    Attributes
    ----------
    py_func : callable
        The function as written; it gives the same results, slowly.
    dispatcher : numba.core.dispatcher.Dispatcher
        Numba's own object, made when first asked for.
    manner : tuple
        What the compiled code depends on besides the function: part of its digest.
    """

    def __init__(self, fn: Callable[..., R]) -> None:
        self.py_func = fn
        self.manner: tuple[Any, ...] = (type(self).__name__,)
        self.__name__, self.__doc__, self.__module__ = fn.__name__, fn.__doc__, fn.__module__
        self.__qualname__, self.__wrapped__ = fn.__qualname__, fn
        self._dispatcher: Any = None
        self._digest: Digest | None = None
        self._ours = (fn.__module__ or "").partition(".")[0] == "trade_research"

    @property
    def dispatcher(self) -> Any:
        # Code of this package does not change while it runs; a user's helper may, cell by cell.
        if self._dispatcher is None or not (self._ours or self._is_fresh()):
            self._dispatcher = self._build()
        return self._dispatcher

    def _is_fresh(self) -> bool:
        """Whether everything the function refers to is as it was when its dispatcher was made."""
        return self._digest is not None and self._digest.holds()

    def _build(self) -> Any:
        from trade_research.kernels.compile import make_dispatcher

        if not self._ours:
            from trade_research.kernels.digest import digest

            self._digest = digest(self.py_func)
        return make_dispatcher(self.py_func, self._digest, canonical=isinstance(self, Indicator))

    @property
    def _numba_type_(self) -> Any:
        return self.dispatcher._numba_type_

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        result: R = self.dispatcher(*args, **kwargs)
        return result

    def entry(self, *args: Any) -> Callable[..., R]:
        """The compiled code for arguments of the types of these, which it does not look at again.

        For what is called at every bar with the same arrays: looking at records takes microseconds.
        """
        from trade_research.kernels.compile import entry

        code: Callable[..., R] = entry(self.dispatcher, args)
        return code

    def __repr__(self) -> str:
        return f"<{type(self).__name__.lower()} {self.__name__}{inspect.signature(self.py_func)}>"


class Bare(Kernel[R]):
    """A kernel that makes no arrays: compiled without counting references to those it is given.

    Where many small functions pass arrays on, the counting costs more than the work. An `inner`
    one is called by kernels only: it has no door from Python, which halves its compile time, and
    called from there it runs uncompiled.
    """

    def __init__(self, fn: Callable[..., R], *, inner: bool, inline: bool = False) -> None:
        super().__init__(fn)
        self._is_inner, self._is_inline = inner, inline
        self.manner += (inner, inline)

    def _build(self) -> Any:
        from trade_research.kernels.compile import make_bare

        return make_bare(self.py_func, inner=self._is_inner, inline=self._is_inline)

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        """The compiled function; from Python an inner kernel runs as it is written."""
        return (
            self.py_func(*args, **kwargs) if self._is_inner else super().__call__(*args, **kwargs)
        )


class Indicator(Kernel[R]):
    """A kernel for users: one compiled form, whatever kind of array or number it is given.

    Called from Python, arguments are brought to the annotated types: `F64` to a one-dimensional,
    C-contiguous, read-only float64 array, `int`, `float` and `bool` to themselves.
    """

    def __init__(self, fn: Callable[..., R]) -> None:
        super().__init__(fn)
        self.__signature__ = inspect.signature(fn)
        self._kinds = [p.annotation for p in self.__signature__.parameters.values()]

    def __call__(self, *args: Any, **kwargs: Any) -> R:
        if kwargs or len(args) != len(self._kinds):
            bound = self.__signature__.bind(*args, **kwargs)
            bound.apply_defaults()
            args = bound.args
        result: R = self.dispatcher(*map(_as, self._kinds, args))
        return result


def _as(kind: Any, value: Any) -> Any:
    """`value` as an argument annotated `kind`."""
    if kind in ("F64", F64):
        array = np.require(value, np.float64, ["C", "A"]) if not _is_plain(value) else value
        if array.flags.writeable:
            array = array.view()
            array.flags.writeable = False
        return array
    if kind in ("int", int):
        return (
            int(value) if isinstance(value, float) and value.is_integer() else operator.index(value)
        )
    return float(value) if kind in ("float", float) else value


def _is_plain(value: Any) -> bool:
    """Whether `value` is a float64 array in one piece, which most are."""
    return (
        type(value) is np.ndarray
        and value.dtype == np.float64
        and value.flags.c_contiguous
        and value.flags.aligned
    )


def kernel(fn: Callable[..., R]) -> Kernel[R]:
    """Compile `fn` with our flags: nopython, GIL released, NumPy's division rules, no fastmath."""
    return Kernel(fn)


def bare_kernel(fn: Callable[..., R]) -> Bare[R]:
    """A `kernel` that makes no arrays."""
    return Bare(fn, inner=False)


def inner_kernel(fn: Callable[..., R]) -> Bare[R]:
    """A `bare_kernel` that only kernels call."""
    return Bare(fn, inner=True)


def inline_kernel(fn: Callable[..., R]) -> Bare[R]:
    """An `inner_kernel` that becomes part of its callers: for steps of a few nanoseconds."""
    return Bare(fn, inner=True, inline=True)


def indicator(fn: Callable[..., R]) -> Indicator[R]:
    """A `kernel` whose arguments are normalised to their annotations: see `Indicator`."""
    return Indicator(fn)


def cache_folder() -> Path | None:
    """The folder that keeps compiled code, made if need be; None when there is none to write to.

    ``TRADE_RESEARCH_CACHE`` names another parent than the user's cache directory, or ``off``. Where
    neither can be written to, or others could write to it too (compiled code is trusted when it is
    loaded), a private temporary folder takes its place.
    """
    return _cache_folder(os.environ.get("TRADE_RESEARCH_CACHE"))


@cache
def _cache_folder(wanted: str | None) -> Path | None:
    if wanted is not None and wanted.strip().lower() in ("", "0", "off", "none"):
        return None
    spare = Path(tempfile.gettempdir(), f"trade-research-{_user()}")
    parents = [Path(wanted).expanduser() if wanted else _user_cache(), spare]
    return next((p / "compiled" for p in parents if _is_private(p / "compiled")), None)


def _user_cache() -> Path:
    """The user's cache directory for this package, as the platform has it."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA") or Path("~/AppData/Local").expanduser())
    elif sys.platform == "darwin":
        base = Path("~/Library/Caches").expanduser()
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser())
    return base / "trade-research"


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")


def _is_private(folder: Path) -> bool:
    """Whether `folder` is there or can be made, is ours alone to write to, and takes a file."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = folder.stat()
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o022):
            return False
        with tempfile.TemporaryFile(dir=folder):
            return True
    except (OSError, RuntimeError):  # RuntimeError: no home directory
        return False
