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
            _check_strategy(part, what)
        names = sorted(part.name for part in found)
        twice = next((a for a, b in pairwise(names) if a == b), None)
        if twice is not None:
            raise StrategyError(
                f"{what}: two parts are called {twice!r}; name them: "
                f"{{'quick': …, 'calm': …}}, or use {twice}.variant('quick', …)"
            )
        parts = {part.name: part for part in found}
    for name, part in parts.items():
        _check_strategy(part, what)
        if not name.isidentifier():
            raise StrategyError(f"{what}: {name!r} cannot be the name of a part")
    if not parts:
        raise StrategyError(f"{what}: there is no strategy to ask; give it some")
    return dict(sorted(parts.items()))


def _check_strategy(part: object, what: str) -> None:
    if not isinstance(part, Strategy):
        raise StrategyError(f"{what}: {part!r} is no strategy; put @strategy above its function")
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
