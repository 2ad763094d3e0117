"""What can happen to bars between a venue and a session, by a seed: none of it may change a bit."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable

from trade_research.feeds.bars import Bar


class Rough:
    """Doubles, delays, swaps and loses bars, and restarts the session.

    A lost bar is one that the feed's clock has to ask for; a delayed one comes some rows late,
    after the clock has asked.

    Parameters
    ----------
    seed : int
    restart_after : collection of int
        Rows after which the session is ended and taken up again from its journal.
    lost, delayed, doubled : float
        Share of the bars.
    """

    def __init__(
        self,
        seed: int,
        restart_after: Collection[int] = (),
        *,
        lost: float = 0.01,
        delayed: float = 0.02,
        doubled: float = 0.05,
    ) -> None:
        self._rng, self._restarts = random.Random(seed), frozenset(restart_after)
        self._lost, self._delayed = lost, lost + delayed
        self._doubled = lost + delayed + doubled
        self._late: list[Bar] = []
        self.counts = {"lost": 0, "delayed": 0, "doubled": 0, "restarts": 0}

    def carry(self, row: int, bars: list[Bar]) -> Iterable[Bar]:
        """The bars that arrive while a row closes."""
        out: list[Bar] = []
        if self._late and self._rng.random() < 0.5:
            out, self._late = self._late, []
        for bar in bars:
            fate = self._rng.random()
            if fate < self._lost:
                self.counts["lost"] += 1
            elif fate < self._delayed:
                self.counts["delayed"] += 1
                self._late.append(bar)
            elif fate < self._doubled:
                self.counts["doubled"] += 1
                out += [bar, bar]
            else:
                out.append(bar)
        if len(out) > 1:
            self._rng.shuffle(out)
        return out

    def restarts_after(self, row: int) -> bool:
        """Whether the session is taken up again from its journal here."""
        if row in self._restarts:
            self.counts["restarts"] += 1
            return True
        return False
