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
import builtins
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trade_research.sweep.parts import Parts


@dataclass(frozen=True)
class Rule:
    """Statements that set `target_` of one bar from the values of its arrays at that bar.

    `latch` is the name that is carried on, and `begins` what it holds before the first bar.
    """

    statements: list[ast.stmt]
    latch: str | None = None
    begins: ast.expr | None = None


class NotPointwiseError(Exception):
    """The body looks at more than the bar it decides; the text says where."""


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
    maker = _Rule({*flat, *parts.shared}, set(parts.numbers), parts.space)
    made = [new for statement in parts.body for new in maker.statement(statement)]
    out = [ast.fix_missing_locations(statement) for statement in made]
    if not maker.returns:
        raise NotPointwiseError("it returns nothing at the top level of its body")
    if maker.latch is None:
        return Rule(out)
    first = next(i for i, s in enumerate(out) if ast.unparse(s).startswith(f"{maker.latch} = "))
    return Rule(out[:first] + out[first + 1 :], maker.latch, maker.begins[maker.latch])


_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
_COMPARISONS = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_BITS = (ast.BitAnd, ast.BitOr, ast.BitXor)
_TO_FLOAT: set[Any] = {np.abs, np.absolute, np.fabs, np.sqrt, np.sign, np.negative}
_OF_TWO = {np.minimum, np.maximum}
_TO_BOOL = {np.isnan, np.isfinite, np.isinf, np.logical_not}
_LOGIC = {np.logical_and: ast.And, np.logical_or: ast.Or}
_SCALARS: set[Any] = {abs, min, max, float, bool, math.isnan, math.isinf, math.isfinite}
_SCALARS |= {math.sqrt, math.fabs}
_NEW: dict[Any, float] = {np.empty: math.nan, np.zeros: 0.0, np.ones: 1.0}
_NEW_LIKE: dict[Any, float] = {np.empty_like: math.nan, np.zeros_like: 0.0, np.ones_like: 1.0}


class _Rule:
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
                inner = _Loop(self, bar).block(_without_continue(body))
                return [_assigned(bar, ast.Name("bar_", ast.Load())), *inner]
            case ast.Return(value=ast.expr() as value) if not self.returns:
                self.returns = True
                value = self._target(value)
                if isinstance(value, ast.Name) and self.kinds.get(value.id) == "held":
                    return [_assigned("target_", value)]
                self.latch = None  # nothing of it reaches the target
                made, kind = self.array(value)
                if kind != "float":
                    raise NotPointwiseError(f"it returns {kind} targets")
                return [_assigned("target_", made)]
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
        return [_assigned(name, made)]

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
                return self._named(node, name)
            case ast.Attribute():
                value = self._global(node)
                if type(value) is float:
                    return _float(value), "number"
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
            case ast.Compare(left=a, ops=[op], comparators=[b]) if isinstance(op, _COMPARISONS):
                (x, one), (y, two) = self.array(a), self.array(b)
                if "bool" not in (one, two):
                    return ast.Compare(x, [op], [y]), "bool"
            case ast.Call(func=ast.Attribute(value=of, attr="astype"), args=[kind], keywords=[]):
                made, was = self.array(of)
                if was == "bool" and self._global(kind) in (float, np.float64):
                    return self._as_float(made, was), "float"
            case ast.Call(func=func, args=args, keywords=[]):
                fresh = self._fresh(node)
                return (fresh, "float") if fresh else self._call(node, self._global(func), args)
        raise NotPointwiseError(f"it computes '{ast.unparse(node)}'")

    def _named(self, node: ast.Name, name: str) -> tuple[ast.expr, str]:
        kind = self.kinds.get(name)
        if kind in ("float", "bool", "number"):
            return node, kind
        value = self.space.get(name)
        if kind is None and type(value) in (int, float):
            return _float(value) if type(value) is float else ast.Constant(value), "number"
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
        if isinstance(op, _ARITHMETIC):
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
        if _hashed(fn, _TO_FLOAT) and len(args) == 1 and floats:
            return ast.Call(node.func, values, []), "float"
        if _hashed(fn, _OF_TWO) and len(args) == 2 and floats:
            return ast.Call(node.func, values, []), "float"
        if _hashed(fn, _TO_BOOL) and len(args) == 1:
            if fn is np.logical_not and kinds == ["bool"]:
                return ast.UnaryOp(ast.Not(), values[0]), "bool"
            if floats and fn is not np.logical_not:
                return ast.Call(node.func, values, []), "bool"
        if _hashed(fn, _LOGIC) and kinds == ["bool", "bool"]:
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
        fn = self._global(node.func)
        if _hashed(fn, _NEW) and len(node.args) == 1 and self._is_size(node.args[0]):
            return _float(_NEW[fn])
        if _hashed(fn, _NEW_LIKE) and len(node.args) == 1 and self._is_array(node.args[0]):
            return _float(_NEW_LIKE[fn])
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

    def _global(self, node: ast.expr) -> Any:
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


class _Loop:
    """The body of a loop over all bars: scalar code already, if it keeps to its own bar."""

    def __init__(self, rule: _Rule, bar: str) -> None:
        self._rule, self._bar = rule, bar
        self._set: set[str] = {bar}
        self._assigned: set[str] = set()

    def block(self, body: list[ast.stmt]) -> list[ast.stmt]:
        self._assigned = {
            n.id
            for s in body
            for n in ast.walk(s)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        carried = sorted(self._assigned & self._rule.kinds.keys())
        if len(carried) > 1 or self._rule.latch is not None:
            raise NotPointwiseError(f"its loop carries {', '.join(carried)} on from bar to bar")
        if carried:
            if carried[0] not in self._rule.begins:
                raise NotPointwiseError(f"its loop carries {carried[0]!r} on from bar to bar")
            self._rule.latch = carried[0]
        out = [self._statement(s) for s in body]
        if carried:
            self._rule.kinds[carried[0]] = "spent"
        return out

    def _statement(self, node: ast.stmt) -> ast.stmt:
        match node:
            case ast.Assign(targets=targets, value=value):
                made, is_held = self._move(value)
                return ast.Assign([self._target(t, is_held) for t in targets], made)
            case ast.AugAssign(target=ast.Name(id=name) as target, op=op, value=value) if (
                name in self._set
            ):
                return ast.AugAssign(target, op, self._value(value))
            case ast.If(test=test, body=body, orelse=other):
                made = self._value(test)
                before = set(self._set)
                yes = [self._statement(s) for s in body]
                after, self._set = self._set, before
                no = [self._statement(s) for s in other]
                self._set &= after
                return ast.If(made, yes, no)
            case ast.Pass():
                return node
        raise NotPointwiseError(f"its loop holds '{ast.unparse(node).splitlines()[0]}'")

    def _move(self, node: ast.expr) -> tuple[ast.expr, Any]:
        """What is assigned, and whether it is what the latch holds (of a tuple, each part)."""
        match node:
            case ast.Name(id=name) if self._is_held(name):
                return node, True
            case ast.IfExp(test=test, body=yes, orelse=no):
                (a, one), (b, two) = self._move(yes), self._move(no)
                return ast.IfExp(self._value(test), a, b), one or two
            case ast.Tuple(elts=parts):
                made = [self._move(p) for p in parts]
                return ast.Tuple([m[0] for m in made], ast.Load()), [m[1] for m in made]
        return self._value(node), False

    def _is_held(self, name: str) -> bool:
        return name == self._rule.latch or self._rule.kinds.get(name) == "held"

    def _target(self, node: ast.expr, is_held: Any) -> ast.expr:
        match node:
            case ast.Name(id=name) if not is_held:
                self._set.add(name)
                return node
            case ast.Tuple(elts=parts):
                each = is_held if isinstance(is_held, list) else [is_held] * len(parts)
                return ast.Tuple(
                    [self._target(p, h) for p, h in zip(parts, each, strict=True)], ast.Store()
                )
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Name(id=bar)):
                known = self._rule.kinds.get(name)
                if (
                    bar == self._bar
                    and known in ("float", "held")
                    and name not in self._rule.inputs
                ):
                    if is_held:
                        self._rule.kinds[name] = "held"
                    return ast.Name(name, ast.Store())
        raise NotPointwiseError(f"its loop sets '{ast.unparse(node)}'")

    def _value(self, node: ast.expr) -> ast.expr:
        match node:
            case ast.Constant(value=bool() | int() | float()):
                return node
            case ast.Name(id=name):
                return self._name(node, name)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Name(id=bar)):
                if bar == self._bar and self._rule.kinds.get(name) in ("float", "bool"):
                    return ast.Name(name, ast.Load())
            case ast.BinOp(left=a, op=op, right=b) if isinstance(op, _ARITHMETIC):
                return ast.BinOp(self._value(a), op, self._value(b))
            case ast.BoolOp(op=op, values=parts):
                return ast.BoolOp(op, [self._value(p) for p in parts])
            case ast.UnaryOp(op=ast.Not() | ast.USub() as op, operand=a):
                return ast.UnaryOp(op, self._value(a))
            case ast.Compare(left=a, ops=ops, comparators=others) if all(
                isinstance(o, _COMPARISONS) for o in ops
            ):
                return ast.Compare(self._value(a), ops, [self._value(o) for o in others])
            case ast.IfExp(test=test, body=yes, orelse=no):
                return ast.IfExp(self._value(test), self._value(yes), self._value(no))
            case ast.Tuple(elts=parts):
                return ast.Tuple([self._value(p) for p in parts], ast.Load())
            case ast.Attribute() if type(self._rule._global(node)) is float:
                return self._rule.array(node)[0]
            case ast.Call(func=func, args=args, keywords=[]):
                fn = self._rule._global(func)
                if any(_hashed(fn, known) for known in (_SCALARS, _TO_FLOAT, _OF_TWO, _TO_BOOL)):
                    return ast.Call(func, [self._value(a) for a in args], [])
        raise NotPointwiseError(f"its loop computes '{ast.unparse(node)}'")

    def _name(self, node: ast.Name, name: str) -> ast.expr:
        if name == self._rule.latch:
            raise NotPointwiseError(
                f"its loop looks at {name!r}, which it carries on from bar to bar"
            )
        if name in self._set or self._rule.kinds.get(name) == "number":
            return node
        if name in self._assigned:
            raise NotPointwiseError(f"its loop carries {name!r} on from bar to bar")
        return (
            self._rule._named(node, name)[0] if name not in self._rule.kinds else self._refuse(name)
        )

    def _refuse(self, name: str) -> ast.expr:
        raise NotPointwiseError(f"its loop uses all of {name!r}")


def _without_continue(body: list[ast.stmt]) -> list[ast.stmt]:
    """The body of a loop with what follows a `continue` moved into the other branch."""
    for i, node in enumerate(body):
        if isinstance(node, ast.Continue):
            return body[:i] or [ast.Pass()]
        if isinstance(node, ast.If):
            rest = body[i + 1 :]
            yes, no = (
                _without_continue([*part, *rest] if not _ends(part) else part)
                for part in (node.body, node.orelse)
            )
            if any(isinstance(n, ast.Continue) for n in ast.walk(node)):
                return [*body[:i], ast.If(node.test, yes, no)]
    return body


def _ends(part: list[ast.stmt]) -> bool:
    return bool(part) and isinstance(part[-1], ast.Continue)


def _is_whole(node: ast.expr, kind: str) -> bool:
    """Whether a number is a whole one, or a parameter that may be."""
    return kind == "number" and not (
        (isinstance(node, ast.Constant) and isinstance(node.value, float))
        or (isinstance(node, ast.Name) and node.id in NUMBERS)
        or (isinstance(node, ast.UnaryOp) and not _is_whole(node.operand, kind))
    )


def _hashed(value: Any, known: Any) -> bool:
    try:
        return value in known
    except TypeError:
        return False


def _assigned(name: str, value: ast.expr) -> ast.stmt:
    return ast.Assign([ast.Name(name, ast.Store())], value)


NUMBERS = {"nan_": math.nan, "inf_": math.inf}
"""Names that a rule uses for what has no literal."""


def _float(value: float) -> ast.expr:
    """A float as an expression."""
    if math.isnan(value):
        return ast.Name("nan_", ast.Load())
    if math.isinf(value):
        name = ast.Name("inf_", ast.Load())
        return name if value > 0.0 else ast.UnaryOp(ast.USub(), name)
    return ast.Constant(value)
