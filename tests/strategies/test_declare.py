"""What a signature declares, and what is refused when the function is decorated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pytest

from trade_research.errors import ParameterError, StrategyError
from trade_research.kernels.jit import F64
from trade_research.strategies.declare import RESERVED, Col, Span
from trade_research.strategies.strategy import Strategy, strategy

if TYPE_CHECKING:
    from nowhere import Unknown

pytestmark = pytest.mark.fast


@strategy(warmup=lambda slow: 2 * slow)
def trend(
    close: F64,
    daily: Annotated[F64, Col("close", interval="1d")],
    volume,
    fast: Annotated[int, Span(2, 50)] = 5,
    slow=20,
    gain: float = 1,
    long_only: bool = True,
    kind: Literal["sma", "ema"] = "sma",
    late: Unknown = 3,
):
    """Follow.

    Rule: up.
    """
    return close * 1.0


def test_columns_and_parameters():
    assert isinstance(trend, Strategy)
    assert trend.name == "trend"
    assert trend.doc == "Follow.\n\nRule: up."
    assert trend.columns == ("close", "daily", "volume")
    assert trend.inputs["daily"] == Col("close", interval="1d")
    assert trend.inputs["close"].plain
    assert {n: (p.type, p.default) for n, p in trend.params.items()} == {
        "fast": (int, 5),
        "slow": (int, 20),
        "gain": (float, 1.0),
        "long_only": (bool, True),
        "kind": (str, "sma"),
        "late": (int, 3),
    }
    assert type(trend.params["gain"].default) is float
    assert trend.space == {
        "fast": Span(2, 50),
        "long_only": (False, True),
        "kind": ("sma", "ema"),
    }
    assert trend.outputs is None
    assert trend.source.startswith("@strategy(warmup=lambda slow: 2 * slow)\ndef trend(")
    assert list(trend.__signature__.parameters)[:3] == ["close", "daily", "volume"]


def test_warmup_by_parameter_name():
    assert trend.warmup() == 40
    assert trend.warmup(slow=7) == 14
    assert strategy(lambda close: close).warmup() == 0
    assert strategy(warmup=12)(lambda close: close).warmup() == 12


def test_binding_fills_in_defaults_and_normalises():
    bound = trend.bind(fast=np.int32(7), gain=2, slow=30.0, long_only=np.bool_(False))
    assert bound == {
        "fast": 7, "slow": 30, "gain": 2.0, "long_only": False, "kind": "sma", "late": 3,
    }  # fmt: skip
    assert [type(v) for v in bound.values()] == [int, int, float, bool, str, int]


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"fats": 3}, "no parameter 'fats'; did you mean 'fast'"),
        ({"fast": 2.5}, "fast must be a whole number, found 2.5; its default is 5"),
        ({"fast": "3"}, "fast must be a number, found '3'"),
        ({"fast": True}, "fast must be a number, found True"),
        ({"fast": float("nan")}, "fast must be a number, found nan"),
        ({"gain": float("inf")}, "gain must be a number, found inf"),
        ({"fast": 2**63}, "fast must be a whole number"),
        ({"fast": [1] * 100}, "fast must be a number"),
        ({"long_only": 1}, "long_only must be True or False, found 1"),
        ({"kind": "wma"}, "kind must be one of 'sma', 'ema', found 'wma'"),
        ({"kind": ["sma"]}, "kind must be one of"),
    ],
)
def test_values_of_the_wrong_type_are_refused(given, says):
    with pytest.raises(ParameterError) as error:
        trend.bind(**given)
    assert says in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("fast", "7", 7),
        ("gain", "0.5", 0.5),
        ("gain", "3", 3.0),
        ("long_only", "no", False),
        ("long_only", "TRUE", True),
        ("kind", "ema", "ema"),
    ],
)
def test_text_from_a_command_line(name, text, value):
    found = trend.params[name].parse(text, "trend")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(("name", "text"), [("fast", "x"), ("fast", "1.5"), ("long_only", "maybe")])
def test_text_that_is_no_value(name, text):
    with pytest.raises(ParameterError):
        trend.params[name].parse(text, "trend")


@pytest.mark.parametrize("name", sorted(RESERVED))
@pytest.mark.parametrize("form", ["{}, close", "close, {}=3"])
def test_reserved_names_are_refused(name, form):
    space = {}
    exec(f"def mine({form.format(name)}): return close", space)
    with pytest.raises(StrategyError, match=f"'{name}' is an argument of backtest"):
        strategy(space["mine"])


@pytest.mark.parametrize(
    ("signature", "says"),
    [
        ("", "reads no column"),
        ("fast=3", "reads no column"),
        ("*close", "cannot be compiled"),
        ("close, **more", "cannot be compiled"),
        ("close, *, fast=3", "cannot be compiled"),
        ("close, kind='sma'", "say which are allowed: kind: Literal['sma', …]"),
        ("close, fast=None", "is of type NoneType"),
        ("close, fast=[1]", "is of type list"),
        ("close, kind: Literal['a', 'b'] = 'c'", "default 'c' of kind is not in"),
        ("close, fast: int = 2.5", "must be a whole number"),
    ],
)
def test_signatures_that_break_the_contract(signature, says):
    space = {"Literal": Literal}
    exec(f"def mine({signature}): return 0", space)
    with pytest.raises(StrategyError) as error:
        strategy(space["mine"])
    assert says in str(error.value)


async def coroutine(close): ...


def generator(close):
    yield close


@pytest.mark.parametrize("thing", [len, int, 3, "close", coroutine, generator])
def test_only_plain_functions(thing):
    with pytest.raises(StrategyError, match="needs a plain function"):
        strategy(thing)


@pytest.mark.parametrize(
    ("warmup", "says"),
    [
        (lambda slwo: slwo, "asks for 'slwo', which is no parameter; did you mean 'slow'"),
        (-1, "must not be negative"),
        (True, "no number of bars"),
        ("20", "no number of bars"),
    ],
)
def test_warmups_that_break_the_contract(warmup, says):
    with pytest.raises(StrategyError) as error:
        strategy(warmup=warmup)(lambda close, slow=3: close)
    assert says in str(error.value)


def test_a_warmup_that_fails_names_the_values():
    mine = strategy(warmup=lambda slow: 1 / slow)(lambda close, slow=3: close)
    assert mine.warmup(slow=3) == 1
    with pytest.raises(StrategyError, match="warm-up fails for slow=0: division by zero"):
        mine.warmup(slow=0)


@pytest.mark.parametrize("ends", [(3, 2), (1, 2, 0), (0, 2, None, True)])
def test_spans_that_cannot_be(ends):
    with pytest.raises(StrategyError, match="Span"):
        Span(*ends)


def test_a_strategy_prints_in_one_line_and_as_escaped_html():
    assert repr(trend).startswith("<strategy trend(close, daily, volume, fast=5, slow=20")

    @strategy
    def mine(close, kind: Literal["<script>", "b"] = "<script>"):
        """<b>bold</b> & more."""
        return close * 1.0

    html = mine._repr_html_()
    assert "<script>" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more." in html
    assert "2 to 50" in trend._repr_html_()
