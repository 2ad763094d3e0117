"""Expressions over columns, as text: ``rsi(close, 14) < 30 and close > sma(close, 200)``.

Python's syntax, read into a tree and walked: numbers, columns, indicators and the few functions
below are all there is, so a text from anywhere can do nothing but arithmetic, and at no bar can it
see a later one. What is not known yet is neither true nor false, as in SQL.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from trade_research import indicators
from trade_research.errors import ExpressionError, nearest
from trade_research.indicators.functions import FUNCTIONS, both, either, fold, known
from trade_research.indicators.table import INDICATORS
from trade_research.kernels.jit import F64

Columns: TypeAlias = Mapping[str, "F64 | float"]
Step: TypeAlias = Callable[[Columns], Any]

NUMBERS = ("bars_per_day",)
"""Names that stand for one number, not for a column."""
_LONGEST = 4_000
_OPERATORS: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: np.divide,
    ast.Mod: np.mod,
}
_COMPARISONS: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@dataclass(frozen=True)
class Expression:
    """A text that was understood; made by `parse`.

    Attributes
    ----------
    text : str
    is_condition : bool
        Whether its value is true or false, not a number.
    columns : frozenset of str
        The columns it reads.
    """

    text: str
    is_condition: bool
    columns: frozenset[str]
    _step: Step

    def __call__(self, columns: Columns) -> F64:
        """Its value at every bar, (n,) columns to (n,).

        Conditions are 1 (true), 0 (false) or NaN (not known). Names may also stand for numbers.

        Raises
        ------
        ExpressionError
            A column is missing.
        """
        missing = sorted(self.columns - columns.keys())
        if missing:
            raise ExpressionError(
                f"{self.text!r} reads {missing[0]!r}, which is no column; "
                f"{nearest(missing[0], columns)}"
            )
        size = next((v.size for v in columns.values() if isinstance(v, np.ndarray)), 0)
        with np.errstate(all="ignore"):
            found = self._step(columns)
        out: F64 = np.broadcast_to(np.asarray(found, np.float64), (size,)).copy()
        out[np.isinf(out)] = np.nan
        return out


def parse(text: str) -> Expression:
    """Read an expression.

    Parameters
    ----------
    text : str
        Columns and numbers, ``+ - * / %``, comparisons (``30 < x < 70`` too), ``and or not``; every
        indicator by name, with its columns or without (``atr(14)`` reads high, low and close), and
        an output of it after a dot (``macd(close).histogram``); and

        - ``ago(x, n)``: the value n bars before
        - ``crosses_above(x, y)``, ``crosses_below(x, y)``: it does so at this bar
        - ``within(condition, n)``, ``count(condition, n)``: of the last n bars, this one included
        - ``total(x, n)``: sum of the last n values
        - ``spread(n)``: effective spread as a fraction of price, a guess from n bars; 0
          where it is too small for bars to show
        - ``abs``, ``log``, ``sqrt``, ``min``, ``max``

    Raises
    ------
    ExpressionError
        It is no such expression; the message says where and what is known.
    """
    reader = _Reader(text)
    if len(text) > _LONGEST:
        raise ExpressionError(f"the expression has {len(text):,} characters, {_LONGEST:,} are read")
    try:
        tree = ast.parse(text.strip(), mode="eval")
        kind, step = reader.read(tree.body)
    except SyntaxError as error:
        raise ExpressionError(
            f"{text!r} cannot be read at character {error.offset or 1}: {error.msg}. "
            "Write e.g. 'rsi(close, 14) < 30 and volume > 0'."
        ) from None
    except (RecursionError, MemoryError, ValueError):
        raise ExpressionError(f"{text[:60]!r}… is nested too deeply") from None
    if kind == "outputs":
        raise reader.error(tree.body, "has several outputs; name one after a dot")
    return Expression(text.strip(), kind == "condition", frozenset(reader.columns), step)


class _Reader:
    """Turns a tree into steps; each node is a number, a column, outputs or a condition."""

    def __init__(self, text: str) -> None:
        self.text, self.columns = text.strip(), set[str]()

    def error(self, node: ast.AST, what: str) -> ExpressionError:
        part = ast.get_source_segment(self.text, node) or self.text
        return ExpressionError(f"{part!r} {what} (in {self.text!r})")

    def read(self, node: ast.expr) -> tuple[str, Step]:
        match node:
            case ast.Constant(value=int() | float() as value) if not isinstance(value, bool):
                number = float(value)
                return "number", lambda _: number
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.BoolOp(op=op, values=values):
                join = both if isinstance(op, ast.And) else either
                steps = [self._of(v, "condition") for v in values]
                return "condition", lambda c: fold(join, [s(c) for s in steps])
            case ast.UnaryOp(op=ast.Not(), operand=inner):
                step = self._of(inner, "condition")
                return "condition", lambda c: 1.0 - step(c)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd() as op, operand=inner):
                sign, step = -1.0 if isinstance(op, ast.USub) else 1.0, self._numeric(inner)
                return "column", lambda c: sign * step(c)
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATORS:
                apply, a, b = _OPERATORS[type(op)], self._numeric(left), self._numeric(right)
                return "column", lambda c: apply(a(c), b(c))
            case ast.Compare(left=left, ops=ops, comparators=others):
                return "condition", self._comparison(node, [left, *others], ops)
            case ast.Attribute(value=inner, attr=field):
                return "column", self._output(node, inner, field)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=named):
                return self._call(node, name, args, named)
        raise self.error(node, "is no column, number, indicator, comparison, and, or, not")

    def _name(self, node: ast.expr, name: str) -> tuple[str, Step]:
        if name in INDICATORS or name in FUNCTIONS:
            raise self.error(node, f"is a function: write {name}(…)")
        self.columns.add(name)
        return "column", lambda c: c[name]

    def _of(self, node: ast.expr, wanted: str) -> Step:
        kind, step = self.read(node)
        if (kind == "condition") != (wanted == "condition") or kind == "outputs":
            what = {"condition": "a condition", "outputs": "several outputs; name one after a dot"}
            raise self.error(
                node,
                f"is {what.get(kind, 'a number')}, where {what.get(wanted, 'a number')} is wanted",
            )
        return step

    def _numeric(self, node: ast.expr) -> Step:
        return self._of(node, "number")

    def _comparison(self, node: ast.expr, sides: list[ast.expr], ops: list[ast.cmpop]) -> Step:
        steps, tests = [self._numeric(side) for side in sides], []
        for op in ops:
            if type(op) not in _COMPARISONS:
                raise self.error(node, "compares in a way that is not known; use < <= > >= == !=")
            tests.append(_COMPARISONS[type(op)])

        def compare(columns: Columns) -> Any:
            values = [step(columns) for step in steps]
            found = [
                known(test(a, b), a, b)
                for test, a, b in zip(tests, values, values[1:], strict=False)
            ]
            return fold(both, found)

        return compare

    def _output(self, node: ast.expr, inner: ast.expr, field: str) -> Step:
        called = inner.func if isinstance(inner, ast.Call) else None
        name = called.id if isinstance(called, ast.Name) else ""
        outputs = INDICATORS[name].outputs if name in INDICATORS else ()
        if not outputs:
            raise self.error(node, "asks for an output of what has none")
        if field not in outputs:
            raise self.error(node, f"is no output of {name}; {nearest(field, outputs)}")
        _, step = self.read(inner)
        return lambda c: getattr(step(c), field)

    def _call(
        self, node: ast.expr, name: str, args: list[ast.expr], named: list[ast.keyword]
    ) -> tuple[str, Step]:
        if name in FUNCTIONS:
            if named:
                raise self.error(node, "takes its arguments by place")
            return self._function(node, name, args)
        if name not in INDICATORS:
            known = [*INDICATORS, *FUNCTIONS]
            raise self.error(node, f"calls {name!r}, which is not known; {nearest(name, known)}")
        entry, function = INDICATORS[name], getattr(indicators, name)
        count = len(entry.columns)
        own = bool(args) and self._is_column(args[0])
        given = args[:count] if own else [ast.Name(c) for c in _usual(entry.columns)]
        numbers = args[count:] if own else args
        if len(given) < count:
            raise self.error(node, f"wants the columns {', '.join(entry.columns)}")
        if len(numbers) + len(named) > len(entry.parameters):
            raise self.error(node, f"takes the numbers {', '.join(entry.parameters) or 'none'}")
        steps = [self._numeric(one) for one in given]
        values = [self._number(one, one) for one in numbers]
        words: dict[str, Step] = {}
        for word in named:
            key = str(word.arg)
            if key not in entry.parameters:
                raise self.error(node, f"has no number {key!r}; {nearest(key, entry.parameters)}")
            words[key] = self._number(word.value, word.value)

        def call(columns: Columns) -> Any:
            arrays = _columns([step(columns) for step in steps], columns)
            return function(
                *arrays,
                *(_whole(v(columns)) for v in values),
                **{k: _whole(v(columns)) for k, v in words.items()},
            )

        return "outputs" if entry.outputs else "column", call

    def _is_column(self, node: ast.expr) -> bool:
        """Whether an argument is a column: anything that is not made of numbers alone."""
        names = {part.id for part in ast.walk(node) if isinstance(part, ast.Name)}
        return bool(names.difference(NUMBERS))

    def _number(self, node: ast.expr, shown: ast.expr) -> Step:
        step = self._numeric(node)

        def read(columns: Columns) -> float:
            found = step(columns)
            if isinstance(found, np.ndarray):
                raise self.error(shown, "is a column, where one number is wanted")
            return float(found)

        return read

    def _function(self, node: ast.expr, name: str, args: list[ast.expr]) -> tuple[str, Step]:
        wanted, gives, apply = FUNCTIONS[name]
        given: list[ast.expr] = list(args)
        if name == "spread" and len(args) == 1:
            given = [ast.Name("high"), ast.Name("low"), ast.Name("close"), *args]
        if len(given) != len(wanted):
            raise self.error(node, f"takes {', '.join(wanted)}")
        steps: list[Step] = []
        for what, one in zip(wanted, given, strict=True):
            if what == "bars":
                steps.append(self._bars(one))
            else:
                steps.append(self._of(one, "condition" if what == "condition" else "number"))

        def call(columns: Columns) -> Any:
            values = [step(columns) for step in steps]
            return apply(
                *(
                    value if what == "bars" else _columns([value], columns)[0]
                    for value, what in zip(values, wanted, strict=True)
                )
            )

        return gives, call

    def _bars(self, node: ast.expr) -> Step:
        step = self._number(node, node)

        def read(columns: Columns) -> int:
            found = step(columns)
            if not (found.is_integer() and found >= 0):
                raise self.error(node, "must be a whole number of bars, not negative")
            return int(found)

        return read


def _usual(columns: tuple[str, ...]) -> tuple[str, ...]:
    """The columns an indicator reads when none is named: the close for any column."""
    return tuple("close" if c == "x" else c for c in columns)


def _columns(values: list[Any], columns: Columns) -> list[F64]:
    """Values as arrays of the length of the columns."""
    size = next((v.size for v in columns.values() if isinstance(v, np.ndarray)), 0)
    return [np.ascontiguousarray(np.broadcast_to(np.asarray(v, float), (size,))) for v in values]


def _whole(value: float) -> float | int:
    return int(value) if value.is_integer() else value
