"""Once a day, beside a session: is it still what was certified?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import NamedTuple

from trade_research.live.records import clipped

DEADLINE_S = 1_800.0


class Finding(NamedTuple):
    """What a check found: why it demoted, or why it could not be done; both empty: all is well."""

    demoted: str = ""
    error: str = ""

    def __str__(self) -> str:
        if self.demoted:
            return f"demoted: {self.demoted}"
        return f"not done: {self.error}" if self.error else "as certified"


class Watch:
    """Begins a check when a day does, in a thread of its own: no bar ever waits for it.

    Parameters
    ----------
    check : callable () -> str
        The reason of a demotion, empty when all is well; what it raises is a finding too.
    day_of : callable (now_ns) -> int
        Number of the day that a moment belongs to, as `Limits.day`.
    day : int
        The day that needs no check any more; -1 where nobody knows when the last one was.
    deadline_s : float
        A check that takes longer is given up, and the next is begun with the next day.
    """

    def __init__(
        self,
        check: Callable[[], str],
        day_of: Callable[[int], int],
        day: int,
        deadline_s: float = DEADLINE_S,
    ) -> None:
        self._check, self._day_of, self._day, self._deadline = check, day_of, day, deadline_s
        self._asked: Future[str] | None = None
        self._end = 0.0

    def look(self, now_ns: int) -> Finding | None:
        """What a check has found, once; begins one where a day has begun."""
        if self._asked is not None:
            return self._found(self._asked)
        day = self._day_of(now_ns)
        if day != self._day:
            self._day, self._end = day, time.monotonic() + self._deadline
            self._asked = Future()
            threading.Thread(
                target=self._work, args=(self._asked,), name="recheck", daemon=True
            ).start()
        return None

    def _found(self, asked: Future[str]) -> Finding | None:
        if not asked.done():
            if time.monotonic() < self._end:
                return None
            self._asked = None
            return Finding(error=f"no answer within {self._deadline:g} s")
        self._asked = None
        error = asked.exception()
        return Finding(asked.result()) if error is None else Finding(error=clipped(error))

    def _work(self, asked: Future[str]) -> None:
        try:
            asked.set_result(self._check())
        except BaseException as error:
            asked.set_exception(error)
