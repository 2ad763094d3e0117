"""Taking a strategy apart: indicator calls that configurations share, and what is left to do.

A strategy is one plain function. Where it calls a compiled function on columns and parameters, at
the top level of its body, the result depends on those alone: it is worked out once a sweep and
handed in. What is left is compiled from the same text, with the call replaced by an argument, so
every number comes out of the same operations as in a backtest, bit for bit.
"""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from types import CodeType, ModuleType
from typing import Any

from trade_research.kernels.jit import Kernel
from trade_research.strategies.strategy import Strategy


class WholeError(Exception):
    """The function cannot be taken apart; the text says why."""


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
    definition, space = _definition(strategy.fn)
    numbers = tuple(n for n in strategy.params if n not in chosen)
    columns = strategy.columns
    body = _Chosen(chosen).block(definition.body)
    splitter = _Splitter(columns, numbers, space)
    rest = needed(splitter.block(needed(body, space)), space)
    return Parts(rest, splitter.shared, columns, numbers, space)


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


_SAFE = {"min": min, "max": max, "int": int, "float": float, "abs": abs}
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod)


@cache
def _definition(fn: Any) -> tuple[ast.FunctionDef, dict[str, Any]]:
    """The function's own text, parsed, if it is what was compiled; and the names it sees."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(fn)))
    except (OSError, TypeError, SyntaxError) as error:
        raise WholeError("the text of the strategy is not to be had") from error
    found = tree.body[0] if tree.body else None
    if not isinstance(found, ast.FunctionDef):
        raise WholeError("the strategy is no plain function")
    found.decorator_list = []
    if not _same_code(found, fn.__code__):
        raise WholeError("the text of the strategy has changed since it was loaded")
    space = dict(fn.__globals__)
    for name, cell in zip(fn.__code__.co_freevars, fn.__closure__ or (), strict=True):
        try:
            space[name] = cell.cell_contents
        except ValueError as error:
            raise WholeError(f"{name} is not assigned yet") from error
    return found, space


def _same_code(definition: ast.FunctionDef, code: CodeType) -> bool:
    """Whether the text compiles to the code that runs; not asked of a closure, coded otherwise."""
    if code.co_freevars:
        return True
    module = compile(ast.Module([definition], []), "<text>", "exec")
    made = next(c for c in module.co_consts if isinstance(c, CodeType))

    return _steps(made) == _steps(code)


def _steps(code: CodeType) -> list[tuple[str, Any]]:
    """What the code does, less how it calls and looks up: that depends on the module around it."""
    skipped = ("CACHE", "PUSH_NULL", "PRECALL", "RESUME", "CALL", "MAKE_CELL", "COPY_FREE_VARS")
    return [
        (
            step.opname.replace("LOAD_METHOD", "LOAD_ATTR"),
            "" if step.opcode in dis.hasjrel else repr(step.argval),
        )
        for step in dis.get_instructions(code)
        if step.opname not in skipped and not isinstance(step.argval, CodeType)
    ]


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
                pairs = _pair(target, node.value)
                for part, value in pairs or [(target, node.value)]:
                    if not isinstance(part, ast.Name):
                        written |= _sets(part)
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
            pairs = [_pair(t, value) for t in targets]
            if len(pairs) == 1 and pairs[0] is not None:
                mine = [(t, v) for t, v in pairs[0] if _sets(t) & names]
                return [_assignment(mine)] if mine else []
            return [node] if any(_sets(t) & names for t in targets) else []
        case ast.AugAssign(target=target) | ast.AnnAssign(target=target):
            return [node] if _sets(target) & names else []
        case ast.For(target=target, iter=over, body=body, orelse=[]):
            inner = [made for s in body for made in _kept(s, names)]
            return [ast.For(target, over, inner, [])] if inner else []
        case ast.If(test=test, body=body, orelse=other):
            yes = [made for s in body for made in _kept(s, names)]
            no = [made for s in other for made in _kept(s, names)]
            return [ast.If(test, yes or [ast.Pass()], no)] if yes or no else []
    return [node]


def _pair(target: ast.expr, value: ast.expr) -> list[tuple[ast.expr, ast.expr]] | None:
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


def _sets(target: ast.expr) -> set[str]:
    """Names that an assignment changes: those of arrays it writes into, too."""
    while isinstance(target, ast.Subscript | ast.Attribute):
        target = target.value
    parts = target.elts if isinstance(target, ast.Tuple | ast.List) else [target]
    return {n.id for part in parts for n in ast.walk(part) if isinstance(n, ast.Name)}


class _Chosen(ast.NodeTransformer):
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


class _Splitter(ast.NodeTransformer):
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
    pairs = _pair(node.targets[0], node.value) or []
    set_ = {name for target, _ in pairs for name in _sets(target)}
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
