"""A strategy's text as a file that stands alone: imports, constants and helpers it mentions."""

from __future__ import annotations
import __future__

import ast
import importlib
import inspect
import math
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy

_HOMES = (
    "typing",
    "math",
    "numpy",
    "trade_research",
    "trade_research.indicators",
    "trade_research.kernels.jit",
    "trade_research.strategies.strategy",
)
"""Where a name may come from that does not say so itself."""


def prelude_of(strategy: Strategy) -> str:
    """What has to stand above the strategy's text so that the two make a module.

    Imports of modules, of this package, NumPy and the standard library; numbers and texts by value;
    other compiled functions by their own text. A name that is none of these is left out: the
    module then fails to load and says so.
    """
    fn = strategy.fn
    lines: dict[str, None] = {}
    if fn.__code__.co_flags & __future__.annotations.compiler_flag:
        lines["from __future__ import annotations"] = None
    for line in _needs(strategy.source, fn.__globals__, {strategy.name}):
        lines[line] = None
    imports = [line for line in lines if _is_import(line)]
    rest = [line for line in lines if not _is_import(line)]
    return "\n".join([*imports, *rest]) + ("\n" if lines else "")


def module_of(prelude: str, source: str) -> str:
    """The whole file."""
    return f"{prelude}\n\n{source}"


def _needs(source: str, space: dict[str, Any], seen: set[str]) -> Iterator[str]:
    """Lines that define the global names of `source`, inner ones first."""
    try:
        names = {node.id for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Name)}
    except SyntaxError:
        return
    for name in sorted(names & space.keys() - seen):
        seen.add(name)
        yield from _line(name, space[name], seen)


def _line(name: str, value: Any, seen: set[str]) -> Iterator[str]:
    if isinstance(value, ModuleType):
        yield f"import {value.__name__} as {name}"
        return
    if (text := _literal(value)) is not None:
        yield f"{name} = {text}"
        return
    inner = getattr(value, "py_func", getattr(value, "fn", value))
    home, own = getattr(inner, "__module__", None), getattr(inner, "__qualname__", None)
    for place in (*((home,) if isinstance(home, str) else ()), *_HOMES):
        known = own if place == home and isinstance(own, str) else name
        if place.partition(".")[0] in _OURS and _holds(place, known, value):
            yield f"from {place} import {known}" + ("" if known == name else f" as {name}")
            return
    try:
        # A strategy made of others says in its source how it was made.
        source = getattr(value, "source", None) or textwrap.dedent(inspect.getsource(inner))
    except (OSError, TypeError):
        return
    seen.add(str(own))
    yield from _needs(source, getattr(inner, "__globals__", {}), seen)
    yield source.rstrip()
    if own != name:
        yield f"{name} = {own}"


_OURS = frozenset({"typing", "math", "numpy", "trade_research", "collections", "enum"})


def _holds(place: str, name: str, value: Any) -> bool:
    try:
        return getattr(importlib.import_module(place), name, None) is value
    except ImportError:
        return False


def _literal(value: Any) -> str | None:
    """Numbers, texts and tuples of them as Python writes them."""
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value!r}")'
    if value is None or type(value) in (bool, int, float, str):
        return repr(value)
    if type(value) is tuple:
        parts = [_literal(item) for item in value]
        if all(part is not None for part in parts):
            return f"({', '.join(map(str, parts))}{',' if len(parts) == 1 else ''})"
    return None


def _is_import(line: str) -> bool:
    return line.startswith(("import ", "from "))
