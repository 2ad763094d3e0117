"""Orders over real sockets, every fault by its name: one order at most, and what became of it."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore
import httpx
import pytest

from tests.standins.orders import KEY, SECRET, UID, Venue
from tests.standins.tls import Authority
from trade_research.brokers import order_machine, order_port
from trade_research.brokers.desk import Desk, Holdings
from trade_research.brokers.emergency import flatten
from trade_research.brokers.order_machine import Order
from trade_research.brokers.order_port import OrderPort
from trade_research.errors import BrokerError
from trade_research.settings.secrets import Secret

ID = "12345678-aaaa-bbbb-cccc-0123456789ab"


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> Iterator[Venue]:
    """A venue; waits are short, loggers are loud, and no key may be in what they say."""
    for module in (order_machine, order_port):
        monkeypatch.setattr(module, "WINDOW_NS", 2_000_000_000)
    monkeypatch.setattr(order_machine, "MARGIN_NS", 500_000_000)
    monkeypatch.setattr(order_port, "TIMEOUT_S", 0.5)
    caplog.set_level(logging.DEBUG)
    with Venue({"USDT": "10000", "BTC": "0.1"}, {"BTCUSDT": "60000"}) as made:
        yield made
    for secret in (KEY, SECRET, "signature="):
        assert secret not in caplog.text


def port_to(venue: Venue, **options: Any) -> OrderPort:
    port = OrderPort(Secret(KEY), Secret(SECRET), ["BTC/USDT"], to=venue.at, **options)
    port.connect()
    return port


def lived(
    port: OrderPort,
    order: Order | None = None,
    until: Callable[[Order], bool] = lambda order: not order.is_open,
) -> tuple[Order, list[str]]:
    """An order through a desk until it is over, and what was told of it."""
    desk, told = Desk(port, lambda: True), []
    order = order or Order(ID, "BTC/USDT", 0.01)
    desk.submit(order)
    end = time.monotonic() + 30.0
    while not until(desk.orders[order.id]) and time.monotonic() < end:
        told += [tell.event for _, tell in desk.hear()]
        time.sleep(0.01)
    desk.close()
    assert not any("signature" in str(tell) or KEY in str(tell) for tell in told)
    return desk.orders[order.id], told


NEVER, ONCE = ("void", 0), ("filled", 1)
FAULTS = {
    "F1 request lost": ("request lost", NEVER),
    "F2 reply lost": ("reply lost", ONCE),
    "F3 slow reply": ("slow reply", ONCE),
    "F4 held and taken": ("held", ONCE),
    "F5 503 before": ("503 before", NEVER),
    "F5 503 after": ("503 after", ONCE),
    "F5 502 after": ("502 after", ONCE),
    "F5 500 after": ("500 after", ONCE),
    "F5 408 after": ("408 after", ONCE),
    "F5 -1006 before": ("-1006 before", NEVER),
    "F5 -1007 after": ("-1007 after", ONCE),
    "F5 -1000 after": ("-1000 after", ONCE),
    "F6 html": ("html", ONCE),
    "F6 empty object": ("empty object", ONCE),
    "F6 truncated": ("truncated", ONCE),
    "F6 another order": ("another order", ONCE),
    "F7 403 before": ("403 before", NEVER),
}


@pytest.mark.parametrize("name", FAULTS)
def test_what_is_unknown_is_found_out(venue: Venue, name: str) -> None:
    fault, (status, n_orders) = FAULTS[name]
    port = port_to(venue)
    venue.faults.append(fault)
    order, told = lived(port)
    assert (order.status, len(venue.placed(ID))) == (status, n_orders)
    assert told[0] == "order_unknown"
    assert told[-1] == ("order_closed" if n_orders else "order_void")
    assert order.traded == sum(float(t["qty"]) for t in venue.trades)


def test_held_longer_than_the_window_it_is_not_taken_and_nobody_thinks_so(venue: Venue) -> None:
    port = port_to(venue)
    venue.faults.append("held too long")  # F4: at the door when its client has hung up
    order, told = lived(port)
    assert (order.status, venue.placed(), told) == ("void", [], ["order_unknown", "order_void"])


@pytest.mark.parametrize("fault", ["429", "418", "-2010", "-1013", "-2015"])
def test_what_is_turned_away_is_not_asked_for(venue: Venue, fault: str) -> None:
    port = port_to(venue)
    venue.faults.append(f"{fault} before")
    order, told = lived(port)
    assert (order.status, venue.placed(), told) == ("rejected", [], ["order_rejected"])


def test_nobody_at_home_is_not_an_unknown_order(venue: Venue) -> None:
    port = port_to(venue)
    port.door._client.close()
    port.door.__dict__.pop("_client")
    port.door.to = "127.0.0.1:1"
    order, told = lived(port)
    assert (order.status, told) == ("rejected", ["order_rejected"])


def test_silence_is_kept_for_as_long_as_the_venue_asks_but_not_by_an_emergency(
    venue: Venue,
) -> None:
    port, urgent = port_to(venue), port_to(venue, is_patient=False)
    venue.faults.append("429 before")
    assert lived(port)[0].status == "rejected"
    asked = len(venue.asked)
    assert lived(port)[0].status == "rejected"
    with pytest.raises(BrokerError, match="silence"):
        port.balances()
    assert len(venue.asked) == asked
    urgent._quiet_until = port._quiet_until
    assert urgent.balances().uid == str(UID)
    while time.monotonic() < port._quiet_until:
        time.sleep(0.05)
    assert lived(port)[0].status == "filled"


def test_an_id_that_the_venue_has_already_is_adopted(venue: Venue) -> None:
    venue.rests, venue.script = True, ["0.4"]  # F8
    port = port_to(venue)
    assert lived(port, until=lambda order: bool(order.trades))[0].status == "placed"
    again, told = lived(port_to(venue), until=lambda order: bool(order.trades))
    assert (again.status, again.traded, len(venue.placed(ID))) == ("placed", 0.004, 1)
    assert told[:2] == ["order_unknown", "order_placed"]


@pytest.mark.parametrize("offset", [60.0, -60.0])
def test_a_clock_that_is_wrong_is_set_and_the_order_sent_once_more(
    venue: Venue, offset: float
) -> None:
    port = port_to(venue)
    venue.clock_offset = offset  # F9
    order, _ = lived(port)
    assert (order.status, order.sends, len(venue.placed(ID))) == ("filled", 2, 1)
    venue.clock_offset = -offset
    with pytest.raises(BrokerError, match="-1021"):
        port.balances()
    assert port.balances().total["BTC"] > 0.1
    venue.clock_offset = 2.0 * offset
    assert flatten(port, "money", settle_s=0.0).is_flat


def test_questions_that_fail_and_orders_that_show_late_are_not_absence(venue: Venue) -> None:
    venue.unseen_s = 0.3  # F10
    venue.asking.extend(["503 before", "request lost", "html", "truncated", "429 before", ""])
    port = port_to(venue)
    venue.faults.append("reply lost")
    order, _ = lived(port)
    assert (order.status, len(venue.placed(ID))) == ("filled", 1)


def test_a_limit_takes_what_it_gets_and_the_rest_is_cancelled(venue: Venue) -> None:
    venue.script = ["0.3", "0.2"]
    port = port_to(venue)
    order, told = lived(port, Order(ID, "BTC/USDT", -0.02, price=59_700.0))
    assert (order.status, order.traded, order.average_price) == ("cancelled", 0.01, 60_000.0)
    assert told == ["order_placed", "fill", "fill", "order_closed"]
    venue.script = ["1"]
    other = Order(ID.replace("b", "c"), "BTC/USDT", 0.01, price=59_000.0)  # does not reach
    order, told = lived(port, other)
    assert (order.status, told) == ("cancelled", ["order_placed", "order_closed"])


def test_what_ccxt_finds_wrong_is_not_sent(venue: Venue) -> None:
    port = port_to(venue)
    order, told = lived(port, Order(ID, "BTC/USDT", 0.000001))
    assert (order.status, venue.placed(), told) == ("rejected", [], ["order_rejected"])


def test_a_latch_that_is_set_meanwhile_stops_it_at_the_door(venue: Venue) -> None:
    desk = Desk(port_to(venue), lambda: False)
    desk.submit(Order(ID, "BTC/USDT", 0.01))
    while desk.orders[ID].is_open:
        desk.hear()
        time.sleep(0.01)
    assert venue.placed() == []


def test_holdings_are_told_and_that_they_are_not(venue: Venue) -> None:
    port = port_to(venue)
    desk, heard = Desk(port, lambda: True), []
    for expected in (1, 2):
        desk.ask_holdings()
        while len(heard) < expected:
            heard += [one for one in desk.hear() if isinstance(one, Holdings)]
            time.sleep(0.01)
        venue.routes.clear()
    assert heard[0].found.total == {"USDT": 10_000.0, "BTC": 0.1}
    assert heard[1].found is None


def test_keys_that_may_withdraw_are_known_and_nothing_here_can(venue: Venue) -> None:
    port = port_to(venue)
    assert not port.may_withdraw()
    venue.withdraws = True
    assert port.may_withdraw()
    venue.routes.clear()
    with pytest.raises(BrokerError):
        port.may_withdraw()
    asked = len(venue.asked)
    for call in ("sapi_post_capital_withdraw_apply", "sapi_post_asset_transfer"):
        with pytest.raises(BrokerError, match="nothing here may ask"):
            getattr(port._exchange, call)({"coin": "USDT"})
    assert len(venue.asked) == asked


class Loop(httpcore.NetworkBackend):
    """Every host is 127.0.0.1 and one port; `asked` are those that were wanted."""

    def __init__(self, at: str) -> None:
        self.asked: set[tuple[str, int]] = set()
        self._port, self._inner = int(at.rpartition(":")[2]), httpcore.SyncBackend()

    def connect_tcp(self, host: str, port: int, **options: Any) -> Any:
        self.asked.add((host, port))
        return self._inner.connect_tcp("127.0.0.1", self._port, **options)


def test_the_venues_own_address_with_tls(venue: Venue, tmp_path: Path) -> None:
    """Nothing of the client is changed but the way to the host."""
    authority = Authority(tmp_path)
    venue.serve_tls(authority.serve(["api.binance.com"]))
    port = OrderPort(Secret(KEY), Secret(SECRET), ["BTC/USDT"])
    transport, loop = httpx.HTTPTransport(verify=authority.trust()), Loop(venue.at)
    transport._pool._network_backend = loop
    port.door.__dict__["_client"] = httpx.Client(transport=transport, trust_env=False)
    port.connect()
    venue.faults.extend(["reply lost"])
    order, _ = lived(port)
    assert (order.status, len(venue.placed(ID))) == ("filled", 1)
    assert loop.asked == {("api.binance.com", 443)}
    port.door._client.close()
