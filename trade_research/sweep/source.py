"""The text of a strategy, as it was compiled, and the names that it sees."""

from __future__ import annotations

import ast
import dis
import inspect
import textwrap
from functools import cache
from types import CodeType
from typing import Any


class WholeError(Exception):
    """The function cannot be taken apart; the text says why."""


@cache
def definition_of(fn: Any) -> tuple[ast.FunctionDef, dict[str, Any]]:
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
