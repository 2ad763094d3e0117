"""The stationary bootstrap: its indices, its sums and its paths, against plain NumPy."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evidence.series import days
from trade_research.evidence.bootstrap import (
    block_length,
    draw_indices,
    follow,
    optimal_block,
    random_bits,
    stationary,
)
from trade_research.evidence.paths import bands_of, drawdown_law, marks_of
from trade_research.metrics.drawdowns import (
    drawdown_episodes,
    longest_drawdown_bars,
    max_drawdown,
)


def indices(n, draws, block, seed=0):
    """The positions that `stationary` draws."""
    key = np.random.SeedSequence(seed).generate_state(1, np.uint64)[0]
    out = np.empty((draws, n), np.int64)
    for d in range(draws):
        draw_indices(out[d], key, d, 1.0 / block)
    return out


def test_bits_are_those_of_splitmix64():
    # Reference values of the published generator seeded with 1234567 (Vigna, splitmix64.c): its
    # n-th output mixes seed + n·golden.
    known = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    found = [int(random_bits(np.uint64(1234567), np.uint64(i))) for i in (1, 2, 3, 4)]
    assert found == known


def test_indices_are_uniform_and_blocks_have_the_length_asked():
    n, draws, block = 200, 2_000, 8.0
    at = indices(n, draws, block)
    counts = np.bincount(at.ravel(), minlength=n)
    # Neighbours come together, so counts vary more than Poisson; six deviations of that.
    assert abs(counts - draws).max() < 6 * np.sqrt(draws * block)
    goes_on = (at[:, 1:] == (at[:, :-1] + 1) % n).mean()
    assert goes_on == pytest.approx(1 - 1 / block * (1 - 1 / n), abs=0.003)


def test_blocks_of_one_are_independent_draws():
    at = indices(500, 400, 1.0)
    after = at[:, 1:] - at[:, :-1]
    assert (after == 1).mean() == pytest.approx(1 / 500, abs=0.001)


def test_compiled_indices_are_those_of_python():
    key, ours, theirs = np.uint64(77), np.empty(60, np.int64), np.empty(60, np.int64)
    draw_indices(ours, key, 3, 0.2)
    with np.errstate(over="ignore"):
        draw_indices.py_func(theirs, key, 3, 0.2)
    np.testing.assert_array_equal(ours, theirs)


def test_same_seed_same_bits_and_more_draws_begin_alike():
    x = np.random.default_rng(0).normal(size=(300, 2))
    a, b = (stationary(x, block=4.0, draws=50, seed=9) for _ in range(2))
    np.testing.assert_array_equal(a.sums, b.sums)
    longer = stationary(x, block=4.0, draws=80, seed=9)
    np.testing.assert_array_equal(longer.sums[:50], a.sums)
    assert (stationary(x, block=4.0, draws=50, seed=10).sums != a.sums).any()


@pytest.mark.parametrize("block", [1.0, 5.5, 40.0])
def test_sums_and_paths_are_those_of_the_series_it_names(block):
    rng = np.random.default_rng(1)
    x, logs = rng.normal(size=(120, 3)), rng.normal(0.001, 0.02, 120)
    marks = np.array([0, 7, 119])
    found = stationary(x, block=block, draws=40, seed=2, logs=logs, marks=marks)
    for d, at in enumerate(indices(120, 40, block, 2)):
        np.testing.assert_allclose(found.sums[d], x[at].sum(axis=0), rtol=1e-12, atol=1e-12)
        path = np.cumsum(logs[at])
        np.testing.assert_allclose(found.logs[d], path[marks], rtol=1e-12, atol=1e-14)
        episodes = drawdown_episodes(np.exp(path), 1.0)
        assert found.depth[d] == pytest.approx(max_drawdown(episodes), abs=1e-12)
        assert found.longest[d] == longest_drawdown_bars(episodes)


@pytest.mark.parametrize(
    ("steps", "depth", "longest"),
    [
        ([0.1, 0.1, 0.1], 0.0, 0),
        ([0.1, -0.2, 0.1], -0.2, 2),  # open at the end: peak at 0, last bar 2
        ([-0.1, 0.1, 0.0], -0.1, 2),  # peak before the first step, back at 1
        ([0.1, 0.1, -0.3], -0.3, 1),
        ([0.1, -np.inf, 0.1], -np.inf, 2),
    ],
)
def test_falls_worked_by_hand(steps, depth, longest):
    logs, none = np.array(steps), np.empty(0)
    found = follow(logs, np.arange(logs.size), np.empty(0, np.int64), none)
    assert found[0] == pytest.approx(depth)
    assert found[1] == longest


def test_block_length_of_noise_is_short_and_of_a_slow_series_long():
    rng = np.random.default_rng(3)
    noise = rng.normal(size=2_000)
    slow = np.convolve(noise, np.ones(20) / 20, mode="valid")
    assert optimal_block(noise) < 4
    assert optimal_block(slow) > 20
    assert block_length(noise, slow) == optimal_block(slow)
    assert block_length(noise[:10]) == 1.0
    assert block_length(np.zeros(100)) == 1.0


def test_bands_hold_the_share_they_say_and_end_on_the_last_day():
    rng = np.random.default_rng(4)
    run = days(rng.normal(0.0005, 0.01, 900))
    marks = marks_of(run.n)
    assert marks.size <= 400
    assert (marks[0], marks[-1]) == (0, 899)
    paths = stationary(
        np.ones((900, 1)), block=3.0, draws=1_000, seed=0, logs=run.logs, marks=marks
    )
    bands = bands_of(run, paths, marks)
    end = 1_000.0 * np.exp(paths.logs[:, -1])
    assert np.mean(end <= bands.low[-1]) == pytest.approx(0.05, abs=0.002)
    assert np.mean(end <= bands.high[-1]) == pytest.approx(0.95, abs=0.002)
    assert bands.dates[-1] == str(run.dates[-1])
    # The middle of the last day is what the days compound to, but for the skew of their sum.
    assert bands.middle[-1] == pytest.approx(run.equity[-1], rel=0.05)


def test_drawdown_law_counts_the_draws():
    rng = np.random.default_rng(5)
    run = days(rng.normal(0.0005, 0.01, 400))
    paths = stationary(np.ones((400, 1)), block=2.0, draws=500, seed=0, logs=run.logs)
    law = drawdown_law(run, paths)
    assert law.depth == pytest.approx(
        (run.equity / np.maximum.accumulate(np.append(1_000.0, run.equity))[1:] - 1).min()
    )
    assert law.deeper == np.mean(paths.depth <= law.depth)
    assert sum(law.counts) == 500
    assert law.depths == tuple(np.quantile(paths.depth, [0.05, 0.25, 0.5, 0.75, 0.95]))
