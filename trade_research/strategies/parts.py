"""The parts of a composed strategy: by name, in the order of their names, and in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from trade_research.errors import StrategyError
from trade_research.strategies.strategy import Strategy

Parts = Strategy | Sequence[Strategy] | Mapping[str, Strategy]


def named(parts: Parts, what: str) -> dict[str, Strategy]:
    """The parts by name, in the order of their names.

    Raises
    ------
    StrategyError
        None, no strategies, two of one name, or a name that Python does not allow.
    """
    if isinstance(parts, Strategy):
        parts = [parts]
    if not isinstance(parts, Mapping):
        found = list(parts)
        for part in found:
            _check_part(part, what)
        names = sorted(part.name for part in found)
        twice = next((a for a, b in pairwise(names) if a == b), None)
        if twice is not None:
            raise StrategyError(
                f"{what}: two parts are called {twice!r}; name them: "
                f"{{'quick': …, 'calm': …}}, or use {twice}.variant('quick', …)"
            )
        parts = {part.name: part for part in found}
    for name, part in parts.items():
        _check_part(part, what)
        if not name.isidentifier():
            raise StrategyError(f"{what}: {name!r} cannot be the name of a part")
    if not parts:
        raise StrategyError(f"{what}: there is no strategy to ask; give it some")
    return dict(sorted(parts.items()))


def check_strategy(found: object, what: str) -> None:
    """Raise `StrategyError` unless `found` is a strategy, as a plain function is not yet."""
    if isinstance(found, str):
        raise StrategyError(
            f"{what}: {found!r} is a name; tr.load_strategy(name) gives its strategy"
        )
    if not isinstance(found, Strategy):
        shown = getattr(found, "__name__", None) or repr(found)
        raise StrategyError(f"{what}: {shown} is no strategy; put @tr.strategy above its function")


def _check_part(part: Strategy, what: str) -> None:
    check_strategy(part, what)
    if any(col.panel for col in part.inputs.values()):
        raise StrategyError(
            f"{what}: {part.name} asks about all symbols at once; only strategies that see one "
            "symbol can be put together"
        )


def own_params(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    """Those of a composition's parameters that belong to the part `name`, by their own names."""
    head = f"{name}__"
    return {key.removeprefix(head): v for key, v in params.items() if key.startswith(head)}


def listed(parts: Mapping[str, Strategy]) -> str:
    """The parts as the source of a composition writes them."""
    if all(name == part.name for name, part in parts.items()):
        return f"[{', '.join(parts)}]"
    return f"{{{', '.join(f'{name!r}: {name}' for name in parts)}}}"


def described(parts: Mapping[str, Strategy]) -> str:
    """The parts with the first line of what each says of itself."""
    return "\n".join(
        f"{name}: {(part.doc.splitlines() or [''])[0]}" for name, part in parts.items()
    )
