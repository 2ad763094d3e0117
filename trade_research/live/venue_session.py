"""`VenueSession`: a session whose orders are real, and whose fills come when the venue says so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trade_research.brokers.venue import VenueBroker
from trade_research.feeds.bars import Row
from trade_research.live.session import Session
from trade_research.orders import Intent
from trade_research.risk.check import Approved

MAX_TROUBLES = 5


class VenueSession(Session):
    """A `Session` on a `VenueBroker`."""

    broker: VenueBroker
    _troubles = 0

    def look(self, now_ns: int) -> None:
        """Take up what the venue said since the last look."""
        for event, fields in self.broker.look(now_ns):
            self.on_venue(event, fields)

    def on_venue(self, event: str, fields: Mapping[str, Any]) -> None:
        """What became known of an order, or of the account: on record, then in force."""
        self._record(event, **fields)
        fill = self.broker.apply(event, fields)
        if fill is not None:
            self._settle(fill, fields["heard_ns"])
        self._forget_done()
        self.risk = self.risk.settled(self._open)
        if event == "reconcile" and fields["reason"]:
            self._latch("reconcile", fields["reason"])
        elif event in ("order_rejected", "order_unknown"):
            self._troubles += 1
            if self._troubles == MAX_TROUBLES:
                self._latch("broker", f"{MAX_TROUBLES} orders in a row went wrong")
        elif event == "order_closed":
            self._troubles = 0

    def release(self, by: str) -> None:
        """As of `Session`; what other hands changed in the account is taken as it is."""
        super().release(by)
        self.broker.is_paused, self._troubles = False, 0

    def _withdraw(self, row: Row) -> None:
        """What has left cannot be taken back."""

    def _terms(self, order: Approved) -> dict[str, Any]:
        return self.broker.terms(order)

    def _placed(self, intent: Intent) -> None:
        """The venue says itself what it has."""
