"""From a name on the command line to a strategy: shipped, in a file, or in an installed module."""

from __future__ import annotations

import hashlib
import importlib
import linecache
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.machinery import PathFinder
from importlib.util import decode_source
from pathlib import Path
from types import ModuleType
from typing import Any

from trade_research.errors import StrategyError, nearest
from trade_research.strategies.strategy import Strategy

SHIPPED = {
    "bollinger": "bands",
    "book_pressure": "book_pressure",
    "breakout": "breakout",
    "breakout_perp": "breakout_perp",
    "buy_and_hold": "hold",
    "donchian": "donchian",
    "ma_crossover": "crossover",
    "macd": "macd",
    "oi_funding": "oi_funding",
    "put_call": "put_call",
    "rsi_divergence": "rsi_divergence",
    "rsi_reversion": "rsi_reversion",
    "rvol": "rvol",
    "time_series_momentum": "momentum",
}
"""Name of each strategy that comes with the package, and the module it lives in."""

BOOKS = {
    "l2_imbalance": "l2_imbalance",
    "l2_reversion": "l2_combined",
    "l2_trend": "l2_combined",
    "l2_volatility": "l2_combined",
}
"""Those that read order books instead of bars."""

PANELS = {
    "cross_momentum": "cross_momentum",
    "funding_carry": "funding_carry",
    "pairs_spread": "pairs_spread",
}
"""Those that look at all symbols of the data at once."""

_ALL = SHIPPED | BOOKS | PANELS

_DOWNLOADS = frozenset({"klines", "aggTrades"})
"""Folders of an exchange's public archive."""

_brought: dict[str, set[str]] = {}
"""Folder to the modules in it that strategy files have imported, so that edits are seen."""


def shipped() -> dict[str, Strategy]:
    """All strategies that come with the package, by name."""
    return {name: _shipped(name) for name in SHIPPED}


def panels() -> dict[str, Strategy]:
    """All strategies over many symbols at once that come with the package, by name."""
    return {name: _shipped(name) for name in PANELS}


def is_shipped(name: str) -> bool:
    """Whether a strategy of that name comes with the package."""
    return name in _ALL


def load_strategy(ref: str) -> Strategy:
    """The strategy that `ref` names.

    Parameters
    ----------
    ref : str
        A shipped name (``ma_crossover``) or one of its presets (``ma_crossover:golden_cross``), a
        file and function (``mine.py:my_strategy``), or a
        module and function (``package.module:my_strategy``), or a preset of either
        (``mine.py:my_strategy:quick``). The function may be left out where the file or module holds
        a single strategy. A file is run anew, with the modules beside it that it imports, so what
        it says now is what counts.

    Raises
    ------
    StrategyError
        Nothing of that name, or not a strategy; the message names the nearest. The file or
        module fails to run.
    """
    if ref in _ALL:
        return _shipped(ref)
    place, colon, name = ref.rpartition(":")
    if not colon:
        place, name = ref, ""
    if place in _ALL:
        return _shipped(place).preset(name)
    if place.endswith(".py"):
        return _pick(_run_file(Path(place).expanduser()), name, place)
    if _is_module(place) and (colon or "." in place):
        return _pick(_import(place), name, place)
    owner, second, _ = place.rpartition(":")
    if second and (owner.endswith(".py") or _is_module(owner)):
        return load_strategy(place).preset(name)
    raise StrategyError(
        f"no strategy {ref!r}: {nearest(ref, _ALL)} "
        f"One of your own is named by its file: mine.py:my_strategy"
    )


def _is_module(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _shipped(name: str) -> Strategy:
    found = getattr(importlib.import_module(f"trade_research.strategies.{_ALL[name]}"), name)
    assert isinstance(found, Strategy)
    return found


def _pick(module: ModuleType, name: str, place: str) -> Strategy:
    """The strategy `name` of a module, or its only one."""
    held = {k: v for k, v in vars(module).items() if isinstance(v, Strategy)}
    own = {k: v for k, v in held.items() if v.fn.__module__ == module.__name__}
    if not name and len(own) == 1:
        return next(iter(own.values()))
    if not name:
        raise StrategyError(
            f"{place!r} holds {len(own)} strategies; name one: "
            + (
                ", ".join(f"{place}:{k}" for k in sorted(own))
                or "decorate a function with @strategy"
            )
        )
    if name in held:
        return held[name]
    if callable(getattr(module, name, None)):
        raise StrategyError(f"{name!r} in {place!r} is a plain function; put @strategy above it")
    raise StrategyError(f"no strategy {name!r} in {place!r}; {nearest(name, held)}")


def _import(name: str) -> ModuleType:
    with _path_first(Path.cwd()):
        found = PathFinder.find_spec(name.partition(".")[0])
    if found is not None:
        _refuse_data(*map(Path, found.submodule_search_locations or [found.origin or ""]))
    try:
        with _path_first(Path.cwd()):
            return importlib.import_module(name)
    except (Exception, SystemExit) as error:  # whatever the user's module raises: one line
        raise StrategyError(f"cannot import {name!r}: {_line(error)}") from error


def _run_file(path: Path) -> ModuleType:
    """Run a Python file as a fresh module; the modules beside it are imported anew too."""
    try:
        text = path.read_bytes()
        full = path.resolve(strict=True)
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise StrategyError(f"cannot read strategy file {str(path)!r}: {why}") from error
    _refuse_data(path.absolute(), full)
    module = ModuleType(f"{full.stem}_{hashlib.sha256(os.fsencode(full)).hexdigest()[:8]}")
    module.__file__ = str(full)
    folder = str(full.parent)
    for stale in _brought.pop(folder, set()):
        sys.modules.pop(stale, None)
    before = set(sys.modules)
    sys.modules[module.__name__] = module
    kept, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        # Bytecode files know the source's age to a second only: an edit within it would be missed.
        with _path_first(full.parent):
            code = compile(text, str(full), "exec")
            # What `inspect` finds is the text that ran, be the file edited or gone by then.
            lines = decode_source(text).splitlines(keepends=True)
            linecache.cache[str(full)] = (len(text), None, lines, str(full))
            exec(code, module.__dict__)
    except (Exception, SystemExit) as error:  # whatever the user's file raises becomes one line
        del sys.modules[module.__name__]
        raise StrategyError(f"strategy file {str(path)!r} fails: {_line(error)}") from error
    finally:
        sys.dont_write_bytecode = kept
        new = set(sys.modules) - before - {module.__name__}
        _brought[folder] = {name for name in new if _lies_in(sys.modules[name], full.parent)}
    return module


def _refuse_data(*paths: Path) -> None:
    """What lies among data came from elsewhere, and is never run as code."""
    from trade_research.store.layout import store_around

    for path in paths:
        root = store_around(path)
        if root is not None or _DOWNLOADS & set(path.parts[:-1]):
            where = "downloaded archives" if root is None else f"the store {str(root)!r}"
            raise StrategyError(
                f"strategy file {str(path)!r} lies in {where}: data is never run; move it out"
            )


def _lies_in(module: Any, folder: Path) -> bool:
    home = getattr(module, "__file__", None)
    return home is not None and Path(home).resolve().is_relative_to(folder)


@contextmanager
def _path_first(folder: Path) -> Iterator[None]:
    """Imports look in `folder` first meanwhile, as when Python runs a script there."""
    sys.path.insert(0, str(folder))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        if str(folder) in sys.path:
            sys.path.remove(str(folder))


def _line(error: BaseException) -> str:
    """Kind, text and place of an error in one line."""
    step, at = error.__traceback__, ""
    while step is not None:
        at = f" (line {step.tb_lineno} of {Path(step.tb_frame.f_code.co_filename).name})"
        step = step.tb_next
    text = str(error)
    if isinstance(error, SyntaxError):
        text, at = error.msg, f" (line {error.lineno})"
    return f"{type(error).__name__}: {' '.join(text.split())}{at}"
