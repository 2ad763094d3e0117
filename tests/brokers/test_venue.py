"""What a real account asks for: differences to what it holds, in steps, within its money."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trade_research.brokers.lots import floored
from trade_research.brokers.venue import VenueBroker
from trade_research.feeds.bars import Row
from trade_research.simulate.accounts import Rules

SYMBOLS, BASES = ("BTC/USDT", "ETH/USDT"), ("BTC", "ETH")


def account(cash: float = 10_000.0) -> VenueBroker:
    rules = Rules(tick=[0.01, 0.01], lot=[0.001, 0.01], min_notional=[5.0, 5.0])
    broker = VenueBroker(SYMBOLS, BASES, "USDT", rules, cash=cash, fee_bps=10.0)
    bars = np.tile([[50_000.0, 2_000.0]], (5, 1))
    broker.on_row(Row(0, 60_000_000, 0, bars), None)
    broker.apply("reconcile", {"found": {"USDT": cash}, "reason": ""})
    return broker


def test_nothing_is_asked_before_the_account_is_known_nor_after_other_hands() -> None:
    broker = account()
    assert broker.asked(np.array([0.5, np.nan])) == {"BTC/USDT": 0.1}
    broker.apply("venue_connected", {})
    assert broker.asked(np.array([0.5, np.nan])) == {}
    broker.apply("reconcile", {"found": {"BTC": 1.0}, "reason": "the account changed"})
    assert broker.asked(np.array([0.0, 0.0])) == {}
    broker.is_paused = False
    assert broker.asked(np.array([0.0, 0.0])) == {"BTC/USDT": -1.0}


def test_buys_of_a_row_share_the_money_and_shorts_are_none() -> None:
    found = account().asked(np.array([0.9, 0.9]))
    assert found["BTC/USDT"] == 0.18
    assert found["ETH/USDT"] == pytest.approx(0.47)  # of what 0.18 × 50,301 × 1.001 leave
    spent = sum(q * p * 1.005 * 1.001 for q, p in zip(found.values(), (5e4, 2e3), strict=True))
    assert spent <= 10_000.0
    assert account().asked(np.array([-1.0, np.nan])) == {}
    assert account(cash=4.0).asked(np.array([1.0, 1.0])) == {}  # below the least order


@given(units=st.floats(-1e6, 1e6), places=st.integers(0, 8))
def test_sizes_are_whole_steps_toward_zero(units: float, places: int) -> None:
    step = float(f"1e-{places}")
    found = floored(units, step)
    assert abs(found) <= abs(units) + step * 1e-6
    assert abs(units) - abs(found) < step
    assert found == round(found, places)
    assert floored(found, step) == found
