"""Is any of many strategies better than a benchmark? The tests for superior predictive ability.

Hansen's test asks it of the best, Romano and Wolf's of each. Both compare means with those of
resampled days, on which nobody is better; here with the stationary bootstrap of this room, whose
days are the same for every configuration, so that their correlation is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trade_research.errors import ConfigError
from trade_research.evidence.bootstrap import block_length, stationary
from trade_research.kernels.jit import B8, F64

DRAWS, SIZE = 1_000, 0.05
_TILE = 64  # columns resampled together: their days stay in the cache


@dataclass(frozen=True, eq=False)
class Superiority:
    """p-values of the best, and which columns are better one by one.

    Attributes
    ----------
    p_value : float
        Hansen's consistent p-value: how often the best of columns without skill does as well.
    p_lower, p_upper : float
        Bounds: poor columns left out of account, and all taken as if they were as good as the
        benchmark (White's reality check).
    superior : tuple of int
        Columns better than the benchmark, the chance of naming any wrongly at most `size`.
    best : int
        Column with the largest statistic.
    critical : float
        What the statistic of a column must exceed at first, in the unit of `statistics`.
    statistics : float64 array of shape (n_columns,)
        Mean difference over its error where studentised; else the mean difference.
    block : float
        Mean block of the bootstrap, days.
    """

    p_value: float
    p_lower: float
    p_upper: float
    superior: tuple[int, ...]
    best: int
    critical: float
    statistics: F64
    block: float
    draws: int
    size: float


@dataclass(frozen=True, eq=False)
class Resampled:
    """Means of columns over their days and over resampled ones.

    `mean` (n_columns,); `error`, the deviation of √n × mean under the bootstrap; `draws`
    (n_draws, n_columns).
    """

    mean: F64
    error: F64
    draws: F64
    n_days: int
    block: float


def resampled_means(
    x: F64, *, block: float | None = None, draws: int = DRAWS, seed: int = 0
) -> Resampled:
    """Stationary bootstrap of the means of the columns of `x` (n_days, n_columns).

    Without `block` the mean block length serves the mean of the columns' average and of the best
    (Politis & White). Same seed, same bits, however many columns.
    """
    n, k = x.shape
    if n < 3 or k < 1:
        raise ConfigError(f"resampling needs three days and one column, found {n} and {k}")
    mean = x.mean(axis=0)
    if block is None:
        block = block_length(x.mean(axis=1), x[:, int(mean.argmax())])
    sums = [
        stationary(x[:, a : a + _TILE], block=block, draws=draws, seed=seed).sums
        for a in range(0, k, _TILE)
    ]
    return Resampled(mean, bootstrap_error(x, block), np.hstack(sums) / n, n, block)


def superior(
    returns: F64,
    benchmark: F64 | None = None,
    *,
    block: float | None = None,
    draws: int = DRAWS,
    seed: int = 0,
    size: float = SIZE,
    studentised: bool = True,
    resampled: Resampled | None = None,
) -> Superiority:
    """Tests of superior predictive ability, of the best (SPA) and of each (StepM).

    Parameters
    ----------
    returns : float64 array of shape (n_days, n_columns)
        Day returns of each configuration, fractions. No NaN.
    benchmark : float64 array of shape (n_days,), optional
        Day returns to beat; cash, that is 0, when left out.
    block : float, optional
        Mean block of the bootstrap, days.
    draws, seed : int
        Same seed, same bits.
    size : float
        Chance of naming any column wrongly in `superior`.
    studentised : bool
        Means over their errors, as Hansen has it: configurations that trade little count as much
        as those that trade a lot. False: plain means. (arch 8 compares plain means in both cases;
        given columns divided by their errors it agrees with True.)
    resampled : Resampled, optional
        Of the same differences, where they were resampled already.

    References
    ----------
    Hansen (2005), Journal of Business & Economic Statistics 23(4); Romano & Wolf (2005),
    Econometrica 73(4); White (2000), Econometrica 68(5).
    """
    if resampled is None:
        excess = returns if benchmark is None else returns - benchmark[:, None]
        resampled = resampled_means(excess, block=block, draws=draws, seed=seed)
    n, error = resampled.n_days, resampled.error
    scale = np.ones(error.size)
    if studentised:
        # Columns that do not vary cannot be better; infinite errors keep them out.
        scale = np.divide(1.0, error, out=np.zeros(error.size), where=error > 0.0)
    mean, drawn = resampled.mean * scale, resampled.draws * scale
    near = resampled.mean >= -np.sqrt(error**2 / n * 2.0 * math.log(math.log(n)))
    centred = drawn - np.where(near, mean, 0.0)
    best = float(mean.max())
    p_values = [
        float((shifted.max(axis=1) > best).mean())
        for shifted in (drawn - np.maximum(mean, 0.0), centred, drawn - mean)
    ]
    found, critical = _stepwise(mean, centred, size)
    unit = math.sqrt(n) if studentised else 1.0
    return Superiority(
        p_values[1],
        p_values[0],
        p_values[2],
        tuple(int(j) for j in np.flatnonzero(found)),
        int(mean.argmax()),
        critical * unit,
        mean * unit,
        resampled.block,
        resampled.draws.shape[0],
        size,
    )


def bootstrap_error(x: F64, block: float) -> F64:
    """Deviation of √n × mean of each column under the stationary bootstrap, (n_columns,).

    The exact one, from all autocovariances. Politis & Romano (1994), equation 12.
    """
    n = x.shape[0]
    i = np.arange(1, n)
    keep = 1.0 - 1.0 / max(block, 1.0)
    weight = (1.0 - i / n) * keep**i + i / n * keep ** (n - i)
    size = 1 << (2 * n - 1).bit_length()
    out = np.empty(x.shape[1])
    for a in range(0, x.shape[1], _TILE):
        e = x[:, a : a + _TILE] - x[:, a : a + _TILE].mean(axis=0)
        power = np.abs(np.fft.rfft(e, size, axis=0)) ** 2
        lags = np.fft.irfft(power, size, axis=0)[:n] / n
        own = (e * e).mean(axis=0)
        variance = own + 2.0 * (weight[:, None] * lags[1:]).sum(axis=0)
        out[a : a + _TILE] = np.sqrt(np.where(variance > 1e-12 * own, variance, 0.0))
    return out


def _stepwise(mean: F64, centred: F64, size: float) -> tuple[B8, float]:
    """Columns whose mean exceeds the quantile of the largest, those found left out again."""
    found, first = np.zeros(mean.size, np.bool_), math.nan
    while not found.all():
        largest = centred[:, ~found].max(axis=1)
        critical = float(np.percentile(largest, 100.0 * (1.0 - size)))
        first = critical if math.isnan(first) else first
        more = (mean > critical) & ~found
        if not more.any():
            break
        found |= more
    return found, first
