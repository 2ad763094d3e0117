"""Perpetuals through the desk: funding from a frame, a rate or the store; report, check, rerun."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.strategies.make_panel import HOUR, long_frame
from trade_research.errors import ConfigError, SimulationError
from trade_research.report.sections.costs import _steps
from trade_research.research.rerun import run_again

FREE = tr.Costs.zero()
WHERE = {"venue": "binance_usdm", "symbol": "BTC/USDT:USDT"}
NAME = "binance_usdm:BTC/USDT:USDT@1h"


def one(n=48, price=100.0):
    return long_frame({"A": np.full(n, price)}).drop("symbol")


def rates(n=48, rate=1e-3):
    hours = range(0, n, 8)
    times = pl.Series([h * HOUR for h in hours]).cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame({"time": times, "funding_rate": [rate] * len(hours)})


def hold(bars, **more):
    return tr.backtest(tr.strategies.buy_and_hold, bars, costs=FREE, calendar="24/7", **more)


def test_a_frame_and_a_rate_are_paid_alike():
    # All in from hour 1 on: 5 stamps at 8, 16 … 40 hours, each a thousandth of 100,000.
    for funding in (rates(), 1e-3):
        run = hold(one(), account="perp", funding=funding)
        assert run.result.funding_paid == pytest.approx(500.0)
        assert run.metrics["funding_paid"] == pytest.approx(500.0)
        assert run.metrics["cost_paid"] == pytest.approx(500.0)
        assert run.metrics["total_return"] == pytest.approx(-0.005)
    short = tr.backtest(short_always, one(), account="perp", funding=1e-3, costs=FREE)
    assert short.result.funding_paid == pytest.approx(-500.0)


@tr.strategy
def short_always(close):
    return np.full(close.size, -1.0)


@tr.strategy
def fades_funding(close, funding_rate):
    """Short while longs pay more than a basis point."""
    return np.where(funding_rate > 1e-4, -1.0, 0.0)


def test_without_rates_a_perpetual_is_refused_and_with_them_another_account():
    with pytest.raises(SimulationError, match="rates are not known"):
        hold(one(), account="perp")
    with pytest.raises(ConfigError, match="'spot' account pays none"):
        hold(one(), funding=rates())
    with pytest.raises(SimulationError, match="no rate between 1970-01-02 08:00"):
        hold(one(), account="perp", funding=rates(40))


def test_a_strategy_reads_the_rate_that_was_known_at_the_close():
    table = rates().with_columns(
        funding_rate=pl.Series([0.0, 2e-4, 0.0, 2e-4, 2e-4, 0.0])  # stamps of 0, 8 … 40 hours
    )
    run = tr.backtest(fades_funding, one(), account="perp", funding=table, costs=FREE)
    # Stamped as the bar before closes, it is settled then or a little later: the bar from hour 8 to
    # hour 9 is the first to know it.
    assert run.fills["bar"].to_list() == [9, 17, 25, 41]
    # Held through 16 (0), 32 (2 bp received) and 40 (0); at 8 and 24 it came too late.
    paid = run.result.funding_frame
    assert paid["paid"].to_list() == pytest.approx([0.0, -0.0002 * 100_000, 0.0], abs=1e-9)
    assert run.check.passed, str(run.check)
    spot = tr.backtest(fades_funding, one(), account="margin", funding=table, costs=FREE)
    assert spot.fills["bar"].to_list() == [9, 17, 25, 41]
    assert spot.result.funding_paid == 0.0


def test_the_waterfall_shows_funding_and_adds_up():
    run = tr.backtest(
        tr.strategies.buy_and_hold, one(), account=tr.Account("perp", leverage=2.0), funding=1e-3
    )
    steps = dict(_steps(run.page))
    assert steps["Funding"] == pytest.approx(-run.result.funding_paid) != 0.0
    assert steps["Gross"] + sum(v for k, v in steps.items() if k not in ("Gross", "Net")) == (
        pytest.approx(steps["Net"])
    )
    assert steps["Net"] == pytest.approx(run.equity["equity"][-1] - 100_000.0)


def test_the_report_names_it(tmp_path):
    run = hold(one(), account="perp", funding=1e-3)
    page = run.report(tmp_path / "run.html").read_text(encoding="utf-8")
    assert "Funding" in page
    assert "perp account" in page


@pytest.fixture
def store(tmp_path):
    found = tr.Store(tmp_path)
    start = datetime(2025, 1, 1, tzinfo=UTC)
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 240)))
    bars = pl.DataFrame(
        {
            "ts": [start + timedelta(hours=k) for k in range(240)],
            "open": close, "high": close * 1.01, "low": close * 0.99, "close": close,
            "volume": np.ones(240),
        }
    )  # fmt: skip
    found.write_bars(bars, interval="1h", calendar="24/7", **WHERE)
    times = [start + timedelta(hours=8 * k) for k in range(30)]
    found.write_funding(
        pl.DataFrame({"ts": times, "funding_rate": rng.normal(1e-4, 1e-4, 30)}), **WHERE
    )
    return found


def test_a_query_brings_its_own_rates_and_runs_again_to_the_same_hashes(store, tmp_path):
    run = tr.backtest(
        tr.strategies.ma_crossover, store.query(NAME), fast=3, slow=10,
        account=tr.Account("perp", leverage=3.0),
    )  # fmt: skip
    assert run.result.funding_paid != 0.0
    assert run.manifest["data"]["funding"]["rows"] == 30
    again = run_again(run.manifest, store.root)
    assert again.ok, again.hashes
    assert again.run.result.funding_paid == run.result.funding_paid
    # BTC's own maintenance, though a single instrument's bars carry no symbol.
    assert run.result.symbols == ("BTC/USDT:USDT",)
    # A frame passed by hand goes before the store's.
    free = tr.backtest(tr.strategies.buy_and_hold, store.query(NAME), account="perp", funding=0.0)
    assert free.result.funding_paid == 0.0


def test_a_saved_run_keeps_what_was_paid(store, tmp_path):
    run = tr.backtest(tr.strategies.buy_and_hold, store.query(NAME), account="perp")
    kept = tr.load_run(run.save(tmp_path / "runs").folder)
    assert kept.metrics["funding_paid"] == pytest.approx(run.result.funding_paid)
