"""A strategy's body for one choice of its texts and switches: only the branches that are taken."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any


class Chosen(ast.NodeTransformer):
    """Puts chosen values in the place of parameters, and drops the branches not taken."""

    def __init__(self, chosen: Mapping[str, Any]) -> None:
        self._chosen = chosen

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        out: list[ast.stmt] = []
        for statement in statements:
            made = self.visit(_copy(statement))
            out += made if isinstance(made, list) else [made]
        return out

    def visit_Name(self, node: ast.Name) -> ast.expr:
        if node.id in self._chosen and isinstance(node.ctx, ast.Load):
            return ast.copy_location(ast.Constant(self._chosen[node.id]), node)
        return node

    def visit_If(self, node: ast.If) -> Any:
        test = self.visit(node.test)
        known = _truth(test)
        if known is None:
            node.test = test
            node.body, node.orelse = self.block(node.body), self.block(node.orelse)
            return node
        return self.block(node.body if known else node.orelse) or [ast.Pass()]

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        test = self.visit(node.test)
        known = _truth(test)
        if known is None:
            node.test, node.body, node.orelse = test, self.visit(node.body), self.visit(node.orelse)
            return node
        return self.visit(node.body if known else node.orelse)


def _copy(node: ast.stmt) -> ast.stmt:
    return ast.parse(ast.unparse(node)).body[0]


def _truth(test: ast.expr) -> bool | None:
    """What a test of constants says; None where it holds anything else."""
    if any(not isinstance(n, _PLAIN) for n in ast.walk(test)):
        return None
    try:
        return bool(eval(compile(ast.Expression(test), "<test>", "eval"), {"__builtins__": {}}))
    except Exception:  # whatever it raises, it will raise when it runs
        return None


_PLAIN = (
    *(ast.Constant, ast.Compare, ast.BoolOp, ast.UnaryOp, ast.And, ast.Or, ast.Not, ast.Load),
    *(ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.IsNot, ast.Tuple, ast.List, ast.Set),
)
