"""Books of several instruments: one cash, added up as of every moment."""

from __future__ import annotations

import numpy as np
import pytest

import trade_research as tr
from trade_research.errors import ConfigError
from trade_research.sources.book_demo import demo_books

S1 = tr.strategies.l2_imbalance
SETTINGS = {"costs": tr.Costs(fee_bps=2.0), "account": "margin", "latency": "50ms"}


@pytest.fixture(scope="module")
def books():
    late = demo_books(3, seed=2).books[600:]
    return {"A": demo_books(2, seed=1, every="250ms"), "B": late}


@pytest.fixture(scope="module")
def both(books):
    return tr.backtest(S1, books, cash=10_000.0, **SETTINGS)


def test_of_one_instrument_it_is_the_run_of_its_own(books):
    for symbol, data in books.items():
        alone = tr.backtest(S1, data, cash=5_000.0, **SETTINGS)
        found = tr.backtest(S1, {symbol: data}, cash=5_000.0, **SETTINGS)
        assert found.runs[symbol].equity.equals(alone.equity)
        assert found.orders.drop("symbol").equals(alone.orders)
        assert found.metrics["net"] == alone.metrics["net"]


def test_orders_of_all_are_in_the_order_of_time(both):
    fills = both.fills
    assert set(fills["symbol"]) == {"A", "B"}
    assert fills["arrived"].is_sorted()
    assert fills.height == sum(run.fills.height for run in both.runs.values()) > 20
    assert both.trades["exit_time"].is_sorted()
    assert both.orders.height == both.metrics["orders"]


def test_a_part_at_other_latencies_is_a_part_still(both, tmp_path):
    run = both.runs["B"]
    curve = {row["latency"]: row for row in run.latency_curve.iter_rows(named=True)}
    assert curve["50ms"]["net"] == run.metrics["net"]
    assert curve["500ms"]["net"] != run.metrics["net"]
    assert "l2_imbalance on B" in run.report(tmp_path / "b.html").read_text()


def test_equity_is_the_sum_of_what_was_last_known(both):
    curves = [
        dict(zip(run.equity["time"].to_physical(), run.equity["equity"], strict=True))
        for run in both.runs.values()
    ]
    moments = sorted(set().union(*curves))
    now, total = [5_000.0, 5_000.0], []
    for moment in moments:
        now = [curve.get(moment, last) for curve, last in zip(curves, now, strict=True)]
        total.append(sum(now))
    assert both.equity["time"].to_physical().to_list() == moments
    assert both.equity["equity"].to_list() == pytest.approx(total, rel=1e-12)
    assert both.metrics["net"] == pytest.approx(total[-1] - 10_000.0)
    peak, worst = 10_000.0, 0.0
    for value in total:
        peak = max(peak, value)
        worst = min(worst, value / peak - 1)
    assert both.metrics["max_drawdown"] == pytest.approx(worst)
    m = both.metrics
    assert m["break_even_bps"] == pytest.approx(1e4 * m["gross"] / m["notional"])
    assert "on 2 instruments" in repr(both)
    assert any(note.startswith("B: ") for note in both.warnings)


def test_what_cannot_be_run(books):
    with pytest.raises(ConfigError, match="there are no books"):
        tr.backtest(S1, {}, **SETTINGS)
    with pytest.raises(ConfigError, match="trades of 'C' have no books"):
        tr.backtest(S1, books, trades={"C": books["A"].trades}, **SETTINGS)
    late = SETTINGS | {"latency": np.zeros(3, np.int64)}
    with pytest.raises(ConfigError, match="one latency for all"):
        tr.backtest(S1, books, **late)
