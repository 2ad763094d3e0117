"""Values kept in order, to find and exchange one of thousands in nanoseconds.

The values of a window lie sorted, infinity behind them; beside them are posts, the last value of
every 64. One comparison of the posts and one of 64 values find any place, and of an exchange only
what lies between the two places moves.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.bits import WORD, below, count
from trade_research.kernels.jit import F64, inline_kernel, inner_kernel, kernel


@kernel
def make_order(size: int) -> tuple[F64, F64]:
    """Room for `size` values in order, and its posts."""
    chunks = size // WORD + 1  # the last of them is never full, so every search ends inside
    return np.full(chunks * WORD, np.inf), np.full((chunks // WORD + 1) * WORD, np.inf)


@inline_kernel
def place_of(ordered: F64, posts: F64, x: float) -> int:
    """How many values are below x, which is no NaN."""
    chunk = 0
    for first in range(0, posts.size, WORD):
        chunk += count(below(posts, first, x))
    return chunk * WORD + count(below(ordered, chunk * WORD, x))


@inline_kernel
def set_posts(ordered: F64, posts: F64, first: int, last: int) -> None:
    """Renew the posts of what changed from place `first` to `last`."""
    for chunk in range(first // WORD, last // WORD + 1):
        posts[chunk] = ordered[chunk * WORD + WORD - 1]


@inline_kernel
def exchange(ordered: F64, posts: F64, old: float, x: float) -> None:
    """Put x for one value.

    Unsigned places cannot count from the end, so the compiler moves what lies between as one block.
    """
    at, to = place_of(ordered, posts, old), place_of(ordered, posts, x)
    one = np.uint64(1)
    if to > at:
        to -= 1
        for i in range(np.uint64(at), np.uint64(to)):
            ordered[i] = ordered[i + one]
        ordered[to] = x
        set_posts(ordered, posts, at, to)
    else:
        for k in range(np.uint64(at - to)):
            place = np.uint64(at) - k
            ordered[place] = ordered[place - one]
        ordered[to] = x
        set_posts(ordered, posts, to, at)


@inner_kernel
def insert(ordered: F64, posts: F64, n: int, x: float) -> None:
    """Put x beside n values."""
    to = place_of(ordered, posts, x)
    for i in range(n, to, -1):
        ordered[i] = ordered[i - 1]
    ordered[to] = x
    set_posts(ordered, posts, to, n)


@inner_kernel
def remove(ordered: F64, posts: F64, n: int, old: float) -> None:
    """Take one of n values out."""
    at = place_of(ordered, posts, old)
    for i in range(at, n - 1):
        ordered[i] = ordered[i + 1]
    ordered[n - 1] = np.inf
    set_posts(ordered, posts, at, n - 1)


@inner_kernel
def nearest(ordered: F64, n: int, median: float, most: int, hint: int) -> tuple[float, int]:
    """Distance from the median of the `most`-th nearest of `n` values, and where its block begins.

    The nearest are neighbours in order. As their block moves up its left end comes nearer to the
    median and its right end goes away, so the best one is where the two cross: looked for from
    `hint` on, in steps that double, then halve. Any hint gives the same.
    """
    low, high, step = 0, n - most, 1
    at = min(hint, high)
    if at < high and is_left(ordered, at, most, median):
        low = at + 1
        while low + step < high and is_left(ordered, low + step - 1, most, median):
            low, step = low + step, 2 * step
        high = min(high, low + step)
    else:
        high = at
        while high - step > 0 and not is_left(ordered, high - step, most, median):
            high, step = high - step, 2 * step
        low = max(low, high - step)
    while low < high:
        middle = (low + high) >> 1
        if is_left(ordered, middle, most, median):
            low = middle + 1
        else:
            high = middle
    here: float = max(median - ordered[low], ordered[low + most - 1] - median)
    if low > 0:
        here = min(here, max(median - ordered[low - 1], ordered[low + most - 2] - median))
    return here, low


@inline_kernel
def is_left(ordered: F64, at: int, most: int, median: float) -> bool:
    """Whether the block at `at` reaches farther to the left of the median than to the right."""
    here: bool = median - ordered[at] > ordered[at + most - 1] - median
    return here


@kernel
def middles(x: F64, window: int, median: F64, mad: F64) -> None:
    """Median and median distance of the last `window` values, (n,) into (n,) twice."""
    median[:], mad[:] = np.nan, np.nan
    if not 1 <= window <= x.size:
        return
    ordered, posts = make_order(window)
    half, size, hint = window // 2, 0, 0
    for t in range(x.size):
        if x[t] != x[t]:
            ordered[:], posts[:], size = np.inf, np.inf, 0
            continue
        if size == window:
            exchange(ordered, posts, x[t - window], x[t])
        else:
            insert(ordered, posts, size, x[t])
            size += 1
        if size == window:
            odd = window % 2 == 1
            median[t] = ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2.0
            mad[t], hint = nearest(ordered, window, median[t], half + 1, hint)
            if not odd:
                mad[t] = (mad[t] + nearest(ordered, window, median[t], half, hint)[0]) / 2.0
