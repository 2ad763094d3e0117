"""No answer is taken for more than it says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import count
from trade_research.brokers.answers import outcome
from trade_research.brokers.order_machine import Lost, Order, Refused, Report
from trade_research.sources.http import Answer

ORDER = Order("12345678-aaaa", "BTC/USDT", 0.5)
HONEST: dict[str, Any] = {
    "orderId": 7,
    "clientOrderId": ORDER.id,
    "symbol": "BTCUSDT",
    "side": "BUY",
    "origQty": "0.50000000",
    "executedQty": "0.50000000",
    "status": "FILLED",
    "fills": [
        {
            "tradeId": 1,
            "qty": "0.5",
            "price": "100",
            "commission": "0.0005",
            "commissionAsset": "BTC",
        }
    ],
}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=8,
)


def heard(status: int, body: Any) -> Any:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return outcome(ORDER, "BTCUSDT", Answer("https://v/order", status, {}, raw), 5)


def test_an_honest_answer_is_a_report() -> None:
    found = heard(200, HONEST)
    assert isinstance(found, Report)
    assert (found.order_id, found.executed, found.is_over) == ("7", 0.5, True)
    assert [(t.id, t.quantity, t.price, t.fee, t.fee_asset) for t in found.trades] == [
        ("1", 0.5, 100.0, 0.0005, "BTC")
    ]


@settings(max_examples=count(4_000))
@given(
    field=st.sampled_from(sorted(HONEST)),
    value=JSON,
    status=st.sampled_from([200, 201, 302, 400, 404, 500]),
)
def test_one_wrong_field_makes_it_unknown(field: str, value: Any, status: int) -> None:
    harmless = field in ("status", "executedQty", "fills", "origQty", "orderId")
    found = heard(status, {**HONEST, field: value})
    if isinstance(found, Report):
        assert status == 200
        assert harmless or value == HONEST[field]
    else:
        assert isinstance(found, Lost)
        assert found.signed_ns == 5


@settings(max_examples=count(4_000))
@given(status=st.integers(100, 599), body=JSON | st.binary(max_size=40))
def test_whatever_else_comes_is_never_an_order(status: int, body: Any) -> None:
    assert isinstance(heard(status, body), Lost | Refused)


CODES = {
    (400, -1013): Refused,
    (400, -1021): Refused,
    (400, -1100): Refused,
    (400, -1199): Refused,
    (400, -1200): Lost,
    (400, -2010): Refused,
    (401, -2015): Refused,
    (400, -1000): Lost,
    (400, -1001): Lost,
    (400, -1006): Lost,
    (408, -1007): Lost,
    (400, -1008): Lost,
    (503, -1013): Lost,
    (403, -2015): Lost,
    (429, -1003): Refused,
    (418, -1003): Refused,
    (200, -2010): Lost,
}


@pytest.mark.parametrize(("said", "kind"), CODES.items(), ids=str)
def test_codes(said: tuple[int, int], kind: type) -> None:
    status, code = said
    found = heard(status, {"code": code, "msg": "no"})
    assert isinstance(found, kind)
    assert getattr(found, "is_clock", False) == (code == -1021)


def test_a_duplicate_is_there_already() -> None:
    assert isinstance(heard(400, {"code": -2010, "msg": "Duplicate order sent."}), Lost)
