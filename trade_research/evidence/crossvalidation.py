"""Choosing under cross-validation: purged, combinatorial splits with an embargo, many histories.

Days are cut into folds; every choice of some of them is tested with the configuration that was best
on the rest, less the days next to the test folds. Put together, the test folds give several whole
histories in which no day was traded by a choice that had seen it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64, I64
from trade_research.metrics.moments import ROUNDING


@dataclass(frozen=True, eq=False)
class CrossValidation:
    """What the choice earned on days it had not seen.

    Attributes
    ----------
    chosen : int64 array of shape (n_splits,)
        The column that was best on the training days of each split.
    inside, outside : float64 array of shape (n_splits,)
        Its Sharpe ratio on training and on test days, a year.
    paths : float64 array of shape (n_days, n_paths)
        Day returns of the histories.
    sharpe : float64 array of shape (n_paths,)
        Sharpe ratio of each, a year; NaN where it does not vary.
    """

    chosen: I64
    inside: F64
    outside: F64
    paths: F64
    sharpe: F64
    folds: int
    test_folds: int
    purge: int
    embargo: int

    @property
    def kept(self) -> float:
        """Mean ratio on test days over that on training days; NaN where that is not above 0."""
        inside = float(np.nanmean(self.inside))
        return float(np.nanmean(self.outside)) / inside if inside > 0.0 else math.nan

    def __str__(self) -> str:
        low, middle, high = np.nanquantile(self.sharpe, [0.05, 0.5, 0.95])
        return (
            f"{self.sharpe.size} histories of choices that saw none of their days: Sharpe ratio "
            f"{middle:.2f} (from {low:.2f} to {high:.2f}), {np.nanmean(self.inside):.2f} where "
            "chosen."
        )

    __repr__ = __str__


def cross_validate(
    day_returns: F64,
    *,
    folds: int = 10,
    test_folds: int = 2,
    purge: int = 1,
    embargo: int = 5,
    per_year: float | None = None,
) -> CrossValidation:
    """Combinatorial purged cross-validation of choosing the best of many configurations.

    Parameters
    ----------
    day_returns : float64 array of shape (n_days, n_configurations)
        Fractions. No NaN.
    folds, test_folds : int
        Stretches of days, and how many of them are tested at a time, at least 2.
    purge, embargo : int
        Training days left out before and after each test fold, and more of them after it: a
        position held into the test days, or a memory of them, teaches nothing.
    per_year : float, optional
        Days in a year; ratios are per day without.

    Raises
    ------
    ConfigError
        Too few days for so many folds.

    References
    ----------
    López de Prado (2018), Advances in Financial Machine Learning, chapter 12. The splits are
    skfolio's.
    """
    n, k = day_returns.shape
    if n < 2 * folds or k < 1 or not 2 <= test_folds < folds:
        raise ConfigError(
            f"{n} days of {k} configurations cannot be cut into {folds} folds of which "
            f"{test_folds} are tested: take at least 2 of at least 3, each of two days or more."
        )
    from skfolio.model_selection import CombinatorialPurgedCV

    splits = CombinatorialPurgedCV(
        n_folds=folds, n_test_folds=test_folds, purged_size=purge, embargo_size=embargo
    )
    year = math.sqrt(per_year) if per_year else 1.0
    path_of = splits.get_path_ids()
    paths = np.full((n, splits.n_test_paths), np.nan)
    chosen, inside, outside = [], [], []
    for split, (train, tests) in enumerate(splits.split(day_returns)):
        ratios = _ratios(day_returns[train])
        best = int(np.argmax(np.nan_to_num(ratios, nan=-np.inf)))
        for which, test in enumerate(tests):
            paths[test, path_of[split, which]] = day_returns[test, best]
        chosen.append(best)
        inside.append(ratios[best] * year)
        outside.append(_ratios(day_returns[np.concatenate(tests), best : best + 1])[0] * year)
    return CrossValidation(
        np.array(chosen, np.int64),
        np.array(inside),
        np.array(outside),
        paths,
        _ratios(paths) * year,
        folds,
        test_folds,
        purge,
        embargo,
    )


def _ratios(returns: F64) -> F64:
    """Sharpe ratio of each column; NaN where it does not vary."""
    deviation = returns.std(axis=0, ddof=1)
    out = np.full(deviation.size, np.nan)
    np.divide(returns.mean(axis=0), deviation, out=out, where=deviation > ROUNDING)
    return out
