"""The evidence on a sweep: what noise may claim, what an edge must show, and how it is said."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.counts import FULL, count
from tests.evidence.sweeps import DEVIATION, YEAR, evidence, noise, sums_of
from trade_research.evidence.sweep_facts import SweepEvidence
from trade_research.evidence.sweeps import sweep_evidence
from trade_research.evidence.tried import effective_trials, mean_correlation, rows_to_test
from trade_research.metrics.sharpe import expected_maximum_sharpe


def bump(n, k, rng, size):
    """A grid of `k` by `k` with an edge in its middle, and its axes."""
    x = noise(n, k * k, rng, 0.5)
    a, b = (axis.ravel() for axis in np.indices((k, k)))
    near = np.exp(-((a - k / 2) ** 2 + (b - k / 2) ** 2) / (k * k / 12))
    return x + size * near, {"a": a, "b": b}


@pytest.mark.parametrize("rho", [0.0, 0.4, 0.9])
def test_pure_noise_passes_the_95_verdict_in_at_most_8_of_100_sweeps(rho):
    """200 sweeps of nothing at full count: at most 16 may be called better than luck."""
    runs = 200 if FULL else 60
    found = [
        evidence(noise(400, 40, np.random.default_rng((s, 7)), rho), draws=300) for s in range(runs)
    ]
    assert sum(e.word == "Promising" for e in found) <= 0.08 * runs
    assert sum(e.word != "No evidence" for e in found) <= 0.15 * runs


def test_two_thousand_configurations_without_skill_say_so_in_the_first_line():
    said = 0
    for s in range(count(20)):
        found = evidence(noise(1_000, 2_000, np.random.default_rng((s, 8)), 0.2), draws=200)
        first = str(found).splitlines()[0]
        assert "luck alone gives the best of so many about" in first
        assert found.word != "Promising"
        said += first.startswith("No evidence of skill: the best of 2,000 configurations has a ")
    assert said >= 0.9 * count(20)  # a 5% test is wrong in one of twenty


def test_a_planted_edge_is_found_with_its_plateau():
    x, axes = bump(1_000, 12, np.random.default_rng(3), 0.004)
    found = evidence(x, axes)
    assert found.word == "Promising"
    assert found.best in found.stepm
    assert found.pbo < 0.05
    assert found.plateau.score > 0.6
    centre = found.plateau.centre
    assert abs(axes["a"][centre] - 6) <= 2
    assert abs(axes["b"][centre] - 6) <= 2


def test_many_that_are_equally_good_are_not_called_overfitted():
    """The choice among twins carries nothing over, and need not."""
    rng = np.random.default_rng(0)
    edge = noise(1_000, 1, rng) + 0.002
    found = evidence(edge + noise(1_000, 30, rng) / 20.0)
    assert found.pbo > 0.2
    assert found.overfit.kept > 0.8
    assert found.word == "Promising"


def test_more_trials_leave_less():
    x = noise(800, 30, np.random.default_rng(1))
    x[:, 4] += 0.0023
    words = []
    for n in (None, 30, 3_000, 3_000_000):
        trials = None if n is None else SimpleNamespace(n=n, variance=1.0 / 800)
        words.append(evidence(x, trials=trials))
    luck = [e.luck_sharpe for e in words]
    sure = [e.deflated_sharpe for e in words]
    assert luck == sorted(luck)
    assert sure == sorted(sure, reverse=True)
    assert [e.is_counted for e in words] == [False, True, True, True]
    assert "3,000 tried on these bars so far" in words[2].verdict
    assert words[3].p_value > words[1].p_value


def test_costs_that_set_configurations_apart_are_not_luck():
    """Losers far below do not raise what luck gives the best."""
    x = noise(500, 40, np.random.default_rng(2))
    x[:, 20:] -= 0.01
    found = evidence(x)
    assert found.trial_variance > 10.0 / 500
    assert found.variance == 1.0 / 500
    assert found.luck_sharpe == pytest.approx(
        expected_maximum_sharpe(40, 1.0 / 500) * math.sqrt(YEAR)
    )


def test_numbers_are_those_of_the_best():
    x = noise(365, 8, np.random.default_rng(4))
    x[:, 5] += 0.004
    found = evidence(x)
    r = x[:, 5]
    assert found.best == 5
    assert found.best_sharpe == pytest.approx(r.mean() / r.std(ddof=1) * math.sqrt(YEAR))
    assert found.low < found.best_sharpe < found.high
    assert (found.days, found.tested, found.split, found.n_configurations) == (365, 8, 8, 8)
    assert evidence(x, per_year=None).best_sharpe == pytest.approx(r.mean() / r.std(ddof=1))
    assert found.to_dict()["stepm"] == found.stepm
    assert np.isfinite(found.luck.found).all()
    np.testing.assert_array_equal(found.luck.found, np.sort(found.luck.found)[::-1])


def test_blocks_may_be_made_when_they_are_asked_for():
    x = noise(200, 6, np.random.default_rng(0))
    x[:, 2] = 0.0
    moments, blocks, days = sums_of(x)
    rows = rows_to_test(moments)
    given = {"moments": moments, "block_days": days, "rows": rows, "axes": {}, "per_year": YEAR}
    given |= {"day_returns": np.ascontiguousarray(x[:, rows]), "draws": 50}
    one = sweep_evidence(blocks=blocks, **given)
    two = sweep_evidence(blocks=lambda which: blocks[which], **given)
    assert one.to_dict() == two.to_dict()
    assert one.split == 5


def test_same_seed_same_bits():
    x = noise(300, 60, np.random.default_rng(5))
    one, two, other = evidence(x), evidence(x), evidence(x, seed=1)
    assert one.to_dict() == two.to_dict()
    np.testing.assert_array_equal(one.luck.high, two.luck.high)
    assert (one.luck.high != other.luck.high).any()


def test_a_sample_is_tested_where_there_are_too_many():
    x = noise(60, 2_500, np.random.default_rng(6))
    moments, *_ = sums_of(x)
    rows = rows_to_test(moments)
    ratios = moments[:, 1] / np.sqrt(moments[:, 2])
    ranked = np.argsort(-ratios)
    assert rows.size == 1_000
    assert set(ranked[:200]) <= set(rows)
    assert ranked[-1] in rows
    assert np.bincount(np.searchsorted(np.sort(ranked), rows) // 2_500).size == 1
    found = evidence(x, draws=100)
    assert found.p_value >= found.spa_p
    assert any("Resampled were 1,000 of 2,500" in note for note in found.notes)


def test_nothing_that_varies_is_said_so():
    found = evidence(np.zeros((100, 4)))
    assert found.best is None
    assert str(found) == "No result: no configuration has day returns that vary."
    assert "No result" in found._repr_html_()
    assert found.to_dict()["best_sharpe"] is None


def test_one_configuration_is_no_sweep_and_still_told():
    found = evidence(noise(300, 1, np.random.default_rng(0)))
    assert (found.n_configurations, found.n_effective, found.pbo) == (1, 1.0, None)
    assert "the only configuration" in found.verdict


@pytest.mark.parametrize(
    ("changes", "word", "phrase"),
    [
        ({}, "Promising", "Unseen bars must confirm it"),
        ({"best_sharpe": -0.1}, "No evidence", "so none made money"),
        ({"p_value": 0.051}, "No evidence", "5% of such sweeps without any skill do as well"),
        ({"p_value": 0.05}, "Promising", "luck alone gives the best of so many about 0.90"),
        ({"deflated_sharpe": 0.49}, "No evidence", "luck alone gives"),
        ({"deflated_sharpe": 0.94}, "Weak evidence", "the chance that it beats luck is 94%"),
        ({"splits": (0.51, 0.4)}, "No evidence", "in 51% of splits"),
        ({"splits": (0.51, 0.5)}, "Promising", "Promising"),
        ({"splits": (0.21, 0.4)}, "Weak evidence", "below the middle in the other half in 21%"),
        ({"per_year": None}, "Promising", "1.50 a day"),
    ],
)
def test_each_rule_decides_its_word(changes, word, phrase):
    good = SweepEvidence(
        best=3,
        best_sharpe=1.5,
        luck_sharpe=0.9,
        n_configurations=100,
        n_trials=100,
        deflated_sharpe=0.97,
        p_value=0.01,
        per_year=YEAR,
    )
    split, kept = changes.pop("splits", (0.1, 0.9))
    overfit = SimpleNamespace(pbo=split, kept=kept)
    found = replace(good, overfit=overfit, **changes)
    assert found.word == word
    assert found.verdict.startswith(word)
    assert phrase in found.verdict
    assert found.verdict.count("\n") == 0


def test_effective_trials_follow_the_mean_correlation():
    rng = np.random.default_rng(0)
    assert mean_correlation(noise(20_000, 10, rng, 0.3)) == pytest.approx(0.3, abs=0.02)
    x = noise(500, 6, rng, 0.2)
    pairs = np.corrcoef(x.T)[np.triu_indices(6, 1)]
    assert mean_correlation(x) == pytest.approx(pairs.mean(), rel=1e-9)
    assert mean_correlation(np.column_stack([x[:, :1], np.zeros((500, 1))])) == 1.0
    assert effective_trials(100, 0.25) == 0.25 + 75.0
    assert effective_trials(100, -0.1) == 100.0
    assert effective_trials(100, 1.0) == 1.0


def test_the_deviation_is_used():
    assert pytest.approx(noise(50_000, 1, np.random.default_rng(0)).std(), rel=0.02) == DEVIATION
