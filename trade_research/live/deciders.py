"""What a strategy wants after a row: known beforehand, or evaluated on the bars so far."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, wait
from hashlib import blake2b
from typing import Generic, Protocol, TypeVar

import numpy as np

from trade_research.errors import SessionError, TradeResearchError
from trade_research.feeds.bars import Row
from trade_research.kernels.jit import F64, I64

# The whole of (n_rows, n_symbols) targets and the other columns, from all rows so far.
Evaluate = Callable[["History"], tuple[F64, Mapping[str, F64]]]
# The other columns at a row: a number each, of a panel one a symbol.
Why = Mapping[str, float | F64]
Seen = TypeVar("Seen")
Seen_contra = TypeVar("Seen_contra", contravariant=True)
Wanted = TypeVar("Wanted")
Wanted_co = TypeVar("Wanted_co", covariant=True)
_FIRST_ROWS = 1_024
LOOK_S = 0.05


class Deciding(Protocol[Seen_contra, Wanted_co]):
    """What decides on bars, on books, …: see `session.Decider`."""

    def see(self, row: Seen_contra, /) -> None: ...
    def decide(self, row: Seen_contra, /) -> Wanted_co: ...


class Released:
    """Targets that are known, given out row by row.

    Parameters
    ----------
    open_time : int64 array (n_rows,)
    target : float64 array (n_rows, n_symbols)
    extras : mapping of str to float64 array (n_rows,), of a panel (n_rows, n_symbols)
    """

    def __init__(self, open_time: I64, target: F64, extras: Mapping[str, F64]) -> None:
        self._rows = {t: row for row, t in enumerate(open_time.tolist())}
        self._target, self._extras = target, dict(extras)

    def see(self, row: Row) -> None:
        """Nothing has to be kept."""

    def decide(self, row: Row) -> tuple[F64, Why]:
        """The targets of the row."""
        at = self._rows.get(row.open_time)
        if at is None:
            raise SessionError(f"no target is known for the bar that opens at {row.open_time} µs")
        return self._target[at], _why(self._extras, at)


class History:
    """All rows since the anchor, in columns that grow: a prefix is the same bits every time.

    Attributes
    ----------
    symbols : tuple of str
    n_rows : int
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols, self.n_rows = tuple(symbols), 0
        self._absent = np.zeros(len(self.symbols), dtype=np.int64)
        self._opened = np.zeros(_FIRST_ROWS, dtype=np.int64)
        self._closed = np.zeros(_FIRST_ROWS, dtype=np.int64)
        self._bars = np.full((5, len(self.symbols), _FIRST_ROWS), np.nan)

    def add(self, row: Row) -> None:
        """One more row."""
        n = self.n_rows
        if n == self._opened.size:
            self._opened, self._closed = (np.append(x, x) for x in (self._opened, self._closed))
            self._bars = np.concatenate([self._bars, self._bars], axis=2)
        self._opened[n], self._closed[n] = row.open_time, row.close_time
        self._bars[:, :, n] = row.bars
        self._absent += np.isnan(row.bars[3])
        self.n_rows = n + 1

    @property
    def open_time(self) -> I64:
        """(n_rows,) microseconds since 1970, UTC."""
        return self._opened[: self.n_rows]

    @property
    def close_time(self) -> I64:
        """(n_rows,) microseconds since 1970, UTC."""
        return self._closed[: self.n_rows]

    def digest(self) -> str:
        """BLAKE2b of times and prices: what the strategy saw."""
        made = blake2b(digest_size=16)
        for part in (self.open_time, self._closed[: self.n_rows], self._bars[:, :, : self.n_rows]):
            made.update(np.ascontiguousarray(part).tobytes())
        return made.hexdigest()

    def rows_of(self, symbol: int) -> I64 | None:
        """The rows that a symbol has a bar in; None where that is all of them."""
        if not self._absent[symbol]:
            return None
        return np.flatnonzero(~np.isnan(self.column(3, symbol))).astype(np.int64)

    def column(self, field: int, symbol: int) -> F64:
        """One of open, high, low, close, volume (0 … 4) of one symbol, (n_rows,), contiguous."""
        return self._bars[field, symbol, : self.n_rows]


class Growing:
    """Evaluates on every row since the anchor, as a live session does.

    By the prefix law the last value is the backtest's, bit for bit. The cost grows with the
    history: about a hundredth of a second for a year of minutes.
    """

    def __init__(self, history: History, evaluate: Evaluate) -> None:
        self.history, self._evaluate = history, evaluate

    def see(self, row: Row) -> None:
        """The row joins the history."""
        self.history.add(row)

    def decide(self, row: Row) -> tuple[F64, Why]:
        """The targets of the last row seen."""
        target, extras = self._evaluate(self.history)
        return target[-1], _why(extras, -1)


def _why(extras: Mapping[str, F64], row: int) -> Why:
    return {name: float(x[row]) if x.ndim == 1 else x[row] for name, x in extras.items()}


class WithDeadline(Generic[Seen, Wanted]):
    """Asks another decider in a thread of its own and waits for so long and no longer.

    A strategy that does not come back holds neither the kill switch nor the exits, nor the process
    at its end: what is held stays, and the session says so, row after row.
    """

    def __init__(
        self,
        decider: Deciding[Seen, Wanted],
        seconds: float,
        is_over: Callable[[], bool] = lambda: False,
    ) -> None:
        self._decider, self._seconds, self._is_over = decider, seconds, is_over
        self._late: Future[Wanted] | None = None
        self._asked: queue.SimpleQueue[tuple[Seen, Future[Wanted]]] = queue.SimpleQueue()
        threading.Thread(target=self._work, name="strategy", daemon=True).start()

    def see(self, row: Seen) -> None:
        """As the other sees it: also while it is busy."""
        self._decider.see(row)

    def decide(self, row: Seen) -> Wanted:
        """As the other decides; given up at once when `is_over`."""
        if self._late is not None and not self._late.done():
            raise SessionError("the strategy is still busy with an earlier bar")
        asked: Future[Wanted] = Future()
        self._asked.put((row, asked))
        end = time.monotonic() + self._seconds
        while not wait([asked], min(LOOK_S, max(end - time.monotonic(), 0.0))).done:
            self._late = asked
            if self._is_over():
                raise SessionError("given up: the session is over")
            if time.monotonic() >= end:
                raise SessionError(f"no decision within {self._seconds:g} s")
        error = asked.exception()
        if error is None:
            return asked.result()
        if isinstance(error, TradeResearchError):
            raise error
        raise SessionError(f"{type(error).__name__}: {error}") from error

    def _work(self) -> None:
        while True:
            row, asked = self._asked.get()
            try:
                asked.set_result(self._decider.decide(row))
            except BaseException as error:
                asked.set_exception(error)
