"""The body of a loop over all bars as the rule for one of them."""

from __future__ import annotations

import ast
import math
from typing import TYPE_CHECKING, Any

from trade_research.sweep.words import (
    ARITHMETIC,
    COMPARISONS,
    OF_TWO,
    TO_BOOL,
    TO_FLOAT,
    NotPointwiseError,
    is_one_of,
)

if TYPE_CHECKING:
    from trade_research.sweep.arrays import Arrays

SCALARS: set[Any] = {abs, min, max, float, bool, math.isnan, math.isinf, math.isfinite}
SCALARS |= {math.sqrt, math.fabs}


class Loop:
    """The body of a loop over all bars: scalar code already, if it keeps to its own bar."""

    def __init__(self, rule: Arrays, bar: str) -> None:
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
            case ast.BinOp(left=a, op=op, right=b) if isinstance(op, ARITHMETIC):
                return ast.BinOp(self._value(a), op, self._value(b))
            case ast.BoolOp(op=op, values=parts):
                return ast.BoolOp(op, [self._value(p) for p in parts])
            case ast.UnaryOp(op=ast.Not() | ast.USub() as op, operand=a):
                return ast.UnaryOp(op, self._value(a))
            case ast.Compare(left=a, ops=ops, comparators=others) if all(
                isinstance(o, COMPARISONS) for o in ops
            ):
                return ast.Compare(self._value(a), ops, [self._value(o) for o in others])
            case ast.IfExp(test=test, body=yes, orelse=no):
                return ast.IfExp(self._value(test), self._value(yes), self._value(no))
            case ast.Tuple(elts=parts):
                return ast.Tuple([self._value(p) for p in parts], ast.Load())
            case ast.Attribute() if type(self._rule.global_of(node)) is float:
                return self._rule.array(node)[0]
            case ast.Call(func=func, args=args, keywords=[]):
                fn = self._rule.global_of(func)
                if any(is_one_of(fn, known) for known in (SCALARS, TO_FLOAT, OF_TWO, TO_BOOL)):
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
            self._rule.named(node, name)[0] if name not in self._rule.kinds else self._refuse(name)
        )

    def _refuse(self, name: str) -> ast.expr:
        raise NotPointwiseError(f"its loop uses all of {name!r}")


def without_continue(body: list[ast.stmt]) -> list[ast.stmt]:
    """The body of a loop with what follows a `continue` moved into the other branch."""
    for i, node in enumerate(body):
        if isinstance(node, ast.Continue):
            return body[:i] or [ast.Pass()]
        if isinstance(node, ast.If):
            rest = body[i + 1 :]
            yes, no = (
                without_continue([*part, *rest] if not _ends(part) else part)
                for part in (node.body, node.orelse)
            )
            if any(isinstance(n, ast.Continue) for n in ast.walk(node)):
                return [*body[:i], ast.If(node.test, yes, no)]
    return body


def _ends(part: list[ast.stmt]) -> bool:
    return bool(part) and isinstance(part[-1], ast.Continue)
