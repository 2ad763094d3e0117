"""A replay through feed, risk, paper broker and journal is the backtest, bit for bit."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import count
from tests.live.faults import Rough
from trade_research.errors import SessionError
from trade_research.live.journal import scan

START_AT = datetime(2024, 1, 1, tzinfo=UTC)
START = pl.datetime(2024, 1, 1, time_zone="UTC")


def walk(seed: int, n: int = 400, symbols: int = 1) -> pl.DataFrame:
    """Minute bars of random walks; a few bars without volume, an outage, ragged starts."""
    rng = np.random.default_rng(seed)
    parts = []
    for s in range(symbols):
        close = 100.0 * np.exp(np.cumsum(rng.normal(0.0, 0.004, n)))
        open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0.0, 0.001, n))
        high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0.0, 0.002, n)))
        low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0.0, 0.002, n)))
        volume = rng.uniform(1.0, 9.0, n) * (rng.random(n) > 0.02)
        times = pl.datetime_range(
            START, START + pl.duration(minutes=n - 1), "1m", eager=True, time_unit="us"
        )
        frame = pl.DataFrame(
            {"ts": times, "open": open_, "high": high, "low": low, "close": close, "volume": volume}
        )
        keep = np.ones(n, dtype=bool)
        keep[n // 2 : n // 2 + 7] = False
        keep[: 13 * s] = False
        bars = tr.frames.to_bars(frame.filter(keep), "1m", symbol=f"S{s}" if symbols > 1 else None)
        parts.append(bars)
    return pl.concat(parts)


def hourly(symbols: int, n: int = 8) -> pl.DataFrame:
    """A funding rate every hour, stamped a little after it; marks of every second one."""
    hours, rng = np.arange(-1, n), np.random.default_rng(0)
    parts = [
        pl.DataFrame(
            {
                "time": [START_AT + timedelta(hours=int(h), milliseconds=7) for h in hours],
                "funding_rate": rng.normal(1e-4, 1e-3, hours.size),
                "mark_price": [100.0 + h if h % 2 else None for h in hours.tolist()],
                "symbol": f"S{s}" if symbols > 1 else "asset",
            }
        )
        for s in range(symbols)
    ]
    return pl.concat(parts)


SETUPS: dict[str, dict[str, Any]] = {
    "perp": {"account": "perp"},
    "plain": {},
    "short": {"account": "margin"},
    "exits": {"exits": tr.Exits(stop=0.01, take_profit=0.02, cooldown=3)},
    "rebalanced": {"rebalance": 0.02},
    "ruled": {"rules": tr.Rules(lot=0.01, min_notional=10.0)},
}


def assert_equal(one: Any, other: Any) -> None:
    for name in ("equity", "orders", "fills", "trades"):
        mine, theirs = getattr(one, name), getattr(other, name)
        assert mine.equals(theirs), name
    a, b = one.run.result.equity, other.result.equity
    assert a.view(np.int64).tolist() == b.view(np.int64).tolist()


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.parametrize("symbols", [1, 3])
def test_a_replay_is_the_backtest(setup: str, symbols: int) -> None:
    bars = walk(1, symbols=symbols)
    given = {"fast": 3, "slow": 9, "calendar": "24/7", "cash": 10_000.0} | SETUPS[setup]
    if setup == "perp":
        given["funding"] = hourly(symbols)
    run = tr.backtest(tr.strategies.ma_crossover, bars, **given)
    assert run.result.fills.size > 10
    rough = Rough(1, restart=0.01)
    found = tr.replay(tr.strategies.ma_crossover, bars, seconds=0.2, transport=rough, **given)
    assert_equal(found, run)
    assert rough.restarts > 0
    assert ("funding" in found.journal["event"]) == (setup == "perp")


@pytest.mark.parametrize(
    ("name", "symbols", "given"),
    [
        ("cross_momentum", 3, {"lookback": 30, "skip": 0, "every": 10}),
        ("pairs_spread", 2, {}),
        ("ma_crossover", 3, {"fast": 3, "slow": 9, "portfolio": tr.EqualWeight(gross=1.0)}),
        (
            "ma_crossover",
            3,
            {"fast": 3, "slow": 9, "portfolio": tr.InverseVolatility(lookback=20, every="1h")},
        ),
    ],
)
def test_what_sees_many_symbols_is_replayed_though_some_begin_later(
    name: str, symbols: int, given: dict[str, Any]
) -> None:
    strategy, bars = getattr(tr.strategies, name), walk(4, symbols=symbols)
    given = given | {"account": "margin", "costs": tr.Costs.zero()}
    run = tr.backtest(strategy, bars, calendar="24/7", **given)
    again = tr.replay(strategy, bars, calendar="24/7", **given)
    assert run.fills["symbol"].n_unique() == symbols
    assert_equal(again, run)
    if name == "cross_momentum":  # what a symbol was ranked by is told with its signals
        told = again.journal.filter(pl.col("event") == "signal_generated")["record"]
        assert all("change" in json.loads(record)["signal"]["reason"] for record in told)


@pytest.mark.parametrize("seed", range(count(100)))
def test_bars_late_double_swapped_or_lost_and_restarts_heal(seed: int) -> None:
    bars = walk(seed, n=150, symbols=1 + seed % 2)
    given = {"fast": 3, "slow": 9, "calendar": "24/7"}
    rough = Rough(seed, restart=0.05)
    run = tr.backtest(tr.strategies.ma_crossover, bars, **given)
    found = tr.replay(tr.strategies.ma_crossover, bars, seconds=0.1, transport=rough, **given)
    assert_equal(found, run)
    assert rough.restarts > 0
    assert found.duplicates > 0
    kinds = found.journal["event"].unique().to_list()
    assert "recovered" in kinds
    assert "bar_warning" not in kinds


def test_an_outage_is_on_record_once(tmp_path: Path) -> None:
    tr.replay(tr.strategies.buy_and_hold, walk(2), calendar="24/7", seconds=0.1, journal=tmp_path)
    skipped = [r for r in scan(tmp_path) if r["event"] == "bar_skipped"]
    assert len(skipped) == 1
    assert (skipped[0]["bar"]["end_us"] - skipped[0]["bar"]["open_us"]) == 7 * 60_000_000


def test_what_is_on_record_leads_from_bar_to_fill(tmp_path: Path) -> None:
    run = tr.replay(
        tr.strategies.ma_crossover,
        walk(3),
        fast=3,
        slow=9,
        calendar="24/7",
        seconds=0.1,
        journal=tmp_path,
    )
    records = list(scan(tmp_path))
    placed = {r["order_id"] for r in records if r["event"] == "order_placed"}
    signalled = {r["signal"]["id"] for r in records if r["event"] == "signal_generated"}
    fills = [r for r in records if r["event"] == "fill"]
    assert placed == signalled
    assert {f["order_id"] for f in fills} <= placed
    assert [f["price"] for f in fills] == run.fills["price"].to_list()
    assert records[-1]["event"] == "shutdown"
    assert records[-1]["equity"] == run.run.result.equity[-1]


def test_limits_that_nothing_reaches_change_no_bit_and_tight_ones_bind() -> None:
    bars = walk(4)
    given = {"fast": 3, "slow": 9, "calendar": "24/7", "seconds": 0.1}
    wide = tr.Limits.of_cash(100_000.0).but(
        max_orders_per_minute=99, max_daily_loss=90_000.0, max_drawdown=90_000.0
    )
    free = tr.replay(tr.strategies.ma_crossover, bars, **given)
    within = tr.replay(tr.strategies.ma_crossover, bars, limits=wide, **given)
    assert within.equity.equals(free.equity)
    few = tr.replay(
        tr.strategies.ma_crossover, bars, limits=wide.but(max_orders_per_day=2), **given
    )
    blocked = few.journal.filter(pl.col("event") == "risk_block")
    assert blocked.height > 0
    # The two entries and their exits: closing counts against no limit.
    assert few.fills["side"].to_list() == ["buy", "sell", "buy", "sell"]


def test_a_drawdown_latches_and_positions_can_still_be_closed() -> None:
    bars = walk(5, n=600)
    limits = tr.Limits.of_cash(100_000.0).but(
        max_orders_per_minute=99, max_drawdown=500.0, max_daily_loss=99_000.0
    )
    found = tr.replay(
        tr.strategies.ma_crossover,
        bars,
        fast=3,
        slow=9,
        calendar="24/7",
        limits=limits,
        seconds=0.1,
    )
    events = found.journal["event"].to_list()
    assert events.count("risk_latch") == 1
    after = events[events.index("risk_latch") :]
    assert after.count("order_intent") <= 1
    assert found.run.result.position[-1, 0] == 0.0
    assert "risk_block" in after


def test_what_was_recorded_before_a_replay_failed_is_in_its_journal(tmp_path: Path) -> None:
    class Broken(Rough):
        def carry(self, row: int, bars: list[Any]) -> Any:
            if row == 50:
                raise OSError("the line is cut")
            return bars

    given = {"calendar": "24/7", "seconds": 0.1, "journal": tmp_path, "transport": Broken(1)}
    with pytest.raises(OSError, match="the line is cut"):
        tr.replay(tr.strategies.buy_and_hold, walk(6, n=90), **given)
    assert sum(r["event"] == "bar_received" for r in scan(tmp_path)) == 50


def test_a_folder_with_a_journal_is_refused(tmp_path: Path) -> None:
    given = {"calendar": "24/7", "seconds": 0.1, "journal": tmp_path}
    tr.replay(tr.strategies.buy_and_hold, walk(6, n=20), **given)
    with pytest.raises(SessionError, match="has the journal of a session"):
        tr.replay(tr.strategies.buy_and_hold, walk(6, n=20), **given)
