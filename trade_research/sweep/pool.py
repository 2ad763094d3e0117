"""The values that configurations share, each worked out once and kept while somebody needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from trade_research.kernels.jit import F64
from trade_research.sweep.parts import WholeError

BUDGET = 256 * 1024 * 1024
"""Bytes of shared values kept at a time."""


class Pool:
    """Rows of one matrix, each the values of a column or of one call of an indicator."""

    def __init__(self, columns: Mapping[str, F64], n_bars: int) -> None:
        self._columns, self._n_bars = columns, n_bars
        self.room = max(16, BUDGET // (8 * max(n_bars, 1)))
        self.rows = np.empty((0, n_bars))
        self._at: dict[Any, int] = {}

    def load(self, keys: Iterable[Any], each: Callable[[Callable[[Any], None], list[Any]], Any]) -> None:
        """Make sure that the values of `keys` are in the matrix; others may be dropped.

        `each(work, items)` does `work` for every item, perhaps in several threads.

        Raises
        ------
        WholeError
            An indicator does not give one number a bar.
        """
        wanted = list(dict.fromkeys(keys))
        missing = [key for key in wanted if key not in self._at]
        self._make_room(len(wanted), len(missing), set(wanted))
        taken = set(self._at.values())
        free = (row for row in range(len(self.rows)) if row not in taken)
        places = {key: next(free) for key in missing}
        calls: dict[Any, list[Any]] = {}
        for key in missing:
            calls.setdefault(key if isinstance(key, str) else key[:2], []).append(key)
        results: dict[Any, Any] = {}
        lock = threading.Lock()

        def work(call: Any) -> None:
            if isinstance(call, str):
                self.rows[places[call]] = self._columns[call]
                return
            found = self._result(call, results, lock)
            for key in calls[call]:
                self.rows[places[key]] = self._field(found, key)

        each(work, list(calls))
        self._at |= places

    def row(self, key: Any) -> int:
        """Where the values of a key are."""
        return self._at[key]

    def row_or_none(self, key: Any) -> int:
        """As `row`; -1 for a key that is not there."""
        return self._at.get(key, -1)

    def array(self, key: Any) -> F64:
        """The values of a key, (n_bars,), read-only."""
        out = self.rows[self._at[key]]
        out.flags.writeable = False
        return out

    def _make_room(self, n_wanted: int, n_missing: int, wanted: set[Any]) -> None:
        if len(self._at) + n_missing > max(self.room, n_wanted):
            self._at = {key: row for key, row in self._at.items() if key in wanted}
        need = len(self._at) + n_missing
        if need > len(self.rows):
            grown = np.empty((min(max(2 * need, 16), max(self.room, need)), self._n_bars))
            kept = sorted(self._at.items(), key=lambda item: item[1])
            for row, (key, old) in enumerate(kept):
                grown[row] = self.rows[old]
                self._at[key] = row
            self.rows = grown

    def _result(self, call: Any, results: dict[Any, Any], lock: Any) -> Any:
        """What one call of an indicator gives."""
        kernel, args = call
        values = [
            self._columns[arg]
            if isinstance(arg, str)
            else arg[1]
            if isinstance(arg[0], str)
            else self._inner(arg, results, lock)
            for arg in args
        ]
        return kernel(*values)

    def _inner(self, key: Any, results: dict[Any, Any], lock: Any) -> F64:
        """The value of a call that is an argument of another."""
        if key in self._at:
            return self.array(key)
        with lock:
            found = results.get(key[:2])
        if found is None:
            found = self._result(key[:2], results, lock)
            with lock:
                results[key[:2]] = found
        return self._field(found, key)

    def _field(self, found: Any, key: Any) -> F64:
        """The array that a key means of what its call gave."""
        field = key[2]
        if field is not None and isinstance(found, tuple):
            found = getattr(found, field, None) if isinstance(field, str) else found[field]
        if not (isinstance(found, np.ndarray) and found.shape == (self._n_bars,) and found.dtype == np.float64):
            raise WholeError(f"{key[0].__name__} does not give one number a bar")
        found = found.view()
        found.flags.writeable = False
        return found
