"""Whether what is left of a strategy looks at one bar at a time, and if so, its rule for a bar.

Then it may be run on any stretch of bars, tile by tile, in the cache: the same operations on the
same numbers as over the whole arrays, so the same bits. Only operations whose result is fixed by
IEEE 754 are taken over; anything else is refused, and the strategy runs over whole arrays.

A rule may carry one value on from bar to bar, a *latch*, if it sets it or leaves it but never looks
at it: ``held = 1.0`` where it enters, ``held = 0.0`` where it leaves, ``target[t] = held``. The
bars can still be worked on side by side then: what a latch holds is what it was last set to.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass

from trade_research.sweep.arrays import Arrays
from trade_research.sweep.parts import Parts
from trade_research.sweep.words import NotPointwiseError


@dataclass(frozen=True)
class Rule:
    """Statements that set `target_` of one bar from the values of its arrays at that bar.

    `latch` is the name that is carried on, and `begins` what it holds before the first bar.
    """

    statements: list[ast.stmt]
    latch: str | None = None
    begins: ast.expr | None = None


def rule_of(parts: Parts, flat: tuple[str, ...]) -> Rule:
    """The rule for one bar.

    Parameters
    ----------
    parts : Parts
    flat : tuple of str
        The columns that have one value a bar.

    Raises
    ------
    NotPointwiseError
    """
    maker = Arrays({*flat, *parts.shared}, set(parts.numbers), parts.space)
    made = [new for statement in parts.body for new in maker.statement(statement)]
    out = [ast.fix_missing_locations(statement) for statement in made]
    if not maker.returns:
        raise NotPointwiseError("it returns nothing at the top level of its body")
    if maker.latch is None:
        return Rule(out)
    first = next(i for i, s in enumerate(out) if ast.unparse(s).startswith(f"{maker.latch} = "))
    return Rule(out[:first] + out[first + 1 :], maker.latch, maker.begins[maker.latch])
