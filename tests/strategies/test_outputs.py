"""Targets from arrays: what may come back, NaN, warm-up, and errors inside."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
import pytest

from trade_research.errors import MissingColumnError, StrategyError, StrategyOutputError
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import strategy

NAN = np.nan
X = np.array([1.0, 2.0, 3.0, 4.0, 5.0])


class Lines(NamedTuple):
    target: F64
    line: F64


class Wrong(NamedTuple):
    line: F64
    target: F64


@strategy(warmup=lambda n: n)
def lines(close: F64, n: int = 2):
    return Lines(np.ones(close.size), close)


@strategy
def itself(close: F64):
    return close


@strategy
def two(close: F64, volume: F64):
    return np.where(volume > 0.0, close, 0.0)


@strategy
def book(bid_size: F64):
    return bid_size[:, 0] / bid_size[:, 1]


def test_warmup_is_flat_and_raw_is_not():
    np.testing.assert_array_equal(lines.compute({"close": X}).target, [0, 0, 1, 1, 1])
    np.testing.assert_array_equal(lines.compute({"close": X}, n=9).target, np.zeros(5))
    np.testing.assert_array_equal(lines.raw({"close": X}).target, np.ones(5))
    np.testing.assert_array_equal(lines(X, n=4), [0, 0, 0, 0, 1])
    assert lines.outputs == ("target", "line")


def test_extras_come_beside_the_target():
    found = lines.compute({"close": X})
    assert list(found.extras) == ["line"]
    np.testing.assert_array_equal(found.extras["line"], X)


def test_a_hole_in_a_column_forces_no_opinion_and_not_before_the_warmup():
    holed = X.copy()
    holed[[0, 3]] = NAN
    np.testing.assert_array_equal(lines.compute({"close": holed}).target, [0, 0, 1, NAN, 1])
    other = np.array([1.0, NAN, 1.0, 1.0, 0.0])
    found = two.compute({"close": holed, "volume": other}).target
    np.testing.assert_array_equal(found, [NAN, NAN, 3, NAN, 0])


def test_infinities_of_both_signs_are_no_hole():
    found = itself.compute({"close": np.array([np.inf, -np.inf, 1.0])}).target
    np.testing.assert_array_equal(found, [np.inf, -np.inf, 1.0])


def test_results_never_share_memory_with_the_columns_or_each_other():
    given = X.copy()
    for found in (itself.compute({"close": given}).target, itself(given)):
        found[:] = 9.0
    found = lines.compute({"close": given})
    found.extras["line"][:] = 9.0
    np.testing.assert_array_equal(given, X)

    @strategy(warmup=3)
    def twice(close):
        made = close * 2.0
        return Lines(made, made)

    found = twice.compute({"close": X})
    np.testing.assert_array_equal(found.target, [0, 0, 0, 8, 10])
    np.testing.assert_array_equal(found.extras["line"], X * 2)


def test_columns_of_any_kind_compile_once():
    for given in (X, X.astype(np.int64), X.astype(np.float32), np.repeat(X, 2)[::2], list(X)):
        np.testing.assert_array_equal(itself.compute({"close": given}).target, X)
    assert len(itself.compiled()[0].dispatcher.signatures) == 1


def test_book_sides_are_arrays_of_rows_and_levels():
    sizes = np.array([[1.0, 2.0], [6.0, 3.0]])
    np.testing.assert_array_equal(book.compute({"bid_size": sizes}).target, [0.5, 2.0])
    np.testing.assert_array_equal(
        book.compute({"bid_size": np.asfortranarray(sizes)}).target, [0.5, 2.0]
    )


def test_no_bars_and_one_bar():
    for n in (0, 1):
        assert lines.compute({"close": X[:n]}).target.shape == (n,)


RESULTS = {
    "int array": ("np.zeros(close.size, np.int64)", "returned int64 targets; write 1.0 and 0.0"),
    "bool array": ("close > 2.0", "returned bool targets"),
    "scalar": ("1.0", "returned 1.0; return an array with one target for each of the 5 bars"),
    "none": ("None", "returned None; return an array"),
    "text": ("'long'", "returned 'long'; return an array"),
    "list": ("[1.0, 2.0]", "returned a list; return one array"),
    "tuple": ("(close, close)", "returned a tuple; return one array, or a NamedTuple"),
    "too short": ("close[1:]", "array of shape (4,); it must have one value for each of the 5"),
    "two axes": ("np.zeros((close.size, 1))", "array of shape (5, 1)"),
    "wrong field": ("Wrong(close, close)", "whose first field is 'line'; the first must be"),
    "short field": ("Lines(close, close[1:])", "returned as 'line' an array of shape (4,)"),
    "number field": ("Pair(close, 1.0)", "returned as 'line' 1.0; return an array"),
}


class Pair(NamedTuple):
    target: F64
    line: float


@pytest.mark.parametrize("case", RESULTS)
def test_anything_else_returned_is_one_clear_line(case):
    body, says = RESULTS[case]
    space = {"np": np, "Wrong": Wrong, "Lines": Lines, "Pair": Pair}
    exec(f"def mine(close): return {body}", space)
    with pytest.raises(StrategyOutputError) as error:
        strategy(space["mine"]).compute({"close": X})
    assert says in str(error.value)
    assert str(error.value).startswith("mine returned")
    assert "\n" not in str(error.value)


def test_whole_and_true_false_extras_become_floats():
    @strategy
    def mine(close):
        return Lines(close * 1.0, close > 2.0)

    np.testing.assert_array_equal(mine.compute({"close": X}).extras["line"], [0, 0, 1, 1, 1])


def test_missing_and_uneven_columns():
    with pytest.raises(
        MissingColumnError, match="reads column 'close', which is not given; did you"
    ):
        lines.compute({"clsoe": X})
    with pytest.raises(
        StrategyError, match=r"columns differ in length: \{'close': 5, 'volume': 2\}"
    ):
        two.compute({"close": X, "volume": X[:2]})
    with pytest.raises(StrategyError, match=r"reads 2 columns \(close, volume\), found 1"):
        two(X)


def test_an_exception_inside_is_one_line_with_the_parameters():
    @strategy
    def mine(close, n: int = 3, kind: Literal["a", "b"] = "a"):
        if n > 3:
            raise ValueError("n is over three")
        return close * 1.0

    mine.compute({"close": X})
    with pytest.raises(StrategyError) as error:
        mine.compute({"close": X}, n=4)
    assert str(error.value) == (
        "mine raised ValueError: n is over three (with n=4, kind='a', 5 bars)"
    )


def test_text_parameters_anywhere_in_the_signature():
    @strategy
    def mine(close, kind: Literal["up", "down"] = "up", n: int = 2, how: Literal["x", "y"] = "x"):
        sign = 1.0 if kind == "up" else -1.0
        return close * sign * n + (0.0 if how == "x" else 100.0)

    np.testing.assert_array_equal(mine(X), 2 * X)
    np.testing.assert_array_equal(mine(X, kind="down", n=3), -3 * X)
    np.testing.assert_array_equal(mine(X, how="y"), 2 * X + 100)
    kernel, values = mine.compiled(kind="down", n=3)
    np.testing.assert_array_equal(kernel(X, *values), -3 * X)


def test_choices_that_are_numbers():
    @strategy
    def mine(close, n: Literal[2, 5] = 5):
        return close * n

    np.testing.assert_array_equal(mine(X), 5 * X)
    np.testing.assert_array_equal(mine(X, n=2), 2 * X)
