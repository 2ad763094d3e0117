"""Kernels: compiled late, in one form, the same as the Python they are written in."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from tests.indicators import naive
from trade_research import indicators
from trade_research.indicators import ema, rolling_std, rsi, sma
from trade_research.kernels import deviations, rolling, smooth
from trade_research.kernels.jit import F64, kernel

X = 60_000 + np.round(np.cumsum(np.random.default_rng(0).normal(0, 5, 900)), 2)
HOLED = X.copy()
HOLED[[100, 101, 640]] = np.nan


def run(code, **env):
    """Output of a fresh Python process."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_defining_kernels_and_strategies_imports_no_numba():
    code = """
import sys
import trade_research.strategies as s
s.ma_crossover, s.bollinger, s.ma_crossover.source_hash, s.shipped(), repr(s.bollinger)
print([m for m in ("numba", "polars", "scipy", "duckdb") if m in sys.modules])
"""
    assert run(code) == "[]"


@pytest.mark.fast
@pytest.mark.parametrize("x", [X, HOLED], ids=["whole", "holed"])
@pytest.mark.parametrize(
    ("fn", "args"),
    [
        (rolling.rolling_mean, (20,)),
        (rolling.rolling_mean, (200,)),
        (smooth.smooth, (14, 1 / 14)),
        (smooth.wilder_rsi, (14,)),
    ],
    ids=lambda v: getattr(v, "__name__", str(v)),
)
def test_kernel_equals_its_own_python_bit_for_bit(fn, args, x, monkeypatch):
    compiled = fn(x, *args)
    for room in (rolling, smooth):
        for name, inner in vars(room).copy().items():
            if hasattr(inner, "py_func"):
                monkeypatch.setattr(room, name, inner.py_func)
    np.testing.assert_array_equal(compiled.view(np.int64), fn.py_func(x, *args).view(np.int64))


@pytest.mark.fast
def test_extremes_equal_their_own_python():
    compiled = indicators.rolling_max(HOLED, 20)
    found = rolling.rolling_highest.py_func(HOLED, 20)
    np.testing.assert_array_equal(compiled, found)


@pytest.mark.fast
@pytest.mark.parametrize("window", [3, 30])
def test_deviation_equals_its_own_python(window, monkeypatch):
    compiled = rolling_std(HOLED, window)
    for name, inner in vars(rolling).copy().items():
        if hasattr(inner, "py_func"):
            monkeypatch.setattr(rolling, name, inner.py_func)
    mean, out = np.empty(X.size), np.empty(X.size)
    deviations.rolling_deviation(HOLED, window, 0, mean, out)
    np.testing.assert_allclose(compiled, out, rtol=1e-12)


@pytest.mark.fast
def test_any_kind_of_array_gives_the_same_from_one_compiled_form():
    whole = np.arange(40)
    wanted = sma(whole.astype(float), 5)
    strided = np.arange(80.0)[::2] / 2
    locked = whole.astype(float)
    locked.flags.writeable = False
    for kind in (whole, whole.astype(np.float32), strided, locked, list(range(40))):
        np.testing.assert_array_equal(sma(kind, 5), wanted)
    np.testing.assert_array_equal(sma(whole, window=np.int32(5)), wanted)
    np.testing.assert_array_equal(sma(whole, 5.0), wanted)
    assert len(sma.dispatcher.signatures) == 1


@pytest.mark.fast
def test_half_a_bar_is_no_window():
    with pytest.raises(TypeError):
        sma(X, 2.5)


@pytest.mark.fast
def test_indicators_inside_compiled_code():
    @kernel
    def nested(x: F64) -> F64:
        return sma(ema(x, 5), 10) + rolling_std(x, 20) + rsi(x[2:], 14)[0]

    wanted = sma(ema(X, 5), 10) + rolling_std(X, 20) + rsi(X[2:], 14)[0]
    np.testing.assert_array_equal(nested(X), wanted)


@pytest.mark.fast
def test_strided_columns_of_a_book_side_inside_compiled_code():
    @kernel
    def second(x: F64) -> F64:
        return sma(x[:, 1], 3)

    book = np.arange(30.0).reshape(10, 3)
    np.testing.assert_array_equal(second(book), sma(book[:, 1], 3))


@pytest.mark.fast
def test_indicators_leave_their_input_alone():
    x = X.copy()
    for name in ("sma", "ema", "wilder", "rsi", "rolling_std", "rolling_min", "rolling_max"):
        getattr(indicators, name)(x, 14)
    np.testing.assert_array_equal(x, X)


def test_without_compiling_the_numbers_are_the_same():
    code = """
import numpy as np
from tests.kernels.test_jit import HOLED
from trade_research.indicators import sma, rsi
from trade_research.strategies import ma_crossover
targets = ma_crossover.compute({"close": HOLED[:300]}, fast=5, slow=20).target
print(np.nansum(sma(HOLED[:300], 20)), np.nansum(rsi(HOLED[:300])), np.nansum(targets))
"""
    assert run(code, NUMBA_DISABLE_JIT="1") == run(code)


def test_the_entry_of_a_kernel_is_the_kernel():
    code = """
import numpy as np
from trade_research.simulate.loop import is_new
from trade_research.simulate.records import Sym, empty
syms, wish = empty(Sym, 2), np.zeros(2)
entered = is_new.entry(wish, syms, False)
for targets in ([0.0, np.nan], [0.0, 0.5]):
    wish[:] = targets
    print(entered(wish, syms, False), is_new(wish, syms, False))
"""
    assert run(code).split() == ["False"] * 2 + ["True"] * 2


@pytest.mark.fast
def test_a_kernel_shows_its_signature():
    assert repr(sma) == "<indicator sma(x: 'F64', window: 'int') -> 'F64'>"
    np.testing.assert_allclose(sma(X, 7), naive.sma(X, 7))
