"""The digest changes with whatever a function depends on, and with nothing else."""

from __future__ import annotations

import enum
import math
import types
from typing import NamedTuple

import numpy as np
import pytest

from trade_research.kernels.digest import digest
from trade_research.kernels.jit import (
    bare_kernel,
    indicator,
    inline_kernel,
    inner_kernel,
    kernel,
)

pytestmark = pytest.mark.fast

BASE = """
def f(x, n=3):
    return x * K + helper(x) + tools.scale
"""


def made(source=BASE, name="f", **space):
    space = {"K": 2.0, "helper": made_helper(), "tools": tool(scale=1.0), **space}
    exec(compile(source, f"<{id(space)}>", "exec"), space)
    return space[name]


def made_helper(text="x + 1"):
    space = {}
    exec(f"def helper(x): return {text}", space)
    return kernel(space["helper"])


def tool(**values):
    module = types.ModuleType("tools")
    vars(module).update(values)
    return module


def test_the_same_code_anywhere_has_the_same_digest():
    assert digest(made()).hex == digest(made("\n\n\n" + BASE)).hex


@pytest.mark.parametrize(
    "change",
    [
        {"source": BASE.replace("x *", "x /")},
        {"source": BASE.replace("n=3", "n=4")},
        {"K": 3.0},
        {"K": 2},
        {"K": np.float32(2.0)},
        {"K": -0.0},
        {"K": np.array([2.0])},
        {"K": (2.0,)},
        {"K": [2.0]},
        {"K": {"a": 2.0}},
        {"K": {2.0}},
        {"K": "2.0"},
        {"K": None},
        {"helper": made_helper("x + 2")},
        {"tools": tool(scale=2.0)},
    ],
    ids=str,
)
def test_any_change_of_what_it_uses_changes_it(change):
    before = digest(made())
    after = digest(made(**change))
    assert before.hex != after.hex
    assert before.opaque == after.opaque == ()


def test_the_way_a_helper_is_compiled_is_part_of_it():
    helper = made_helper().py_func
    ways = (kernel, indicator, bare_kernel, inner_kernel, inline_kernel)
    assert len({digest(made(helper=way(helper))).hex for way in ways}) == len(ways)


@pytest.mark.parametrize(
    "other", [{"unused": 5}, {"tools": tool(scale=1.0, other=object())}], ids=str
)
def test_what_it_does_not_use_does_not_matter(other):
    assert digest(made(**other)).hex == digest(made()).hex


def test_values_that_look_alike_differ():
    seen = [1, 1.0, True, "1", b"1", (1,), [1], np.int64(1), np.array(1), np.array([1]), 1j, None]
    assert len({digest(made(K=value)).hex for value in seen}) == len(seen)


def test_closures_and_functions_inside():
    def outer(k):
        def inner(x):
            return [x + k for _ in range(HERE)]

        return inner

    assert digest(outer(1)).hex != digest(outer(2)).hex
    assert digest(outer(1)).hex == digest(outer(1)).hex


HERE = 3


def test_a_global_used_only_inside_an_inner_function():
    def outer(x):
        return (lambda y: y * HERE)(x)

    known = digest(outer)
    try:
        globals()["HERE"] = 4
        assert not known.holds()
        assert digest(outer).hex != known.hex
    finally:
        globals()["HERE"] = 3


def test_functions_that_call_themselves_and_each_other():
    space = {"math": math}
    source = "def f(n): return 1 if n < 2 else g(n - 1)\ndef g(n): return f(n) * math.pi"
    exec(source, space)
    other = {"math": math}
    exec(source.replace("math.pi", "math.e"), other)
    assert digest(space["f"]).hex != digest(other["f"]).hex


class Pair(NamedTuple):
    a: float
    b: float


class Side(enum.Enum):
    BUY = 1


def test_named_tuples_and_enums_are_understood():
    class Swapped(NamedTuple):
        b: float
        a: float

    Swapped.__qualname__ = "Pair"
    seen = [digest(made(K=value)) for value in (Pair, Swapped, Side, Side.BUY)]
    assert len({d.hex for d in seen}) == 4
    assert all(d.opaque == () for d in seen)


def test_libraries_are_known_by_name():
    found = digest(made("def f(x): return np.where(x > math.pi, np.nan, K)", np=np, math=math))
    assert found.opaque == ()


def test_what_cannot_be_seen_into_is_named():
    found = digest(made(K=object()))
    assert found.opaque == ("K (object)",)


def test_holds_until_a_name_or_an_array_changes():
    fn = made(K=np.array([1.0, 2.0]))
    known = digest(fn)
    assert known.holds()
    fn.__globals__["K"][1] = 3.0
    assert not known.holds()
    fn.__globals__["K"][1] = 2.0
    assert known.holds()
    fn.__globals__["helper"] = made_helper("x * 9")
    assert not known.holds()
    fn.__globals__["tools"].scale = 1.0
