"""Books of several instruments: an account each, added up as of every moment."""

from __future__ import annotations

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


def test_each_is_the_run_of_its_own_with_its_part_of_the_cash(both, books):
    for symbol, data in books.items():
        alone = tr.backtest(S1, data, cash=5_000.0, **SETTINGS)
        assert both.runs[symbol].equity.equals(alone.equity)
    fills = both.fills
    assert set(fills["symbol"]) == {"A", "B"}
    assert fills["arrived"].is_sorted()
    assert fills.height == sum(run.fills.height for run in both.runs.values()) > 20
    assert both.trades["exit_time"].is_sorted()
    assert both.orders.height == both.metrics["orders"]


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
