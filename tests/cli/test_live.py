"""`live`: nothing is sent unless everything that has to be so is so; then it trades, and closes."""

from __future__ import annotations

import json
import time
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

import trade_research as tr
from tests.cli.test_runs import call, data
from tests.live.test_polling import For
from tests.live.trading import SYMBOL, venue
from tests.standins.orders import KEY, SECRET, UID
from trade_research.errors import SessionError
from trade_research.live.certificate import sealed, write_once
from trade_research.live.guard import VARIABLE, check_account, check_willing
from trade_research.live.journal import scan
from trade_research.live.promotion import SCHEMA
from trade_research.settings.config import load_config
from trade_research.sources.registry import STAND_IN, open_source
from trade_research.store.store import Store

RISK = {
    "max_order_usd": 50_000.0,
    "max_position_usd": 50_000.0,
    "daily_loss_usd": 900.0,
    "max_drawdown": 0.5,
    "max_orders_per_minute": 600,
}
SECOND = 1_000


def configured(path: Path, *, mode: str = "live", account: str = "spot", **risk: Any) -> Path:
    text = {
        "mode": mode,
        "venue": "binance",
        "symbols": [SYMBOL],
        "interval": "1s",
        "account": account,
        "cash": 10_000.0,
        "strategy": {"name": "ma_crossover", "params": {"fast": 2, "slow": 3}},
        "risk": RISK | risk,
    }
    if "left_out" in risk:
        del text["risk"][risk["left_out"]], text["risk"]["left_out"]
    path.write_text(json.dumps(text))
    return path


def promoted(stages: Path) -> Path:
    strategy = tr.strategies.ma_crossover
    body = {
        "schema": SCHEMA,
        "stage": "live",
        "source_hash": strategy.source_hash,
        "params": dict(strategy.bind(fast=2, slow=3)),
    }
    write_once(stages / "one" / "live.json", sealed(body))
    return stages


@pytest.mark.parametrize("good", list(product([True, False], repeat=5)))
def test_only_the_full_set_is_willing(tmp_path: Path, good: tuple[bool, ...]) -> None:
    mode, limits, flag, variable, stage = good
    left = {} if limits else {"left_out": "daily_loss_usd"}
    config = load_config(configured(tmp_path / "c.yaml", mode="live" if mode else "paper", **left))
    given = {
        "accepts": flag,
        "environ": {VARIABLE: "1" if variable else "0"},
        "is_promoted": stage,
    }
    words = (
        "mode: live; it is 'paper'",
        "leaves out daily_loss_usd",
        "the flag --i-accept-real-orders",
        "variable TRADE_RESEARCH_LIVE=1",
        "was not promoted to live",
    )
    if all(good):
        assert check_willing(config, **given) is config
        return
    with pytest.raises(SessionError, match=words[good.index(False)]):
        check_willing(config, **given)
    with pytest.raises(SessionError, match="there is none"):
        check_willing(None, **given)


@pytest.mark.parametrize("typed", ["", "1", str(UID)])
@pytest.mark.parametrize("may_withdraw", [True, False])
def test_the_account_is_the_one_that_was_meant_and_its_key_can_only_trade(
    typed: str, may_withdraw: bool
) -> None:
    held = SimpleNamespace(uid=str(UID))
    port = SimpleNamespace(balances=lambda: held, may_withdraw=lambda: may_withdraw)
    if typed == str(UID) and not may_withdraw:
        assert check_account(port, typed) is held
        return
    what = "may withdraw" if typed == str(UID) else "is not the id"
    with pytest.raises(SessionError, match=what):
        check_account(port, typed)


def kline(ms: int) -> list[Any]:
    price = f"{60_000 + 20 * (ms // SECOND % 7 - 3)}.00"
    return [ms, price, price, price, price, "5.0", ms + SECOND - 1, "500.0", 3, "2", "200", "0"]


def klines(request: Any) -> object:
    first, last = int(request.query["startTime"]), int(request.query["endTime"])
    start = -(-first // SECOND) * SECOND
    now = time.time_ns() // 1_000_000
    return [kline(ms) for ms in range(start, min(last, now) + 1, SECOND)][:1000]


def stored(store: Store, rows: list[list[Any]]) -> None:
    names = ("open", "high", "low", "close", "volume")
    columns = {name: [float(row[1 + i]) for row in rows] for i, name in enumerate(names)}
    times = pl.Series([row[0] for row in rows]).cast(pl.Datetime("ms", "UTC"))
    bars = tr.frames.to_bars(pl.DataFrame({"ts": times} | columns), "1s")
    store.write_bars(bars, venue="binance", symbol=SYMBOL, interval="1s", calendar="24/7")


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A venue, keys, a store with the last minute, a stage: all that is needed."""
    monkeypatch.chdir(tmp_path)
    with venue() as made:
        made.routes["api.binance.com/api/v3/klines"] = klines
        monkeypatch.setenv(STAND_IN, made.at)
        monkeypatch.setenv(VARIABLE, "1")
        monkeypatch.setenv("BINANCE_KEY", KEY)
        monkeypatch.setenv("BINANCE_SECRET", SECRET)
        monkeypatch.setattr(
            "trade_research.research.feeds.feed_of",
            lambda *_: For(open_source("binance", to=made.at), 6.0),
        )
        monkeypatch.setattr("trade_research.research.trading.SETTLE_S", 0.0)
        promoted(tmp_path / "stages")
        configured(tmp_path / "live.yaml")
        yield made


def words(*more: str) -> list[str]:
    where = ["--store", "store", "--logs", "logs", "--stages", "stages"]
    return ["--config", "live.yaml", "live", "run", *where, *more]


ALL = ("--account-id", str(UID), "--i-accept-real-orders")


def test_every_refusal_sends_nothing(desk: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(match: str, *given: str) -> None:
        with pytest.raises(tr.errors.TradeResearchError, match=match):
            call(*words(*given))

    refused("is not the id", "--account-id", "7", "--i-accept-real-orders")
    refused("the flag", "--account-id", str(UID))
    desk.withdraws = True
    refused("may withdraw", *ALL)
    refused("real orders go to binance spot", *ALL, "--data", "kraken:BTC/USDT@1s")
    configured(Path("live.yaml"), account="perp")
    refused("are for account: spot", *ALL)
    configured(Path("live.yaml"))
    refused("was not promoted", *ALL, "-p", "fast=1")
    monkeypatch.delenv("BINANCE_SECRET")
    refused("binance needs a secret", *ALL)
    monkeypatch.delenv(VARIABLE)
    refused("variable", *ALL)
    assert desk.orders == []


def test_it_trades_and_is_closed_by_hand(desk: Any) -> None:
    now = time.time_ns() // 1_000_000_000 * 1_000
    stored(Store("store"), [kline(ms) for ms in range(now - 60_000, now - 1_000, SECOND)])
    code, out = call(*words(*ALL, "--json"))
    ended = data(out)["data"]
    assert (code, ended["ended"]) == (0, "stopped")
    assert desk.orders
    records = list(scan(Path("logs/live")))
    assert (records[0]["mode"], records[0]["account"]["uid"]) == ("live", str(UID))
    assert {r["order_id"] for r in records if r["event"] == "order_intent"} == {
        o["clientOrderId"] for o in desk.orders
    }
    assert KEY not in str(records)
    code, out = call("live", "status", "--logs", "logs", "--json")
    assert data(out)["data"]["equity"] == ended["status"]["equity"]

    desk.manual("BTCUSDT", "BUY", "0.001")
    with pytest.raises(SessionError, match="the flag"):
        call("live", "flatten", "--symbol", SYMBOL, "--logs", "logs")
    given = ("--symbol", SYMBOL, "--logs", "logs", "--i-accept-real-orders", "--json")
    code, out = call("live", "flatten", *given)
    assert (code, data(out)["data"]["is_flat"]) == (0, True)
    assert float(desk.balances["BTC"]) < 1e-5
    with pytest.raises(SessionError, match="was killed"):
        call(*words(*ALL))
