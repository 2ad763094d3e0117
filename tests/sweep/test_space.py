"""Spaces: grids, constraints, draws, and the exact words of what cannot be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_research.errors import ConfigError
from trade_research.strategies.declare import Span
from trade_research.sweep import Space
from trade_research.sweep.factors import factor
from trade_research.sweep.space import columns_of, varied


def rows(found):
    return [tuple(found.row(i).values()) for i in range(len(found))]


def test_a_grid_has_every_combination_last_axis_fastest():
    found = Space({"a": [1, 2], "b": ["x", "y"], "stop": [None, 0.1]}).grid()
    assert rows(found)[:3] == [(1, "x", None), (1, "x", 0.1), (1, "y", None)]
    assert len(found) == 8
    assert found.frame().schema["stop"].is_float()
    assert found.frame()["stop"].null_count() == 4


@given(
    st.lists(st.integers(-5, 5), min_size=1, max_size=5),
    st.lists(st.integers(-5, 5), min_size=1, max_size=5),
    st.sampled_from(
        [
            "a < b",
            "a <= b < 3",
            "not a == b or a > 2",
            "a % 2 == 0 and b * 2 - 1 > a",
            "(a + b) // 2 != -1",
            "-a < b",
        ]
    ),
)
def test_a_constraint_means_what_python_means(a, b, where):
    found = Space({"a": a, "b": b}, where).grid()
    want = [(x, y) for x in a for y in b if eval(where, {"a": x, "b": y})]
    assert rows(found) == want


@pytest.mark.parametrize("size", [1, 3, 7, 100])
def test_parts_are_the_grid(size):
    space = Space({"a": range(7), "b": range(5)}, "a != b")
    parts = [row for part in space.parts(size) for row in rows(part)]
    assert parts == rows(space.grid())


@pytest.mark.parametrize(
    "where",
    ["a.b < 1", "a[0]", "f(a)", "lambda: a", "[a]", "a if b else 1", "a := 1", "a ** 9", "b'x'"],
)
def test_nothing_but_arithmetic_is_allowed(where):
    with pytest.raises(ConfigError, match=r"not allowed|does not parse"):
        Space({"a": [1], "b": [2]}, where)


def test_draws_keep_to_the_space_and_to_its_constraint():
    space = Space({"a": Span(1, 9), "b": Span(0.01, 1.0, log=True), "c": ["x", "y"]}, "a < 8")
    for found in (space.random(300, 1), space.sobol(300, 1)):
        assert len(found) == len(set(rows(found))) == 300
        assert set(found.values["a"].tolist()) == set(range(1, 8))
        assert (found.values["b"] >= 0.01).all()
        assert (found.values["b"] < 1.0).all()
    assert len(Space({"a": [1, 2, 3]}).random(50)) == 3


def test_a_span_in_steps_is_a_grid():
    assert Space({"a": Span(0.1, 0.5, 0.2)}).grid().values["a"].tolist() == pytest.approx(
        [0.1, 0.3, 0.5]
    )
    assert Space({"a": Span(2, 5)}).grid().values["a"].tolist() == [2, 3, 4, 5]
    with pytest.raises(ConfigError, match="has no grid"):
        Space({"a": Span(0.1, 0.5)}).grid()


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from("xyz"), st.booleans()), min_size=1))
def test_factors_are_the_distinct_rows(points):
    a, b, c = (np.array([p[k] for p in points]) for k in range(3))
    columns = {"a": a, "b": b.astype(object), "c": c}
    found = factor(columns, ["a", "b", "c", "d"], len(points))
    distinct = list(dict.fromkeys(points))
    assert [tuple(found.row(i).values()) for i in range(found.size)] == distinct
    assert found.of.tolist() == [distinct.index(p) for p in points]


def test_a_table_of_axes_gives_them_back():
    axes = {
        "fast": [3, 5], "band": [0.5, 1.5], "kind": ["sma", "ema"], "short": [False, True],
        "stop": [None, 0.02], "max_hold": [None, 5], "cooldown": [0, 2],
    }  # fmt: skip
    found = Space(axes).grid()
    again = columns_of(found.frame().drop("trial"))
    assert again.keys() == found.values.keys()
    for name, column in found.values.items():
        assert again[name].dtype == column.dtype, name
        np.testing.assert_array_equal(again[name], column)
    assert varied({"a": np.array([1, 1]), "b": np.array(["x", "y"], object)}).keys() == {"b"}
