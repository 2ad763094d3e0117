"""The only clock of a session. Everything else is told the time, so that tests can set it."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Nanoseconds since 1970, UTC, and nanoseconds that never step back."""

    def now_ns(self) -> int: ...
    def monotonic_ns(self) -> int: ...


class SystemClock:
    """The machine's clock."""

    def now_ns(self) -> int:
        """Nanoseconds since 1970, UTC; a person or NTP may set it back."""
        return time.time_ns()

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment; never steps back."""
        return time.monotonic_ns()


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
