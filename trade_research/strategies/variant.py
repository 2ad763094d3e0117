"""A strategy under another name and with other defaults."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import FunctionType
from typing import TYPE_CHECKING, Any

from trade_research.errors import StrategyError

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy


def variant(strategy: Strategy, name: str, defaults: Mapping[str, Any], module: str) -> Strategy:
    """`strategy` called `name`, with other defaults, defined in `module`: `Strategy.variant`."""
    if not name.isidentifier():
        raise StrategyError(f"a strategy cannot be called {name!r}; use letters, digits and _")
    values = strategy.bind(**defaults)
    given = ", ".join([repr(name), *(f"{key}={values[key]!r}" for key in defaults)])
    fn = with_defaults(strategy.fn, values, name)
    fn.__qualname__, fn.__module__ = name, module
    return replace(
        strategy,
        fn=fn,
        params={key: replace(p, default=values[key]) for key, p in strategy.params.items()},
        source=f"{name} = {strategy.name}.variant({given})\n",
    )


def with_defaults(fn: Callable[..., Any], values: Mapping[str, Any], name: str) -> FunctionType:
    """A copy of `fn` that has these defaults in place of its own."""
    code, kept = fn.__code__, fn.__defaults__ or ()
    names = code.co_varnames[code.co_argcount - len(kept) : code.co_argcount]
    defaults = tuple(values.get(n, d) for n, d in zip(names, kept, strict=True))
    made = FunctionType(code, fn.__globals__, name, defaults, fn.__closure__)
    made.__qualname__, made.__module__ = fn.__qualname__, fn.__module__
    made.__annotations__, made.__doc__ = dict(fn.__annotations__), fn.__doc__
    return made
