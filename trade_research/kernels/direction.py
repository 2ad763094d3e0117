"""Recurrences that follow a direction: Wilder's movement, ages of extremes, supertrend, SAR, MACD.

Runs, holes and the prefix law as in `kernels.rolling`; a NaN in any column of a bar ends a run.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, inner_kernel, kernel
from trade_research.kernels.rolling import next_hole, next_value
from trade_research.kernels.smooth import leak, reach, smooth_run

_BLOCK = 128
"""Bars of intermediate values kept at a time; a multiple of eight."""


@kernel
def all_known(a: F64, b: F64, c: F64) -> F64:
    """A column that is NaN where any of three is, (n,) thrice to (n,)."""
    out = np.empty(a.size)
    for i in range(a.size):
        out[i] = a[i] + b[i] + c[i]
    return out


@inner_kernel
def movement_of_run(
    high: F64, low: F64, close: F64, window: int, room: F64, plus: F64, minus: F64, dx: F64
) -> None:
    """+DI, −DI and DX of one run of bars, all arrays (n,), n > window; NaN before bar `window`.

    `room` is room to work in, (3, max(window, _BLOCK)).
    """
    keep, first = 1.0 - 1.0 / window, 1
    up, down, span = 0.0, 0.0, 0.0
    plus[:window], minus[:window], dx[:window] = np.nan, np.nan, np.nan
    while first < close.size:
        last = min(window if first < window else first + _BLOCK, close.size)
        rises, falls = room[0][: last - first], room[1][: last - first]
        ranges = room[2][: last - first]
        tops, bottoms = high[first - 1 : last], low[first - 1 : last]
        reach(tops, bottoms, close[first - 1 : last], ranges)
        next_top, next_bottom = tops[1:], bottoms[1:]
        for i in range(rises.size):
            u, d = next_top[i] - tops[i], bottoms[i] - next_bottom[i]
            rises[i] = u if u > d and u > 0.0 else 0.0
            falls[i] = d if d > u and d > 0.0 else 0.0
        if first < window:  # sums of one value fewer than the period, as Wilder and TA-Lib have it
            for i in range(rises.size):
                up, down, span = up + rises[i], down + falls[i], span + ranges[i]
        else:
            up, down = leak(rises, up, keep, rises), leak(falls, down, keep, falls)
            span = leak(ranges, span, keep, ranges)
            p, m, x = plus[first:last], minus[first:last], dx[first:last]
            for i in range(rises.size):
                share = 100.0 / ranges[i] if ranges[i] > 0.0 else 0.0
                p[i], m[i] = share * rises[i], share * falls[i]
                both, apart = rises[i] + falls[i], abs(rises[i] - falls[i])
                x[i] = 100.0 * apart / both if both > 0.0 else 0.0
        first = last


@kernel
def movement(high: F64, low: F64, close: F64, window: int, plus: F64, minus: F64, adx: F64) -> None:
    """`movement_of_run` and its Wilder average over every run, (n,) thrice into (n,) thrice."""
    n = close.size
    plus[:], minus[:], adx[:] = np.nan, np.nan, np.nan
    if not 1 <= window < n:
        return
    whole, dx, room = all_known(high, low, close), np.empty(n), np.empty((3, max(window, _BLOCK)))
    start = next_value(whole, 0)
    while start < n:
        end = next_hole(whole, start)
        if end - start > window:
            h, m, c = high[start:end], low[start:end], close[start:end]
            d = dx[start:end]
            movement_of_run(h, m, c, window, room, plus[start:end], minus[start:end], d)
            if end - start >= 2 * window:
                smooth_run(d, window, window, 1.0 / window, adx[start:end])
        start = next_value(whole, end)


@kernel
def age_of_best(x: F64, best: F64, span: int) -> F64:
    """Bars since the latest value equal to the `best` of the last `span`, (n,) twice to (n,)."""
    out, at, before = np.empty(x.size), -1, np.nan
    for t in range(x.size):
        b = best[t]
        if x[t] == b:
            at = t
        elif b != before and b == b:
            at = t - 1
            while x[at] != b:
                at -= 1
        out[t] = t - at if b == b else np.nan
        before = b
    return out


@kernel
def flip(
    high: F64, low: F64, close: F64, reach_: F64, multiple: float, line: F64, side: F64
) -> None:
    """Supertrend: the band that trails the price, and +1 or −1 for its side; all arrays (n,)."""
    top, bottom, before, now = np.nan, np.nan, np.nan, 1.0
    for t in range(close.size):
        middle, wide, c = (high[t] + low[t]) / 2.0, multiple * reach_[t], close[t]
        upper, lower = middle + wide, middle - wide
        if upper != upper or c != c:
            line[t], side[t], top, now = np.nan, np.nan, np.nan, 1.0
            continue
        if top != top:
            top, bottom = upper, lower
        else:
            top = upper if upper < top or before > top else top
            bottom = lower if lower > bottom or before < bottom else bottom
            if now > 0.0 and c < bottom:
                now = -1.0
            elif now < 0.0 and c > top:
                now = 1.0
        line[t], side[t], before = bottom if now > 0.0 else top, now, c


@inner_kernel
def stops_of_run(high: F64, low: F64, step: float, most: float, out: F64) -> None:
    """Wilder's parabolic stop of one run of bars, (n,) twice to (n,); its first bar has none.

    The second bar says where it goes: down only where its low falls, and by more than its high
    rises.
    """
    out[:1] = np.nan
    if high.size < 2:
        return
    falls = low[0] > low[1] and low[0] - low[1] > high[1] - high[0]
    stop, best, speed, t = high[0] if falls else low[0], low[1] if falls else high[1], step, 1
    before = high[1] if falls else low[1]
    while t < high.size:
        while not falls and t < high.size and low[t] > stop:
            out[t] = stop
            if high[t] > best:
                best, speed = high[t], min(speed + step, most)
            near = low[t] if low[t] < before else before
            stop += speed * (best - stop)
            stop, before = stop if stop < near else near, low[t]
            t += 1
        while falls and t < high.size and high[t] < stop:
            out[t] = stop
            if low[t] < best:
                best, speed = low[t], min(speed + step, most)
            near = high[t] if high[t] > before else before
            stop += speed * (best - stop)
            stop, before = stop if stop > near else near, high[t]
            t += 1
        if t == high.size:
            return
        far, falls, speed = max(t - 1, 1), not falls, step
        if falls:  # the stop of the new trend is the best the old one has seen
            stop = max(best, high[far], high[t])
            out[t], best, before = stop, low[t], high[t]
            stop = max(stop + speed * (best - stop), high[far], before)
        else:
            stop = min(best, low[far], low[t])
            out[t], best, before = stop, high[t], low[t]
            stop = min(stop + speed * (best - stop), low[far], before)
        t += 1


@kernel
def stop_and_reverse(high: F64, low: F64, step: float, most: float) -> F64:
    """`stops_of_run` over every run, (n,) twice to (n,); a NaN in either ends one."""
    out, step, start = np.empty(high.size), min(step, most), 0
    while start < high.size:
        end = start + min(next_hole(high[start:], 0), next_hole(low[start:], 0))
        stops_of_run(high[start:end], low[start:end], step, most, out[start:end])
        out[end : end + 1] = np.nan
        start = end + 1
    return out
