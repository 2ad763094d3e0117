"""What a benchmark returns, and how two callables are timed against each other in one process."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One line of the table: our median and the peer's, in `unit`; `goal` in words."""

    work: str
    ours: float
    peer: float | None
    peer_name: str
    unit: str
    goal: str

    @property
    def ratio(self) -> float | None:
        """How many times faster (or smaller) than the peer ours is."""
        return None if self.peer is None else self.peer / self.ours


def paired(
    ours: Callable[[], object],
    peer: Callable[[], object],
    rounds: int = 9,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Median seconds of each, run alternately after one uncounted run of both.

    With `time.process_time` as the clock a core that others take now and then does not count.
    """
    times: dict[int, list[float]] = {0: [], 1: []}
    for call in (ours, peer):
        call()
    for _ in range(rounds):
        for which, call in enumerate((ours, peer)):
            gc.collect()
            start = clock()
            call()
            times[which].append(clock() - start)
    return statistics.median(times[0]), statistics.median(times[1])
