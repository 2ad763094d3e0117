"""What a user reads when a strategy does not compile: the line, the construct, what to write."""

from __future__ import annotations

import math  # noqa: F401  # a strategy below forgets that math is no array

import numpy as np
import polars as pl
import pytest

from trade_research.errors import StrategyCompileError
from trade_research.indicators import sma
from trade_research.strategies.strategy import strategy

X = np.linspace(1.0, 5.0, 50)


class Thing:
    level = 1.0


thing = Thing()


def plain(x):
    return x + 1.0


def unknown_name(close):
    return smaa(close, 20)  # noqa: F821  # the mistake under test


def not_imported(close):
    return ema(close, 20)  # noqa: F821  # the mistake under test


def plain_helper(close):
    return plain(close)


def dataframe(close):
    return pl.Series(close).to_numpy()


def expression(close):
    return close * pl.col("close")


def own_object(close):
    return close * thing.level


seen: list[float] = []


def global_list(close):
    seen.append(close[0])
    return close * 0.0


def method(close):
    return close.rolling(20)


def writes(close):
    out = close
    out[0] = 1.0
    return out


def in_place(close):
    close += 1.0
    return close


def two_types(close):
    x = 0
    for t in range(close.size):
        if close[t] > 3.0:
            x = close
    return x


def two_returns(close, n=3):
    if n > 2:
        return close * 1.0
    return 0.0


def float_window(close, n=20.0):
    return sma(close, n)


def float_index(close, n=2.0):
    out = close.copy()
    out[0] = close[n]
    return out


def bool_array(close):
    return sma(close > 3.0, 3)


def left_out(close):
    return sma(close)


def too_many(close):
    return sma(close, 3, 4)


def absent_function(close):
    return np.convolve2(close)


def numpy_option(close):
    return np.gradient(close, edge_order=2)


def with_block(close):
    with open("x"):
        pass
    return close * 1.0


def inner_class(close):
    class Inner:
        pass

    return close * 1.0


def text_and_array(close):
    return close + "abc"


CASES = {
    unknown_name: ("`return smaa(close, 20)", "does not know 'smaa'; did you mean 'sma'?"),
    not_imported: ("`return ema", "write: from trade_research.indicators import ema"),
    plain_helper: ("`return plain(close)`", "put @kernel above its def"),
    dataframe: ("`return pl.Series", "uses polars.Series, which cannot be compiled"),
    expression: ("", "pl.col"),
    own_object: ("`return close * thing.level`", "uses 'thing' (a Thing), which compiled code"),
    global_list: ("`seen.append(close[0])`", "uses 'seen' (a list), which compiled code cannot"),
    method: ("`return close.rolling(20)`", "such as sma(close, 20)"),
    writes: ("`out[0] = 1.0`", "work on a copy: x = close.copy()"),
    in_place: ("", "changes a column in place"),
    two_types: ("", "makes 'x' first 0, then an array of float64; give it one type"),
    two_returns: ("", "return an array of floats on every path"),
    float_window: ("`return sma(close, n)`", "window = a float; it must be a whole number"),
    float_index: ("`out[0] = close[n]`", "uses a float as an index"),
    bool_array: ("`return sma(close > 3.0, 3)`", "must be a one-dimensional float64 array"),
    left_out: ("`return sma(close)`", "leaves out the argument 'window'"),
    too_many: ("`return sma(close, 3, 4)`", "passes too many arguments"),
    absent_function: ("", "uses numpy.convolve2, which does not exist"),
    numpy_option: ("`return np.gradient", "uses numpy.gradient in a way that cannot"),
    with_block: ("", "plain loops and if"),
    inner_class: ("`class Inner:`", "plain loops and if"),
    text_and_array: ('`return close + "abc"`', "calls add(an array of float64, 'abc')"),
}


@pytest.mark.parametrize("fn", CASES, ids=lambda fn: fn.__name__)
def test_the_message_names_the_line_and_what_to_write(fn):
    code, advice = CASES[fn]
    with pytest.raises(StrategyCompileError) as error:
        strategy(fn).compute({"close": X})
    text = str(error.value)
    assert text.startswith(f"{fn.__name__} does not compile: ")
    assert code in text
    assert advice in text
    assert "\n" not in text
    assert "\x1b" not in text
    assert len(text) < 400
    if code:
        lines = fn.__code__.co_firstlineno, fn.__code__.co_firstlineno + 9
        line = int(text.split("line ")[1].split(" ")[0])
        assert lines[0] < line < lines[1]
        assert "test_explain.py" in text


def test_in_a_notebook_cell_the_line_is_of_the_cell():
    space = {"np": np}
    exec(
        compile("\n\ndef mine(close):\n    return smaa(close)", "<ipython-input-3>", "exec"), space
    )
    with pytest.raises(StrategyCompileError, match="line 4 of the cell: does not know 'smaa'"):
        strategy(space["mine"]).compute({"close": X})


def test_a_strategy_that_failed_to_compile_works_once_it_is_mended():
    space = {}
    exec("def mine(close):\n    return close * K", space)
    mine = strategy(space["mine"])
    with pytest.raises(StrategyCompileError, match="does not know 'K'"):
        mine.compute({"close": X})
    space["K"] = 2.0
    np.testing.assert_array_equal(mine.compute({"close": X}).target, X * 2)
