"""`Trading`: a session with real money, the same as on paper but for its broker."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from trade_research.brokers.desk import Desk
from trade_research.brokers.emergency import SETTLE_S, Emergency
from trade_research.brokers.venue import VenueBroker
from trade_research.errors import SessionError
from trade_research.live.journal import scan
from trade_research.live.venue_session import VenueSession
from trade_research.research.paper import Paper
from trade_research.simulate.accounts import Rules

if TYPE_CHECKING:
    from trade_research.brokers.order_port import Balances, OrderPort
    from trade_research.live.latch import Latch
    from trade_research.live.runner import Ended
    from trade_research.live.session import Session


@dataclass(frozen=True)
class Trading(Paper):
    """All that a session with real money is made of.

    Attributes
    ----------
    account : mapping
        `account_of` the venue at its start.
    open_port : callable
        A new connected port; with True, one that waits for nothing.
    """

    kind: ClassVar[type[Session]] = VenueSession
    account: Mapping[str, Any] = field(kw_only=True)
    open_port: Callable[[bool], OrderPort] = field(kw_only=True)

    @property
    def settings(self) -> dict[str, Any]:
        """As of `Paper`, with the account."""
        return super().settings | {"mode": "live", "account": dict(self.account)}

    def replay(self, **_: Any) -> Ended:
        """Refused: no order is sent for what a market did long ago."""
        raise SessionError("a session with real orders does not run over stored bars: use Paper")

    def _broker(self) -> VenueBroker:
        rules = Rules(*(self.account[name] for name in ("tick", "lot", "min_notional")))
        return VenueBroker(
            self.data.market.symbols,
            self.account["bases"],
            self.account["quote"],
            rules,
            cash=self.account["cash"],
            fee_bps=self.setup.costs.fee_bps,
        )

    @contextmanager
    def _connected(self, session: Session, latch: Latch) -> Iterator[None]:
        assert isinstance(session, VenueSession)
        with alone(self.folder.parent / f"account-{self.account['uid']}.lock"):
            yield from self._at_venue(session, session.broker, latch)

    def _at_venue(self, session: VenueSession, broker: VenueBroker, latch: Latch) -> Iterator[None]:
        desk = Desk(self.open_port(False), lambda: not (latch.is_set or broker.is_halted))
        emergency = Emergency(
            self.open_port(True),
            self.name,
            lambda: latch.is_set,
            lambda: SETTLE_S if broker.waiting else 0.0,
        )
        try:
            for event, fields in broker.connect(desk, emergency.now):
                session.on_venue(event, fields)
            yield
        finally:
            desk.close()
            emergency.close()


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which dies with the process; SessionError where another has it."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    handle = os.open(path, flags, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SessionError(f"another session trades this account: {path} is locked") from None
        yield
    finally:
        os.close(handle)


def account_of(port: OrderPort, found: Balances, folder: Path) -> dict[str, Any]:
    """What a session has to know of its account: of one taken up again, the money it began with.

    Raises
    ------
    SessionError
        A new session's account holds what would be traded: it would be sold.
    """
    bases, quote = port.assets()
    tick, lot, least = port.rules().table(len(bases)).T.tolist()
    start = next(scan(folder, []), None)
    if start is None:
        for base, step in zip(bases, lot, strict=True):
            if found.total.get(base, 0.0) > step:
                raise SessionError(
                    f"the account holds {found.total[base]:g} {base}, which a session would take "
                    "for its own: sell it, or give the session an account of its own"
                )
    return {
        "uid": found.uid,
        "bases": bases,
        "quote": quote,
        "cash": found.total.get(quote, 0.0) if start is None else start["account"]["cash"],
        "tick": tick,
        "lot": lot,
        "min_notional": least,
    }
