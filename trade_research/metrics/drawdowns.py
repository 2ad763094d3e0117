"""Drawdowns of an equity curve: how deep, from when to when, and how long under water.

A drawdown runs from its *peak* (the last bar at the running maximum, the initial capital being bar
-1) over its *start* (the first bar below) and *valley* (the lowest) to its *recovery* (the first
bar back at the peak or above); without one it is open and counted to the last bar.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from trade_research.kernels.jit import B8, F64, I64

_BLOCK = 256
US_PER_DAY = 86_400e6


@dataclass(frozen=True)
class Drawdowns:
    """Episodes of one `equity`, an array of shape (n_drawdowns,) a field; bars are positions.

    `peak` is -1 where the capital never rose above its start before; `end` is the recovery, or the
    last bar where `open`; `depth` is the fraction of the peak lost at the valley, below 0.
    """

    equity: F64
    peak: I64
    end: I64
    depth: F64
    open: B8

    @property
    def start(self) -> I64:
        """First bar under water."""
        return self.peak + 1

    @cached_property
    def valley(self) -> I64:
        """Bar of the lowest equity, the first of equals; found when asked, episode by episode."""
        spans = zip(self.start, self.end, strict=True)
        return np.array([s + self.equity[s : e + 1].argmin() for s, e in spans], np.int64)

    @property
    def bars(self) -> I64:
        """Peak to recovery (or to the last bar), in bars."""
        return self.end - self.peak

    def worst(self, n: int) -> Drawdowns:
        """The `n` deepest, deepest first; of equal depth the earlier first."""
        order = np.argsort(self.depth, kind="stable")[:n]
        peak, end, depth = self.peak[order], self.end[order], self.depth[order]
        return Drawdowns(self.equity, peak, end, depth, self.open[order])

    def times(self, close_time: I64, start_time: int | None = None) -> dict[str, I64]:
        """Times of peak, start, valley and end, int64 microseconds.

        A peak at bar -1 has the `start_time` (open of the first bar), or the first close.
        """
        return {
            "peak": self._peak_time(close_time, start_time),
            "start": close_time[self.start],
            "valley": close_time[self.valley],
            "end": close_time[self.end],
        }

    def days(self, close_time: I64, start_time: int | None = None) -> F64:
        """Peak to recovery (or to the last bar), in calendar days of 24 hours."""
        span = close_time[self.end] - self._peak_time(close_time, start_time)
        return np.asarray(span / US_PER_DAY, np.float64)

    def _peak_time(self, close_time: I64, start_time: int | None) -> I64:
        before = self.peak < 0
        time = close_time[np.where(before, 0, self.peak)]
        if start_time is not None:
            time[before] = start_time
        return time


def drawdown_series(equity: F64, initial: float) -> F64:
    """Fraction below the highest equity so far, initial capital included; (n,) to (n,), <= 0."""
    out = np.maximum.accumulate(equity)
    np.maximum(out, initial, out=out)
    np.divide(equity, out, out=out)
    out -= 1.0
    return out


def bars_at_peak(equity: F64, initial: float) -> I64:
    """Positions of the bars at or above everything before them, the initial capital included.

    Blocks that stay below the peak so far are skipped by their maximum, so a million bars take
    about a millisecond. No NaN.
    """
    whole = equity.size // _BLOCK * _BLOCK
    table = equity[:whole].reshape(-1, _BLOCK)
    highest = table.max(axis=1)
    before = np.maximum.accumulate(np.append(initial, highest))
    rows = np.flatnonzero(highest >= before[:-1])
    some = np.concatenate((table[rows].ravel(), equity[whole:]))
    floor = np.maximum.accumulate(some)
    at = np.flatnonzero(some >= np.maximum(floor, initial, out=floor))
    # Positions among the blocks looked at, back to positions in the curve.
    skipped = np.append(rows, table.shape[0]) - np.arange(rows.size + 1)
    return at + skipped[np.minimum(at // _BLOCK, rows.size)] * _BLOCK


def drawdown_episodes(equity: F64, initial: float) -> Drawdowns:
    """Every drawdown of the curve.

    Parameters
    ----------
    equity : float64 array of shape (n_bars,)
        Marked at each close, in money. No NaN.
    initial : float
        Capital before the first bar, above 0.
    """
    peaks = np.append(-1, bars_at_peak(equity, initial))
    ends = np.append(peaks[1:], equity.size)
    under = ends - peaks > 1
    peak, end = peaks[under], ends[under]
    if not peak.size:
        return Drawdowns(equity, peak, end, np.empty(0), np.empty(0, np.bool_))
    top = np.where(peak >= 0, equity[peak], initial)
    # Between two starts lie one drawdown and bars at the peak, which are never the lowest.
    depth = np.minimum.reduceat(equity, peak + 1) / top - 1.0
    return Drawdowns(equity, peak, np.minimum(end, equity.size - 1), depth, end == equity.size)


def max_drawdown(found: Drawdowns) -> float:
    """Deepest drawdown, a fraction of its peak, at most 0; 0 when there is none."""
    return float(found.depth.min()) if found.depth.size else 0.0


def average_drawdown(found: Drawdowns) -> float:
    """Mean depth of the episodes (not of the bars under water); NaN when there is none."""
    return float(found.depth.mean()) if found.depth.size else math.nan


def longest_drawdown_bars(found: Drawdowns) -> int:
    """Longest way from a peak back to it (or to the last bar), in bars; 0 when there is none."""
    return int(found.bars.max()) if found.peak.size else 0


def longest_drawdown_days(
    found: Drawdowns, close_time: I64, start_time: int | None = None
) -> float:
    """The same in calendar days of 24 hours; the longest in days need not be that in bars."""
    return float(found.days(close_time, start_time).max()) if found.peak.size else 0.0


def time_under_water(found: Drawdowns) -> float:
    """Share of all bars whose close is below an earlier peak. NaN without bars."""
    if found.equity.size == 0:
        return math.nan
    return float(np.sum(found.end - found.start + found.open) / found.equity.size)
