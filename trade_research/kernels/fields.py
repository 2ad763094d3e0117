"""The first of several results, in compiled code that does not know how many there are."""

from __future__ import annotations

from typing import Any


def first_field(result: Any) -> Any:
    """The first field of a named tuple, or the array itself; `kernels.compile` has it for Numba."""
    return result[0] if isinstance(result, tuple) else result
