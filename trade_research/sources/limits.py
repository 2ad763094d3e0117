"""How often a venue may be asked: one bucket of tokens for each venue and key, for all threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

# Tokens: below it a shortfall is rounding, and the wait for it may be too short to move the clock.
DUST = 1e-9


@dataclass
class Bucket:
    """A bucket that refills at `per_minute`, and holds at most a tenth of a minute's worth.

    A venue that answers "too many" closes the bucket for everybody by `hold`.
    """

    per_minute: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _tokens: float = field(default=1.0, init=False)
    _at: float = field(default=0.0, init=False)
    _closed_until: float = field(default=float("-inf"), init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def __post_init__(self) -> None:
        self._at = self.clock()

    def take(self, weight: float = 1.0) -> None:
        """Wait until `weight` tokens are there and nothing holds the bucket, and take them."""
        while (wait := self._try(weight)) > 0:
            self.sleep(wait)

    def hold(self, seconds: float) -> None:
        """Let nobody ask for so long."""
        with self._lock:
            self._closed_until = max(self._closed_until, self.clock() + seconds)

    def _try(self, weight: float) -> float:
        """Seconds to wait, or 0 when the tokens have been taken."""
        with self._lock:
            now = self.clock()
            if now < self._closed_until:
                return self._closed_until - now
            rate = self.per_minute / 60
            most = max(6 * rate, weight)
            self._tokens = min(most, self._tokens + (now - self._at) * rate)
            self._at = now
            if self._tokens < weight - DUST:
                return (weight - self._tokens) / rate
            self._tokens -= weight
            return 0.0


@lru_cache
def bucket_of(venue: str, key: str, per_minute: float) -> Bucket:
    """The one bucket of a venue and key (its hash, or "" for none) in this process."""
    del venue, key
    return Bucket(per_minute)
