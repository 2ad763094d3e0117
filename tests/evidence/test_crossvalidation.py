"""Combinatorial purged cross-validation: no day is traded by a choice that saw it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.evidence.sweeps import noise
from trade_research.errors import ConfigError
from trade_research.evidence.crossvalidation import cross_validate


def test_choices_do_not_depend_on_test_days_nor_on_those_beside_them():
    x = noise(120, 6, np.random.default_rng(0))
    found = cross_validate(x, folds=6, test_folds=2, purge=2, embargo=3)
    for split, tested in enumerate(itertools.combinations(range(6), 2)):
        changed = x.copy()
        for fold in tested:
            a, b = 20 * fold, 20 * fold + 20
            changed[max(0, a - 2) : min(120, b + 2 + 3)] = np.random.default_rng(split).normal(
                size=changed[max(0, a - 2) : min(120, b + 5)].shape
            )
        again = cross_validate(changed, folds=6, test_folds=2, purge=2, embargo=3)
        assert again.chosen[split] == found.chosen[split]
        assert again.inside[split] == found.inside[split]


def test_every_history_has_every_day_once():
    x = noise(90, 4, np.random.default_rng(1))
    found = cross_validate(x, folds=6, test_folds=2, purge=0, embargo=0)
    assert found.paths.shape == (90, 5)  # 2 · C(6,2) / 6
    assert not np.isnan(found.paths).any()
    for day in range(90):
        assert set(found.paths[day]) <= set(x[day])


def test_splits_by_hand():
    """Two of four folds at a time, nothing purged: the best of the others."""
    x = noise(40, 5, np.random.default_rng(2))
    found = cross_validate(x, folds=4, test_folds=2, purge=0, embargo=0)
    folds = np.arange(40).reshape(4, 10)
    for split, tested in enumerate(itertools.combinations(range(4), 2)):
        rest = np.delete(folds, tested, axis=0).ravel()
        ratios = x[rest].mean(0) / x[rest].std(0, ddof=1)
        best = ratios.argmax()
        tests = folds[list(tested)].ravel()
        assert found.chosen[split] == best
        assert found.inside[split] == pytest.approx(ratios[best])
        outside = x[tests, best].mean() / x[tests, best].std(ddof=1)
        assert found.outside[split] == pytest.approx(outside)


def test_an_edge_lasts_and_noise_does_not():
    means = []
    for seed in range(8):
        x = noise(600, 40, np.random.default_rng((seed, 3)))
        worthless = cross_validate(x, per_year=365.0)
        assert np.mean(worthless.inside) > 1.0
        means.append(np.mean(worthless.sharpe))
    assert abs(np.mean(means)) < 0.6
    x[:, 8] += 0.006
    found = cross_validate(x, per_year=365.0)
    assert (found.chosen == 8).all()
    assert found.kept > 0.7
    assert str(found).startswith("9 histories of choices that saw none of their days")


def test_too_few_days_are_refused():
    with pytest.raises(ConfigError, match="cannot be cut into 10 folds"):
        cross_validate(np.zeros((12, 3)))
    with pytest.raises(ConfigError, match="of which 4 are tested"):
        cross_validate(np.zeros((100, 3)), folds=4, test_folds=4)
