"""More windows that roll over an array: sums that lose no digits, changes, ranks, places.

Runs, holes and the prefix law as in `kernels.rolling`.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel
from trade_research.kernels.rolling import (
    blank,
    highest_of_block,
    lowest_of_block,
    next_hole,
    next_value,
    room_of,
    to_line,
)

_TIE = 1e-12
"""Share of a value below which a range is rounding."""

SHORT = 64
"""Windows up to this long are summed as trees."""


@inner_kernel
def start_sums(x: F64, span: int, count: int, out: F64) -> int:
    """The sum of up to five values of `x`, `span` bars apart, into (n,); returns how many."""
    b, c, d, e = x[span:], x[2 * span :], x[3 * span :], x[4 * span :]
    if count == 1:
        for i in range(out.size):
            out[i] = x[i]
    elif count == 2:
        for i in range(out.size):
            out[i] = x[i] + b[i]
    elif count == 3:
        for i in range(out.size):
            out[i] = (x[i] + b[i]) + c[i]
    elif count == 4:
        for i in range(out.size):
            out[i] = (x[i] + b[i]) + (c[i] + d[i])
    else:
        for i in range(out.size):
            out[i] = (x[i] + b[i]) + (c[i] + d[i]) + e[i]
    return min(count, 5)


@inner_kernel
def add_rows(x: F64, span: int, count: int, out: F64) -> None:
    """Add `count` values of `x`, each `span` bars behind the one before, to every one of (n,)."""
    for at in range(0, count // 2 * 2, 2):
        a, b = x[at * span :], x[(at + 1) * span :]
        for i in range(out.size):
            out[i] += a[i] + b[i]
    if count % 2 == 1:
        a = x[(count - 1) * span :]
        for i in range(out.size):
            out[i] += a[i]


@inner_kernel
def sum_of_block(part: F64, window: int, room: F64, out: F64) -> None:
    """Sums of every window of `part`, (n,) to (n - window + 1,).

    Sums of four neighbours, then of sixteen, …, and of those what makes up the window: no bar waits
    for another, and a sum depends on nothing but its window. `room` is room to work in, (2, n).
    """
    now, span, done, left, at = part, 1, 0, window, 0
    while True:
        count, begun = left % 4 if left > 7 else left, 0
        if done == 0 and count > 0:
            begun = start_sums(now, span, count, out)
        add_rows(now[done + begun * span :], span, count - begun, out)
        if count == left:
            return
        row, b, c, d = room[at][: now.size - 3 * span], now[span:], now[2 * span :], now[3 * span :]
        for i in range(row.size):
            row[i] = (now[i] + b[i]) + (c[i] + d[i])
        now, done, span, at, left = row, done + count * span, 4 * span, 1 - at, left // 4


@inner_kernel
def sum_of_run(x: F64, start: int, window: int, after: F64, out: F64) -> int:
    """Rolling sum of the run that begins at `start`, into `out`; returns where the run ends.

    The run is cut at multiples of the window; a sum is the end of one piece and the start of the
    next. Nothing is subtracted, so a large value leaves no error behind it, and a window of zeros
    sums to exactly zero. `after` is room to work in: what of a piece comes after each of its bars.
    """
    out[start : start + window - 1] = np.nan
    for cut in range(start, x.size, window):
        part, total = x[cut : cut + window], 0.0
        y = out[cut : cut + part.size]
        if cut == start:
            for v in part:
                total += v
            if part.size == window:
                y[window - 1] = total
        else:
            for i in range(part.size):
                total += part[i]
                y[i] = total + after[i]
        if total != total:
            return next_hole(x, cut)
        behind = 0.0
        for i in range(part.size - 1, -1, -1):
            after[i] = behind
            behind += part[i]
    return x.size


@kernel
def rolling_sum(x: F64, window: int) -> F64:
    """Sum of the last `window` values, (n,) to (n,); NaN where a run is shorter than that."""
    out = np.empty(x.size)
    start = next_value(x, 0) if 1 <= window <= x.size else x.size
    out[:start] = np.nan
    if 1 <= window <= min(SHORT, x.size):
        out[: window - 1] = np.nan
        room = room_of(2, 256 + window)
        for first in range(0, x.size - window + 1, 256):
            at = first + window - 1
            sum_of_block(x[first : at + 256], window, room, out[at : at + 256])
        return out
    after = np.empty(max(min(window, x.size), 0))
    while start < x.size:
        end = sum_of_run(x, start, window, after, out)
        start = next_value(x, end)
        out[end:start] = np.nan
    return out


@kernel
def beside(x: F64) -> F64:
    """Room for (n,) values that begins where in a line of the cache `x` does."""
    space = np.empty(x.size + 8)
    return space[(to_line(space) - to_line(x)) % 8 :][: x.size]


@kernel
def changes(x: F64, back: int) -> F64:
    """``x[t] - x[t - back]``, (n,) to (n,); NaN where there is no bar so far back."""
    out = beside(x)
    if not 1 <= back < x.size:
        out[:] = np.nan
        return out
    out[:back] = np.nan
    head = min(to_line(out[back:]), x.size - back)
    for t in range(back, back + head):
        out[t] = x[t] - x[t - back]
    y, now, before = out[back + head :], x[back + head :], x[head:]
    for i in range(y.size):
        y[i] = now[i] - before[i]
    return out


@kernel
def percent_changes(x: F64, back: int) -> F64:
    """`changes` in percent of the earlier value, (n,) to (n,); NaN where that is 0."""
    out = np.empty(x.size)
    if not 1 <= back < x.size:
        out[:] = np.nan
        return out
    out[:back] = np.nan
    y, now = out[back:], x[back:]
    for i in range(y.size):
        before = x[i] if x[i] != 0.0 else np.nan
        y[i] = 100.0 * ((now[i] - x[i]) / before)
    return out


@kernel
def mean_distance(x: F64, mean: F64, window: int) -> F64:
    """Mean distance of the last `window` values from `mean`, (n,) twice to (n,); NaN as `mean`."""
    out = np.empty(x.size)
    if not 1 <= window <= x.size:
        out[:] = np.nan
        return out
    out[: window - 1] = np.nan
    for first in range(window - 1, x.size, 256):
        centre = mean[first : first + 256]
        y = out[first : first + centre.size]
        y[:] = 0.0
        for back in range(window):
            part = x[first - back :]
            for i in range(y.size):
                y[i] += abs(part[i] - centre[i])
        for i in range(y.size):
            y[i] /= window
    return out


@inner_kernel
def count_lower(x: F64, window: int, out: F64) -> None:
    """How many of the `window` values before each are lower, (n + window,) to (n,); NaN is none."""
    now = x[window:]
    for i in range(out.size):
        out[i] = 0.0
    for back in range(0, window // 4 * 4, 4):
        a, b, c, d = x[back:], x[back + 1 :], x[back + 2 :], x[back + 3 :]
        for i in range(out.size):
            v = now[i]
            some = (1.0 if a[i] < v else 0.0) + (1.0 if b[i] < v else 0.0)
            out[i] += some + ((1.0 if c[i] < v else 0.0) + (1.0 if d[i] < v else 0.0))
    for back in range(window // 4 * 4, window):
        a = x[back:]
        for i in range(out.size):
            out[i] += 1.0 if a[i] < now[i] else 0.0


@kernel
def rank_among(x: F64, window: int) -> F64:
    """Percent of the `window` values before each that are lower, (n,) to (n,); NaN as they are."""
    out = np.empty(x.size)
    if not 1 <= window < x.size:
        out[:] = np.nan
        return out
    out[:window] = np.nan
    share = 100.0 / window
    for first in range(window, x.size, 256):
        y = out[first : first + 256]
        part = x[first - window : first + y.size]
        count_lower(part, window, y)
        for i in range(y.size):
            y[i] *= share
        if next_hole(part, 0) < part.size:
            blank(part, window + 1, y)
    return out


@kernel
def place_in_range(high: F64, low: F64, x: F64, window: int, below: bool) -> F64:
    """Where x lies in the range of the last `window` bars, (n,) thrice to (n,), in percent.

    Above the bottom, or with `below` (as a negative number) below the top; 0 without a range, or
    where it is so small a share of the top that it is rounding.
    """
    out = np.empty(x.size)
    if not 1 <= window <= x.size:
        out[:] = np.nan
        return out
    out[: window - 1] = np.nan
    block = max(256, window)
    room = room_of(4, block + window)
    for first in range(0, x.size - window + 1, block):
        now = x[first + window - 1 : first + window - 1 + block]
        y, top, bottom = out[first + window - 1 :], room[2][: now.size], room[3][: now.size]
        highest_of_block(high[first : first + now.size + window - 1], window, room, top)
        lowest_of_block(low[first : first + now.size + window - 1], window, room, bottom)
        for i in range(now.size):
            far = now[i] - (top[i] if below else bottom[i])
            span = top[i] - bottom[i]
            y[i] = 0.0 * far if span <= _TIE * abs(top[i]) else 100.0 * far / span
    return out


@kernel
def log_ratio(x: F64, y: F64) -> F64:
    """``ln(x / y)``, (n,) twice to (n,)."""
    out = np.empty(x.size)
    for i in range(x.size):
        out[i] = np.log(x[i] / y[i])
    return out


@kernel
def root_of_mean(sums: F64, count: int) -> F64:
    """Roots of the means whose sums of `count` these are, (n,) to (n,)."""
    out = np.empty(sums.size)
    for i in range(sums.size):
        mean = sums[i] / count
        out[i] = np.sqrt(mean if mean > 0.0 else 0.0 * mean)
    return out
