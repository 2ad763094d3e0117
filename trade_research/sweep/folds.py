"""Spans of a walk forward: bars to train on and bars to trade, and the choice between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trade_research.errors import ConfigError
from trade_research.frames.intervals import DAY
from trade_research.kernels.jit import F64, I64


@dataclass(frozen=True, eq=False)
class Folds:
    """Spans of bars, [first, last): `train` and `test` of shape (n_folds, 2), oldest first.

    Test spans follow each other without a gap up to the last bar; the last may be short.
    """

    train: I64
    test: I64

    def __len__(self) -> int:
        return len(self.test)


def folds_of(
    open_time: I64, *, train_us: int, test_us: int, anchored: bool = False, first: int = 0
) -> Folds:
    """Spans of training and of test bars.

    Parameters
    ----------
    open_time : int64 array of shape (n_bars,)
        Microseconds, increasing.
    train_us, test_us : int
        Length of both, by the clock.
    anchored : bool
        Training always begins at the first bar and grows; else it moves along.
    first : int
        First bar that may be used, after the warm-up. Folds begin at a midnight (UTC) where bars
        are shorter than a day.

    Raises
    ------
    ConfigError
        The bars do not suffice for one training and one test bar.
    """
    if first >= open_time.size:
        raise ConfigError(f"the warm-up takes {first} bars, there are {open_time.size}")
    start = -(-int(open_time[first]) // DAY) * DAY
    edges = np.arange(start + train_us, int(open_time[-1]) + 1, test_us)
    begin = np.searchsorted(open_time, edges)
    end = np.append(begin[1:], open_time.size)
    since = np.full(edges.size, start) if anchored else edges - train_us
    train = np.searchsorted(open_time, since)
    has_both = (train < begin) & (begin < end)
    if not has_both.any():
        days = (int(open_time[-1]) - start) / DAY
        raise ConfigError(
            f"{days:.0f} days of bars after the warm-up do not suffice to train on "
            f"{train_us / DAY:g} and test on the next: take a shorter train=, or more bars."
        )
    train, begin, end = train[has_both], begin[has_both], end[has_both]
    return Folds(np.stack([train, begin], axis=1), np.stack([begin, end], axis=1))


def choose(values: F64, trades: F64, *, min_trades: int = 1) -> I64:
    """The best configuration of each training span, (n_configs, n_folds) to (n_folds,).

    Of those with at least `min_trades` trades and a value; the first of equals; -1 for none.
    """
    allowed = np.where((trades >= min_trades) & ~np.isnan(values), values, -np.inf)
    best = allowed.argmax(axis=0)
    return np.where(np.isneginf(allowed.max(axis=0)), -1, best)


def rank(values: F64, chosen: I64) -> F64:
    """Share of the others that the chosen one beat in each fold, ties as half; NaN without."""
    out = np.full(chosen.size, np.nan)
    for k, row in enumerate(chosen):
        if row >= 0 and not np.isnan(values[row, k]):
            others = np.delete(values[:, k], row)
            others = others[~np.isnan(others)]
            if others.size:
                worse, equal = others < values[row, k], others == values[row, k]
                out[k] = (worse.sum() + equal.sum() / 2.0) / others.size
    return out
