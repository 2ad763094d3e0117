"""Axes of a search as people type them: `-s fast=5:50:5`, `-s kind=sma,ema`, `-s stop=none,0.1`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from trade_research.errors import ParameterError, nearest

if TYPE_CHECKING:
    from trade_research.strategies.strategy import Strategy

Axes = Annotated[
    list[str] | None,
    typer.Option(
        "-s",
        "--space",
        "-p",
        "--param",
        help="An axis: fast=5:50:5 (ends included), a list a,b,c, or one value.",
    ),
]
WhereOption = Annotated[
    str | None, typer.Option("--where", help="A constraint on the axes, e.g. 'fast < slow'.")
]
_MOST = 1_000_000  # values of one axis


def parse_axes(texts: list[str] | None, strategy: Strategy) -> dict[str, list[Any]]:
    """`name=values` texts as axes: parameters in their declared type, exits as numbers or none.

    Values are ``low:high:step`` with both ends, ``low:high`` with step 1, ``low:high:log9`` for
    nine even steps of the logarithm, or a list.

    Raises
    ------
    ParameterError
        Not a name the strategy or its run has, or values that cannot be read.
    """
    from trade_research.sweep.space import RUN_AXES

    axes: dict[str, list[Any]] = {}
    for text in texts or ():
        name, equals, values = text.partition("=")
        if not equals or not values:
            raise ParameterError(f"-s {text!r} is not name=values, e.g. -s fast=5:50:5")
        if name not in strategy.params and name not in RUN_AXES:
            known = nearest(name, [*strategy.params, *RUN_AXES])
            raise ParameterError(f"{strategy.name} has no axis {name!r}; {known}")
        axes[name] = [_value(strategy, name, part) for part in _spread(text, values)]
    return axes


def _spread(text: str, values: str) -> list[str]:
    """The single values of a range or a list, as text."""
    if ":" not in values:
        return [part.strip() for part in values.split(",")]
    low_text, _, steps = values.rpartition(":log")
    if low_text:
        return _even_in_log(text, low_text, steps)
    try:
        numbers = [float(part) for part in values.split(":")]
        low, high, step = numbers if len(numbers) == 3 else (*numbers, 1.0)
    except ValueError:
        raise ParameterError(f"-s {text!r}: a range is low:high:step, e.g. 5:50:5") from None
    n = int((high - low) / step + 1e-9) + 1 if step > 0.0 and high >= low else 0
    if not 1 <= n <= _MOST:
        raise ParameterError(f"-s {text!r} has {n:,} values; take 1 to {_MOST:,}")
    found = [low + k * step for k in range(n)]
    is_whole = all(part.strip().lstrip("-").isdigit() for part in values.split(":"))
    return [str(round(v)) if is_whole else repr(round(v, 12)) for v in found]


def _even_in_log(text: str, ends: str, steps: str) -> list[str]:
    """Values whose logarithms are evenly spaced; whole numbers where both ends are whole."""
    try:
        low, high = (float(part) for part in ends.split(":"))
        n = int(steps)
    except ValueError:
        n = 0
    if not (n >= 2 and 0.0 < low < high):
        raise ParameterError(f"-s {text!r}: in the logarithm a range is low:high:log9, low above 0")
    found = [low * (high / low) ** (k / (n - 1)) for k in range(n)]
    if all(part.strip().isdigit() for part in ends.split(":")):
        return list(dict.fromkeys(str(round(v)) for v in found))
    return [f"{v:.6g}" for v in found]


def _value(strategy: Strategy, name: str, text: str) -> Any:
    if name in strategy.params:
        return strategy.params[name].parse(text, strategy.name)
    if name == "symbol":
        return text
    if text.lower() in ("none", "off"):
        return None
    try:
        number = float(text)
    except ValueError:
        raise ParameterError(f"-s {name}={text}: give a number, or none for without") from None
    return int(number) if name in ("max_hold", "cooldown", "delay") else number
