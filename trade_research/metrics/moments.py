"""Sums over a return series that many metrics share, made in two passes of cache-sized blocks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from trade_research.kernels.jit import F64

_BLOCK = 8192
ROUNDING = (
    1e-15  # a few units in the last place of E_t / E_{t-1}: returns closer than this are equal
)


@dataclass(frozen=True)
class Moments:
    """What the ratios need to know of a return series; every field is a sum, a mean or an extreme.

    `m2`, `m3`, `m4` are the biased central moments (divided by `n`); `gains` and `losses` the sums
    of the positive returns and of the sizes of the negative ones; `down2` the sum of squared
    negative returns; `up` and `down` how many there are of each sign. All NaN for an empty series.
    """

    n: int
    mean: float
    m2: float
    m3: float
    m4: float
    low: float
    high: float
    gains: float
    losses: float
    down2: float
    up: int
    down: int

    @property
    def varies(self) -> bool:
        """At least two returns that differ by more than the rounding of a ratio of equities."""
        return self.n >= 2 and self.high - self.low > ROUNDING

    @property
    def std(self) -> float:
        """Sample standard deviation (ddof 1) per period; NaN with fewer than two returns."""
        return math.sqrt(self.m2 * self.n / (self.n - 1)) if self.n >= 2 else math.nan


Returns: TypeAlias = F64 | Moments


def moments(returns: Returns) -> Moments:
    """Moments of a return series; a series already summed is handed back.

    Parameters
    ----------
    returns : float64 array of shape (n,), or its Moments
        Fractions per period (0.01 is one per cent), less cash where the metric says excess.
        A NaN makes every field but the counts NaN.

    Notes
    -----
    The variance takes a second pass about the mean, so a large mean costs no digits. Blocks are
    summed pairwise and never by BLAS, so the bits do not depend on the number of threads.
    """
    if isinstance(returns, Moments):
        return returns
    n = returns.size
    if n == 0:
        return Moments(0, *[math.nan] * 9, 0, 0)
    parts, counts = _first_pass(returns)
    total, gains, losses, down2 = np.sum(parts[:, :4], axis=0)
    mean = float(total / n)
    m2, m3, m4 = (float(s / n) for s in _second_pass(returns, mean))
    low, high = float(parts[:, 4].min()), float(parts[:, 5].max())
    up, down = (int(c) for c in counts.sum(axis=0))
    return Moments(
        n, mean, m2, m3, m4, low, high, float(gains), float(losses), float(down2), up, down
    )


def _blocks(x: F64) -> list[F64]:
    return [x[a : a + _BLOCK] for a in range(0, x.size, _BLOCK)]


def _first_pass(x: F64) -> tuple[F64, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    """Per block: sum, gains, losses, squared losses, low, high; and counts above and below 0."""
    blocks, work = _blocks(x), np.empty(min(x.size, _BLOCK))
    parts, counts = np.empty((len(blocks), 6)), np.empty((len(blocks), 2), np.int64)
    for i, b in enumerate(blocks):
        part, w = parts[i], work[: b.size]
        part[0] = b.sum()
        part[1] = np.maximum(b, 0.0, out=w).sum()
        counts[i, 0] = np.count_nonzero(w)
        part[2] = -np.minimum(b, 0.0, out=w).sum()
        counts[i, 1] = np.count_nonzero(w)
        part[3] = np.multiply(w, w, out=w).sum()
        part[4], part[5] = b.min(), b.max()
    return parts, counts


def _second_pass(x: F64, mean: float) -> F64:
    """Sums of the second, third and fourth powers of the deviations from the mean."""
    size = min(x.size, _BLOCK)
    deviation, square, sums = np.empty(size), np.empty(size), []
    for b in _blocks(x):
        d, s = deviation[: b.size], square[: b.size]
        np.subtract(b, mean, out=d)
        np.multiply(d, d, out=s)
        m2 = s.sum()
        m3 = np.multiply(d, s, out=d).sum()
        sums.append((m2, m3, np.multiply(s, s, out=s).sum()))
    return np.sum(np.array(sums), axis=0)
