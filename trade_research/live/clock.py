"""The only clock of a session. Everything else is told the time, so that tests can set it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache
from typing import Protocol


class Clock(Protocol):
    """Nanoseconds since 1970, UTC, and nanoseconds that never step back."""

    def now_ns(self) -> int: ...
    def monotonic_ns(self) -> int: ...
    def stepped_ns(self) -> int: ...


class SystemClock:
    """The machine's clock."""

    def __init__(self) -> None:
        self._apart: int | None = None

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC; a person or NTP may set it back."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment; never steps back."""
        return time.monotonic_ns()

    def stepped_ns(self) -> int:
        """How far the time of day went from the stopwatch since this was asked last.

        Ahead after the machine slept or the clock was set forward, negative after it was set back.
        """
        apart = self.now_ns() - self.monotonic_ns()
        step = 0 if self._apart is None else apart - self._apart
        self._apart = apart
        return step


class VirtualClock:
    """The time of day stands still until it is set, the stopwatch runs: replays and tests."""

    def __init__(self, now_ns: int = 0) -> None:
        self._now = now_ns

    def set(self, now_ns: int) -> None:
        """Make it that time."""
        self._now = now_ns

    def now_ns(self) -> int:
        """The time it was set to."""
        return self._now

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment."""
        return time.monotonic_ns()

    def stepped_ns(self) -> int:
        """Being set is its ordinary life."""
        return 0


def iso(second: int) -> str:
    """ISO 8601 of seconds since 1970, in UTC, without a zone."""
    day, rest = divmod(second, 86_400)
    hour, rest = divmod(rest, 3_600)
    return f"{_date(day)}T{hour:02d}:{rest // 60:02d}:{rest % 60:02d}"


@lru_cache(maxsize=8)
def _date(day: int) -> str:
    return f"{datetime.fromtimestamp(86_400 * day, UTC):%Y-%m-%d}"
