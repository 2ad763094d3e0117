"""A value against the values before it: one step that scores and remembers, and its loop.

What is remembered lies in arrays that the caller keeps, so the loop over a whole series and calls
of one value each run the same instructions in the same order: equal to the bit.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from trade_research.kernels.bits import WORD, below, count, equal
from trade_research.kernels.jit import F64, I64, inline_kernel, inner_kernel, kernel
from trade_research.kernels.ordered import exchange, insert, nearest, remove

ZSCORE, PERCENTILE, MAD, RANK_GAUSS, EWM = range(5)
COUNT, HEAD, MEAN, SQUARES, FRESH, LAST_TIME, NEAR = range(7)  # places of `state`
_SCALE = 1.482602218505602  # MAD to the deviation of a normal sample
_REFRESH = 4  # windows after which sums are made anew, so that no error grows


class Memory(NamedTuple):
    """What is known of the values before.

    Attributes
    ----------
    ring, times : arrays of shape (window,)
        The values, oldest at ``state[HEAD]``, and when they were.
    coarse : float32 array
        The ring rounded, to find ranks with: NaN where nothing is, whole words long.
    ordered, posts : arrays of `ordered.make_order`
        The values in order; of the method MAD only.
    ranks : array of shape (2 · window + 1,)
        Scores by twice the rank, once the window is full.
    state : array of shape (7,)
    """

    ring: F64
    times: I64
    coarse: npt.NDArray[np.float32]
    ordered: F64
    posts: F64
    ranks: F64
    state: F64


@inner_kernel
def forget(known: Memory, method: int) -> None:
    """Take the oldest value out."""
    ring, state = known.ring, known.state
    n, head = int(state[COUNT]), int(state[HEAD])
    old = ring[head]
    known.coarse[head] = np.nan
    if method == MAD:
        remove(known.ordered, known.posts, n, old)
    state[HEAD] = head + 1 if head + 1 < ring.size else 0
    state[COUNT] = n - 1
    if n == 1:
        state[MEAN], state[SQUARES] = 0.0, 0.0
        return
    mean = state[MEAN]
    state[MEAN] = mean - (old - mean) / (n - 1)
    state[SQUARES] -= (old - mean) * (old - state[MEAN])


@inner_kernel
def remember(known: Memory, method: int, x: float, time: int) -> None:
    """Put a value in, where there is room."""
    state = known.state
    n, at = int(state[COUNT]), int(state[HEAD]) + int(state[COUNT])
    at = at if at < known.ring.size else at - known.ring.size
    known.ring[at], known.coarse[at], known.times[at] = x, x, time
    if method == MAD:
        insert(known.ordered, known.posts, n, x)
    state[COUNT] = n + 1
    mean = state[MEAN]
    state[MEAN] = mean + (x - mean) / (n + 1)
    state[SQUARES] += (x - mean) * (x - state[MEAN])


@inline_kernel
def replace_oldest(known: Memory, method: int, x: float, time: int) -> None:
    """Put a value in the oldest one's place."""
    ring, state = known.ring, known.state
    n, head = ring.size, int(state[HEAD])
    old = ring[head]
    ring[head], known.coarse[head], known.times[head] = x, x, time
    state[HEAD] = head + 1 if head + 1 < n else 0
    if method == MAD:
        exchange(known.ordered, known.posts, old, x)
    elif method == ZSCORE:
        mean = state[MEAN]
        state[MEAN] = mean + (x - old) / n
        state[SQUARES] += (x - old) * (x - state[MEAN] + old - mean)


@inner_kernel
def refresh(ring: F64, state: F64) -> None:
    """Mean and squares of what is remembered, anew."""
    n, head, total = int(state[COUNT]), int(state[HEAD]), 0.0
    for i in range(n):
        total += ring[(head + i) % ring.size]
    mean, squares = total / n, 0.0
    for i in range(n):
        off = ring[(head + i) % ring.size] - mean
        squares += off * off
    state[MEAN], state[SQUARES], state[FRESH] = mean, squares, 0.0


@inner_kernel
def normal_quantile(p: float) -> float:
    """Where a standard normal is below with probability p, to 1e-9 (Acklam's fractions)."""
    if p < 0.02425 or p > 0.97575:
        q = math.sqrt(-2.0 * math.log(min(p, 1.0 - p)))
        top = (
            (
                ((-7.784894002430293e-03 * q - 3.223964580411365e-01) * q - 2.400758277161838e00)
                * q
                - 2.549732539343734e00
            )
            * q
            + 4.374664141464968e00
        ) * q + 2.938163982698783e00
        low = (
            ((7.784695709041462e-03 * q + 3.224671290700398e-01) * q + 2.445134137142996e00) * q
            + 3.754408661907416e00
        ) * q + 1.0
        return top / low if p < 0.5 else -top / low
    q = p - 0.5
    r = q * q
    top = (
        (
            (
                ((-3.969683028665376e01 * r + 2.209460984245205e02) * r - 2.759285104469687e02) * r
                + 1.383577518672690e02
            )
            * r
            - 3.066479806614716e01
        )
        * r
        + 2.506628277459239e00
    ) * q
    low = (
        (
            ((-5.447609879822406e01 * r + 1.615858368580409e02) * r - 1.556989798598866e02) * r
            + 6.680131188771972e01
        )
        * r
        - 1.328068155288572e01
    ) * r + 1.0
    return top / low


@inline_kernel
def count_all(values: F64, first: int, last: int, x: float) -> tuple[int, int]:
    """How many values from place `first` to `last` are below x, and how many are x."""
    less, same = 0, 0
    for i in range(first, last):
        less += values[i] < x
        same += values[i] == x
    return less, same


@inner_kernel
def twice_rank(known: Memory, x: float) -> int:
    """Twice the number of values below x, and once that of those equal to it.

    Rounded, what is below stays below unless it becomes equal: only then are the values themselves
    counted. A pass over thousands is cheaper than to keep them in order.
    """
    coarse, less, near, rounded = known.coarse, 0, 0, np.float32(x)
    for first in range(0, coarse.size, WORD):
        less += count(below(coarse, first, rounded))
        near += count(equal(coarse, first, rounded))
    if near == 0:
        return 2 * less
    n, head, size = int(known.state[COUNT]), int(known.state[HEAD]), known.ring.size
    less, same = count_all(known.ring, head, min(head + n, size), x)
    more, too = count_all(known.ring, 0, head + n - size, x)
    return 2 * (less + more) + same + too


@inline_kernel
def standing(method: int, n: int, twice: int) -> float:
    """Score by twice the rank among n values."""
    if method == PERCENTILE:
        return 2.0 * (0.5 * twice) / n - 1.0
    return normal_quantile((0.5 * twice + 0.5) / (n + 1.0))


@kernel
def fill_ranks(method: int, squash: bool, ranks: F64) -> None:
    """Scores of every rank in a full window, (2 · window + 1,)."""
    for twice in range(ranks.size):
        z = standing(method, ranks.size // 2, twice)
        ranks[twice] = squashed(z) if squash and method != PERCENTILE else z


@inline_kernel
def deviation(known: Memory, n: int, x: float) -> float:
    """Distance of x from the median, in median distances from it; NaN where those are 0."""
    ordered, state = known.ordered, known.state
    median = 0.5 * (ordered[(n - 1) // 2] + ordered[n // 2])
    reach, at = nearest(ordered, n, median, (n + 1) // 2, int(state[NEAR]))
    state[NEAR] = at
    return (x - median) / (_SCALE * reach) if reach > 0.0 else np.nan


@inline_kernel
def distance(method: int, state: F64, n: int, x: float) -> float:
    """Distance of x from the mean in deviations; NaN where what is known does not vary."""
    mean, squares = state[MEAN], state[SQUARES]
    spread = math.sqrt(max(squares / n if method == ZSCORE else squares, 0.0))
    # What is left of rounding is no spread.
    return (x - mean) / spread if spread > 1e-13 * abs(mean) else np.nan


@inline_kernel
def score(known: Memory, method: int, squash: bool, n: int, x: float) -> float:
    """Score of a finite x by the n values known."""
    if method in (PERCENTILE, RANK_GAUSS):
        twice = twice_rank(known, x)
        if n == known.ring.size:
            full: float = known.ranks[twice]
            return full
        z = standing(method, n, twice)
    else:
        z = deviation(known, n, x) if method == MAD else distance(method, known.state, n, x)
    return squashed(z) if squash and method != PERCENTILE else z


@inline_kernel
def squashed(z: float) -> float:
    """tanh(z / 2)."""
    return 1.0 - 2.0 / (1.0 + math.exp(z))


@inline_kernel
def fold(state: F64, x: float, keep: float) -> None:
    """Fold a value into the exponentially weighted mean and variance; `keep` is for the old."""
    keep = keep if state[COUNT] > 0.0 else 0.0
    off = x - state[MEAN]
    state[MEAN] += (1.0 - keep) * off
    state[SQUARES] = keep * (state[SQUARES] + (1.0 - keep) * off * off)
    state[COUNT] += 1.0


@kernel
def normalise_run(
    x: F64,
    times: I64,
    method: int,
    span: int,
    least: int,
    half_life: float,
    squash: bool,
    known: Memory,
    out: F64,
) -> None:
    """Score each value against those before it, then remember it; (n,) to `out` (n,).

    `span`, if above 0, forgets what is older in the unit of `times`; of EWM it is the unit of the
    half-life. `known` carries over to the next call.
    """
    state, size, keep = known.state, known.ring.size, 2.0 ** (-1.0 / half_life)
    for t in range(x.size):
        v = x[t]
        if span > 0 and method != EWM:
            while state[COUNT] > 0 and known.times[int(state[HEAD])] <= times[t] - span:
                forget(known, method)
        n = int(state[COUNT])
        if v != v or n < least:
            out[t] = np.nan
        elif math.isinf(v):
            out[t] = math.copysign(1.0, v) if squash or method == PERCENTILE else v
        else:
            out[t] = score(known, method, squash, n, v)
        if v != v or math.isinf(v):
            continue
        if method == EWM:
            if span > 0:
                keep = 2.0 ** (-((times[t] - state[LAST_TIME]) / span) / half_life)
                state[LAST_TIME] = times[t]
            fold(state, v, keep)
            continue
        if n == size:
            replace_oldest(known, method, v, times[t])
        else:
            remember(known, method, v, times[t])
        state[FRESH] += 1.0
        if method == ZSCORE and state[FRESH] > _REFRESH * size:
            refresh(known.ring, state)
