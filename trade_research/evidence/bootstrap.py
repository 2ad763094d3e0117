"""Stationary bootstrap: the same days in other orders, in blocks of random length.

Numbers come from a counter: draw `d`, step `i` has its bits whatever was drawn before, so the same
seed gives the same bits, and a longer run of draws begins with the shorter one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from trade_research.kernels.jit import F64, I64, kernel

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW = np.uint64(0xFFFFFFFF)
_30, _27, _31, _32 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(32)
_SHORTEST = 20  # observations below which a block length cannot be estimated


class Paths(NamedTuple):
    """Resampled series: sums of columns, and what the compounded path went through.

    `sums` (n_draws, n_columns); `depth` and `longest` (n_draws,): deepest drawdown (at most 0) and
    the most steps from a peak back to it; `logs` (n_draws, n_marks): log growth at the marks.
    """

    sums: F64
    depth: F64
    longest: I64
    logs: F64


@kernel
def random_bits(key: np.uint64, counter: np.uint64) -> np.uint64:
    """64 random bits at a place of a stream (SplitMix64: Steele, Lea & Flood 2014)."""
    z = key + counter * _GOLDEN
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    return z ^ (z >> _31)


@kernel
def draw_indices(out: I64, key: np.uint64, draw: int, restart: float) -> None:
    """Fill `out` (n,) with the positions of one resampled series, wrapping at the end.

    With probability `restart` (1 over the mean block) a step starts a new block anywhere, else it
    goes on to the next position. Politis & Romano (1994), JASA 89.
    """
    n = out.size
    cut = np.uint64(restart * 4294967296.0)
    base = np.uint64(draw) * np.uint64(n)
    at = np.int64(0)
    for i in range(n):
        bits = random_bits(key, base + np.uint64(i))
        start = np.int64(((bits & _LOW) * np.uint64(n)) >> _32)
        # Arithmetic, for a branch that nobody can predict costs more than all the rest.
        is_new = np.int64((bits >> _32) < cut or i == 0)
        at = (at + 1) * np.int64(at + 1 < n)
        at += (start - at) * is_new
        out[i] = at


@kernel
def resample(x: F64, logs: F64, restart: float, key: np.uint64, draws: int, marks: I64) -> Paths:
    """Resample rows of `x` (n, k) and sum them; follow the path of `logs` (n,), or (0,) for none.

    `marks` are the increasing positions at which the path is kept.
    """
    n, k = x.shape
    sums, paths = np.zeros((draws, k)), np.empty((draws, marks.size))
    depth, longest = np.zeros(draws), np.zeros(draws, np.int64)
    at, total = np.empty(n, np.int64), np.empty(k)
    for d in range(draws):
        draw_indices(at, key, d, restart)
        total[:] = 0.0
        for i in range(n):
            for j in range(k):
                total[j] += x[at[i], j]
        sums[d] = total
        if logs.size:
            low, most = follow(logs, at, marks, paths[d])
            depth[d], longest[d] = math.expm1(low), most
    return Paths(sums, depth, longest, paths)


@kernel
def follow(logs: F64, at: I64, marks: I64, kept: F64) -> tuple[float, int]:
    """Deepest fall below the peak of a path of log growth, and the longest way back, in steps.

    The path is written to `kept` where `marks` say.
    """
    level, peak, low, since, most, m = 0.0, 0.0, 0.0, -1, 1, 0
    for i in range(at.size):
        level += logs[at[i]]
        most = max(most, i - since)
        if level >= peak:
            peak, since = level, i
        low = min(low, level - peak)
        if m < marks.size and marks[m] == i:
            kept[m] = level
            m += 1
    return low, most * (low < 0.0)  # without a fall a way of one step is just the next peak


@kernel
def optimal_block(x: F64) -> float:
    """Mean block length that serves the mean of `x` (n,) best; n of at least 20.

    Politis & White (2004), Econometric Reviews 23(1), with the correction of Patton, Politis &
    White (2009), 28(4). NaN where `x` does not vary.
    """
    n = x.size
    e = x - x.mean()
    near = max(5, int(math.log10(n)))
    last = math.ceil(math.sqrt(n)) + near
    small = 2.0 * math.sqrt(math.log10(n) / n)
    covariance, quiet, lag = np.zeros(last + 1), 0, -1
    for i in range(last + 1):
        if lag < 0 and i >= near and quiet >= near:
            lag = i - near
        cross, head, tail = 0.0, 0.0, 0.0
        for t in range(n - i):
            cross += e[t] * e[t + i]
        for t in range(n - i - 1):
            head += e[t] * e[t]
            tail += e[t + i + 1] * e[t + i + 1]
        covariance[i] = cross / n
        quiet = quiet + 1 if abs(cross) < small * math.sqrt(head * tail) else 0
    reach = last if lag < 0 else min(2 * max(lag, 1), last)
    slope, spectrum = 0.0, covariance[0]
    for i in range(1, reach + 1):
        weight = 1.0 if 2 * i <= reach else 2.0 * (1.0 - i / reach)
        slope += 2.0 * weight * i * covariance[i]
        spectrum += 2.0 * weight * covariance[i]
    block = (slope / spectrum) ** 2.0 * n
    return float(min(block ** (1.0 / 3.0), math.ceil(min(3.0 * math.sqrt(n), n / 3.0))))


def block_length(*series: F64) -> float:
    """Mean block length that serves the means of all `series`: the longest of theirs, at least 1.

    1 (single observations) for fewer than 20 of them or where they do not vary.
    """
    found = [optimal_block(np.ascontiguousarray(x)) for x in series if x.size >= _SHORTEST]
    return max([1.0, *(float(b) for b in found if b == b)])


def stationary(
    x: F64,
    *,
    block: float,
    draws: int,
    seed: int,
    logs: F64 | None = None,
    marks: I64 | None = None,
) -> Paths:
    """`draws` stationary bootstraps of the rows of `x`.

    Parameters
    ----------
    x : float64 array of shape (n, k)
        Columns whose sums are wanted; rows are resampled together.
    block : float
        Mean length of a block, at least 1.
    draws, seed : int
        Same seed, same bits.
    logs : float64 array of shape (n,), optional
        Log growth of each row, -inf for ruin: its path gives drawdowns and `marks`.
    marks : int64 array, optional
        Increasing positions at which paths are kept.

    References
    ----------
    Politis & Romano (1994), Journal of the American Statistical Association 89(428).
    """
    key = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    none = np.empty(0)
    path = none if logs is None else np.ascontiguousarray(logs)
    kept = np.empty(0, np.int64) if marks is None else marks
    restart = 1.0 / max(block, 1.0)
    found = resample(np.ascontiguousarray(x), path, restart, key, draws, kept)
    return Paths(*found)
