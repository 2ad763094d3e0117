"""Calls that configurations share: compiled functions of columns and parameters alone."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from types import CodeType, ModuleType
from typing import Any

from trade_research.kernels.jit import Kernel
from trade_research.sweep.needed import pair, sets
from trade_research.sweep.source import WholeError

_SAFE = {"min": min, "max": max, "int": int, "float": float, "abs": abs}
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)


@dataclass(frozen=True)
class Shared:
    """One call that configurations share, or a field of what it returns.

    `args` are columns (str), other shared calls, or expressions in parameters (compiled).
    """

    kernel: Any
    args: tuple[str | Shared | CodeType, ...]
    field: str | int | None = None

    def whole(self) -> Shared:
        """The call itself, where this is a field of its result."""
        return self if self.field is None else Shared(self.kernel, self.args)

    def parameters(self) -> set[str]:
        """Numeric parameters that its value depends on."""
        found: set[str] = set()
        for arg in self.args:
            if isinstance(arg, Shared):
                found |= arg.parameters()
            elif isinstance(arg, CodeType):
                found |= set(arg.co_names) - _SAFE.keys()
        return found


def key_of(call: Shared, params: Mapping[str, Any]) -> tuple[Any, ...]:
    """The call with its arguments worked out, as a hashable value."""
    args = tuple(
        arg
        if isinstance(arg, str)
        else key_of(arg, params)
        if isinstance(arg, Shared)
        else _number(arg, params)
        for arg in call.args
    )
    return call.kernel, args, call.field


def _number(code: CodeType, params: Mapping[str, Any]) -> tuple[str, Any]:
    value = eval(code, {"__builtins__": {}, **_SAFE}, dict(params))  # `_is_static` let it through
    return type(value).__name__, value


class Splitter(ast.NodeTransformer):
    """Replaces shared calls by names, statement by statement, at the top level of the body."""

    def __init__(
        self, columns: tuple[str, ...], numbers: tuple[str, ...], space: Mapping[str, Any]
    ):
        self.shared: dict[str, Shared] = {}
        self._columns, self._numbers, self._space = set(columns), set(numbers), space
        self._known: dict[str, Shared | str | ast.expr] = {c: c for c in columns}
        self._local: set[str] = set()
        self._may_call = True

    def block(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        self._local = {
            n.id
            for s in statements
            for n in ast.walk(s)
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)
        }
        out: list[ast.stmt] = []
        for statement in statements:
            out += self._statement(statement)
        return out

    def _statement(self, node: ast.stmt) -> list[ast.stmt]:
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            return [made for part in _apart(node) for made in self._assign(part, part.targets[0])]
        self._may_call = isinstance(node, ast.Return | ast.Expr)
        self._forget(node)
        made = self.visit(node)
        self._may_call = True
        return [made]

    def _assign(self, node: ast.Assign, target: ast.expr) -> list[ast.stmt]:
        call = self._of(node.value)
        if call is not None and isinstance(target, ast.Name):
            self._forget(target)
            self._known[target.id] = call
            return []
        if call is not None and isinstance(target, ast.Tuple):
            names = [t.id for t in target.elts if isinstance(t, ast.Name)]
            if len(names) == len(target.elts):
                for i, name in enumerate(names):
                    self._known[name] = Shared(call.kernel, call.args, i)
                return []
        is_static = isinstance(target, ast.Name) and self._is_static(node.value)
        value = self._plain(node.value) if is_static else None
        node.value = self.visit(node.value)
        self._forget(node)
        if isinstance(target, ast.Name) and value is not None:
            self._known[target.id] = value
        elif not isinstance(target, ast.Name):
            node.targets = [self.visit(target)]
        return [node]

    def _forget(self, node: ast.AST) -> None:
        """Names that a statement assigns are no longer what they were."""
        for n in ast.walk(node):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                if isinstance(self._known.get(n.id), Shared):
                    raise WholeError(f"{n.id} is assigned again after an indicator")
                if n.id in self._columns or n.id in self._numbers:
                    raise WholeError(f"{n.id} is assigned again")
                self._known.pop(n.id, None)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        call = self._call(node)
        return self._name(call) if call is not None else self._rest(node)

    def _rest(self, node: Any) -> ast.expr:
        rest: ast.expr = self.generic_visit(node)  # type: ignore[assignment]
        return rest

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        of = self._of(node.value)
        if (
            of is not None
            and of.field is None
            and isinstance(node.ctx, ast.Load)
            and not _is_array_word(node.attr)
        ):
            return self._name(Shared(of.kernel, of.args, node.attr))
        return self._rest(node)

    def visit_Subscript(self, node: ast.Subscript) -> ast.expr:
        of = self._of(node.value)
        at = node.slice
        if (
            of is not None
            and of.field is None
            and isinstance(at, ast.Constant)
            and isinstance(at.value, int)
            and of.whole() in self._tuples
        ):
            return self._name(Shared(of.kernel, of.args, at.value))
        return self._rest(node)

    @property
    def _tuples(self) -> set[Shared]:
        return {c.whole() for c in self.shared.values() if c.field is not None}

    def _of(self, node: ast.expr) -> Shared | None:
        """The shared call that an expression is."""
        if isinstance(node, ast.Name):
            known = self._known.get(node.id)
            return known if isinstance(known, Shared) else None
        return self._call(node)

    def visit_Name(self, node: ast.Name) -> ast.expr:
        known = self._known.get(node.id)
        return self._name(known) if isinstance(known, Shared) else node

    def _name(self, call: Shared) -> ast.expr:
        for name, known in self.shared.items():
            if known == call:
                return ast.Name(name, ast.Load())
        name = f"shared_{len(self.shared)}"
        self.shared[name] = call
        return ast.Name(name, ast.Load())

    def _call(self, node: ast.expr) -> Shared | None:
        """The shared call that a call is, if it is one."""
        if not (self._may_call and isinstance(node, ast.Call)):
            return None
        kernel = self._kernel(node.func)
        if kernel is None:
            return None
        bound = _bound(kernel, node)
        if bound is None:
            return None
        args: list[str | Shared | CodeType] = []
        for arg in bound:
            of = self._of(arg)
            if of is not None:
                args.append(of)
            elif isinstance(arg, ast.Name) and arg.id in self._columns:
                args.append(arg.id)
            elif self._is_static(arg):
                plain = ast.fix_missing_locations(ast.Expression(self._plain(arg)))
                args.append(compile(plain, ast.unparse(plain), "eval"))
            else:
                return None
        return Shared(kernel, tuple(args))

    def _kernel(self, node: ast.expr) -> Any:
        """The compiled function that a name, or an attribute of a module, stands for."""
        path: list[str] = []
        while isinstance(node, ast.Attribute):
            path.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id in self._known or node.id in self._local:
            return None
        found = self._space.get(node.id)
        for name in reversed(path):
            if not isinstance(found, ModuleType):
                return None
            found = getattr(found, name, None)
        return found if isinstance(found, Kernel) or _is_dispatcher(found) else None

    def _is_static(self, node: ast.expr) -> bool:
        """Whether an expression depends on numeric parameters and constants alone."""
        match node:
            case ast.Constant(value=bool() | int() | float()):
                return True
            case ast.Name(id=name):
                known = self._known.get(name)
                if isinstance(known, ast.expr) or name in self._numbers:
                    return True
                return name not in self._local and type(self._space.get(name)) in (int, float)
            case ast.BinOp(left=a, op=op, right=b) if isinstance(op, _ARITHMETIC):
                return self._is_static(a) and self._is_static(b)
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=a):
                return self._is_static(a)
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]) if name in _SAFE:
                return name not in self._space and all(map(self._is_static, args))
        return False

    def _plain(self, node: ast.expr) -> ast.expr:
        """A static expression in parameters and constants, local names put in their place."""
        copy = ast.parse(ast.unparse(node), mode="eval").body
        plain: ast.expr = _Inline(self._known, self._numbers, self._space).visit(copy)
        return plain


def _apart(node: ast.Assign) -> list[ast.Assign]:
    """`a, b = x, y` as one assignment after the other, where none reads what another sets."""
    pairs = pair(node.targets[0], node.value) or []
    set_ = {name for target, _ in pairs for name in sets(target)}
    read = {n.id for n in ast.walk(node.value) if isinstance(n, ast.Name)}
    if len(pairs) < 2 or set_ & read:
        return [node]
    return [ast.Assign([target], value) for target, value in pairs]


class _Inline(ast.NodeTransformer):
    def __init__(
        self, known: Mapping[str, Any], numbers: set[str], space: Mapping[str, Any]
    ) -> None:
        self._known, self._numbers, self._space = known, numbers, space

    def visit_Name(self, node: ast.Name) -> ast.expr:
        known = self._known.get(node.id)
        if isinstance(known, ast.expr):
            return known
        if node.id in self._numbers or node.id in _SAFE:
            return node
        return ast.Constant(self._space[node.id])


def _bound(kernel: Any, node: ast.Call) -> list[ast.expr] | None:
    """The call's arguments in order, defaults filled in as constants; None where it cannot be."""
    if any(isinstance(a, ast.Starred) for a in node.args) or any(
        k.arg is None for k in node.keywords
    ):
        return None
    signature = inspect.signature(kernel.py_func)
    try:
        bound = signature.bind(*node.args, **{str(k.arg): k.value for k in node.keywords})
    except TypeError:
        return None
    out: list[ast.expr] = []
    for name, parameter in signature.parameters.items():
        if name in bound.arguments:
            out.append(bound.arguments[name])
        elif type(parameter.default) in (bool, int, float):
            out.append(ast.Constant(parameter.default))
        else:
            return None
    return out


def _is_dispatcher(value: Any) -> bool:
    return hasattr(value, "py_func") and hasattr(value, "nopython_signatures")


def _is_array_word(name: str) -> bool:
    return name in ("size", "shape", "ndim", "T", "copy", "astype", "dtype")
