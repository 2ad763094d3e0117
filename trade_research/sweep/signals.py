"""Targets of many parameter sets: how they are made, and from which shared values."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np

from trade_research.kernels.digest import Digest, digest
from trade_research.kernels.jit import B8, F64, I64, Kernel
from trade_research.strategies.strategy import Strategy
from trade_research.sweep.factors import Factor, factor
from trade_research.sweep.parts import Parts, parts_of
from trade_research.sweep.pool import read_only
from trade_research.sweep.rule import rule_of
from trade_research.sweep.scan import Scanner, scanner_of
from trade_research.sweep.shared import Shared, key_of
from trade_research.sweep.source import WholeError
from trade_research.sweep.words import NUMBERS, NotPointwiseError

Columns = Sequence[Mapping[str, F64]]


@dataclass(frozen=True)
class Recipe:
    """How the targets of some signals are made.

    Attributes
    ----------
    signals : int64 array of shape (n,)
        Numbers of the signals, those that share most beside each other.
    why : str
        What is shared and what is not, for people.
    scanner : Scanner or None
        Finds changes of target tile by tile.
    body : Kernel or None
        What is left of the strategy, over whole arrays; None: the strategy itself is called.
    names : tuple of str
        Arguments of `body` that are shared values.
    keys : mapping of str to tuple
        Shared name to the distinct keys of its values, and which each signal has.
    """

    signals: I64
    why: str
    scanner: Scanner | None = None
    body: Kernel[Any] | None = None
    parts: Parts | None = None
    keys: Mapping[str, tuple[list[Any], I64]] | None = None


def recipes_of(strategy: Strategy, signals: Factor, columns: Columns) -> list[Recipe]:
    """One recipe for each choice of text and bool parameters."""
    every = np.arange(signals.size)
    chosen = [name for name, p in strategy.params.items() if p.type in (str, bool)]
    variants = factor(signals.values, chosen, signals.size)
    out = []
    for v in range(variants.size):
        mine = every[variants.of == v]
        fixed = {n: strategy.params[n].default for n in chosen} | variants.row(v)
        try:
            if len(columns) != 1:
                raise WholeError("the targets of several symbols make one account")
            out.append(_recipe(strategy, fixed, signals, mine, columns[0]))
        except WholeError as error:
            out.append(Recipe(mine, str(error)))
    return out


@dataclass(frozen=True)
class Cut:
    """A strategy taken apart under one choice of text and bool parameters, with its code."""

    parts: Parts
    body: Kernel[Any]
    scanner: Scanner | None
    why: str
    known: Digest


_cuts: dict[tuple[Any, ...], Cut] = {}
_MOST_CUTS = 256


def cut_of(
    strategy: Strategy, fixed: Mapping[str, Any], flat: tuple[str, ...], holes: tuple[str, ...]
) -> Cut:
    """A strategy taken apart; kept for the next sweep while nothing it refers to changes."""
    key = (strategy.fn, tuple(fixed.items()), flat, holes)
    found = _cuts.get(key)
    if found is not None and found.known.holds():
        return found
    parts = parts_of(strategy, fixed)
    scanner, why = None, ""
    try:
        kinds = {name: p.type for name, p in strategy.params.items()}
        scanner = scanner_of(parts, rule_of(parts, flat), kinds, holes)
    except NotPointwiseError as error:
        why = f"its targets need whole arrays: {_in_words(str(error), parts)}"
    if len(_cuts) >= _MOST_CUTS:
        _cuts.clear()
    made = Cut(parts, _body(parts), scanner, why, digest(strategy.fn))
    _cuts[key] = made
    return made


def _in_words(text: str, parts: Parts) -> str:
    """A reason with the indicators in the place of the names of their values."""
    for name, call in reversed(list(parts.shared.items())):
        field = "" if call.field is None else f".{call.field}"
        text = text.replace(name, f"{call.kernel.__name__}(…){field}")
    return text


def _recipe(
    strategy: Strategy,
    fixed: Mapping[str, Any],
    signals: Factor,
    mine: I64,
    columns: Mapping[str, F64],
) -> Recipe:
    flat = tuple(name for name in strategy.columns if columns[name].ndim == 1)
    holes = tuple(name for name in flat if np.isnan(columns[name].min(initial=np.inf)))
    cut = cut_of(strategy, fixed, flat, holes)
    shared = cut.parts.shared
    keys = {name: _keys(call, strategy, signals, mine) for name, call in shared.items()}
    order = _neighbours([of for _, of in keys.values()], len(mine))
    keys = {name: (distinct, of[order]) for name, (distinct, of) in keys.items()}
    return Recipe(mine[order], cut.why, cut.scanner, cut.body, cut.parts, keys)


def _keys(call: Shared, strategy: Strategy, signals: Factor, mine: I64) -> tuple[list[Any], I64]:
    """Distinct keys of a shared value, and which each of the signals `mine` has."""
    values = {name: column[mine] for name, column in signals.values.items()}
    own = factor(values, sorted(call.parameters()), len(mine))
    defaults = {name: p.default for name, p in strategy.params.items()}
    try:
        keys = [key_of(call, defaults | own.row(i)) for i in range(own.size)]
    except (ArithmeticError, ValueError, TypeError) as error:
        raise WholeError(f"an argument of an indicator cannot be worked out: {error}") from error
    distinct = list(dict.fromkeys(keys))
    number = {key: i for i, key in enumerate(distinct)}
    return distinct, np.array([number[key] for key in keys], dtype=np.int64)[own.of]


def _neighbours(of: list[I64], n: int) -> I64:
    """An order in which signals that share values stand beside each other.

    The value with most variants changes slowest: a stretch of signals then needs few of them, and
    all of those with few variants. Its variants are scattered, so that every stretch has some that
    trade often and some that trade seldom: the work of threads is even.
    """
    if not of:
        return np.arange(n)
    *quick, slow = sorted(of, key=lambda codes: int(codes.max(initial=0)))
    return np.lexsort([*quick, slow * _GOLDEN % 1.0])


_GOLDEN = 0.6180339887498949  # its multiples, less whole numbers, lie evenly, as many as there are


def _body(parts: Parts) -> Kernel[Any]:
    """What is left of a strategy as a function of columns, shared values and numbers."""
    names = [*parts.columns, *parts.shared, *parts.numbers]
    arguments = ast.arguments([], [ast.arg(name) for name in names], None, [], [], None, [])
    definition = ast.FunctionDef("body", arguments, parts.body or [ast.Pass()], [], None)
    module = ast.fix_missing_locations(ast.Module([definition], []))
    space = dict(parts.space)
    made: dict[str, Any] = {}
    exec(compile(module, "<body of a strategy>", "exec"), space, made)
    fn = FunctionType(made["body"].__code__, space | NUMBERS, "body")
    fn.__module__ = "<sweep>"
    return Kernel(fn)


class Maker:
    """Makes the targets of one signal after the other over all bars.

    `given`, if there is one, makes them instead of the strategy: from parameters to weights,
    (n_bars, n_symbols), those before the warm-up 0.
    """

    def __init__(
        self,
        strategy: Strategy,
        signals: Factor,
        columns: Columns,
        rows: Sequence[Any],
        n_bars: int,
        given: Callable[[Mapping[str, Any]], F64] | None = None,
    ) -> None:
        self.signals, self.columns = signals, columns
        self.defaults = {name: p.default for name, p in strategy.params.items()}
        self._strategy, self._rows, self._n_bars, self._given = strategy, rows, n_bars, given
        self._holes = None if given is not None else _holes(strategy, columns[0])

    def whole(self, signal: int, out: F64) -> None:
        """Targets of every symbol by calling the strategy, (n_bars, n_symbols)."""
        params = self.defaults | self.signals.row(signal)
        if self._given is not None:
            out[:] = self._given(params)
            return
        if len(self.columns) == 1:
            out[:, 0] = self._strategy.raw(self.columns[0], **params).target
            return
        out[:] = np.nan
        for s, (part, rows) in enumerate(zip(self.columns, self._rows, strict=True)):
            out[rows, s] = self._strategy.compute(part, **params).target / len(self.columns)

    def from_body(self, recipe: Recipe, signal: int, shared: Sequence[F64]) -> F64:
        """Targets of the only symbol from shared values, (n_bars,).

        Raises
        ------
        WholeError
            What comes back are no targets; the strategy itself will say what is wrong.
        """
        assert recipe.parts is not None
        assert recipe.body is not None
        params = self.defaults | self.signals.row(signal)
        columns = [read_only(self.columns[0][name]) for name in recipe.parts.columns]
        numbers = [params[name] for name in recipe.parts.numbers]
        found = recipe.body.dispatcher(*columns, *shared, *numbers)
        target = found[0] if isinstance(found, tuple) else found
        if not (
            isinstance(target, np.ndarray)
            and target.shape == (self._n_bars,)
            and target.dtype == np.float64
        ):
            raise WholeError("what it returns are no targets")
        return np.where(self._holes, np.nan, target) if self._holes is not None else target


def _holes(strategy: Strategy, columns: Mapping[str, F64]) -> B8 | None:
    """Bars where a scalar column is NaN: nothing is wanted there; None where there are none."""
    flat = [columns[name] for name in strategy.columns if columns[name].ndim == 1]
    found = [np.isnan(x) for x in flat if np.isnan(x.min(initial=np.inf))]
    return np.logical_or.reduce(found) if found else None
