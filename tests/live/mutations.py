"""Ways in which a session could be another than what was tested; a certificate must see each.

A mutation is a name and what it does to the code or the data of a session, the backtest being left
as it is. They are on the list once `mutated_bars` and `mutated_orders` are imported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

Patch = pytest.MonkeyPatch
MUTATIONS: dict[str, Callable[[Patch], None]] = {}


def mutation(make: Callable[[Patch], None]) -> Callable[[Patch], None]:
    """Put one on the list under its function's name."""
    MUTATIONS[make.__name__] = make
    return make


def around(patch: Patch, owner: Any, name: str, other: Callable[..., Any]) -> None:
    """Replace a function by `other`, which is given the one before first."""
    before = getattr(owner, name)
    patch.setattr(owner, name, lambda *args, **given: other(before, *args, **given))
