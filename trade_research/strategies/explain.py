"""Compiling a strategy, and saying in its author's words why Numba could not."""

from __future__ import annotations

import linecache
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from trade_research.errors import StrategyCompileError, nearest
from trade_research.kernels.digest import digest
from trade_research.kernels.jit import F64, Kernel

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RAISED = re.compile(r"Raised from (\S+) \((\d+)\)")
_PLACE = re.compile(r'File "([^"]+)", line (\d+)')


def compiled_entry(kernel: Kernel[Any], arrays: list[F64], numbers: dict[str, Any]) -> Any:
    """The callable for these arguments, compiled now if it was not yet.

    Raises
    ------
    StrategyCompileError
        Numba cannot compile it: names the line of the user's file, the construct, and what to
        write instead.
    """
    dispatcher = kernel.dispatcher
    if not hasattr(dispatcher, "overloads"):  # NUMBA_DISABLE_JIT: the function itself
        return dispatcher
    from numba import typeof

    try:
        _, signature = dispatcher._compiler.fold_argument_types(
            tuple(typeof(a) for a in arrays), {n: typeof(v) for n, v in numbers.items()}
        )
        if signature not in dispatcher.overloads:
            dispatcher.compile(signature)
    except Exception as error:  # typing errors, but also what a foreign object's typing raises
        raise StrategyCompileError(explanation(kernel.py_func, error)) from None
    return dispatcher


def explanation(fn: Callable[..., Any], error: Exception) -> str:
    """One line: where `fn` stops compiling, what stands there, and what to write instead."""
    text = _COLOUR.sub("", str(error))
    place, code = _where(fn, error, text)
    what = _reworded(fn, text)
    return f"{fn.__name__} does not compile: {place}{code}{what}"


def _where(fn: Callable[..., Any], error: Exception, text: str) -> tuple[str, str]:
    """Line of the user's file, and what it says; empty where Numba does not tell."""
    own = fn.__code__.co_filename
    name = Path(own).name
    mine = [int(line) for file, line in _PLACE.findall(text) if Path(file).name == name]
    mine += [int(line) for file, line in _RAISED.findall(text) if Path(file).name == name]
    line = mine[-1] if mine else getattr(getattr(error, "loc", None), "line", None)
    if line is None:
        return "", ""
    code = linecache.getline(own, line).strip()
    where = "the cell" if name.startswith("<") or "ipykernel" in own else name
    return f"line {line} of {where}: ", f"`{code:.100}` " if code else ""


def _reworded(fn: Callable[..., Any], text: str) -> str:
    """What Numba complains of, as advice; its own first sentence where no pattern fits."""
    for pattern, advice in _ADVICE:
        match = re.search(pattern, text)
        if match is not None:
            return advice(fn, *match.groups()) if callable(advice) else advice
    noise = ("Failed in", "File", "During", "^", "- Resolution")
    plain = [s.strip() for s in text.splitlines() if s.strip() and not s.strip().startswith(noise)]
    suspects = digest(fn).opaque
    cause = f"; perhaps for {suspects[0]}, which compiled code cannot hold" if suspects else ""
    return f"cannot be compiled ({(plain or ['no reason given'])[0]:.160}){cause}"


def _unknown(fn: Callable[..., Any], name: str) -> str:
    from trade_research import indicators

    if name in indicators.__all__:
        return f"does not know {name!r}; write: from trade_research.indicators import {name}"
    if name in fn.__globals__:
        return _global(fn, name, type(fn.__globals__[name]).__name__)
    near = nearest(name, {*fn.__globals__, *fn.__code__.co_varnames, *indicators.__all__})
    hint = near if near.startswith("did") else "define or import it above the strategy"
    return f"does not know {name!r}; {hint}"


def _global(fn: Callable[..., Any], name: str, kind: str) -> str:
    if kind == "function":
        return f"calls {name!r}, a plain Python function; put @kernel above its def"
    return (
        f"uses {name!r} (a {kind.rpartition('.')[2]}), which compiled code cannot hold; use "
        f"arrays, numbers, NumPy and trade_research.indicators"
    )


def _attribute(fn: Callable[..., Any], name: str, kind: str) -> str:
    if "array" in kind:
        return (
            f"asks an array for .{name}, which it does not have here; call a function instead, "
            f"such as sma(close, 20) of trade_research.indicators"
        )
    module = re.search(r"Module\(<module '([\w.]+)'", kind)
    if module is not None:
        return (
            f"uses {module[1]}.{name}, which cannot be compiled; write a loop, or use "
            f"trade_research.indicators"
        )
    return f"asks for .{name} of {_words(kind)}, which does not have it"


def _unified(fn: Callable[..., Any], first: str, then: str, name: str) -> str:
    return (
        f"makes {name!r} first {_words(first)}, then {_words(then)}; give it one type from the "
        f"start (0.0 instead of 0, np.nan instead of None)"
    )


def _call(fn: Callable[..., Any], name: str, given: str) -> str:
    types = [_words(kind) for kind in re.split(r", (?![^(\[]*[)\]])", given)]
    if name in ("getitem", "setitem", "static_getitem"):
        if "a float" in types[1:2]:
            return "uses a float as an index; make it whole: an int default, or int(…)"
        return f"cannot index {types[0]} with {', '.join(types[1:2])}; use whole numbers or slices"
    name = name.removeprefix("array_").removeprefix("ol_").removeprefix("np_")
    return (
        f"calls {name}({', '.join(types)}), which cannot be compiled with these arguments; look at "
        f"their types, or write it as a loop"
    )


def _words(kind: str) -> str:
    """A Numba type in plain words."""
    kind = re.sub(r"^(readonly )?\s*", "", kind.strip(" ()"))
    literal = re.match(r"(\w+=)?Literal\[(\w+)\]\((.*)$", kind)
    if literal is not None:
        return repr(literal[3]) if literal[2] == "str" else f"{literal[1] or ''}{literal[3]}"
    array = re.match(r"(?:Array|array)\((\w+), (\d)", kind)
    if array is not None:
        return f"an array of {array[1]}" + ("" if array[2] == "1" else f" with {array[2]} axes")
    known = {"float64": "a float", "int64": "an int", "bool": "a bool", "none": "None"}
    known |= {"boolean": "a bool", "unicode_type": "text", "NoneType": "None"}
    return known.get(kind, kind)


_ABSENT = (
    "uses a statement that compiled code does not have (with, yield, class, del, global, "
    "format specifications in f-strings, star-arguments); write it with plain loops and if"
)
_NAME = r"[^\n]*?(?:function|ufunc|method)? ?'?([\w.]+?)'?(?: at 0x\w+)?>?"
_ADVICE: tuple[tuple[str, str | Callable[..., str]], ...] = (
    (r"Cannot modify readonly array", "writes into a column; work on a copy: x = close.copy()"),
    (
        r"'NoneType' object has no attribute 'args'",
        "changes a column in place (such as close += 1.0); write x = close + 1.0 instead",
    ),
    (
        r"(\w+)\(\): (\w+) must be (.+?), not ([^\n]+)",
        lambda fn, who, arg, must, got: (
            f"calls {who}() with {arg} = {_words(got)}; it must be {must}"
        ),
    ),
    (r"NameError: name '(\w+)' is not defined", _unknown),
    (r"Untyped global name '(\w+)':[^\n]*<class '([\w.]+)'>", _global),
    (r"Untyped global name '(\w+)'", _unknown),
    (r"Unknown attribute '(\w+)' of type ([^\n]+)", _attribute),
    (
        r"module '([\w.]+)' has no attribute '(\w+)'",
        lambda fn, a, b: f"uses {a}.{b}, which does not exist",
    ),
    (
        r"[Uu]se of unsupported NumPy function '([\w.]+)'",
        lambda fn, name: f"uses {name} in a way that cannot be compiled; write it as a loop",
    ),
    (r"Cannot unify ([^\n]+?) and ([^\n]+?) for '(\w+)", _unified),
    (
        r"Can't unify return type from the following types: ([^\n]+)",
        lambda fn, kinds: (
            "returns now one type, now another; return an array of floats on every path"
        ),
    ),
    (
        r"missing a required argument: '(\w+)'",
        lambda fn, name: f"leaves out the argument {name!r} of a function it calls",
    ),
    (r"too many positional arguments", "passes too many arguments to a function it calls"),
    (
        r"unexpected keyword argument '(\w+)'",
        lambda fn, name: f"passes {name}=, which compiled code does not take; write it as a loop",
    ),
    (
        rf"No implementation of function Function\(<{_NAME}\) found for signature:"
        r"\s+>>> \w+\(([^\n]*)\)",
        _call,
    ),
    (
        r"construct is not supported|not supported yet|unsupported opcode|is unsupported|"
        r"Unsupported context manager",
        _ABSENT,
    ),
    (
        r"Cannot determine Numba type of <class '([\w.]+)'>",
        lambda fn, kind: f"uses a {kind.rpartition('.')[2]}, which compiled code cannot hold",
    ),
)
