"""Compiled code kept between processes, keyed by everything it was made from.

Numba's own cache is keyed by the file a function stands in: a helper edited in another file, or in
another notebook cell, leaves the old numbers in it. Here the key is the transitive `digest`, so an
entry is either right or not found. What a digest cannot see into is compiled anew each time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import pickle
import platform
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import llvmlite
import numba
import numpy as np
from numba.core import config
from numba.core import types as _types
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.dispatcher import Dispatcher
from numba.core.serialize import dumps

from trade_research.kernels.digest import Digest, digest
from trade_research.kernels.jit import cache_folder

types: Any = _types  # its names are made at run time
_log = logging.getLogger(__name__)
_FORMAT = "1"
_MOST_ENTRIES = 2_000
_VERSIONS = (_FORMAT, numba.__version__, llvmlite.__version__, np.__version__)
# Machine instructions that Numba puts in the place of plain functions: no digest sees them.
_INSTEAD = hashlib.sha256(
    b"".join(path.read_bytes() for path in sorted(Path(__file__).parent.glob("*_code.py")))
).hexdigest()
_adopted: WeakKeyDictionary[Any, Digest] = WeakKeyDictionary()
_tidied: set[Path] = set()


class CompileCache(_Cache):  # type: ignore[misc]  # numba has no types
    """Where a dispatcher looks before it compiles one function, and leaves what it compiled.

    A damaged, foreign or unreadable entry counts as not found; a folder that cannot be written to
    as no cache.
    """

    def __init__(self, fn: Callable[..., Any], options: dict[str, Any]) -> None:
        self._fn, self._options = fn, repr(sorted(options.items()))
        self._digest: Digest | None = None
        self._enabled = True

    @property
    def cache_path(self) -> str | None:
        folder = cache_folder()
        return None if folder is None else str(folder)

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def flush(self) -> None:
        """Nothing to do: an entry under this function's key is right."""

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        if path is None:
            return None
        try:
            check, payload = _split(path.read_bytes())
            if hashlib.sha256(payload).digest() != check:
                raise ValueError("checksum differs")
            return CompileResult._rebuild(target_context, *pickle.loads(payload))
        except FileNotFoundError:
            return None
        except Exception as error:  # a pickle raises anything: recorded, then compiled anew
            _log.debug("compile cache entry %s not used: %s", path, error)
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        before = self._digest
        path = self._path(sig, data.codegen)
        if path is None or self._digest is not before or not _can_keep(data):
            return
        try:
            payload = dumps(data._reduce())
            _write(path, hashlib.sha256(payload).digest() + payload)
        except Exception as error:  # disk full, an object that does not pickle: recorded, not kept
            _log.debug("compiled %s not kept: %s", self._fn.__qualname__, error)

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        """The file for one signature of the function as it is now; None when it cannot be kept."""
        folder = cache_folder() if self._enabled else None
        if folder is None:
            return None
        if self._digest is None or not self._digest.holds():
            self._digest = digest(self._fn)
        arguments = _shape(tuple(getattr(sig, "args", sig)))
        if self._digest.opaque or arguments is None:
            return None
        flags = (config.BOUNDSCHECK, config.OPT, config.DEBUGINFO_DEFAULT, config.USING_SVML)
        key = (
            self._digest.hex,
            arguments,
            self._options,
            codegen.magic_tuple(),
            flags,
            _VERSIONS,
            _INSTEAD,
        )
        text = repr((key, platform.python_version_tuple()[:2], platform.machine()))
        name = "".join(c for c in self._fn.__name__ if c.isascii() and c.isidentifier())[:40]
        return folder / f"{name or 'fn'}-{hashlib.sha256(text.encode()).hexdigest()[:40]}.bin"


def _split(blob: bytes) -> tuple[bytes, bytes]:
    return blob[:32], blob[32:]


def _shape(args: Any) -> str | None:
    """Argument types as text that tells any two apart; None where no text can."""
    parts = []
    for kind in args:
        if isinstance(kind, types.Omitted) and isinstance(kind.value, bool | int | float | str):
            parts.append(f"omitted {kind.value!r}")
            continue
        if isinstance(kind, types.Dispatcher | types.Function | types.FunctionType | types.Opaque):
            return None
        inner = ""
        if isinstance(kind, types.BaseTuple):
            found = _shape(tuple(kind.types))
            if found is None:
                return None
            fields = getattr(kind, "fields", ())
            named = getattr(getattr(kind, "instance_class", None), "__qualname__", "")
            inner = repr((named, fields, found))
        parts.append(f"{type(kind).__name__} {kind} {inner}")
    return repr(parts)


def _can_keep(result: Any) -> bool:
    """Whether code may be loaded in another process: no addresses of this one are in it."""
    lifted = any(not part.can_cache for part in result.lifted)
    return not (result.objectmode or lifted or result.library.has_dynamic_globals)


def _write(path: Path, blob: bytes) -> None:
    """Write beside and rename: a reader finds a whole entry or none."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    _tidy(path.parent)
    handle, name = tempfile.mkstemp(dir=path.parent, suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(blob)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _tidy(folder: Path) -> None:
    """Once a process: drop the older half when entries have piled up."""
    if folder in _tidied:
        return
    _tidied.add(folder)
    entries = [entry for entry in os.scandir(folder) if entry.is_file()]
    if len(entries) > _MOST_ENTRIES:
        entries.sort(key=lambda entry: entry.stat().st_mtime)
        for entry in entries[: len(entries) // 2]:
            Path(entry.path).unlink(missing_ok=True)


_adopting = threading.RLock()


def adopt(dispatchers: tuple[Any, ...]) -> None:
    """Bring functions that users compiled with plain `numba.njit` under these rules.

    What they compiled before may be older than what they call (Numba does not look again), and
    Numba's own cache on disk may be older still: they compile anew where that can be, inner ones
    first, and use this cache.
    """
    with _adopting:
        for inner in dispatchers:
            if not isinstance(inner, Dispatcher):
                continue
            known = _adopted.get(inner)
            if known is not None and known.holds():
                continue
            setattr(inner, "_cache", CompileCache(inner.py_func, inner.targetoptions))  # noqa: B010  # numba's stubs do not know it
            if inner.overloads:
                inner.recompile()
            _adopted[inner] = digest(inner.py_func)
