"""Overfitting by hand and by brute force over all splits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from tests.evidence.sweeps import noise, sums_of
from trade_research.errors import ConfigError
from trade_research.evidence.overfit import pbo


def naive(x, n_blocks):
    """Logits of every split, from the returns themselves."""
    parts = np.array_split(np.arange(len(x) // n_blocks * n_blocks), n_blocks)
    logits = []
    for chosen in itertools.combinations(range(n_blocks), n_blocks // 2):
        inside = np.concatenate([parts[b] for b in chosen])
        outside = np.concatenate([parts[b] for b in range(n_blocks) if b not in chosen])
        ratios = [x[rows].mean(0) / x[rows].std(0, ddof=1) for rows in (inside, outside)]
        best = ratios[0].argmax()
        rank = (ratios[1] < ratios[1][best]).sum() + ((ratios[1] == ratios[1][best]).sum() + 1) / 2
        share = rank / (x.shape[1] + 1)
        logits.append(np.log(share / (1 - share)))
    return np.array(logits)


@pytest.mark.parametrize(("n_blocks", "k"), [(2, 2), (4, 7), (6, 30), (8, 3)])
def test_every_split_is_that_of_the_returns(n_blocks, k):
    x = noise(24 * n_blocks, k, np.random.default_rng(n_blocks))
    x[:, -1] = x[:, 0]  # a tie
    _, blocks, days = sums_of(x, n_blocks)
    found = pbo(blocks, days)
    expected = naive(x, n_blocks)
    np.testing.assert_allclose(found.logits, expected, rtol=0, atol=1e-12)
    assert found.pbo == (expected <= 0).mean()
    assert found.splits == len(expected)


def test_a_lasting_edge_is_chosen_and_stays_best():
    x = noise(480, 20, np.random.default_rng(0))
    x[:, 7] += 0.01
    found = pbo(*sums_of(x)[1:])
    assert found.pbo == 0.0
    assert found.loss == 0.0
    assert found.kept > 0.8


def test_an_edge_of_one_half_is_overfitted():
    """Each configuration earns in blocks of its own and loses it elsewhere: the best inside is the
    worst outside."""
    x = noise(480, 16, np.random.default_rng(0)) / 100.0
    for k in range(16):
        x[30 * k : 30 * k + 30, k] += 0.02
        x[:, k] -= x[:, k].mean()
    found = pbo(*sums_of(x)[1:])
    assert found.pbo > 0.9
    assert found.loss == 1.0
    assert found.kept < 0.0


def test_noise_gives_about_a_half():
    shares = [pbo(*sums_of(noise(320, 50, np.random.default_rng(s)))[1:]).pbo for s in range(12)]
    assert np.mean(shares) == pytest.approx(0.5, abs=0.12)


def test_a_configuration_that_never_trades_counts_as_cash():
    x = np.zeros((160, 2))
    x[:, 1] = -0.001 + noise(160, 1, np.random.default_rng(0))[:, 0] / 1000.0
    found = pbo(*sums_of(x)[1:])
    assert found.pbo == 0.0
    np.testing.assert_array_equal(found.inside, 0.0)


def test_what_cannot_be_split_is_refused():
    blocks, days = np.zeros((1, 16, 2)), np.full(16, 10)
    with pytest.raises(ConfigError, match="two configurations or more"):
        pbo(blocks, days)
    with pytest.raises(ConfigError, match="an even number of blocks"):
        pbo(np.zeros((3, 5, 2)), np.full(5, 10))
    with pytest.raises(ConfigError, match="two days in each half"):
        pbo(np.zeros((3, 16, 2)), np.eye(16, dtype=int)[0])
