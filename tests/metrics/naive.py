"""The metrics once more in plain Python, loop by loop, for comparison."""

import math
from fractions import Fraction


def returns(equity, initial):
    out, before = [], initial
    for e in equity:
        out.append(e / before - 1.0 if before > 0.0 else 0.0)
        before = e
    return out


def mean(x):
    return math.fsum(x) / len(x)


def std(x):
    m = mean(x)
    return math.sqrt(math.fsum((v - m) ** 2 for v in x) / (len(x) - 1))


def central(x, power):
    m = mean(x)
    return math.fsum((v - m) ** power for v in x) / len(x)


def episodes(equity, initial):
    """(peak, start, valley, end, depth, open) of each drawdown, by walking bar by bar."""
    found, peak, top, valley = [], -1, initial, None
    for t, e in enumerate(equity):
        if e >= top:
            if valley is not None:
                found.append((peak, peak + 1, valley, t, equity[valley] / top - 1.0, False))
            peak, top, valley = t, e, None
        elif valley is None or e < equity[valley]:
            valley = t
    if valley is not None:
        last = len(equity) - 1
        found.append((peak, peak + 1, valley, last, equity[valley] / top - 1.0, True))
    return found


def quantile(x, share):
    """Linear interpolation between order statistics, in exact arithmetic."""
    s = [Fraction(v) for v in sorted(x)]
    at = (len(s) - 1) * Fraction(share)
    k = math.floor(at)
    above = s[min(k + 1, len(s) - 1)]
    return float(s[k] + (above - s[k]) * (at - k))


def streak(hits):
    best = now = 0
    for hit in hits:
        now = now + 1 if hit else 0
        best = max(best, now)
    return best
