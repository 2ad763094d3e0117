"""Strategies made of strategies: one compiled function around theirs, and a `Strategy` again.

The parts are put in the order of their names, so the result does not depend on the order in which
they were given. Each is asked as if it were alone: its own columns, its own parameters as
``name__param``, no opinion where one of its columns is NaN.
"""

from __future__ import annotations

import linecache
from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import FunctionType
from typing import Any

import numpy as np

from trade_research.errors import StrategyCompileError, StrategyError
from trade_research.kernels.fields import first_field
from trade_research.kernels.jit import F64, kernel
from trade_research.strategies.declare import Col, Param
from trade_research.strategies.evaluate import Program, Targets
from trade_research.strategies.parts import own_params
from trade_research.strategies.strategy import Strategy


@dataclass(frozen=True, eq=False, repr=False)
class Composed(Strategy):
    """A strategy made of others.

    Attributes
    ----------
    parts : mapping of str to Strategy
        What it is made of, by the names that its parameters and columns carry.
    arguments : mapping of str to list of str
        The columns that each part takes, by their names here.
    removable : tuple of str
        The parts that `without` can leave out.
    """

    parts: Mapping[str, Strategy] = field(kw_only=True)
    arguments: Mapping[str, list[str]] = field(kw_only=True)
    removable: tuple[str, ...] = field(kw_only=True)
    _without: Callable[[str], Strategy] = field(kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        program = _Program(self.fn, tuple(self.inputs), self.params, self.parts, self.arguments)
        object.__setattr__(self, "_program", program)

    def without(self, name: str) -> Strategy:
        """The same composition with one part left out; itself a strategy."""
        return self._without(name)


class _Program(Program):
    """The parts' own kernels for the text parameters chosen, inside one function."""

    def __init__(
        self,
        fn: Callable[..., Any],
        columns: tuple[str, ...],
        params: Mapping[str, Param],
        parts: Mapping[str, Strategy],
        arguments: Mapping[str, list[str]],
    ) -> None:
        super().__init__(fn, columns, params)
        self._parts, self._arguments = parts, arguments

    def _specialised(self, texts: dict[str, Any]) -> Callable[..., Any]:
        made = super()._specialised(texts)
        if not texts:
            return made
        space = dict(made.__globals__)
        for name, part in self._parts.items():
            given = part.bind(**own_params(name, texts))
            space[f"_ask_{name}"] = part._program.kernel(given)
        inner = FunctionType(made.__code__, space, made.__name__, made.__defaults__)
        inner.__qualname__, inner.__module__ = made.__qualname__, made.__module__
        return inner

    def run(self, columns: Mapping[str, F64], params: dict[str, Any]) -> Targets:
        try:
            return super().run(columns, params)
        except StrategyCompileError:
            for name, part in self._parts.items():  # the one to blame says it in its own words
                given = (columns[called] for called in self._arguments[name])
                part.raw(dict(zip(part.columns, given, strict=True)), **own_params(name, params))
            raise

    def _blank(self, target: F64, arrays: list[F64]) -> None:
        """Nothing: each part was blanked where a column of its own is NaN."""


@dataclass(frozen=True)
class Rule:
    """How the opinions of the parts become a target.

    Attributes
    ----------
    line : str
        A statement about ``_<name>``, the opinion of each part, and the parameters.
    fields : mapping of str to str
        Name to expression of what is returned: `target`, then the columns beside it.
    names : mapping of str to object
        What else they mention.
    inputs : tuple of str
        Columns that the expression itself reads.
    params : tuple of Param
        Its own parameters, before those of the parts.
    warmup : callable
        Of its own parameters by name; bars.
    doc, source : str
        The docstring, and the call that makes the composition again.
    """

    line: str
    fields: Mapping[str, str]
    names: Mapping[str, Any]
    doc: str
    source: str
    inputs: tuple[str, ...] = ()
    params: tuple[Param, ...] = ()
    warmup: Callable[..., int] = lambda **_: 0


def composed(
    name: str,
    parts: Mapping[str, Strategy],
    rule: Rule,
    *,
    module: str,
    removable: Iterable[str],
    without: Callable[[str], Strategy],
) -> Composed:
    """One strategy of the parts and the rule, called `name` and defined in `module`."""
    if not name.isidentifier():
        raise StrategyError(f"a strategy cannot be called {name!r}; use letters, digits and _")
    columns, arguments = _columns(parts, rule.inputs)
    params = {param.name: param for param in rule.params}
    for part_name, part in parts.items():
        for own in part.params.values():
            renamed = replace(own, name=f"{part_name}__{own.name}")
            if renamed.name in params:
                raise StrategyError(f"{name}: two parameters would be called {renamed.name!r}")
            params[renamed.name] = renamed
    params = dict(sorted(params.items(), key=lambda item: item[1].type is str))
    fn = _function(name, parts, rule, columns, arguments, params)
    fn.__module__, fn.__doc__ = module, rule.doc

    def warmup(**values: Any) -> int:
        own = {param.name: values[param.name] for param in rule.params}
        asked = [part.warmup(**own_params(key, values)) for key, part in parts.items()]
        return max(rule.warmup(**own), *asked)

    made = Composed(
        fn,
        columns,
        params,
        rule.source,
        warmup,
        tuple(params),
        parts=parts,
        arguments=arguments,
        removable=tuple(removable),
        _without=without,
    )
    fn.__globals__[name] = made  # what its source calls by this name
    return made


def _columns(
    parts: Mapping[str, Strategy], own: tuple[str, ...]
) -> tuple[dict[str, Col], dict[str, list[str]]]:
    """The columns of all parts, and which of them each takes, by the composition's names."""
    columns: dict[str, Col] = {name: Col(name) for name in own}
    arguments: dict[str, list[str]] = {}
    for name, part in parts.items():
        arguments[name] = []
        for key, col in part.inputs.items():
            known = columns.setdefault(key, col)
            called = key if known == col else f"{name}__{key}"
            columns.setdefault(called, col)
            arguments[name].append(called)
    return columns, arguments


def _function(
    name: str,
    parts: Mapping[str, Strategy],
    rule: Rule,
    columns: Mapping[str, Col],
    arguments: Mapping[str, list[str]],
    params: Mapping[str, Param],
) -> FunctionType:
    """The function as text, run: Numba compiles it as it does one from a file."""
    space: dict[str, Any] = {
        **rule.names,
        **parts,
        "_opinion": opinion,
        "_blank": blank,
        "_first": first_field,
    }
    lines = [
        f"def {name}({', '.join([*columns, *(f'{p}={params[p].default!r}' for p in params)])}):"
    ]
    for key, part in parts.items():
        given = part.bind()
        space[f"_ask_{key}"] = part._program.kernel(given)
        numbers = [n for n, p in part.params.items() if p.type is not str]
        call = ", ".join([*arguments[key], *(f"{n}={key}__{n}" for n in numbers)])
        first = f"_opinion(_first(_ask_{key}({call})), {arguments[key][0]})"
        # One made of others has blanked each of them by its own columns already.
        for column in [] if isinstance(part, Composed) else arguments[key]:
            first = f"_blank({first}, {column})"
        lines.append(f"    _{key} = {first}")
    ages = {key: key for key in columns if key.endswith("_age")}
    fields = {**rule.fields, **ages}
    space["_Out"] = namedtuple(f"{name}_outputs", list(fields))
    lines += [f"    {rule.line}", f"    return _Out({', '.join(fields.values())})"]
    text = "\n".join(lines) + "\n"
    file = f"<{name}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    exec(compile(text, file, "exec"), space)
    made = space[name]
    assert isinstance(made, FunctionType)
    return made


@kernel
def opinion(target: F64, column: F64) -> F64:
    """A part's targets, which must be as many as its `column` has rows, as an array of floats."""
    if target.size != column.shape[0]:
        raise ValueError("a part returned another number of targets than there are bars")
    out = np.empty(target.size)
    for t in range(target.size):
        out[t] = target[t]
    return out


@kernel
def blank(target: F64, column: F64) -> F64:
    """`target`, but NaN where a scalar column is NaN; book sides change nothing."""
    if column.ndim != 1:
        return target
    out = np.empty(target.size)
    for t in range(target.size):
        out[t] = target[t] if column[t] == column[t] else np.nan
    return out
