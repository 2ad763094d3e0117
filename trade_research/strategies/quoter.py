"""What a quoter is: a compiled function from the book now and the position to two quotes.

It lives in the book simulator only and cannot be promoted: nothing here trades live.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trade_research.errors import StrategyError
from trade_research.kernels.jit import Kernel
from trade_research.strategies.declare import Param, declaration_of


@dataclass(frozen=True, eq=False, repr=False)
class Quoter:
    """A quoting function and its parameters; made by `quoter`."""

    fn: Callable[..., Any]
    params: Mapping[str, Param]
    kernel: Kernel[Any]

    @property
    def name(self) -> str:
        """The function's name."""
        return self.fn.__name__

    def bind(self, **params: Any) -> tuple[float, ...]:
        """All parameters in order, those given normalised to their declared type.

        Raises
        ------
        ParameterError
            An unknown name or a value of the wrong type.
        """
        from trade_research.errors import ParameterError, nearest

        for name in params:
            if name not in self.params:
                raise ParameterError(
                    f"{self.name} has no parameter {name!r}; {nearest(name, self.params)}"
                )
        return tuple(
            param.normalise(params[name], self.name) if name in params else param.default
            for name, param in self.params.items()
        )

    def __repr__(self) -> str:
        shown = ", ".join(f"{n}={p.default!r}" for n, p in self.params.items())
        return f"<quoter {self.name}(row, position, {shown})>"


def quoter(fn: Callable[..., Any]) -> Quoter:
    """Make a quoter of ``quote(row, position, **parameters) -> Quotes``.

    `row` is a `QuoteRow` (time, bid, ask, bid_size, ask_size, variance), `position` the units held
    as far as fills are known; parameters have defaults and are numbers.

    Raises
    ------
    StrategyError
        The function does not begin with ``row, position``, or a parameter has no default.
    """
    names = list(inspect.signature(fn).parameters)
    if names[:2] != ["row", "position"]:
        raise StrategyError(f"quoter {fn.__name__} must begin with (row, position, …)")
    known = declaration_of(fn)
    if set(known.inputs) != {"row", "position"}:
        raise StrategyError(f"quoter {fn.__name__}: every parameter needs a default")
    return Quoter(fn, known.params, Kernel(fn))
