"""Entries like this one in the past: how they ended, and whether looking at them helps at all."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from trade_research.evidence.estimates import LEVEL, wilson
from trade_research.evidence.tracker import long_run
from trade_research.kernels.jit import B8, F64, I64

_NORMAL_MAD = 1.4826


@dataclass(frozen=True)
class Skill:
    """What neighbours add to the base rate: 1 less the ratio of the two Brier scores, and its 90%.

    Above 0 they foretell better than the share of all earlier entries that won. `n` entries had
    enough neighbours.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, eq=False)
class Entries:
    """Entries in the order in which they were decided.

    Attributes
    ----------
    features : float64 array of shape (n_entries, n_features)
        What was known when each was decided; rows with NaN have no neighbours.
    decided, ended : int64 arrays of shape (n_entries,)
        When; `ended` lies far off where the trade is open.
    returns : float64 array of shape (n_entries,)
        Net result, a fraction.
    group : int64 array of shape (n_entries,)
        Only entries of the same group are compared: direction, and regime where wanted.
    """

    features: F64
    decided: I64
    ended: I64
    returns: F64
    group: I64


def nearest_entries(entries: Entries, at: int, count: int) -> tuple[I64, F64]:
    """The `count` entries most like entry `at`, nearest first, and their distances.

    Of the same group, and ended before this one was decided. The distance is the root mean square
    of the differences, each in robust deviations (1.4826 median distances from the median) of those
    candidates: one is how far an ordinary entry lies from the middle. Features that do not vary
    among them are left out. Both are empty with fewer than twice `count` candidates.
    """
    known: B8 = ~np.isnan(entries.features.sum(axis=1))
    before = known & _earlier(entries, at)
    rows = np.flatnonzero(before)
    if not known[at] or rows.size < 2 * count:
        return np.empty(0, np.int64), np.empty(0)
    past = np.ascontiguousarray(entries.features[rows].T)
    middle: F64 = np.median(past, axis=1)
    scale = _NORMAL_MAD * np.median(np.abs(past - middle[:, None]), axis=1)
    scale = np.where(scale > 0.0, scale, past.std(axis=1))
    varies: B8 = scale > 0.0
    apart = (past - entries.features[at][:, None])[varies] / scale[varies, None]
    distance = np.sqrt((apart * apart).mean(axis=0)) if varies.any() else np.zeros(rows.size)
    order = np.argsort(distance, kind="stable")[:count]
    return rows[order], distance[order]


def compare_entries(entries: Entries, count: int) -> tuple[list[dict[str, Any]], Skill]:
    """One row an entry, how its neighbours and all earlier ones ended; and what that is worth."""
    won: B8 = entries.returns > 0.0
    rows = []
    guess, base = np.full(won.size, np.nan), np.full(won.size, np.nan)
    for at in range(won.size):
        near, distance = nearest_entries(entries, at, count)
        before = _earlier(entries, at)
        row = {"neighbours": near.size} | _rate("base", won[before])
        row |= _rate("similar", won[near])
        row["similar_return"] = float(entries.returns[near].mean()) if near.size else None
        row["distance"] = float(distance.mean()) if near.size else None
        rows.append(row)
        if near.size:
            guess[at], base[at] = won[near].mean(), won[before].mean()
    done = ~np.isnan(guess) & (entries.ended < np.iinfo(np.int64).max)
    return rows, skill(guess[done], base[done], won[done])


def _rate(name: str, won: B8) -> dict[str, Any]:
    """Share that won, with Wilson's interval."""
    n = won.size
    if not n:
        return {f"{name}_rate": None, f"{name}_low": None, f"{name}_high": None, f"{name}_n": 0}
    rate = float(won.mean())
    low, high = wilson(rate, n, rate * (1.0 - rate) / n)
    return {f"{name}_rate": rate, f"{name}_low": low, f"{name}_high": high, f"{name}_n": n}


def skill(guess: F64, base: F64, won: B8) -> Skill:
    """Brier skill of `guess` over `base`, with an interval that allows for entries that overlap.

    Brier (1950), Monthly Weather Review 78(1); differences of the squared errors with Newey and
    West's variance, as Diebold and Mariano (1995), Journal of Business & Economic Statistics 13(3).
    """
    n = won.size
    if n < 10:
        return Skill(None, None, None, n)
    mine, theirs = (guess - won) ** 2, (base - won) ** 2
    worst = float(theirs.mean())
    if worst == 0.0:
        return Skill(None, None, None, n)
    better = theirs - mine
    value = float(better.mean()) / worst
    lags = int(4.0 * (n / 100.0) ** (2.0 / 9.0))
    error = math.sqrt(max(long_run(better - better.mean(), lags), 0.0)) / n / worst
    half = NormalDist().inv_cdf(0.5 + LEVEL / 2.0) * error
    return Skill(value, value - half, value + half, n)


def _earlier(entries: Entries, at: int) -> B8:
    """Entries of the same group that had ended when this one was decided."""
    out: B8 = entries.ended <= entries.decided[at]
    out &= entries.group == entries.group[at]
    return out
