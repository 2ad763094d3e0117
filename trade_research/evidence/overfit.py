"""Does the best in sample stay good outside? Overfitting by combinatorially symmetric splits."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64, I64, kernel

_TILE = 2_048  # configurations whose blocks stay in the cache


@dataclass(frozen=True, eq=False)
class Overfit:
    """What became of the best configuration of one half of the days in the other half.

    Attributes
    ----------
    pbo : float
        Probability of overfitting: share of splits in which the best in sample was at or below the
        median outside. About 0.5 where the choice carries nothing over; near 0 where it does.
    logits : float64 array of shape (n_splits,)
        Log odds of its relative rank outside, above 0 is better than the median.
    inside, outside : float64 arrays of shape (n_splits,)
        Its Sharpe ratio per day in sample and out of sample.
    configurations : int
        That were compared.
    """

    pbo: float
    logits: F64
    inside: F64
    outside: F64
    configurations: int

    @property
    def splits(self) -> int:
        """In how many ways the blocks were halved."""
        return self.logits.size

    @property
    def loss(self) -> float:
        """Share of splits in which the best in sample lost money outside."""
        return float((self.outside < 0.0).mean())

    @property
    def kept(self) -> float:
        """How much of the Sharpe ratio in sample was left outside, as a ratio of means; or NaN."""
        inside = float(self.inside.mean())
        return float(self.outside.mean()) / inside if inside > 0.0 else math.nan


def pbo(blocks: F64, block_days: I64) -> Overfit:
    """Probability of backtest overfitting from sums over blocks of days (CSCV).

    Parameters
    ----------
    blocks : float64 array of shape (n_configurations, n_blocks, 2)
        Sum of day returns and sum of their squares in each block, fractions. No NaN.
    block_days : int64 array of shape (n_blocks,)
        Days in each block. An even number of blocks, 16 for 12,870 splits.

    Returns
    -------
    Overfit
        The measure is the Sharpe ratio per day (ddof 1). A configuration flat over a half, whose
        ratio is undefined, counts as 0 there: it holds cash. Ties outside take their average rank,
        ties in sample the first.

    Raises
    ------
    ConfigError
        Fewer than two configurations, an odd number of blocks, or fewer than two days in a half.

    References
    ----------
    Bailey, Borwein, López de Prado & Zhu (2017), Journal of Computational Finance 20(4).
    """
    n, n_blocks, _ = blocks.shape
    if n < 2 or n_blocks < 2 or n_blocks % 2:
        raise ConfigError(
            f"overfitting is told from two configurations or more over an even number of blocks, "
            f"found {n} over {n_blocks}"
        )
    if np.sort(block_days)[: n_blocks // 2].sum() < 2:
        raise ConfigError(f"overfitting needs two days in each half, found {block_days.sum()} days")
    sums = np.ascontiguousarray(np.moveaxis(blocks, 0, 2))  # (n_blocks, 2, n)
    days = np.ascontiguousarray(block_days, np.int64)
    halves = _halves(n_blocks)
    # The first half of the splits holds block 0; the others are their complements, backwards.
    m = halves.shape[0]
    ranks, inside, outside = np.empty(2 * m), np.empty(2 * m), np.empty(2 * m)
    walk_splits(sums, days, halves, ranks, inside, outside)
    share = ranks / (n + 1.0)
    logits = np.log(share / (1.0 - share))
    return Overfit(share_at_or_below(logits), logits, inside, outside, n)


def share_at_or_below(logits: F64) -> float:
    """The probability of overfitting: share of splits that end at or below the median outside."""
    return float((logits <= 0.0).mean())


def _halves(n_blocks: int) -> I64:
    """Blocks of each half that has block 0, then those of its complement, (n_halves, n_blocks)."""
    rest = range(1, n_blocks)
    rows = []
    for chosen in itertools.combinations(rest, n_blocks // 2 - 1):
        first = (0, *chosen)
        rows.append((*first, *(b for b in rest if b not in chosen)))
    return np.array(rows, np.int64)


@kernel
def walk_splits(sums: F64, days: I64, halves: I64, ranks: F64, inside: F64, outside: F64) -> None:
    """Rank outside of the best of each half, and its ratios; halves and complements mirrored."""
    n, m, half = sums.shape[2], halves.shape[0], halves.shape[1] // 2
    one, two = np.empty(n), np.empty(n)
    for c in range(m):
        half_ratios(sums, days, halves[c, :half], one)
        half_ratios(sums, days, halves[c, half:], two)
        for way in range(2):
            train, test = (one, two) if way == 0 else (two, one)
            at = c if way == 0 else 2 * m - 1 - c
            best = np.argmax(train)
            mine, below, equal = test[best], 0, 0
            for j in range(n):
                below += test[j] < mine
                equal += test[j] == mine
            ranks[at] = below + (equal + 1) / 2.0
            inside[at], outside[at] = train[best], mine


@kernel
def half_ratios(sums: F64, days: I64, chosen: I64, out: F64) -> None:
    """Sharpe ratio per day of every configuration over the chosen blocks; 0 where it is flat."""
    count = 0.0
    for b in chosen:
        count += days[b]
    total, square = np.empty(_TILE), np.empty(_TILE)
    for low in range(0, out.size, _TILE):
        size = min(_TILE, out.size - low)
        total[:size] = 0.0
        square[:size] = 0.0
        for b in chosen:
            for j in range(size):
                total[j] += sums[b, 0, low + j]
                square[j] += sums[b, 1, low + j]
        for j in range(size):
            mean = total[j] / count
            spread = square[j] - total[j] * mean
            # Below rounding of the squares nothing varies.
            varies = spread > 1e-14 * square[j]
            out[low + j] = mean / math.sqrt(spread / (count - 1.0)) if varies else 0.0
