"""Expressions as text: what they mean, what is not known, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from tests.indicators.test_table import DEAR, N
from trade_research import indicators as i
from trade_research.errors import ExpressionError
from trade_research.indicators.expressions import parse
from trade_research.indicators.table import INDICATORS

pytestmark = pytest.mark.fast
SMALL = {"x": np.array([1.0, 2.0, 3.0, 2.0]), "y": np.array([2.0, 2.0, 2.0, 2.0])}
NAN = np.nan


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("x + 2 * y", [5, 6, 7, 6]),
        ("-x % 2", [1, 0, 1, 0]),
        ("x / (x - 1)", [NAN, 2, 1.5, 2]),
        ("ago(x, 1)", [NAN, 1, 2, 3]),
        ("total(x, 2)", [NAN, 3, 5, 5]),
        ("x > 1", [0, 1, 1, 1]),
        ("1 < x < 3", [0, 1, 0, 1]),
        ("not x > y", [1, 1, 0, 1]),
        ("ago(x, 1) > 1", [NAN, 0, 1, 1]),
        # What is not known stays so, unless the other side settles it.
        ("ago(x, 1) > 1 and x > 9", [0, 0, 0, 0]),
        ("ago(x, 1) > 1 and x > 0", [NAN, 0, 1, 1]),
        ("ago(x, 1) > 1 or x > 0", [1, 1, 1, 1]),
        ("ago(x, 1) > 1 or x > 9", [NAN, 0, 1, 1]),
        ("not ago(x, 1) > 1", [NAN, 1, 0, 0]),
        ("x / 0 > 5", [NAN] * 4),
        ("crosses_above(x, y)", [0, 0, 1, 0]),
        ("crosses_below(x, 2.5)", [NAN, 0, 0, 1]),
        ("within(x > 2, 2)", [NAN, 0, 1, 1]),
        ("count(x > 1, 2)", [NAN, 1, 2, 2]),
        ("min(x, y) + max(x, y)", [3, 4, 5, 4]),
        ("sqrt(abs(0 - x * x))", [1, 2, 3, 2]),
        ("bars * 2", [14, 14, 14, 14]),
    ],
)
def test_meaning(text, wanted):
    np.testing.assert_array_equal(parse(text)(SMALL | {"bars": 7.0}), np.array(wanted, float))


def test_columns_and_kinds():
    found = parse("rsi(close, 14) < 30 and close > sma(close, window=200)")
    assert found.is_condition
    assert found.columns == {"close"}
    assert not parse("close * volume").is_condition
    with pytest.raises(ExpressionError, match="reads 'vol'"):
        parse("vol > 1")(SMALL)


@pytest.mark.parametrize("name", sorted(INDICATORS))
def test_every_indicator_with_its_columns_and_without(name):
    row = INDICATORS[name]
    numbers = ", ".join(map(repr, row.parameters.values()))
    columns = ", ".join(row.columns)
    for output in row.outputs or ("",):
        field = f".{output}" if output else ""
        text = f"{name}({columns}{', ' if numbers else ''}{numbers}){field}"
        given = getattr(i, name)(*(DEAR[c] for c in row.columns), **row.parameters)
        wanted = getattr(given, output) if output else given
        np.testing.assert_array_equal(parse(text)(DEAR), wanted)
        if not {"x", "y"} & set(row.columns):
            np.testing.assert_array_equal(parse(f"{name}({numbers}){field}")(DEAR), wanted)
    if row.columns == ("x",):
        np.testing.assert_array_equal(
            parse(f"{name}({numbers})" + (f".{row.outputs[0]}" if row.outputs else ""))(DEAR),
            parse(f"{name}(close, {numbers})" + (f".{row.outputs[0]}" if row.outputs else ""))(
                DEAR
            ),
        )


def test_spread_equals_the_estimate_of_the_whole():
    bars = {k: DEAR[k] for k in ("high", "low", "close")}
    middle = 0.5 * (np.log(bars["high"]) + np.log(bars["low"]))
    last = np.log(bars["close"])
    products = 4 * (last[:-1] - middle[:-1]) * (last[:-1] - middle[1:])
    square = products[-50:].mean()
    np.testing.assert_allclose(parse("spread(50)")(bars)[-1], np.sqrt(max(square, 0)), atol=1e-12)


@pytest.mark.parametrize("text", ["sma(close, 20) > ago(close, 3)", "count(rsi(14) > 50, 9)"])
def test_no_bar_sees_a_later_one(text):
    whole = parse(text)(DEAR)
    for t in (1, 30, 100, N - 1):
        part = parse(text)({k: v[:t] for k, v in DEAR.items()})
        np.testing.assert_array_equal(part, whole[:t])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rsj(close, 14) < 30", "did you mean 'rsi'"),
        ("close >", "cannot be read at character"),
        ("close > > 3", "cannot be read"),
        ("", "cannot be read"),
        ("macd(close) > 0", "several outputs"),
        ("macd(close)", "name one after a dot"),
        ("macd(close).histo > 0", "histogram"),
        ("close.size > 0", "what has none"),
        ("sma > close", "is a function"),
        ("close and volume", "where a condition is wanted"),
        ("(close > 1) + 1", "where a number is wanted"),
        ("sma(close, 20, 30)", "takes the numbers window"),
        ("sma(close, windw=3)", "did you mean 'window'"),
        ("ago(close, -1)", "not negative"),
        ("ago(close, 1.5)", "whole number of bars"),
        ("ago(close)", "takes column, bars"),
        ("sma(close, close)", "where one number is wanted"),
        ("close is None", "no column, number"),
        ("close in volume", "not known; use <"),
        ("'a' > close", "no column, number"),
        ("True", "no column, number"),
        ("close[0]", "no column, number"),
        ("[c for c in close]", "no column, number"),
        ("(lambda: close)()", "no column, number"),
        ("__import__('os').system('true')", "no column|what has none|no output"),
        ("close.__class__", "what has none"),
        ("open('/etc/passwd')", "not known"),
        ("close ** 9", "no column, number"),
        ("(" * 500 + "close" + ")" * 500, "too deeply|cannot be read|too many"),
        ("close + " * 2000 + "close", "characters"),
    ],
)
def test_what_is_refused(text, says):
    with pytest.raises(ExpressionError, match=says):
        parse(text)({"close": np.ones(3), "volume": np.ones(3)})
