"""Sums over a return series that many metrics share, each made once and when asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TypeAlias

import numpy as np

from trade_research.kernels.jit import F64

BLOCK = 32_768  # returns that stay in the cache while they are worked on
ROUNDING = 1e-15  # a few units in the last place of E_t / E_{t-1}: what rounding alone makes


class Moments:
    """Lazy sums of one return series, shape (n,), fractions per period (0.01 is one per cent).

    Pass it to several metrics instead of the array, and they share the passes. An empty series
    gives NaN everywhere, and so does a NaN in the series (but for counts). Everything is summed in
    cache-sized blocks, pairwise and never by BLAS, so the bits do not depend on threads. `sums` are
    those of the blocks, where who made the returns has them.
    """

    def __init__(self, returns: F64, sums: F64 | None = None) -> None:
        self.returns = returns
        self.n = returns.size
        self._sums = sums

    @classmethod
    def of(cls, n: int, mean: float, m2: float, m3: float, m4: float) -> Moments:
        """Moments known without their series: count, mean, biased central moments 2 to 4."""
        made = cls(np.empty(0))
        made.n = n
        made.__dict__ |= {"mean": mean, "m2": m2, "_shape": (m3, m4)}
        return made

    @cached_property
    def mean(self) -> float:
        """Arithmetic mean."""
        sums = self._sums
        if sums is None:
            sums = np.array([block.sum() for block, _ in self._blocks()])
        return float(sums.sum() / self.n) if self.n else math.nan

    @cached_property
    def m2(self) -> float:
        """Biased variance; the second pass, about the mean, so a large mean costs no digits."""
        return self._mean_of(lambda d, w: (np.multiply(d, d, out=w).sum(),), 1)[0]

    @cached_property
    def _shape(self) -> tuple[float, ...]:
        def cubes(d: F64, w: F64) -> tuple[float, float]:
            np.multiply(d, d, out=w)
            return np.multiply(d, w, out=d).sum(), np.multiply(w, w, out=w).sum()

        return self._mean_of(cubes, 2)

    @property
    def m3(self) -> float:
        """Biased third central moment."""
        return self._shape[0]

    @property
    def m4(self) -> float:
        """Biased fourth central moment."""
        return self._shape[1]

    @property
    def std(self) -> float:
        """Sample standard deviation (ddof 1); NaN with fewer than two returns."""
        return math.sqrt(self.m2 * self.n / (self.n - 1)) if self.n >= 2 else math.nan

    @property
    def varies(self) -> bool:
        """At least two returns, further apart than the rounding of a ratio of equities."""
        return self.n >= 2 and self.std > ROUNDING * max(1.0, abs(self.mean))

    @cached_property
    def low(self) -> float:
        """Smallest return."""
        return float(self.returns.min()) if self.n else math.nan

    @cached_property
    def high(self) -> float:
        """Largest return."""
        return float(self.returns.max()) if self.n else math.nan

    @cached_property
    def up(self) -> int:
        """Number of returns above 0."""
        return int(np.count_nonzero(self.returns > 0.0))

    @cached_property
    def down(self) -> int:
        """Number of returns below 0."""
        return int(np.count_nonzero(self.returns < 0.0))

    @cached_property
    def _negative(self) -> tuple[float, ...]:
        def sums(b: F64, w: F64) -> tuple[float, float]:
            np.minimum(b, 0.0, out=w)
            return -w.sum(), np.multiply(w, w, out=w).sum()

        return _sums(self._blocks(), sums, 2)

    @property
    def losses(self) -> float:
        """Sum of the sizes of the negative returns."""
        return self._negative[0] if self.n else math.nan

    @property
    def down2(self) -> float:
        """Sum of the squares of the negative returns."""
        return self._negative[1] if self.n else math.nan

    @property
    def gains(self) -> float:
        """Sum of the positive returns."""
        if self.up == 0 and not math.isnan(self.mean):
            return 0.0
        return self.mean * self.n + self.losses

    def _blocks(self) -> Iterator[tuple[F64, F64]]:
        """Stretches of the series, each with room of the same size to work in."""
        room = np.empty(min(self.n, BLOCK))
        for a in range(0, self.n, BLOCK):
            block = self.returns[a : a + BLOCK]
            yield block, room[: block.size]

    def _mean_of(self, of: Callable[[F64, F64], tuple[float, ...]], k: int) -> tuple[float, ...]:
        """Means over the series of `k` functions of the deviations from the mean."""
        if self.n == 0:
            return (math.nan,) * k
        room, mean = np.empty(min(self.n, BLOCK)), self.mean
        blocks = ((np.subtract(b, mean, out=room[: b.size]), w) for b, w in self._blocks())
        return tuple(s / self.n for s in _sums(blocks, of, k))


def _sums(
    blocks: Iterator[tuple[F64, F64]], of: Callable[[F64, F64], tuple[float, ...]], k: int
) -> tuple[float, ...]:
    parts = np.array([of(block, room) for block, room in blocks]).reshape(-1, k)
    return tuple(float(s) for s in parts.sum(axis=0))


Returns: TypeAlias = F64 | Moments


def moments(returns: Returns) -> Moments:
    """Moments of a return series; Moments are handed back as they are."""
    return returns if isinstance(returns, Moments) else Moments(returns)
