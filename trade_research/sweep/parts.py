"""Taking a strategy apart: indicator calls that configurations share, and what is left to do.

A strategy is one plain function. Where it calls a compiled function on columns and parameters, at
the top level of its body, the result depends on those alone: it is worked out once a sweep and
handed in. What is left is compiled from the same text, with the call replaced by an argument, so
every number comes out of the same operations as in a backtest, bit for bit.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trade_research.strategies.strategy import Strategy
from trade_research.sweep.chosen import Chosen
from trade_research.sweep.needed import needed
from trade_research.sweep.shared import Shared, Splitter
from trade_research.sweep.source import definition_of


@dataclass(frozen=True)
class Parts:
    """A strategy taken apart, for one choice of its text and bool parameters.

    Attributes
    ----------
    body : list of ast.stmt
        What is left, in terms of columns, names of shared values, and numeric parameters.
    shared : mapping of str to Shared
        Name in the body to what it stands for.
    columns, numbers : tuple of str
        Arguments and numeric parameters that the body may mention.
    space : dict
        Globals and closure of the function.
    """

    body: list[ast.stmt]
    shared: Mapping[str, Shared]
    columns: tuple[str, ...]
    numbers: tuple[str, ...]
    space: dict[str, Any]


def parts_of(strategy: Strategy, chosen: Mapping[str, Any]) -> Parts:
    """Take a strategy apart, its text and bool parameters being as `chosen`.

    Raises
    ------
    WholeError
        Its text is not to be had, or nothing in it is shared.
    """
    definition, space = definition_of(strategy.fn)
    numbers = tuple(n for n in strategy.params if n not in chosen)
    columns = strategy.columns
    body = Chosen(chosen).block(definition.body)
    splitter = Splitter(columns, numbers, space)
    rest = needed(splitter.block(needed(body, space)), space)
    return Parts(rest, splitter.shared, columns, numbers, space)
