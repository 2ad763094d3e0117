"""A value against the values before it: one step that scores and remembers, and its loop.

What is remembered are five arrays that the caller keeps, so the loop over a whole series and calls
of one value each run the same instructions in the same order: equal to the bit.
"""

from __future__ import annotations

import math

import numpy as np

from trade_research.kernels.jit import F64, I64, inline_kernel, inner_kernel, kernel

ZSCORE, PERCENTILE, MAD, RANK_GAUSS, EWM = range(5)
COUNT, HEAD, MEAN, SQUARES, FRESH, LAST_TIME = range(6)  # places of `state`
_SCALE = 1.482602218505602  # MAD to the deviation of a normal sample
_REFRESH = 4  # windows after which sums are made anew, so that no error grows


@inline_kernel
def place_of(ordered: F64, n: int, x: float) -> int:
    """How many of the first `n` are below x; without a branch that depends on the values."""
    low, left = 0, n
    while left > 0:
        half = left >> 1
        # Below x: the place is behind the middle; else it is within the first half.
        step = half + 1 if ordered[low + half] < x else 0
        low += step
        left = left - half - 1 if step else half
    return low


@inner_kernel
def forget(ring: F64, ordered: F64, state: F64, ordering: bool) -> None:
    """Take the oldest value out."""
    n, head = int(state[COUNT]), int(state[HEAD])
    old = ring[head]
    if ordering:
        at = place_of(ordered, n, old)
        for i in range(at, n - 1):
            ordered[i] = ordered[i + 1]
    state[HEAD] = head + 1 if head + 1 < ring.size else 0
    state[COUNT] = n - 1
    if n == 1:
        state[MEAN], state[SQUARES] = 0.0, 0.0
        return
    mean = state[MEAN]
    state[MEAN] = mean - (old - mean) / (n - 1)
    state[SQUARES] -= (old - mean) * (old - state[MEAN])


@inner_kernel
def remember(ring: F64, ordered: F64, state: F64, x: float, ordering: bool) -> None:
    """Put a value in, where there is room."""
    n, head = int(state[COUNT]), int(state[HEAD])
    at = head + n
    ring[at if at < ring.size else at - ring.size] = x
    if ordering:
        i = n
        while i > 0 and ordered[i - 1] > x:
            ordered[i] = ordered[i - 1]
            i -= 1
        ordered[i] = x
    state[COUNT] = n + 1
    mean = state[MEAN]
    state[MEAN] = mean + (x - mean) / (n + 1)
    state[SQUARES] += (x - mean) * (x - state[MEAN])


@inline_kernel
def replace(ordered: F64, n: int, old: float, x: float) -> None:
    """One value of an ordered array for another: only what lies between them moves.

    Unsigned places cannot count from the end, so the compiler moves them as one block.
    """
    at, to, one = place_of(ordered, n, old), place_of(ordered, n, x), np.uint64(1)
    if to > at:
        for i in range(np.uint64(at), np.uint64(to - 1)):
            ordered[i] = ordered[i + one]
        ordered[to - 1] = x
    else:
        for k in range(np.uint64(at - to)):
            place = np.uint64(at) - k
            ordered[place] = ordered[place - one]
        ordered[to] = x


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
def nearest_half(ordered: F64, n: int, median: float) -> float:
    """Median distance from the median: the least reach on both sides that holds half of them.

    Those are neighbours in order; as their block moves up its left end comes nearer to the median
    and its right end goes away, so the best block is where the two cross.
    """
    half = (n + 1) // 2
    low, high = 0, n - half
    while low < high:
        middle = (low + high) >> 1
        if median - ordered[middle] > ordered[middle + half - 1] - median:
            low = middle + 1
        else:
            high = middle
    here: float = max(median - ordered[low], ordered[low + half - 1] - median)
    if low > 0:
        here = min(here, max(median - ordered[low - 1], ordered[low + half - 2] - median))
    return here


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


@inner_kernel
def count_of(values: F64, x: float) -> tuple[int, int]:
    """How many values are below x, and how many are x.

    A plain pass, which the compiler makes several values at a time: for windows up to thousands it
    is cheaper than to keep them in order.
    """
    less, equal = 0, 0
    for i in range(values.size):
        less += values[i] < x
        equal += values[i] == x
    return less, equal


@inner_kernel
def deviation(ordered: F64, n: int, x: float) -> float:
    """Distance of x from the median, in median distances from it; NaN where those are 0."""
    median = 0.5 * (ordered[(n - 1) // 2] + ordered[n // 2])
    reach = nearest_half(ordered, n, median)
    return (x - median) / (_SCALE * reach) if reach > 0.0 else np.nan


@inner_kernel
def standing(method: int, ring: F64, head: int, n: int, x: float) -> float:
    """Score of a finite x by its rank among the `n` values of a ring from `head` on."""
    before_end = min(n, ring.size - head)
    less, equal = count_of(ring[head : head + before_end], x)
    if n > before_end:
        more, too = count_of(ring[: n - before_end], x)
        less, equal = less + more, equal + too
    if method == PERCENTILE:
        return 2.0 * (less + 0.5 * equal) / n - 1.0
    return normal_quantile((less + 0.5 * equal + 0.5) / (n + 1.0))


@inline_kernel
def squashed(z: float) -> float:
    """tanh(z / 2)."""
    return 1.0 - 2.0 / (1.0 + math.exp(z))


@kernel
def normalise_run(
    x: F64,
    times: I64,
    method: int,
    span: int,
    least: int,
    half_life: float,
    squash: bool,
    ring: F64,
    ring_times: I64,
    ordered: F64,
    state: F64,
    out: F64,
) -> None:
    """Score each value against those before it, then remember it; (n,) to `out` (n,).

    `ring` has the size of the window; `span`, if above 0, forgets what is older in the unit of
    `times`. `state` and the other arrays carry over to the next call.
    """
    ordering, ranked = method == MAD, method in (PERCENTILE, MAD, RANK_GAUSS)
    last_gap, kept = -1.0, 0.0
    for t in range(x.size):
        v = x[t]
        if span > 0:
            while state[COUNT] > 0 and ring_times[int(state[HEAD])] <= times[t] - span:
                forget(ring, ordered, state, ordering)
        n = int(state[COUNT])
        if v != v or n < least:
            out[t] = np.nan
        elif math.isinf(v):
            out[t] = (1.0 if v > 0 else -1.0) if squash or method == PERCENTILE else v
        elif ranked:
            if ordering:
                z = deviation(ordered, n, v)
            else:
                z = standing(method, ring, int(state[HEAD]), n, v)
            out[t] = squashed(z) if squash and method != PERCENTILE else z
        else:
            mean, squares = state[MEAN], state[SQUARES]
            spread = math.sqrt(max(squares / n if method == ZSCORE else squares, 0.0))
            # What is left of rounding is no spread.
            z = (v - mean) / spread if spread > 1e-13 * abs(mean) else np.nan
            out[t] = squashed(z) if squash else z
        if v != v or math.isinf(v):
            continue
        if method == EWM:
            gap = 1.0 if span == 0 or n == 0 else (times[t] - state[LAST_TIME]) / span
            if gap != last_gap:
                last_gap, kept = gap, 2.0 ** (-gap / half_life)
            keep = kept if n > 0 else 0.0
            off = v - state[MEAN]
            state[MEAN] += (1.0 - keep) * off
            state[SQUARES] = keep * (state[SQUARES] + (1.0 - keep) * off * off)
            state[COUNT], state[LAST_TIME] = n + 1, times[t]
            continue
        if n == ring.size:
            old = ring[int(state[HEAD])]
            if ordering:
                replace(ordered, n, old, v)
            head = int(state[HEAD])
            ring[head] = v
            ring_times[head] = times[t]
            state[HEAD] = head + 1 if head + 1 < n else 0
            if not ranked:
                mean = state[MEAN]
                state[MEAN] = mean + (v - old) / n
                state[SQUARES] += (v - old) * (v - state[MEAN] + old - mean)
        else:
            at = int(state[HEAD]) + n
            ring_times[at if at < ring.size else at - ring.size] = times[t]
            remember(ring, ordered, state, v, ordering)
        state[FRESH] += 1.0
        if state[FRESH] > _REFRESH * ring.size and not ranked:
            refresh(ring, state)
