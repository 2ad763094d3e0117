"""The stationary bootstrap beside arch: block lengths, positions and intervals."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evidence.test_statistics_bootstrap import indices
from trade_research.evidence.bootstrap import optimal_block, random_bits

arch = pytest.importorskip("arch.bootstrap")


@pytest.mark.parametrize("n", [20, 57, 100, 500, 2_500])
@pytest.mark.parametrize("phi", [-0.3, 0.0, 0.1, 0.5, 0.95])
def test_block_length_is_archs(n, phi):
    x = np.random.default_rng(n).standard_normal(n)
    for t in range(1, n):
        x[t] += phi * x[t - 1]
    theirs = arch.optimal_block_length(x)["stationary"].iloc[0]
    assert optimal_block(x) == pytest.approx(theirs, rel=1e-9)


@pytest.mark.parametrize("block", [1.5, 6.0, 30.0])
def test_positions_are_archs_from_the_same_random_numbers(block):
    from arch.bootstrap.base import stationary_bootstrap_sample

    n, key = 250, np.random.SeedSequence(0).generate_state(1, np.uint64)[0]
    for d, ours in enumerate(indices(n, 5, block)):
        bits = [int(random_bits(key, np.uint64(d * n + i))) for i in range(n)]
        starts = np.array([((b & 0xFFFFFFFF) * n) >> 32 for b in bits], np.int64)
        uniform = np.array([(b >> 32) / 2**32 for b in bits])
        theirs = stationary_bootstrap_sample(starts, uniform, 1.0 / block)
        np.testing.assert_array_equal(ours, theirs)


def test_spread_of_a_resampled_sharpe_ratio_is_archs():
    x = np.random.default_rng(8).normal(0.0005, 0.01, 600)
    for t in range(1, 600):
        x[t] += 0.2 * x[t - 1]
    ours = np.array([x[at].mean() / x[at].std(ddof=1) for at in indices(600, 4_000, 6.0)])
    boot = arch.StationaryBootstrap(6.0, x, seed=1)
    theirs = boot.apply(lambda r: r.mean() / r.std(ddof=1), 4_000).ravel()
    # Deviations of 4,000 draws have an error of 1/√8000, 1.1%; four of them, of a difference.
    assert ours.std() == pytest.approx(theirs.std(), rel=0.065)
    for q in (0.05, 0.5, 0.95):
        assert np.quantile(ours, q) == pytest.approx(np.quantile(theirs, q), abs=0.005)
