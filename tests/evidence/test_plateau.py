"""Plateaus and peaks on grids small enough to see."""

from __future__ import annotations

import numpy as np
import pytest

from trade_research.evidence.plateau import plateau, steps_of


def grid(values):
    values = np.asarray(values, float)
    y, x = np.indices(values.shape)
    return {"slow": y.ravel() * 10, "fast": x.ravel() * 5}, values.ravel()


def test_a_lonely_peak_scores_nothing_and_the_plateau_is_recommended():
    axes, values = grid(
        [
            [0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
            [0.0, 9.0, 0.0, 1.0, 1.0, 1.0],
            [0.0, 0.0, 0.0, 1.0, 2.0, 1.0],
            [0.0, 0.0, 0.0, 1.0, 1.0, 1.0],
        ]
    )
    found = plateau(axes, values)
    assert (found.best, found.best_value) == (7, 9.0)
    assert found.score == 0.0
    assert found.neighbours == 8
    assert found.centre == 2 * 6 + 4
    assert (found.centre_value, found.level) == (2.0, 1.0)


def test_the_score_is_the_median_of_the_neighbours_over_the_best():
    axes, values = grid([[1.0, 2.0, 3.0], [4.0, 10.0, 5.0], [6.0, 7.0, 8.0]])
    found = plateau(axes, values)
    assert found.best == 4
    assert found.score == pytest.approx(4.5 / 10.0)


def test_holes_and_corners():
    axes, values = grid([[np.nan, 1.0], [2.0, 3.0]])
    found = plateau(axes, values)
    assert (found.best, found.neighbours) == (3, 2)
    assert found.score == pytest.approx(1.5 / 3.0)


def test_a_point_with_few_neighbours_is_no_plateau():
    """Two good points apart from the rest have one neighbour each: too few to recommend."""
    axes, values = grid(
        [
            [8.0, np.nan, np.nan, 1.0, 1.0, 1.0],
            [8.0, np.nan, np.nan, 1.0, 2.0, 1.0],
            [np.nan, np.nan, np.nan, 1.0, 1.0, 1.0],
        ]
    )
    found = plateau(axes, values)
    assert found.best_value == 8.0
    assert found.centre_value == 2.0


def test_steps_are_places_among_values_not_distances():
    axes = {"span": np.array([2.0, 4.0, 8.0, 16.0, 512.0])}
    found = plateau(axes, np.array([0.0, 1.0, 2.0, 1.0, 5.0]))
    assert found.best == 4
    assert found.score == pytest.approx(1.0 / 5.0)  # 16 is next to 512


def test_texts_and_switches_have_no_neighbours_of_another_kind():
    axes = {
        "kind": np.array(["ema", "ema", "ema", "sma", "sma", "sma"], dtype=object),
        "fast": np.array([1, 2, 3, 1, 2, 3]),
    }
    found = plateau(axes, np.array([0.0, 0.0, 0.0, 1.0, 4.0, 1.0]))
    assert (found.best, found.neighbours) == (4, 2)
    assert found.score == pytest.approx(0.25)


def test_no_such_exit_lies_beside_the_widest():
    steps, ordered = steps_of({"stop": np.array([0.05, np.nan, 0.01, np.nan, 0.02])})
    assert steps[:, 0].tolist() == [2, 3, 0, 3, 1]
    assert ordered.tolist() == [True]


def test_nothing_to_see():
    axes, values = grid([[1.0, 2.0]])
    assert plateau(axes, np.full(2, np.nan)) is None
    assert plateau({}, values) is None
    assert plateau({"kind": np.array(["a", "b"], dtype=object)}, np.array([1.0, 2.0])) is None
    lost = plateau(axes, np.array([-1.0, -2.0]))
    assert np.isnan(lost.score)


def test_many_axes_take_a_cross_instead_of_a_box():
    rng = np.random.default_rng(0)
    axes = {f"x{k}": rng.integers(0, 3, 3_000) for k in range(13)}
    found = plateau(axes, rng.normal(size=3_000))
    assert found is None or found.neighbours <= 26
