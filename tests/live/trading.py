"""A session with real orders on a stand-in venue, over stored minutes at any speed."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

import trade_research as tr
from tests.live.test_replay import START
from tests.standins.orders import KEY, SECRET, Venue
from trade_research.brokers.order_port import OrderPort
from trade_research.brokers.venue import VenueBroker
from trade_research.feeds.replay import Paced
from trade_research.live.runner import Ended
from trade_research.research.data import Data, read_data
from trade_research.research.paper import Paper
from trade_research.research.setup import Setup
from trade_research.research.trading import Trading, account_of
from trade_research.settings.secrets import Secret
from trade_research.simulate.accounts import Account

SYMBOL = "BTC/USDT"
FENCE_S = 1.8
"""After which an order of the tests can no longer come: window and margin, made short."""
LIMITS = tr.Limits.of_cash(10_000.0).but(
    max_order=50_000.0,
    max_position=50_000.0,
    max_gross=50_000.0,
    max_net=50_000.0,
    max_daily_loss=9_000.0,
    max_drawdown=9_000.0,
    max_orders_per_minute=10_000,
    max_orders_per_day=10_000,
    max_losses_in_a_row=10_000,
)


def wait_for(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 60.0
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def venue() -> Venue:
    return Venue({"USDT": "10000"}, {"BTCUSDT": "60000"})


def ports(at: str) -> Callable[[bool], OrderPort]:
    def open_port(is_urgent: bool) -> OrderPort:
        port = OrderPort(Secret(KEY), Secret(SECRET), [SYMBOL], to=at, is_patient=not is_urgent)
        port.connect()
        return port

    return open_port


@cache
def minutes(n: int) -> Data:
    """Up and down around the venue's 60,000, never beyond the reach of an order."""
    price = 60_000.0 + np.random.default_rng(5).integers(-90, 90, n)
    times = pl.datetime_range(START, START + pl.duration(minutes=n - 1), "1m", eager=True)
    names = ("open", "high", "low", "close")
    frame = pl.DataFrame({"ts": times} | dict.fromkeys(names, price) | {"volume": np.ones(n)})
    data = read_data(tr.frames.to_bars(frame, "1m", symbol=SYMBOL), "24/7")
    assert data.market.n_bars  # made here: Polars does not survive a fork
    return data


def trading(folder: Path, at: str, n: int = 60, **changes: Any) -> Trading:
    """A session on the venue, as its journal has it."""
    open_port = ports(at)
    port = open_port(False)
    account = account_of(port, port.balances(), folder)
    setup = Setup(tr.Costs(), Account.of("spot"), None, None, 1e4, "next_open", 0, None, False)
    strategy = tr.strategies.ma_crossover
    given: Mapping[str, Any] = {
        "name": "money",
        "folder": folder,
        "strategy": strategy,
        "params": strategy.bind(fast=2, slow=3),
        "data": minutes(n),
        "setup": replace(setup, cash=account["cash"]),
        "limits": LIMITS,
        "account": account,
        "open_port": open_port,
    }
    return Trading(**{**given, **changes})


def run(made: Trading, *, per_second: float = 0.0, linger_s: float = 0.0) -> Ended:
    """Over its minutes, so many in a second; or each when the orders of the one before are done.

    Then it waits a little more for what is on its way.
    """
    poll, connect = Paced.poll, VenueBroker.connect
    brokers: list[VenueBroker] = []

    def noted(broker: VenueBroker, *given: Any) -> Any:
        brokers.append(broker)
        return connect(broker, *given)

    def lingering(feed: Any, seconds: float) -> Any:
        if per_second == 0.0 and (brokers[-1].waiting or not brokers[-1].is_ready):
            time.sleep(0.002)
            return []
        bars = poll(feed, seconds)
        if bars is not None:
            return bars
        feed.end = getattr(feed, "end", time.monotonic() + linger_s)
        time.sleep(0.01)
        return None if time.monotonic() > feed.end else []

    Paced.poll, VenueBroker.connect = lingering, noted
    try:
        return Paper.replay(made, speed=60.0 * per_second)
    finally:
        Paced.poll, VenueBroker.connect = poll, connect
