"""Package `__init__`s that list public names and import nothing until a name is used (PEP 562)."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from types import ModuleType
from typing import Any


def attach(
    package: str, names: Mapping[str, str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]], list[str]]:
    """`__getattr__`, `__dir__` and `__all__` of a package whose `names` live in submodules.

    Parameters
    ----------
    package : str
        The package's `__name__`.
    names : mapping of str to str
        Public name to the submodule that defines it. A name equal to its submodule's gives the
        object of that name inside it; a submodule of "" makes the name a submodule itself.

    Examples
    --------
    ``__getattr__, __dir__, __all__ = attach(__name__, {"Store": "store", "sql": ""})``
    """

    def load(name: str) -> Any:
        if name not in names:
            # With the module, Python's traceback adds: did you mean …?
            raise AttributeError(
                f"module {package!r} has no attribute {name!r}",
                name=name,
                obj=sys.modules[package],
            )
        home = names[name]
        if not home:
            return import_module(f"{package}.{name}")
        value = getattr(import_module(f"{package}.{home}"), name)
        setattr(sys.modules[package], name, value)
        return value

    class Package(ModuleType):
        def __setattr__(self, name: str, value: object) -> None:
            # The import of a submodule sets it in the package, where it would shadow the public
            # object of the same name, whoever imported it first.
            if isinstance(value, ModuleType) and names.get(name):
                if names[name] != name:
                    return  # a room called as the object: users mean the object
                value = getattr(value, name)
            super().__setattr__(name, value)

    sys.modules[package].__class__ = Package
    return load, lambda: sorted(names), sorted(names)
