"""Means by group with their standard errors, runs of luck to expect, and serial correlation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trade_research.kernels.jit import F64, I64


@dataclass(frozen=True, eq=False)
class Groups:
    """What values are like in each group; arrays of shape (n_groups,), groups in rising order.

    `error` is the standard error of the mean, std(ddof 1) / √n; NaN for a single value.
    """

    key: I64
    count: I64
    total: F64
    mean: F64
    error: F64


def group_means(key: I64, values: F64) -> Groups:
    """Count, sum, mean and standard error of the mean of `values` in each group.

    Parameters
    ----------
    key : int64 array of shape (n,)
        Which group a value belongs to.
    values : float64 array of shape (n,)
        NaN values are left out.
    """
    known = np.isfinite(values)
    found, at, count = np.unique(key[known], return_inverse=True, return_counts=True)
    x = values[known]
    total = np.asarray(np.bincount(at, x, found.size), np.float64)
    mean = total / np.maximum(count, 1)
    square = np.bincount(at, (x - mean[at]) ** 2, found.size)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(square / (count - 1) / count)
    return Groups(found.astype(np.int64), count.astype(np.int64), total, mean, error)


def expected_longest_streak(n: int, share: float) -> float:
    """Longest run of successes to expect in `n` independent trials with chance `share`.

    log(n(1-p)) / log(1/p) + γ / log(1/p) - 1/2, the first terms of the expansion; its deviation
    is about 1.28 / log(1/p) whatever n is. NaN without trials or where p is 0 or 1.

    References
    ----------
    Schilling (1990), The longest run of heads, The College Mathematics Journal 21(3).
    """
    if n < 1 or not 0.0 < share < 1.0:
        return math.nan
    turn = -math.log(share)
    return max(0.0, (math.log(n * (1.0 - share)) + np.euler_gamma) / turn - 0.5)


def autocorrelation(x: F64, lags: int) -> F64:
    """Correlation of a series with itself 1 to `lags` steps before, (lags,).

    Σ (x_t - m)(x_{t-k} - m) / Σ (x_t - m)², the usual biased one; NaN where it does not vary or is
    shorter than the lag.
    """
    e = x - x.mean() if x.size else x
    whole = float(e @ e)
    if not whole > 0.0:
        return np.full(lags, math.nan)
    return np.array(
        [float(e[k:] @ e[:-k]) / whole if k < x.size else math.nan for k in range(1, lags + 1)]
    )


def effective_number(weights: F64) -> F64:
    """How many equal positions are as concentrated: (Σ|w|)² / Σw² of each row, (n, s) to (n,).

    The inverse of the Herfindahl index of the sizes; NaN where nothing is held.
    """
    size = np.abs(np.nan_to_num(weights))
    total = size.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(total > 0.0, total**2 / (size**2).sum(axis=1), math.nan)
