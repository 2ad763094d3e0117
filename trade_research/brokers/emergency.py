"""Getting an account flat: by a connection of its own, waiting for no strategy, limiter or disk."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from trade_research.brokers.lots import floored
from trade_research.brokers.order_machine import MARGIN_NS, WINDOW_NS, Event, Order, Report, Trade
from trade_research.brokers.order_port import Balances
from trade_research.errors import BrokerError
from trade_research.orders import intent_id
from trade_research.simulate.accounts import Rules

AGAIN_S, MOST_S, PATIENCE_S = 0.1, 2.0, 60.0
CONFIRM_S = 0.5
SETTLE_S = (WINDOW_NS + MARGIN_NS) / 1e9
"""How long an order that somebody sent before may still come."""
LOOK_S = 0.02


class UrgentPort(Protocol):
    """What closing an account asks of a venue."""

    @property
    def symbols(self) -> tuple[str, ...]: ...
    def cancel_all(self, symbol: str) -> None: ...
    def balances(self) -> Balances: ...
    def rules(self) -> Rules: ...
    def assets(self) -> tuple[list[str], str]: ...
    def place(self, order: Order) -> Event: ...


@dataclass
class Flat:
    """How an account was closed.

    Attributes
    ----------
    trades : list of (symbol, Trade)
        What was sold, as far as the venue answered.
    left : dict of str to float
        Units that are still held and could be sold; empty when all is closed.
    dust : dict of str to float
        Units below the venue's least order.
    held : Balances, optional
        The account at the end, if it could be read.
    took_s : float
        Until it was flat for the first time.
    problems : list of str
    """

    trades: list[tuple[str, Trade]] = field(default_factory=list)
    left: dict[str, float] = field(default_factory=dict)
    dust: dict[str, float] = field(default_factory=dict)
    held: Balances | None = None
    took_s: float = math.inf
    problems: list[str] = field(default_factory=list)

    @property
    def is_flat(self) -> bool:
        """Whether nothing is left that could be sold, for all we know."""
        return not self.left and self.held is not None


def flatten(
    port: UrgentPort, session: str, *, settle_s: float = SETTLE_S, patience_s: float = PATIENCE_S
) -> Flat:
    """Cancel every open order, sell every base asset at the market, and see that it stays so.

    Parameters
    ----------
    port : UrgentPort
        Connected, and used by nothing else.
    session : str
        Orders are known as its own.
    settle_s : float
        So long an order sent before may still come: the account is watched until then.
    patience_s : float
        After which it gives up, and says what is left.
    """
    start, flat, pause, confirmed = time.monotonic(), Flat(), AGAIN_S, -math.inf
    while (now := time.monotonic() - start) < patience_s + settle_s:
        try:
            _cancel(port, flat)
            flat.left = _sell(port, session, flat)
        except Exception as error:  # whatever it is, nothing else will close the account
            flat.problems.append(str(error) or type(error).__name__)
            flat.held = None
        if not flat.is_flat:
            confirmed = -math.inf
            time.sleep(pause)
            pause = min(2.0 * pause, MOST_S)
            continue
        flat.took_s = min(flat.took_s, time.monotonic() - start)
        if math.isfinite(confirmed) and now >= settle_s:
            break
        confirmed, pause = now, AGAIN_S
        time.sleep(CONFIRM_S)
    return flat


def _cancel(port: UrgentPort, flat: Flat) -> None:
    """Cancel everything; what cannot be cancelled keeps nothing else from being sold."""
    for symbol in port.symbols:
        try:
            port.cancel_all(symbol)
        except BrokerError as error:
            flat.problems.append(str(error))


def _sell(port: UrgentPort, session: str, flat: Flat) -> dict[str, float]:
    """Sell what is free, once; what was there to be sold before."""
    flat.held, lots = port.balances(), port.rules().table(len(port.symbols))[:, 1].tolist()
    found: dict[str, float] = {}
    for symbol, base, lot in zip(port.symbols, port.assets()[0], lots, strict=True):
        held = flat.held.total.get(base, 0.0)
        units = floored(flat.held.free.get(base, 0.0), lot)
        flat.dust.pop(symbol, None)
        if units == 0.0:
            if held > lot:
                found[symbol] = held  # locked by an order that is still open
            elif held > 0.0:
                flat.dust[symbol] = held
            continue
        name = intent_id(session, f"{symbol}|flatten", time.time_ns())
        said = port.place(Order(name, symbol, -units))
        if isinstance(said, Report):
            flat.trades += [(symbol, trade) for trade in said.trades]
            found[symbol] = units
        elif "NOTIONAL" in getattr(said, "reason", ""):
            flat.dust[symbol] = held
        else:
            flat.problems.append(getattr(said, "reason", ""))
            found[symbol] = units
    return found


class Emergency:
    """Watches the kill latch in a thread of its own, and gets the account flat when it is set.

    Parameters
    ----------
    port : UrgentPort
        Connected, and used by nothing else.
    session : str
    is_killed : callable
        The latch.
    settle_s : callable
        As of `flatten`, asked when it begins.
    """

    def __init__(
        self,
        port: UrgentPort,
        session: str,
        is_killed: Callable[[], bool],
        settle_s: Callable[[], float],
    ) -> None:
        self.flat: Flat | None = None
        self.is_called = threading.Event()
        self._port, self._session = port, session
        self._is_killed, self._settle_s = is_killed, settle_s
        self._over, self._done = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="emergency", daemon=True)
        self._thread.start()

    def now(self) -> Flat:
        """Get the account flat, if that has not been done, and say how it went."""
        self.is_called.set()
        self._done.wait()
        assert self.flat is not None
        return self.flat

    def close(self) -> None:
        """Watch no longer; what has begun is finished."""
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not (self.is_called.is_set() or self._is_killed()):
            if self._over.is_set():
                return
            self.is_called.wait(LOOK_S)
        self.is_called.set()
        try:
            settle_s = self._settle_s()
            self.flat = flatten(self._port, self._session, settle_s=settle_s, patience_s=PATIENCE_S)
        except Exception as error:  # said at the end: whoever waits must hear of it
            self.flat = Flat(problems=[f"{type(error).__name__}: {error}"])
        finally:
            self._done.set()
