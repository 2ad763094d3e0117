"""A digest of all that a function's result depends on besides its arguments.

Bytecode, constants, defaults, globals by value, closures and attributes of modules, recursing into
every compiled function reached. Where a function is written plays no part: the same code in a
file, a notebook cell or `exec` has the same digest.
"""

from __future__ import annotations

import builtins
import dis
import enum
import hashlib
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import CellType, CodeType, FunctionType, ModuleType
from typing import Any

import numpy as np

_MISSING = object()
_LIBRARIES = frozenset({"numpy", "math", "cmath", "operator", "numba", "llvmlite", "builtins"})
"""Modules whose objects are known by name: their versions are part of the cache's key."""


@dataclass(frozen=True)
class Digest:
    """A digest, what it could not see into, and how to tell cheaply whether it still holds.

    Attributes
    ----------
    hex : str
    opaque : tuple of str
        Names of what was reached but not understood: code that depends on it cannot be kept.
    compiled : tuple
        The compiled functions reached, inner ones first.
    """

    hex: str
    opaque: tuple[str, ...]
    compiled: tuple[Any, ...]
    _names: tuple[tuple[Any, str, Any], ...] = field(repr=False)
    _cells: tuple[tuple[CellType, Any], ...] = field(repr=False)
    _mutable: tuple[tuple[Any, bytes], ...] = field(repr=False)

    def holds(self) -> bool:
        """Whether every name still means the object it meant, and no array has changed."""
        return (
            all(_lookup(space, name) is value for space, name, value in self._names)
            and all(_contents(cell) is value for cell, value in self._cells)
            and all(_Encoder().value(value, "") == known for value, known in self._mutable)
        )


def digest(fn: Callable[..., Any]) -> Digest:
    """The digest of `fn` as it is now."""
    encoder = _Encoder()
    text = hashlib.sha256(encoder.function(fn)).hexdigest()
    return Digest(
        text,
        tuple(encoder.opaque),
        tuple(encoder.compiled),
        tuple(encoder.names),
        tuple(encoder.cells),
        tuple(encoder.mutable),
    )


def _lookup(space: Any, name: str) -> Any:
    """`name` in a namespace (a dict), or as an attribute of a function."""
    return space.get(name, _MISSING) if isinstance(space, dict) else getattr(space, name, _MISSING)


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # not assigned yet
        return _MISSING


class _Encoder:
    """Turns values into bytes that differ when the values do, and notes where they came from."""

    def __init__(self) -> None:
        self.opaque: list[str] = []
        self.compiled: list[Any] = []
        self.names: list[tuple[Any, str, Any]] = []
        self.cells: list[tuple[CellType, Any]] = []
        self.mutable: list[tuple[Any, bytes]] = []
        self._seen: dict[int, int] = {}

    def function(self, fn: Any) -> bytes:
        """A Python function: code, defaults, and what its free names mean."""
        if id(fn) in self._seen:  # a second mention, or a function that calls itself
            return b"seen %d" % self._seen[id(fn)]
        self._seen[id(fn)] = len(self._seen)
        code, space = fn.__code__, fn.__globals__
        self.names += [(fn, "__code__", code), (fn, "__defaults__", fn.__defaults__)]
        parts = [self._code(code), self.value(fn.__defaults__, fn.__name__)]
        for cell in fn.__closure__ or ():
            held = _contents(cell)
            self.cells.append((cell, held))
            parts.append(self.value(held, f"a variable around {fn.__name__}"))
        words = frozenset(_words(code))
        for name in sorted(_globals_of(code)):
            held = space.get(name, _MISSING)
            self.names.append((space, name, held))
            if held is _MISSING:
                held = getattr(builtins, name, None)
            parts += [name.encode(), self._used(held, name, words)]
        return _packed(b"function", parts)

    def _used(self, value: Any, name: str, words: frozenset[str]) -> bytes:
        """A global: of a module, only the attributes that the code mentions."""
        if not isinstance(value, ModuleType):
            return self.value(value, name)
        if value.__name__.partition(".")[0] in _LIBRARIES:
            return _packed(b"library", [value.__name__.encode()])
        parts = [value.__name__.encode()]
        space = vars(value)
        for word in sorted(words & space.keys()):
            self.names.append((space, word, space[word]))
            parts += [word.encode(), self._used(space[word], f"{name}.{word}", words)]
        return _packed(b"module", parts)

    def _code(self, code: CodeType) -> bytes:
        shape = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount, code.co_flags)
        names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
        consts = [
            self._code(c) if isinstance(c, CodeType) else self.value(c, code.co_name)
            for c in code.co_consts
        ]
        head = [repr(shape).encode(), code.co_code, repr(names).encode(), code.co_exceptiontable]
        return _packed(b"code", [*head, *consts])

    def value(self, value: Any, name: str) -> bytes:
        """Any value a compiled function can refer to; what is not understood makes it opaque."""
        plain = _scalar(value)
        if plain is not None:
            return plain
        if isinstance(value, np.ndarray) and not value.dtype.hasobject:
            return self._changing(
                value,
                _packed(
                    b"array",
                    [
                        repr((value.dtype.descr, value.shape)).encode(),
                        np.ascontiguousarray(value).tobytes(),
                    ],
                ),
            )
        if isinstance(value, tuple):
            head = [repr((type(value).__qualname__, getattr(value, "_fields", None))).encode()]
            return _packed(b"tuple", head + [self.value(v, name) for v in value])
        if isinstance(value, list):
            return self._changing(value, _packed(b"list", [self.value(v, name) for v in value]))
        if isinstance(value, set | frozenset):
            known = _packed(b"set", sorted(self.value(v, name) for v in value))
            return self._changing(value, known) if isinstance(value, set) else known
        if isinstance(value, dict):
            pairs = [self.value(v, name) for pair in value.items() for v in pair]
            return self._changing(value, _packed(b"dict", pairs))
        return self._object(value, name)

    def _changing(self, value: Any, known: bytes) -> bytes:
        self.mutable.append((value, known))
        return known

    def _object(self, value: Any, name: str) -> bytes:
        """Functions, classes, enum members, and whatever else."""
        if isinstance(value, FunctionType) and not _from_library(value):
            return self.function(value)
        inner = getattr(value, "py_func", None)
        if isinstance(inner, FunctionType):
            options = getattr(value, "targetoptions", None)
            ours = getattr(value, "manner", "")
            shown = sorted(options.items()) if isinstance(options, dict) else ours
            known = _packed(b"compiled", [repr(shown).encode(), self.function(inner)])
            self.compiled.append(value)  # inner ones are there already
            return known
        if isinstance(value, enum.Enum):
            parts = [type(value).__qualname__.encode(), value.name.encode()]
            return _packed(b"enum", [*parts, self.value(value.value, name)])
        if isinstance(value, type):
            return self._class(value, name)
        if _from_library(value):
            where = getattr(value, "__module__", None) or type(value).__module__
            named = getattr(value, "__qualname__", None) or getattr(value, "__name__", None)
            return _packed(b"named", [where.encode(), str(named or repr(value)).encode()])
        if isinstance(value, ModuleType):
            return self._used(value, name, frozenset())
        self.opaque.append(f"{name} ({type(value).__name__})")
        return _packed(b"opaque", [type(value).__qualname__.encode()])

    def _class(self, value: type, name: str) -> bytes:
        fields = getattr(value, "_fields", None)
        if issubclass(value, tuple) and fields is not None:
            defaults = self.value(getattr(value, "_field_defaults", {}), name)
            return _packed(
                b"named tuple", [value.__qualname__.encode(), repr(fields).encode(), defaults]
            )
        if issubclass(value, enum.Enum):
            return _packed(b"enum class", [self.value(member, name) for member in value])
        if not _from_library(value):
            self.opaque.append(f"{name} (class)")
        return _packed(b"class", [value.__module__.encode(), value.__qualname__.encode()])


def _scalar(value: Any) -> bytes | None:
    """Numbers, text and the like; None for anything else."""
    if value is _MISSING:
        return b"missing"
    if value is None or value is Ellipsis or type(value) in (bool, int, str, bytes):
        return _packed(type(value).__name__.encode(), [repr(value).encode()])
    if type(value) in (float, complex):
        return _packed(type(value).__name__.encode(), [np.asarray(value).tobytes()])
    if isinstance(value, np.generic | np.dtype):
        body = value.tobytes() if isinstance(value, np.generic) else b""
        return _packed(b"scalar", [str(getattr(value, "dtype", value)).encode(), body])
    return None


def _packed(kind: bytes, parts: list[bytes]) -> bytes:
    """Parts joined so that no two lists of parts give the same bytes."""
    return b"".join([kind, b"(", *(b"%d:" % len(part) + part for part in parts), b")"])


def _from_library(value: Any) -> bool:
    """Whether `value` is a function or class of a library, or one of Numba's types."""
    if type(value).__module__.startswith("numba.core.types"):
        return True
    module = "numpy" if isinstance(value, np.ufunc) else getattr(value, "__module__", None)
    named = isinstance(getattr(value, "__name__", None), str)
    return named and isinstance(module, str) and module.partition(".")[0] in _LIBRARIES


def _globals_of(code: CodeType) -> Iterator[str]:
    """Names that the code, or a function inside it, looks up outside itself."""
    for step in dis.get_instructions(code):
        if step.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield step.argval
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _globals_of(const)


def _words(code: CodeType) -> Iterator[str]:
    """Every name and short text in the code: the attributes it may ask a module for."""
    yield from code.co_names
    for const in code.co_consts:
        if isinstance(const, CodeType):
            yield from _words(const)
        elif isinstance(const, str):
            yield sys.intern(const)
