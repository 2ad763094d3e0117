"""The rule for one bar of a body over whole arrays, statement by statement."""

from __future__ import annotations

import ast
import builtins
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from trade_research.sweep.loops import Loop, without_continue
from trade_research.sweep.words import (
    ARITHMETIC,
    COMPARISONS,
    NUMBERS,
    OF_TWO,
    TO_BOOL,
    TO_FLOAT,
    NotPointwiseError,
    assigned,
    float_of,
    is_one_of,
)

_BITS = (ast.BitAnd, ast.BitOr, ast.BitXor)
_LOGIC = {np.logical_and: ast.And, np.logical_or: ast.Or}
_NEW: dict[Any, float] = {np.empty: math.nan, np.zeros: 0.0, np.ones: 1.0}
_NEW_LIKE: dict[Any, float] = {np.empty_like: math.nan, np.zeros_like: 0.0, np.ones_like: 1.0}


class Arrays:
    """Translates a body, statement by statement; `kinds` are of local names."""

    def __init__(self, arrays: set[str], numbers: set[str], space: Mapping[str, Any]) -> None:
        self.kinds: dict[str, str] = dict.fromkeys(arrays, "float")
        self.kinds |= dict.fromkeys(numbers, "number")
        self.space, self.returns = space, False
        self.inputs = frozenset(arrays)
        self.begins: dict[str, ast.expr] = {}
        self.latch: str | None = None

    def statement(self, node: ast.stmt) -> list[ast.stmt]:
        """One statement at the top level, where names stand for whole arrays."""
        match node:
            case ast.Expr(value=ast.Constant()) | ast.Pass():
                return []
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                return self._assign(name, value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                return self._assign_all(names, values)
            case ast.For(target=ast.Name(id=bar), iter=over, body=body, orelse=[]):
                if not self._is_every_bar(over):
                    raise NotPointwiseError(f"its loop is over {ast.unparse(over)}")
                inner = Loop(self, bar).block(without_continue(body))
                return [assigned(bar, ast.Name("bar_", ast.Load())), *inner]
            case ast.Return(value=ast.expr() as value) if not self.returns:
                self.returns = True
                value = self._target(value)
                if isinstance(value, ast.Name) and self.kinds.get(value.id) == "held":
                    return [assigned("target_", value)]
                self.latch = None  # nothing of it reaches the target
                made, kind = self.array(value)
                if kind != "float":
                    raise NotPointwiseError(f"it returns {kind} targets")
                return [assigned("target_", made)]
        raise NotPointwiseError(f"it holds '{ast.unparse(node).splitlines()[0]}'")

    def _assign(self, name: str, value: ast.expr) -> list[ast.stmt]:
        if name in self.inputs:
            raise NotPointwiseError(f"{name} is assigned again")
        if self._is_size(value):
            self.kinds[name] = "size"
            return []
        made, kind = self.array(value)
        self.kinds[name] = kind
        if kind == "number":
            self.begins[name] = made
        return [assigned(name, made)]

    def _assign_all(self, names: list[ast.expr], values: list[ast.expr]) -> list[ast.stmt]:
        """`a, b = x, y` as one assignment after the other, where none reads what another sets."""
        set_ = {n.id for n in names if isinstance(n, ast.Name)}
        read = {n.id for v in values for n in ast.walk(v) if isinstance(n, ast.Name)}
        if len(set_) < len(names) or len(names) != len(values) or set_ & read:
            raise NotPointwiseError(f"it sets {', '.join(map(ast.unparse, names))} at once")
        out: list[ast.stmt] = []
        for name, value in zip(names, values, strict=True):
            out += self._assign(ast.unparse(name), value)
        return out

    def _target(self, value: ast.expr) -> ast.expr:
        """The first field of a named tuple, or the value itself."""
        if isinstance(value, ast.Call) and isinstance(value.func, ast.Name):
            made = self.space.get(value.func.id)
            fields = getattr(made, "_fields", None)
            if isinstance(made, type) and issubclass(made, tuple) and fields:
                named = {k.arg: k.value for k in value.keywords}
                found = value.args[0] if value.args else named.get(fields[0])
                if fields[0] == "target" and found is not None:
                    return found
        return value

    def array(self, node: ast.expr) -> tuple[ast.expr, str]:
        """An expression of whole arrays, for one bar; and what it is: float, bool, or number."""
        match node:
            case ast.Constant(value=bool()):
                raise NotPointwiseError("it computes with True and False")
            case ast.Constant(value=int() | float()):
                return node, "number"
            case ast.Name(id=name):
                return self.named(node, name)
            case ast.Attribute():
                value = self.global_of(node)
                if type(value) is float:
                    return float_of(value), "number"
            case ast.BinOp(left=a, op=op, right=b):
                return self._binary(node, a, op, b)
            case ast.UnaryOp(op=ast.USub(), operand=a):
                made, kind = self.array(a)
                if kind != "bool":
                    return ast.UnaryOp(ast.USub(), made), kind
            case ast.UnaryOp(op=ast.Invert(), operand=a):
                made, kind = self.array(a)
                if kind == "bool":
                    return ast.UnaryOp(ast.Not(), made), "bool"
            case ast.Compare(left=a, ops=[op], comparators=[b]) if isinstance(op, COMPARISONS):
                (x, one), (y, two) = self.array(a), self.array(b)
                if "bool" not in (one, two):
                    return ast.Compare(x, [op], [y]), "bool"
            case ast.Call(func=ast.Attribute(value=of, attr="astype"), args=[kind], keywords=[]):
                made, was = self.array(of)
                if was == "bool" and self.global_of(kind) in (float, np.float64):
                    return self._as_float(made, was), "float"
            case ast.Call(func=func, args=args, keywords=[]):
                fresh = self._fresh(node)
                return (fresh, "float") if fresh else self._call(node, self.global_of(func), args)
        raise NotPointwiseError(f"it computes '{ast.unparse(node)}'")

    def named(self, node: ast.Name, name: str) -> tuple[ast.expr, str]:
        kind = self.kinds.get(name)
        if kind in ("float", "bool", "number"):
            return node, kind
        value = self.space.get(name)
        if kind is None and type(value) in (int, float):
            return float_of(value) if type(value) is float else ast.Constant(value), "number"
        raise NotPointwiseError(f"it computes with {name!r}")

    def _binary(
        self, node: ast.BinOp, a: ast.expr, op: ast.operator, b: ast.expr
    ) -> tuple[ast.expr, str]:
        (x, one), (y, two) = self.array(a), self.array(b)
        kinds = {one, two}
        if isinstance(op, _BITS) and kinds == {"bool"}:
            if isinstance(op, ast.BitXor):
                return ast.Compare(x, [ast.NotEq()], [y]), "bool"
            return ast.BoolOp(ast.And() if isinstance(op, ast.BitAnd) else ast.Or(), [x, y]), "bool"
        if isinstance(op, ARITHMETIC):
            if kinds <= {"float", "number"}:
                return ast.BinOp(x, op, y), "float" if "float" in kinds else "number"
            if (
                isinstance(op, ast.Mult | ast.Sub | ast.Add)
                and kinds <= {"bool", "float", "number"}
                and self._is_floating(x, one, y, two)
            ):
                return ast.BinOp(self._as_float(x, one), op, self._as_float(y, two)), "float"
        raise NotPointwiseError(f"it computes '{ast.unparse(node)}'")

    def _is_floating(self, x: ast.expr, one: str, y: ast.expr, two: str) -> bool:
        """Whether a truth value meets a float, which makes it 0.0 or 1.0; not a whole number."""
        other, kind = (y, two) if one == "bool" else (x, one)
        return kind == "float" or (
            isinstance(other, ast.Constant) and isinstance(other.value, float)
        )

    def _as_float(self, node: ast.expr, kind: str) -> ast.expr:
        return ast.IfExp(node, ast.Constant(1.0), ast.Constant(0.0)) if kind == "bool" else node

    def _call(self, node: ast.Call, fn: Any, args: list[ast.expr]) -> tuple[ast.expr, str]:
        made = [self.array(a) for a in args]
        values, kinds = [m[0] for m in made], [m[1] for m in made]
        if fn is np.where and len(args) == 3 and kinds[0] == "bool":
            return self._where(node, values, kinds)
        floats = set(kinds) <= {"float", "number"} and "float" in kinds
        if is_one_of(fn, TO_FLOAT) and len(args) == 1 and floats:
            return ast.Call(node.func, values, []), "float"
        if is_one_of(fn, OF_TWO) and len(args) == 2 and floats:
            return ast.Call(node.func, values, []), "float"
        if is_one_of(fn, TO_BOOL) and len(args) == 1:
            if fn is np.logical_not and kinds == ["bool"]:
                return ast.UnaryOp(ast.Not(), values[0]), "bool"
            if floats and fn is not np.logical_not:
                return ast.Call(node.func, values, []), "bool"
        if is_one_of(fn, _LOGIC) and kinds == ["bool", "bool"]:
            return ast.BoolOp(_LOGIC[fn](), values), "bool"
        raise NotPointwiseError(f"it computes '{ast.unparse(node)}'")

    def _where(
        self, node: ast.Call, values: list[ast.expr], kinds: list[str]
    ) -> tuple[ast.expr, str]:
        whole = [_is_whole(v, kind) for v, kind in zip(values[1:], kinds[1:], strict=True)]
        if "bool" in kinds[1:] or all(whole):
            raise NotPointwiseError(f"it computes '{ast.unparse(node)}'")
        return ast.IfExp(*values), "float"

    def _fresh(self, node: ast.expr) -> ast.expr | None:
        """The value that a new array begins with."""
        if not isinstance(node, ast.Call) or node.keywords:
            return None
        fn = self.global_of(node.func)
        if is_one_of(fn, _NEW) and len(node.args) == 1 and self._is_size(node.args[0]):
            return float_of(_NEW[fn])
        if is_one_of(fn, _NEW_LIKE) and len(node.args) == 1 and self._is_array(node.args[0]):
            return float_of(_NEW_LIKE[fn])
        if fn is np.full and len(node.args) == 2 and self._is_size(node.args[0]):
            made, kind = self.array(node.args[1])
            if isinstance(made, ast.Constant) and isinstance(made.value, int):
                return None
            return made if kind == "number" else None
        return None

    def _is_array(self, node: ast.expr) -> bool:
        return isinstance(node, ast.Name) and self.kinds.get(node.id) == "float"

    def _is_size(self, node: ast.expr) -> bool:
        """Whether an expression is the number of bars."""
        match node:
            case ast.Name(id=name):
                return self.kinds.get(name) == "size"
            case ast.Attribute(value=of, attr="size"):
                return self._is_array(of)
            case ast.Subscript(
                value=ast.Attribute(value=of, attr="shape"), slice=ast.Constant(value=0)
            ):
                return self._is_array(of)
            case ast.Call(func=ast.Name(id="len"), args=[of]):
                return self._is_array(of)
        return False

    def _is_every_bar(self, node: ast.expr) -> bool:
        match node:
            case ast.Call(func=ast.Name(id="range"), args=[size] | [ast.Constant(value=0), size]):
                return self._is_size(size)
        return False

    def global_of(self, node: ast.expr) -> Any:
        """What a global name, or an attribute of a module, stands for."""
        path: list[str] = []
        while isinstance(node, ast.Attribute):
            path.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self.kinds:
            return None
        found = self.space.get(node.id, getattr(builtins, node.id, None))
        for name in reversed(path):
            found = getattr(found, name, None)
        return found


def _is_whole(node: ast.expr, kind: str) -> bool:
    """Whether a number is a whole one, or a parameter that may be."""
    return kind == "number" and not (
        (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id in NUMBERS)
        or (isinstance(node, ast.UnaryOp) and not _is_whole(node.operand, kind))
    )
