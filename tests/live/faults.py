"""Ways in which bars arrive other than they closed; none of them may change a bit."""

from __future__ import annotations

import random
from collections.abc import Iterable

from trade_research.feeds.bars import Bar


class Rough:
    """Doubles, delays, swaps and loses bars, and restarts the session, by a seed.

    A lost bar is one that the feed's clock has to ask for; a delayed one comes a few rows late,
    after the clock has asked.
    """

    def __init__(self, seed: int, *, restart: float = 0.0) -> None:
        self._rng = random.Random(seed)
        self._restart, self._late = restart, []
        self.restarts = 0

    def carry(self, row: int, bars: list[Bar]) -> Iterable[Bar]:
        rng = self._rng
        out = [bar for bar in self._late if rng.random() < 0.5]
        self._late = [bar for bar in self._late if bar not in out]
        for bar in bars:
            fate = rng.random()
            if fate < 0.05:
                continue
            if fate < 0.15:
                self._late.append(bar)
                continue
            out.append(bar)
            if fate < 0.45:
                out.append(bar)
        rng.shuffle(out)
        return out

    def restarts_after(self, row: int) -> bool:
        if self._rng.random() < self._restart:
            self.restarts += 1
            return True
        return False
