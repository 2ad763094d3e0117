"""Evidence on sweeps beside ffn, arch, skfolio and vectorbt, to 1e-9."""

from __future__ import annotations

import numpy as np
import pytest

from tests.counts import count
from tests.evidence.sweeps import evidence, noise, sums_of
from trade_research.evidence.bootstrap import draw_indices
from trade_research.evidence.overfit import pbo
from trade_research.evidence.superior import bootstrap_error, superior
from trade_research.metrics.moments import Moments
from trade_research.metrics.sharpe import deflated_sharpe_ratio, expected_maximum_sharpe


def mixed(seed, n=320, k=25):
    """Configurations of unlike volatility, some with an edge, fat tails."""
    rng = np.random.default_rng(seed)
    x = rng.standard_t(4, (n, k)) * np.linspace(0.004, 0.03, k)
    x[:, 3] += 0.0008
    x[:, k - 2] += 0.004
    x[:, 6] -= 0.02
    return x


@pytest.mark.parametrize("n_blocks", [4, 8, 10])
@pytest.mark.parametrize("n", [320, 333])
def test_overfitting_is_ffns(n_blocks, n):
    ffn = pytest.importorskip("ffn.core")
    pd = pytest.importorskip("pandas")
    x = mixed(n + n_blocks, n)
    theirs = ffn.calc_prob_backtest_overfitting(pd.DataFrame(x), n_blocks, full_output=True)
    # ffn leaves out the days that do not fill a block, at the end.
    _, blocks, days = sums_of(x[: n // n_blocks * n_blocks], n_blocks)
    ours = pbo(blocks, days)
    assert ours.pbo == pytest.approx(theirs["pbo"], abs=1e-12)
    np.testing.assert_allclose(ours.logits, theirs["logits"], rtol=0, atol=1e-9)


@pytest.mark.parametrize("seed", range(count(100)))
def test_the_deflated_ratio_is_skfolios(seed):
    skfolio = pytest.importorskip("skfolio.measures")
    x = mixed(seed)
    ratios = x.mean(0) / x.std(0, ddof=1)
    best, n, variance = int(ratios.argmax()), x.shape[1], float(ratios.var(ddof=1))
    ours = deflated_sharpe_ratio(Moments(x[:, best].copy()), trials=n, variance=variance)
    assert ours == pytest.approx(skfolio.deflated_sharpe_ratio(x[:, best], ratios), abs=1e-9)

    # In a sweep luck has at most the variance that sampling gives: other trials, other threshold.
    found = evidence(x, draws=20)
    luck = skfolio.expected_max_sharpe_ratio(n, float(np.sqrt(min(variance, 1.0 / len(x)))))
    theirs = skfolio.probabilistic_sharpe_ratio(x[:, best], benchmark_sharpe_ratio=luck)
    assert found.deflated_sharpe == pytest.approx(theirs, abs=1e-9)
    assert found.luck_sharpe == pytest.approx(luck * np.sqrt(365.0), abs=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_deflated_ratio_is_vectorbts(seed):
    metrics = pytest.importorskip("vectorbt.returns.metrics")
    x = mixed(seed)
    ratios = x.mean(0) / x.std(0, ddof=1)
    variance = float(ratios.var(ddof=1))
    d = x - x.mean(0)
    m2, m3, m4 = ((d**p).mean(0) for p in (2, 3, 4))
    theirs = metrics.deflated_sharpe_ratio(
        est_sharpe=ratios,
        var_sharpe=variance,
        nb_trials=x.shape[1],
        backtest_horizon=len(x),
        skew=m3 / m2**1.5,
        kurtosis=m4 / m2**2,
    )
    for j in range(x.shape[1]):
        mine = Moments(np.ascontiguousarray(x[:, j]))
        ours = deflated_sharpe_ratio(mine, trials=x.shape[1], variance=variance)
        assert ours == pytest.approx(theirs[j], abs=1e-9)


def test_the_expected_maximum_is_skfolios():
    skfolio = pytest.importorskip("skfolio.measures")
    for n in (2, 7.5, 100, 1e6):
        theirs = skfolio.expected_max_sharpe_ratio(n, 0.3)
        assert expected_maximum_sharpe(n, 0.09) == pytest.approx(theirs, abs=1e-9)


@pytest.fixture(scope="module")
def arch():
    return pytest.importorskip("arch.bootstrap")


def stepm_on_our_days(arch, x, block, draws, seed=0):
    """arch's tests, resampling the days that ours does."""
    key = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]

    class OurDays(arch.StationaryBootstrap):
        drawn = 0

        def update_indices(self):
            out = np.empty(self._num_items, np.int64)
            draw_indices(out, key, self.drawn, 1.0 / self.block_size)
            self.drawn += 1
            return out

    found = arch.StepM(np.zeros(len(x)), -x, block_size=block, reps=draws)
    found.spa.bootstrap = OurDays(block, found.spa._loss_diff)
    found.compute()
    found.spa.compute()
    return found


@pytest.mark.parametrize("seed", range(count(40)))
@pytest.mark.parametrize("block", [3, 10])
def test_superior_ability_is_archs(arch, seed, block):
    x = mixed(seed)
    ours = superior(x, block=float(block), draws=200, studentised=False)
    theirs = stepm_on_our_days(arch, x, block, 200)
    p_values = theirs.spa.pvalues
    assert (ours.p_lower, ours.p_value, ours.p_upper) == pytest.approx(tuple(p_values), abs=1e-9)
    assert list(ours.superior) == theirs.superior_models
    assert ours.critical == pytest.approx(theirs.spa.critical_values(0.05)["consistent"], abs=1e-9)


@pytest.mark.parametrize("seed", range(count(40)))
def test_studentised_it_is_archs_on_columns_over_their_errors(arch, seed):
    """arch 8 computes the errors and compares plain means; given columns over them it agrees."""
    x = mixed(seed)
    error = bootstrap_error(x, 5.0)
    theirs = stepm_on_our_days(arch, x / error, 5, 200)
    np.testing.assert_allclose(np.sqrt(theirs.spa._loss_diff_var), 1.0, rtol=1e-9)
    ours = superior(x, block=5.0, draws=200)
    p_values = theirs.spa.pvalues
    assert (ours.p_lower, ours.p_value, ours.p_upper) == pytest.approx(tuple(p_values), abs=1e-9)
    assert list(ours.superior) == theirs.superior_models
    root = np.sqrt(len(x))
    critical = theirs.spa.critical_values(0.05)["consistent"] * root
    assert ours.critical == pytest.approx(critical, abs=1e-9)


def test_with_random_numbers_of_its_own_arch_says_about_the_same(arch):
    x = noise(400, 20, np.random.default_rng(0)) + 0.0004
    error = bootstrap_error(x, 4.0)
    theirs = arch.SPA(np.zeros(400), -x / error, block_size=4, reps=2_000, seed=1)
    theirs.compute()
    ours = superior(x, block=4.0, draws=2_000)
    assert ours.p_value == pytest.approx(theirs.pvalues["consistent"], abs=0.04)
