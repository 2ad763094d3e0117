"""`BarClock`: closed bars as they come, in rows as they belong, each once and in order.

A pure state machine: it is told bars and the time, and asks `backfill` for what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from trade_research.feeds.bars import Bar, Row, Skipped, Warned
from trade_research.feeds.schedule import Schedule

Backfill = Callable[[str, int, int], Sequence[Bar]]
MEMORY = 256
_ABSENT = Bar("", 0, 0, *[math.nan] * 5)
EARLY_US = 2_500_000


class BarClock:
    """Orders bars of several symbols into rows.

    A row is released when every symbol has its bar, or `grace_us` after its close; what is missing
    then is asked of `backfill`, and absent if that does not have it. A repeated bar is counted; one
    that differs from what was released is a revision: reported, never released again.

    Parameters
    ----------
    symbols : sequence of str
    backfill : callable ``(symbol, first open time, open time after the last) -> bars``
    schedule : Schedule
        Which bars are to be expected.
    grace_us : int
    last_open : int, optional
        Open time of the row before the first: of the anchor, or of the last before a restart.
    retry_us : int
        How long after a vain question about a row that is due the next is asked.
    """

    def __init__(
        self,
        symbols: Sequence[str],
        backfill: Backfill,
        *,
        schedule: Schedule,
        grace_us: int = 2_000_000,
        last_open: int | None = None,
        retry_us: int = 1_000_000,
    ) -> None:
        self.duplicates = 0
        self._at = {symbol: s for s, symbol in enumerate(symbols)}
        self._symbols, self._backfill = tuple(symbols), backfill
        self._schedule, self._grace = schedule, grace_us
        self._waiting: dict[int, dict[str, Bar]] = {}
        self._released: dict[int, dict[str, Bar]] = {}
        self._last = last_open
        self._retry, self._ask_after = retry_us, 0

    def take(self, bar: Bar, now_ns: int | None = None) -> Warned | None:
        """One closed bar, whenever it comes; what is wrong with it, if anything.

        Told the time, as it is of bars that come from outside, it also refuses a bar that follows
        no other and has not closed yet, and one that opens beside the grid: either would put the
        rows after it out of step.
        """
        if bar.symbol not in self._at:
            return Warned(bar, "bad", f"symbol {bar.symbol!r} was not asked for")
        fault = bar.fault() or ("" if now_ns is None else self._misplaced(bar, now_ns // 1_000))
        if fault:
            return Warned(bar, "bad", fault)
        if self._last is not None and bar.open_time <= self._last:
            return self._again(bar)
        known = self._waiting.setdefault(bar.open_time, {})
        before = known.get(bar.symbol)
        if before is None:
            known[bar.symbol] = bar
            return None
        return self._same(before, bar)

    def _misplaced(self, bar: Bar, now: int) -> str:
        if self._last is None:
            return ""
        if not self._schedule.is_open(bar.open_time, self._last):
            return f"opens at {bar.open_time} µs, where no bar of this interval does"
        if bar.open_time <= self._last and bar.open_time not in self._released:
            return "its row is not, or no longer, known"
        newest = max(self._last, *self._waiting) if self._waiting else self._last
        is_next = bar.open_time <= self._schedule.after(newest)[0]
        if not is_next and bar.close_time > now + EARLY_US:
            return f"closes {(bar.close_time - now) / 1e6:.0f} s from now, and follows no other"
        return ""

    def rows(self, now_ns: int) -> Iterator[Row | Skipped]:
        """Every row that is due, oldest first, and what could not be had."""
        while self._waiting or self._is_overdue(now_ns // 1_000):
            first = min(self._waiting)
            start = self._next()[0]
            if first > start > 0:
                if self._fetch(self._symbols, start, first):
                    continue
                yield Skipped("", start, first, "no source has these bars")
            known = self._waiting[first]
            if len(known) < len(self._at):
                close = next(iter(known.values())).close_time
                if now_ns // 1_000 < close + self._grace:
                    return
                absent = [symbol for symbol in self._symbols if symbol not in known]
                self._fetch(absent, first, first + 1)
                for symbol in absent:
                    if symbol not in known:
                        yield Skipped(symbol, first, first + 1, "absent")
            yield self._release(first, now_ns)

    def _is_overdue(self, now: int) -> bool:
        """Whether the next row has closed without a word, and asking for it brought some of it."""
        start, close = self._next()
        if not start or now < close + self._grace:
            return False
        if now < self._ask_after <= now + self._retry:  # farther off, the clock was set back
            return False
        end = start
        while end and now >= close + self._grace:
            end, close = self._schedule.after(end)
        if self._fetch(self._symbols, start, end or start + 1):
            return True
        self._ask_after = now + self._retry
        return False

    def _next(self) -> tuple[int, int]:
        """Open and close of the next row; both 0 at the start, where any may be."""
        return (0, 0) if self._last is None else self._schedule.after(self._last)

    def _fetch(self, symbols: Sequence[str], start: int, end: int) -> bool:
        """Ask for bars with open times in [start, end); whether there were any."""
        found = [bar for symbol in symbols for bar in self._backfill(symbol, start, end)]
        good = [bar for bar in found if start <= bar.open_time < end and not bar.fault()]
        for bar in good:
            self._waiting.setdefault(bar.open_time, {}).setdefault(bar.symbol, bar)
        return bool(good)

    def _release(self, open_time: int, now_ns: int) -> Row:
        known = self._waiting.pop(open_time)
        bars = np.array([known.get(symbol, _ABSENT)[3:] for symbol in self._symbols]).T
        self._last = open_time
        self._released[open_time] = known
        if len(self._released) > MEMORY:
            del self._released[next(iter(self._released))]
        return Row(open_time, next(iter(known.values())).close_time, now_ns, bars)

    def _again(self, bar: Bar) -> Warned | None:
        known = self._released.get(bar.open_time)
        if known is None:
            self.duplicates += 1
            return None
        before = known.get(bar.symbol)
        if before is None:
            return Warned(bar, "late", "its row went on without it")
        return self._same(before, bar)

    def _same(self, before: Bar, bar: Bar) -> Warned | None:
        if all(a == b or (a != a and b != b) for a, b in zip(before[3:], bar[3:], strict=True)):
            self.duplicates += 1
            return None
        return Warned(bar, "revision", f"it was {before[3:]}, and is now {bar[3:]}")
