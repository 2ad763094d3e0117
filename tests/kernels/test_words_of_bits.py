"""Words of bits and sums in lanes: compiled code does what the Python beside it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trade_research.kernels import bits
from trade_research.kernels.jit import bare_kernel, kernel
from trade_research.kernels.lanes import growth_sums

values = st.sampled_from([0.0, -0.0, 1.0, np.nan, np.inf, 2.5])


@kernel
def words(x):
    return bits.changes(x, 1), bits.numbers(x, 1)


@kernel
def compared(x, value):
    return bits.below(x, 2, value), bits.equal(x, 2, value)


@kernel
def of_word(word):
    return bits.lowest(word), bits.count(word)


@kernel
def floor_of_log(size):
    return bits.log2(size)


@kernel
def by_address(address, n):
    total = 0.0
    for v in bits.values_at(address, n):
        total += v
    return total


@bare_kernel
def lanes_of(price, first, n, money, units, floor, lanes):
    growth_sums(price, first, n, money, units, floor, lanes)
    return n


@given(arrays(np.float64, 65, elements=values))
def test_words_say_where_values_change_and_are_numbers(x):
    now, before = x[1:], x[:-1]
    change = [(not np.isnan(a)) and a != b for a, b in zip(now, before, strict=True)]
    number = [not np.isnan(a) for a in now]
    want = tuple(sum(1 << i for i, bit in enumerate(row) if bit) for row in (change, number))
    assert tuple(map(int, words(x))) == want
    assert tuple(map(int, words.py_func(x))) == want


@pytest.mark.parametrize("width", [np.float64, np.float32])
@given(arrays(np.float64, 66, elements=values), values)
def test_words_say_what_is_below_a_value_and_what_is_it(width, x, value):
    x, value = x.astype(width), width(value)
    rows = ([v < value for v in x[2:]], [v == value for v in x[2:]])
    want = tuple(sum(1 << i for i, bit in enumerate(row) if bit) for row in rows)
    assert tuple(map(int, compared(x, value))) == want
    assert tuple(map(int, compared.py_func(x, value))) == want


@given(st.integers(0, 2**64 - 1))
def test_lowest_and_count(word):
    text = f"{word:064b}"[::-1]
    want = (text.index("1") if word else 64, text.count("1"))
    assert of_word(np.uint64(word)) == want
    assert of_word.py_func(np.uint64(word)) == want


@pytest.mark.parametrize("size", [1, 2, 3, 63, 64, 65, 10**12])
def test_floor_of_the_logarithm(size):
    assert floor_of_log(size) == floor_of_log.py_func(size) == int(np.floor(np.log2(size)))


def test_values_by_address():
    x = np.arange(10.0)
    assert by_address(x.ctypes.data, 10) == by_address.py_func(x.ctypes.data, 10) == 45.0


@given(
    st.integers(0, 40),
    st.floats(5.0, 9.0),
    st.floats(-0.02, 0.05),
    st.sampled_from([0.0, 1e-4]),
    st.integers(0, 2**31),
)
def test_growth_is_summed_in_one_order(n, money, units, floor, seed):
    price = 100.0 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 0.01, 60)))
    ours, plain = np.zeros(24), np.zeros(24)
    lanes_of(price, 3, n, money, units, floor, ours)
    growth_sums(price, 3, n, money, units, floor, plain)
    np.testing.assert_array_equal(ours, plain)
    worth = money + units * price[2 : 3 + n]
    with np.errstate(all="ignore"):
        r = worth[1:] / worth[:-1] - 1.0
        short = np.minimum(r - floor, 0.0)
    for k, terms in enumerate((r, r * r, short * short)):
        np.testing.assert_allclose(
            ours[8 * k : 8 * k + 8].sum(), terms.sum(), rtol=1e-9, atol=1e-12
        )
