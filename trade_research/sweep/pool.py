"""The values that configurations share, each worked out once and kept while somebody needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from trade_research.kernels.jit import F64, I64
from trade_research.sweep.source import WholeError

BUDGET = 512 * 1024 * 1024
"""Bytes of shared values kept at a time."""


class Pool:
    """Columns, and what calls of indicators give, by key (see `parts.key_of`)."""

    def __init__(self, columns: Mapping[str, F64], n_bars: int) -> None:
        self._columns, self._n_bars = columns, n_bars
        self.room = max(16, BUDGET // (8 * max(n_bars, 1)))
        self._held: dict[Any, F64] = {}
        self._lock = threading.Lock()

    def load(
        self, keys: Iterable[Any], each: Callable[[Callable[[Any], None], list[Any]], None]
    ) -> None:
        """Hold the values of `keys`; others are dropped where the room ends.

        `each(work, items)` does `work` for every item, perhaps in several threads.

        Raises
        ------
        WholeError
            An indicator does not give one number a bar.
        """
        wanted = dict.fromkeys(keys)
        missing = [key for key in wanted if key not in self._held]
        if len(self._held) + len(missing) > self.room:
            self._held = {key: x for key, x in self._held.items() if key in wanted}
        calls: dict[Any, list[Any]] = {}
        for key in missing:
            calls.setdefault(key if isinstance(key, str) else key[:2], []).append(key)
        inner: dict[Any, Any] = {}

        def work(call: Any) -> None:
            if isinstance(call, str):
                self._held[call] = read_only(self._columns[call])
                return
            found = self._result(call, inner)
            for key in calls[call]:
                self._held[key] = self._field(found, key)

        each(work, list(calls))

    def array(self, key: Any) -> F64:
        """The values of a key, (n_bars,), read-only."""
        return self._held[key]

    def address(self, key: Any) -> int:
        """Where the values of a key lie; 0 for one that is not held."""
        return int(self._held[key].ctypes.data) if key in self._held else 0

    def _result(self, call: Any, inner: dict[Any, Any]) -> Any:
        """What one call of an indicator gives; calls that are its arguments are kept in `inner`."""
        kernel, args = call
        values = []
        for arg in args:
            if isinstance(arg, str):
                values.append(read_only(self._columns[arg]))
            elif isinstance(arg[0], str):
                values.append(arg[1])
            elif arg in self._held:
                values.append(self._held[arg])
            else:
                with self._lock:
                    found = inner.get(arg[:2])
                if found is None:
                    found = self._result(arg[:2], inner)
                    with self._lock:
                        inner[arg[:2]] = found
                values.append(self._field(found, arg))
        return kernel(*values)

    def _field(self, found: Any, key: Any) -> F64:
        """The array that a key means of what its call gave."""
        field = key[2]
        if field is not None and isinstance(found, tuple):
            found = getattr(found, field, None) if isinstance(field, str) else found[field]
        is_flat = isinstance(found, np.ndarray) and found.shape == (self._n_bars,)
        if not (is_flat and found.dtype == np.float64):
            raise WholeError(f"{key[0].__name__} does not give one number a bar")
        return read_only(found)


def read_only(array: F64) -> F64:
    """A read-only, contiguous view: compiled code sees one type of array."""
    out = np.require(array, np.float64, ["C", "A"]).view()
    out.flags.writeable = False
    return out


def addresses(pool: Pool, keys: Iterable[Any]) -> I64:
    """Addresses of the values of some keys."""
    return np.array([pool.address(key) for key in keys], dtype=np.int64)
