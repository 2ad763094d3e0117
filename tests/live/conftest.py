"""A venue for sessions with real orders."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from trade_research.brokers import emergency, order_machine, order_port

if TYPE_CHECKING:
    from tests.standins.orders import Venue


@pytest.fixture
def at_venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Venue]:
    """A venue whose windows are short."""
    from tests.live.trading import FENCE_S, venue  # counts of tests are known only by now

    monkeypatch.setattr(order_machine, "WINDOW_NS", 1_500_000_000)
    monkeypatch.setattr(order_port, "WINDOW_NS", 1_500_000_000)
    monkeypatch.setattr(order_machine, "MARGIN_NS", 300_000_000)
    monkeypatch.setattr(order_port, "TIMEOUT_S", 1.0)
    monkeypatch.setattr(emergency, "CONFIRM_S", 0.05)
    monkeypatch.setattr("trade_research.research.trading.SETTLE_S", FENCE_S)
    with venue() as made:
        yield made
