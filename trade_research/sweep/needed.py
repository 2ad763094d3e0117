"""What the targets of a strategy depend on: its body without all that they do not."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any


def needed(body: list[ast.stmt], space: Mapping[str, Any]) -> list[ast.stmt]:
    """A body without what its targets do not depend on: the other fields of a named tuple."""
    returned = [n for s in body for n in ast.walk(s) if isinstance(n, ast.Return)]
    for node in returned:
        node.value = _target_of(node.value, space)
    names = _shared_memory(body)
    while True:
        kept = [ast.fix_missing_locations(made) for s in body for made in _kept(s, names)]
        read = {
            n.id
            for s in kept
            for n in ast.walk(s)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Load)
        }
        if read <= names:
            return kept
        names |= read


def _shared_memory(body: list[ast.stmt]) -> set[str]:
    """Names that are written into and may be other names' memory: all but new arrays."""
    written: set[str] = set()
    fresh: set[str] = set()
    other: set[str] = set()
    for node in (n for s in body for n in ast.walk(s)):
        if isinstance(node, ast.Assign | ast.AugAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            for target in targets:
                pairs = pair(target, node.value)
                for part, value in pairs or [(target, node.value)]:
                    if not isinstance(part, ast.Name):
                        written |= sets(part)
                    elif _is_new(value):
                        fresh.add(part.id)
                    else:
                        other.add(part.id)
    return written - (fresh - other)


def _is_new(value: ast.expr) -> bool:
    """Whether an expression is a new array: ``np.empty(…)`` and its kin."""
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in _MAKERS
    )


_MAKERS = frozenset(
    ("empty", "zeros", "ones", "full", "empty_like", "zeros_like", "ones_like", "full_like")
)


def _target_of(value: ast.expr | None, space: Mapping[str, Any]) -> ast.expr | None:
    """The first field of a named tuple that is made on the spot; anything else as it is."""
    if not (isinstance(value, ast.Call) and isinstance(value.func, ast.Name)):
        return value
    made = space.get(value.func.id)
    fields = getattr(made, "_fields", None)
    if not (isinstance(made, type) and issubclass(made, tuple) and fields):
        return value
    named = {k.arg: k.value for k in value.keywords}
    found = value.args[0] if value.args else named.get(fields[0])
    is_plain = fields[0] == "target" and not isinstance(found, ast.Starred)
    return found if found is not None and is_plain else value


def _kept(node: ast.stmt, names: set[str]) -> list[ast.stmt]:
    """A statement, or what is left of it, where only `names` matter."""
    match node:
        case ast.Assign(targets=targets, value=value):
            pairs = [pair(t, value) for t in targets]
            if len(pairs) == 1 and pairs[0] is not None:
                mine = [(t, v) for t, v in pairs[0] if sets(t) & names]
                return [_assignment(mine)] if mine else []
            return [node] if any(sets(t) & names for t in targets) else []
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [node] if sets(target) & names else []
        case ast.For(target=target, iter=over, body=body, orelse=[]):
            inner = [made for s in body for made in _kept(s, names)]
            return [ast.For(target, over, inner, [])] if inner else []
        case ast.If(test=test, body=body, orelse=other):
            yes = [made for s in body for made in _kept(s, names)]
            no = [made for s in other for made in _kept(s, names)]
            return [ast.If(test, yes or [ast.Pass()], no)] if yes or no else []
    return [node]


def pair(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]] | None:
    """Targets and values one by one; None where a tuple is not written out on both sides."""
    if not isinstance(target, ast.Tuple):
        return [(target, value)]
    if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts):
        return list(zip(target.elts, value.elts, strict=True))
    return None


def _assignment(pairs: list[tuple[ast.expr, ast.expr]]) -> ast.stmt:
    if len(pairs) == 1:
        return ast.Assign([pairs[0][0]], pairs[0][1])
    targets, values = ([p[k] for p in pairs] for k in (0, 1))
    return ast.Assign([ast.Tuple(targets, ast.Store())], ast.Tuple(values, ast.Load()))


def sets(target: ast.expr) -> set[str]:
    """Names that an assignment changes: those of arrays it writes into, too."""
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    return {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}
