"""The same days in other orders: bands around the equity, and how deep it might have fallen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trade_research.evidence.bootstrap import Paths
from trade_research.evidence.days import Days
from trade_research.kernels.jit import F64, I64
from trade_research.metrics.drawdowns import (
    drawdown_episodes,
    longest_drawdown_bars,
    max_drawdown,
)

MOST_MARKS = 300
BINS = 24
_FLAT = 1e-9  # no drawdown is shallower on the picture: bins need a width
_SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True)
class Bands:
    """5%, 50% and 95% of the resampled equity, in money, at some of the days.

    Each is a statement about its own day, not about whole paths: more than 10% of the paths leave
    the band somewhere.
    """

    dates: tuple[str, ...]
    low: tuple[float, ...]
    middle: tuple[float, ...]
    high: tuple[float, ...]


@dataclass(frozen=True)
class DrawdownLaw:
    """Deepest drawdown and longest way back, on day closes, among resampled orders of the days.

    Attributes
    ----------
    depth, days : float, int
        As they happened: fraction of the peak (at most 0), days from a peak back to it.
    depths, lengths : tuple of float
        Their 5, 25, 50, 75 and 95% quantiles over the draws; depths from the deepest.
    deeper, longer : float
        Share of the draws at least as deep, at least as long. Near 0: worse than its own days
        explain, so losses cluster more than blocks keep; near 1: it was lucky in their order.
    edges, counts : tuple of float, tuple of int
        Histogram of the depths.
    """

    depth: float
    days: int
    depths: tuple[float, ...]
    lengths: tuple[float, ...]
    deeper: float
    longer: float
    edges: tuple[float, ...]
    counts: tuple[int, ...]


def marks_of(n_days: int) -> I64:
    """Days that a picture keeps, at most 300, the last one included."""
    if n_days <= MOST_MARKS:
        return np.arange(n_days)
    return np.unique(np.linspace(0, n_days - 1, MOST_MARKS).round().astype(np.int64))


def bands_of(days: Days, paths: Paths, marks: I64) -> Bands:
    """Bands of the equity from resampled paths kept at `marks`."""
    logs = np.ascontiguousarray(paths.logs.T)
    low, middle, high = days.initial * np.exp(_quantiles(logs, [0.05, 0.5, 0.95]).T)
    dates = tuple(str(d) for d in days.dates[marks])
    return Bands(dates, _floats(low), _floats(middle), _floats(high))


def drawdown_law(days: Days, paths: Paths) -> DrawdownLaw:
    """What the run's worst drawdown is worth among those of other orders of its days."""
    found = drawdown_episodes(days.equity, days.initial)
    depth, length = max_drawdown(found), longest_drawdown_bars(found)
    deepest = min(float(paths.depth.min()), -_FLAT)
    counts, edges = np.histogram(paths.depth, bins=BINS, range=(deepest, 0.0))
    return DrawdownLaw(
        depth,
        length,
        _floats(np.quantile(paths.depth, _SHARES)),
        _floats(np.quantile(paths.longest, _SHARES)),
        float((paths.depth <= depth).mean()),
        float((paths.longest >= length).mean()),
        _floats(edges),
        tuple(int(c) for c in counts),
    )


def _quantiles(rows: F64, shares: list[float]) -> F64:
    """Order statistics of each row, (n_rows, n_shares); the lower one, so that -inf stays -inf."""
    at = [int(share * (rows.shape[1] - 1)) for share in shares]
    out: F64 = np.partition(rows, at, axis=1)[:, at]
    return out


def _floats(x: F64) -> tuple[float, ...]:
    return tuple(float(v) for v in x)
