"""The venue's own addresses, unchanged, answered on loopback over TLS."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.data import needs_data
from tests.feeds.test_socket import by_rest
from tests.feeds.test_venue_faults import run
from tests.standins.candles import Candles, candle
from tests.standins.tls import Authority, Loopback, sessions
from trade_research.feeds.socket import Socket

REST, STREAM = "api.binance.com", "stream.binance.com"
PERP_REST, PERP_STREAM = "fapi.binance.com", "fstream.binance.com"


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def refusal(venue: Candles, authority: Authority) -> tuple[str, Loopback]:
    """The first trouble of a socket that must not get a bar."""
    resolver = Loopback(venue.at)
    socket = Socket(
        "binance", ["BTC/USDT"], "1s", by_rest,
        session=sessions(resolver, authority.trust()), re_dial_s=0.1,
    )  # fmt: skip
    try:
        end = time.monotonic() + 30.0
        while time.monotonic() < end:
            assert socket.poll(0.05) == []
            if found := socket.troubles():
                return found[0], resolver
    finally:
        socket.close()
    raise AssertionError("not a word in half a minute")


@needs_data
def test_bars_come_once_and_in_order_from_the_addresses_of_production(
    authority: Authority,
) -> None:
    sent: list[int] = []

    def plan(ms: int, rng: random.Random) -> Sequence[str] | None:
        sent.append(ms)
        return None if len(sent) == 2 else [json.dumps(candle(ms))]

    with Candles(plan, tls=authority.serve([REST, STREAM])) as venue:
        resolver = Loopback(venue.at)
        session = sessions(resolver, authority.trust())
        rows, warned, socket = run("", lambda _: len(sent) > 4, session=session, re_dial_s=0.2)
        assert venue.subscribed >= 2
    assert len(rows) >= 4
    assert warned == []
    assert socket.bad_frames == 0
    assert any("Connection closed" in text for text in socket.troubles())
    assert resolver.asked == {(REST, 443), (STREAM, 9443)}


@needs_data
def test_perpetuals_come_from_their_own_addresses(authority: Authority) -> None:
    with Candles(tls=authority.serve([PERP_REST, PERP_STREAM])) as venue:
        resolver = Loopback(venue.at)
        socket = Socket(
            "binance_usdm", ["BTC/USDT:USDT"], "1s", by_rest,
            session=sessions(resolver, authority.trust()),
        )  # fmt: skip
        bars = socket.poll(30.0)
        socket.close()
    assert [bar.symbol for bar in bars] == ["BTC/USDT:USDT"]
    assert socket.troubles() == []
    assert resolver.asked == {(PERP_REST, 443), (PERP_STREAM, 443)}


@needs_data
def test_a_certificate_of_another_authority_is_refused(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Authority(tmp_path / "other")
    with Candles(tls=other.serve([REST, STREAM])) as venue:
        trouble, resolver = refusal(venue, authority)
        assert venue.dials == 0
    assert trouble.startswith("socket: ExchangeNotAvailable: binance GET https://api.binance.com/")
    assert "certificate verify failed" in trouble
    assert resolver.asked == {(REST, 443)}


@needs_data
def test_a_certificate_for_another_host_is_refused(authority: Authority) -> None:
    with Candles(tls=authority.serve([REST, "elsewhere.example"])) as venue:
        trouble, resolver = refusal(venue, authority)
        assert venue.dials == 0
    assert trouble.startswith("socket: NetworkError: ")
    assert f"certificate is not valid for '{STREAM}'" in trouble
    assert (STREAM, 9443) in resolver.asked
