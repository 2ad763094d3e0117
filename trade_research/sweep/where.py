"""Constraints on a space, such as ``fast < slow and slow % 5 == 0``: parsed, never executed."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from trade_research.errors import ConfigError, nearest
from trade_research.kernels.jit import B8

_OPERATIONS: dict[type, Callable[..., Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.And: np.logical_and,
    ast.Or: np.logical_or,
    ast.Not: np.logical_not,
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}


class Where:
    """A constraint over named columns.

    Parameters
    ----------
    text : str
        Comparisons, ``and or not``, ``+ - * / // %``, numbers, quoted words, names of axes.
    names : collection of str
        The axes there are.

    Raises
    ------
    ConfigError
        It does not parse, uses something else, or names no axis.
    """

    def __init__(self, text: str, names: Mapping[str, Any]) -> None:
        self.text = text
        try:
            self._tree = ast.parse(text.strip(), mode="eval").body
        except SyntaxError as error:
            raise ConfigError(f"where={text!r} does not parse: {error.msg}") from error
        self._check(self._tree, names)

    def _check(self, node: ast.AST, names: Mapping[str, Any]) -> None:
        match node:
            case ast.Name(id=name):
                if name not in names:
                    raise ConfigError(
                        f"where={self.text!r}: no axis {name!r}; {nearest(name, names)}"
                    )
            case ast.Constant(value=bool() | int() | float() | str()):
                pass
            case ast.BinOp(left=a, op=op, right=b) if type(op) in _OPERATIONS:
                self._check(a, names)
                self._check(b, names)
            case ast.UnaryOp(operand=a, op=op) if type(op) in _OPERATIONS:
                self._check(a, names)
            case ast.BoolOp(values=parts):
                for part in parts:
                    self._check(part, names)
            case ast.Compare(left=a, ops=ops, comparators=others) if all(
                type(op) in _OPERATIONS for op in ops
            ):
                for part in (a, *others):
                    self._check(part, names)
            case _:
                raise ConfigError(
                    f"where={self.text!r}: {ast.unparse(node)!r} is not allowed. Use names of "
                    "axes, numbers, comparisons, + - * / // %, and, or, not."
                )

    def __call__(self, columns: Mapping[str, npt.NDArray[Any]], n: int) -> B8:
        """Which of `n` configurations it admits, (n,)."""
        with np.errstate(all="ignore"):
            found = _value(self._tree, columns)
        return np.broadcast_to(np.asarray(found, dtype=np.bool_), (n,))


def _value(node: ast.AST, columns: Mapping[str, Any]) -> Any:
    match node:
        case ast.Name(id=name):
            return columns[name]
        case ast.Constant(value=value):
            return value
        case ast.BinOp(left=a, op=op, right=b):
            return _OPERATIONS[type(op)](_value(a, columns), _value(b, columns))
        case ast.UnaryOp(operand=a, op=op):
            return _OPERATIONS[type(op)](_value(a, columns))
        case ast.BoolOp(op=op, values=parts):
            out = _value(parts[0], columns)
            for part in parts[1:]:
                out = _OPERATIONS[type(op)](out, _value(part, columns))
            return out
        case ast.Compare(left=first, ops=ops, comparators=others):
            out, a = True, _value(first, columns)
            for how, other in zip(ops, others, strict=True):
                b = _value(other, columns)
                out = np.logical_and(out, _OPERATIONS[type(how)](a, b))
                a = b
            return out
    raise AssertionError(node)  # `_check` let nothing else through
