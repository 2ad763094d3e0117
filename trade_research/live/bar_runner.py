"""The shell of a session over bars: each bar once and in order, or an event that says why not."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from trade_research.feeds.barclock import BarClock
from trade_research.feeds.bars import Bar, Skipped
from trade_research.live.runner import Feed, Runner
from trade_research.live.session import Session


class BarFeed(Feed[Bar], Protocol):
    """Closed bars as they happen."""

    def backfill(self, symbol: str, start: int, end: int) -> Sequence[Bar]:
        """Bars of a symbol with open times in [start, end), as far as they can be had."""
        ...


class BarRunner(Runner[Bar]):
    """`Runner` of a session over bars.

    Parameters
    ----------
    session, feed, *shell, **looks
        As of `Runner`.
    bars : BarClock
    """

    def __init__(
        self, session: Session, feed: BarFeed, bars: BarClock, *shell: Any, **looks: Any
    ) -> None:
        super().__init__(session, feed, *shell, **looks)
        self._bars = bars

    def _take(self, bars: Sequence[Bar]) -> None:
        for bar in bars:
            warned = self._bars.take(bar, self._clock.now_ns())
            if warned is not None:
                self._session.on_warned(warned)
        for item in self._bars.rows(self._clock.now_ns()):
            if isinstance(item, Skipped):
                self._session.on_skipped(item)
            else:
                self._session.on_row(item)
                self._lag_ms = (self._clock.now_ns() - item.close_time * 1_000) / 1e6
                if self._latch.is_set or self._stop.is_set():
                    break
        self.duplicates = self._bars.duplicates
