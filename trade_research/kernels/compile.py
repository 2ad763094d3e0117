"""Making Numba dispatchers: our flags, our cache, and one form for all kinds of array."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numba.core import config, ir
from numba.core import types as _types
from numba.core.compiler import Compiler
from numba.core.compiler_machinery import FunctionPass, register_pass
from numba.core.errors import TypingError
from numba.core.registry import CPUDispatcher
from numba.core.typing.typeof import typeof
from numba.core.untyped_passes import FixupArgs
from numba.extending import overload

from trade_research.kernels import ahead_code, bits_code, lanes_code  # noqa: F401  # machine code
from trade_research.kernels.cache import CompileCache, adopt
from trade_research.kernels.digest import Digest
from trade_research.kernels.fields import first_field

types: Any = _types  # its names are made at run time
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


@register_pass(mutates_CFG=False, analysis_only=False)
class ConstantTexts(FunctionPass):  # type: ignore[misc]  # numba has no types
    """Text arguments left to their default become constants, so that branches on them go.

    Numba prunes a branch before it looks for what the branch calls: what is not taken is neither
    compiled nor typed, and comparing text, which takes a second to compile, is not needed.
    """

    _name = "trade_research_constant_texts"

    def __init__(self) -> None:
        FunctionPass.__init__(self)

    def run_pass(self, state: Any) -> bool:
        changed = False
        for block in state.func_ir.blocks.values():
            for step in block.find_insts(ir.Assign):
                given = state.args[step.value.index] if isinstance(step.value, ir.Arg) else None
                if isinstance(given, types.Omitted) and isinstance(given.value, str):
                    step.value = ir.Const(given.value, step.loc)
                    changed = True
        return changed


class Pipeline(Compiler):  # type: ignore[misc]  # numba has no types
    """Numba's own passes with `ConstantTexts` among the first."""

    def define_pipelines(self) -> Any:
        pipelines = super().define_pipelines()
        for passes in pipelines:
            passes.add_pass_after(ConstantTexts, FixupArgs)
            passes.finalize()
        return pipelines


def make_dispatcher(fn: Callable[..., Any], known: Digest | None, *, canonical: bool) -> Any:
    """The dispatcher of a kernel, with our cache behind it.

    Parameters
    ----------
    fn : callable
    known : Digest or None
        Its digest, where what it refers to may have been compiled by others (a user's function).
    canonical : bool
        Compile for the annotated types, as indicators do.
    """
    if config.DISABLE_JIT:
        return fn
    _reuse_pages()
    adopt(known.compiled if known is not None else ())
    kind = CanonicalDispatcher if canonical else CPUDispatcher
    made = kind(py_func=fn, targetoptions=dict(FLAGS), pipeline_class=Pipeline)
    made._cache = CompileCache(fn, made.targetoptions)
    return made


def make_bare(fn: Callable[..., Any], *, inner: bool, inline: bool = False) -> Any:
    """The dispatcher of a kernel of this package that makes no arrays.

    An inner one keeps no entry in the cache: the code of what calls it holds its own.
    """
    if config.DISABLE_JIT:
        return fn
    _reuse_pages()
    options = FLAGS | {"_nrt": False, "no_cfunc_wrapper": True, "no_cpython_wrapper": inner}
    options |= {"forceinline": True} if inline else {}
    made = CPUDispatcher(py_func=fn, targetoptions=options)
    if not inner:
        made._cache = CompileCache(fn, made.targetoptions)
    return made


def entry(dispatcher: Any, args: tuple[Any, ...]) -> Any:
    """The compiled code that a dispatcher would choose for these arguments."""
    if config.DISABLE_JIT:
        return dispatcher
    return dispatcher.compile(tuple(typeof(arg) for arg in args))


overload(first_field)(  # a lambda: Numba compares signatures, annotations included
    lambda result: (
        (lambda result: result[0])
        if isinstance(result, types.BaseTuple)
        else (lambda result: result)
    )
)


@cache
def _reuse_pages() -> None:
    """Once: free a block of 32 MB that was never touched.

    glibc gives freed memory back to the system above a threshold that follows the largest block
    freed so far. At its usual value the arrays of a run over a million bars are mapped afresh at
    each call, which costs five times what the arithmetic does (a moving-average crossover: 12 ms
    against 2.4). Elsewhere this does nothing.
    """
    np.empty((32 * 1024 * 1024 - 65536) // 8)
