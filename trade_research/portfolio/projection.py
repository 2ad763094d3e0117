"""The nearest weights that keep every cap: a projection by its few multipliers.

The caps are a box for each name and sums of absolute values or of values: gross of a class, net
below, net above, gross of all, turnover. With one multiplier (a price, at least 0) for each sum,
every weight follows alone, by shrinking (`shrunk`). The dual is concave, and stays so when some
multipliers are already at their best; so each is found by its own search of a falling, piecewise
linear function, one inside the other. Boyd & Vandenberghe (2004), Convex Optimization, 5.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, I64, bare_kernel, inner_kernel

NET_HIGH, NET_LOW, GROSS, TURNOVER = 0, 1, 2, 3
N_SUMS = 4
"""The searches over all names, innermost first; classes lie inside of all of them."""

_SLACK = 4e-15
"""How far inside a cap its search aims: sums are within twice this below it, never above."""

MARGIN = 4e-14
"""A net of exactly so much is kept within this, for the two searches need room between them."""

_ROUNDING = 1e-14
"""Sums this far above a cap keep it: sixteen sixteenths may add up to a little over 1."""

_TRIES = 200


@inner_kernel
def shrunk(a: float, weight: float, pull: float, previous: float) -> float:
    """The w with the least ``(w - a)²/2 + weight·|w| + pull·|w - previous|``."""
    side = 1.0 if previous >= 0.0 else -1.0
    a, p = side * a, side * previous
    if a + weight + pull < 0.0:
        w = a + weight + pull
    elif a - weight + pull <= 0.0:
        w = 0.0
    elif a - weight + pull < p:
        w = a - weight + pull
    elif a - weight - pull <= p:
        w = p
    else:
        w = a - weight - pull
    return side * w


@inner_kernel
def next_try(left: float, right: float, x: float, f: float, y: float, g: float, k: int) -> float:
    """Where to look next between `left` and `right`, with values f at x and g at y seen last.

    The line through the two: exact once both lie on the root's own piece. Every fourth try, and
    where the line leaves the bracket, the middle.
    """
    if k % 4 != 3 and f != g:
        z = x - (f + _SLACK) * (x - y) / (f - g)
        if left < z < right:
            return z
    return 0.5 * (left + right)


@inner_kernel
def fill(
    wanted: F64,
    previous: F64,
    low: F64,
    high: F64,
    of: I64,
    which: int,
    price: F64,
    extra: float,
    out: F64,
) -> float:
    """Weights of class `which` (-1: all) at these prices, into `out`; returns a class's gross."""
    net, weight, pull = price[NET_HIGH] - price[NET_LOW], price[GROSS] + extra, price[TURNOVER]
    if which < 0 and pull == 0.0:  # the usual case, without branches
        for s in range(wanted.size):
            a = wanted[s] - net
            w = max(a - weight, 0.0) + min(a + weight, 0.0)
            out[s] = min(max(w, low[s]), high[s])
        return 0.0
    gross = 0.0
    for s in range(wanted.size):
        if which >= 0 and of[s] != which:
            continue
        w = shrunk(wanted[s] - net, weight, pull, previous[s])
        out[s] = min(max(w, low[s]), high[s])
        gross += abs(out[s])
    return gross


@inner_kernel
def fill_classes(
    wanted: F64,
    previous: F64,
    low: F64,
    high: F64,
    of: I64,
    caps: F64,
    price: F64,
    out: F64,
) -> bool:
    """Weights at these prices with every class within its cap; False where none can be."""
    fill(wanted, previous, low, high, of, -1, price, 0.0, out)
    for c in range(caps.size):
        f = fill(wanted, previous, low, high, of, c, price, 0.0, out) - caps[c]
        if not f > 0.0:
            continue
        left, right, x, y, g, found = 0.0, np.inf, 0.0, 0.0, f, -np.inf
        for k in range(_TRIES):
            if right == np.inf:
                z = max(2.0 * x, f)
            elif found >= -2.0 * _SLACK or not left < 0.5 * (left + right) < right:
                break
            else:
                z = next_try(left, right, x, f, y, g, k)
            y, g, x = x, f, z
            f = fill(wanted, previous, low, high, of, c, price, x, out) - caps[c]
            if f > 0.0:
                left = x
            else:
                right, found = x, f
        if right == np.inf:
            return False
        if x != right:
            fill(wanted, previous, low, high, of, c, price, right, out)
    return True


@inner_kernel
def excess(level: int, w: F64, previous: F64, sums: F64) -> float:
    """By how much the weights break the cap of `level`; at most 0 where they keep it."""
    total = 0.0
    for s in range(w.size):
        if level == GROSS:
            total += abs(w[s])
        elif level == TURNOVER:
            total += abs(w[s] - previous[s])
        else:
            total += w[s]
    over = total - float(sums[level])
    return -over if level == NET_LOW else over


@inner_kernel
def settle(
    level: int,
    wanted: F64,
    previous: F64,
    low: F64,
    high: F64,
    of: I64,
    caps: F64,
    sums: F64,
    price: F64,
    out: F64,
) -> bool:
    """Weights that keep the caps up to `level` at the given prices of those above it.

    False where no weights do. It calls itself for the levels below.
    """
    if level < 0:
        return fill_classes(wanted, previous, low, high, of, caps, price, out)
    price[level] = 0.0
    if not settle(level - 1, wanted, previous, low, high, of, caps, sums, price, out):
        return False
    if not np.isfinite(sums[level]):
        return True
    f = excess(level, out, previous, sums)
    if not f > 0.0:
        return True
    left, right, x, y, g, found = 0.0, np.inf, 0.0, 0.0, f, -np.inf
    for k in range(_TRIES):
        if right == np.inf:
            z = max(2.0 * x, f)
        elif found >= -2.0 * _SLACK or not left < 0.5 * (left + right) < right:
            break
        else:
            z = next_try(left, right, x, f, y, g, k)
        y, g, x = x, f, z
        price[level] = x
        if not settle(level - 1, wanted, previous, low, high, of, caps, sums, price, out):
            return False
        f = excess(level, out, previous, sums)
        if f > 0.0:
            left = x
        else:
            right, found = x, f
    if right == np.inf:
        return False
    if x == right:
        return True
    price[level] = right
    return settle(level - 1, wanted, previous, low, high, of, caps, sums, price, out)


@inner_kernel
def keeps(w: F64, previous: F64, low: F64, high: F64, of: I64, caps: F64, sums: F64) -> bool:
    """Whether the weights keep every cap as they are."""
    for s in range(w.size):
        if not low[s] <= w[s] <= high[s]:
            return False
    for level in range(N_SUMS):
        if np.isfinite(sums[level]) and excess(level, w, previous, sums) > _ROUNDING:
            return False
    for c in range(caps.size):
        gross = 0.0
        for s in range(w.size):
            if of[s] == c:
                gross += abs(w[s])
        if gross > caps[c] + _ROUNDING:
            return False
    return True


@bare_kernel
def project_rows(
    wanted: F64,
    targets: F64,
    low: F64,
    high: F64,
    of: I64,
    caps: F64,
    sums: F64,
    may_hedge: bool,
    spare: F64,
    out: F64,
) -> int:
    """Every row of `wanted` to the nearest weights within the caps, (n_bars, n_symbols).

    NaN in `wanted`: no opinion was ever given; the weight is NaN and counts as 0. Where a row's
    target is NaN and its weight stays as it was, the weight is NaN too: no opinion. Unless they
    `may_hedge`, weights stay between 0 and what is wanted (under a turnover cap: or what is held).
    `spare` is (7, n_symbols + 4) zeros to work in. Returns the first row for which no weights keep
    the caps, -1 when all do.
    """
    n_bars, n = wanted.shape
    last, now, goal, told = spare[0, :n], spare[1, :n], spare[2, :n], spare[3, :n]
    least, most, price = spare[4, :n], spare[5, :n], spare[6]
    slow = np.isfinite(sums[TURNOVER])
    for s in range(n):
        told[s] = np.nan
    is_settled = False
    for t in range(n_bars):
        for s in range(n):
            x = wanted[t, s]
            x = 0.0 if np.isnan(x) else x
            if x != goal[s]:
                goal[s], is_settled = x, False
        if not is_settled:
            for s in range(n):
                now[s], least[s], most[s] = goal[s], low[s], high[s]
                if not may_hedge or np.isnan(wanted[t, s]):
                    held = last[s] if slow else 0.0
                    least[s] = max(low[s], min(goal[s], held, 0.0))
                    most[s] = min(high[s], max(goal[s], held, 0.0))
            if not keeps(now, last, least, most, of, caps, sums) and not settle(
                N_SUMS - 1, goal, last, least, most, of, caps, sums, price, now
            ):
                return t
            is_settled = True
            for s in range(n):  # a turnover cap takes further rows to reach the goal
                if slow and now[s] != last[s]:
                    is_settled = False
                last[s] = now[s]
        for s in range(n):
            w = np.nan if np.isnan(wanted[t, s]) else last[s]
            out[t, s] = np.nan if np.isnan(targets[t, s]) and w == told[s] else w
            if w == w:
                told[s] = w
    return -1
