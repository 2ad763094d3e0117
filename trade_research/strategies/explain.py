"""Compiling a strategy, and saying in its author's words why Numba could not."""

from __future__ import annotations

from typing import Any

from trade_research.errors import StrategyCompileError
from trade_research.kernels.jit import F64, Kernel


def compiled_entry(kernel: Kernel, arrays: list[F64], numbers: dict[str, Any]) -> Any:
    """The callable for these arguments, compiled now if it was not yet.

    Raises
    ------
    StrategyCompileError
        Numba cannot compile it.
    """
    from numba import typeof

    dispatcher = kernel.dispatcher
    try:
        _, signature = dispatcher._compiler.fold_argument_types(
            tuple(typeof(a) for a in arrays), {n: typeof(v) for n, v in numbers.items()}
        )
        if signature not in dispatcher.overloads:
            dispatcher.compile(signature)
    except Exception as error:
        raise StrategyCompileError(f"{kernel.__name__} does not compile: {error}") from error
    return dispatcher
