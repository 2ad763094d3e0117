"""Backtests on stored bars are counted, and what is counted discounts their luck."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import timedelta

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.sweep.test_walkforward import above, daily
from trade_research.evidence.days import utc_day_rows
from trade_research.evidence.luck import luck_of, luck_variance
from trade_research.metrics.sharpe import deflated_sharpe_ratio, expected_maximum_sharpe
from trade_research.report.verdict import judge
from trade_research.store import Ledger

NAME = "binance:X@1d"


@pytest.fixture
def store(tmp_path):
    made = tr.Store(tmp_path)
    made.write_bars(daily(), venue="binance", symbol="X", interval="1d")
    return made


def test_no_way_round_on_a_query(store):
    """Queries, frames of the store, slices by the store: all are counted; files are not."""
    tr.backtest(above, store.query(NAME), days=2)
    tr.backtest(above, store.bars("X", "1d"), days=3)
    tr.backtest(above, store.query(NAME, "2020-06-01"), days=4)
    tr.backtest(above, daily(), days=5, calendar="24/7")  # a bare frame
    assert Ledger(store.root).count(NAME).n == 3


def test_costs_and_revisions_add_nothing_and_exits_do(store):
    for costs in (None, tr.Costs.zero(), tr.Costs(fee_bps=50)):
        tr.backtest(above, store.query(NAME), days=2, costs=costs)
    revised = daily().with_columns(pl.col("close") * 1.0001, pl.col("high") * 1.001)
    store.write_bars(revised, venue="binance", symbol="X", interval="1d")
    tr.backtest(above, store.query(NAME), days=2, cash=5.0, delay=1)
    assert Ledger(store.root).count(NAME).n == 1
    tr.backtest(above, store.query(NAME), days=2, exits=tr.Exits(stop=0.05))
    tr.backtest(above, store.query(NAME), days=2, exits=tr.Exits())  # none at all
    assert Ledger(store.root).count(NAME).n == 2


def test_another_text_of_the_strategy_is_another_trial(store):
    @tr.strategy(warmup=lambda days: days)
    def above(close, days: int = 5):
        out = np.zeros(close.size)
        for t in range(days, close.size):
            out[t] = 1.0 if close[t] >= close[t - days] else 0.0
        return out

    tr.backtest(globals()["above"], store.query(NAME), days=2)
    tr.backtest(above, store.query(NAME), days=2)
    assert Ledger(store.root).count(NAME).n == 2


def test_the_manifest_keeps_the_count_and_the_report_uses_it(store, tmp_path):
    for days in (2, 3, 5, 8):
        run = tr.backtest(above, store.query(NAME), days=days)
    ledger = Ledger(store.root)
    found = ledger.count(NAME)
    assert run.manifest["trials"] == {"n": 4, "variance": found.variance}
    ratios = ledger.trials("binance", "X", "1d")["sharpe"]
    assert found.variance == pytest.approx(float(np.var(ratios.to_numpy(), ddof=1)), rel=1e-12)

    luck = run.evidence.luck
    days_ = run.evidence.days
    spread = min(found.variance, 1.0 / days_)
    excess = np.diff(np.append(100_000.0, run.result.equity)) / np.append(
        100_000.0, run.result.equity[:-1]
    )
    assert luck.trials == 4
    assert luck.dsr == pytest.approx(deflated_sharpe_ratio(excess, trials=4, variance=spread))
    assert luck.luck_sharpe == pytest.approx(expected_maximum_sharpe(4, spread) * np.sqrt(365.0))
    gate = {g.name: g for g in judge(run.page).gates}["Luck discounted"]
    assert gate.found.endswith("4 trials")
    text = run.report(tmp_path / "page.html").read_text()
    assert "Deflated Sharpe ratio, N = 4" in text
    assert "4, by the ledger" in text

    tr.backtest(above, store.query(NAME), days=13)
    assert run.manifest["trials"]["n"] == 4  # frozen
    again = tr.backtest(above, store.query(NAME), days=8)
    assert again.manifest["trials"]["n"] == 5
    assert again.manifest["run_id"] == run.manifest["run_id"]  # the count makes no other run


def test_a_saved_run_is_saved_anew_when_more_was_tried(store, tmp_path):
    run = tr.backtest(above, store.query(NAME), days=2)
    assert run.save(tmp_path / "runs").manifest["trials"]["n"] == 1
    tr.backtest(above, store.query(NAME), days=3)
    again = tr.backtest(above, store.query(NAME), days=2)
    assert again.save(tmp_path / "runs").manifest["trials"]["n"] == 2


def test_bars_outside_a_store_have_an_unknown_count():
    run = tr.backtest(above, daily(), days=2, calendar="24/7")
    assert run.trials is None
    assert run.manifest["trials"] is None
    assert run.evidence.luck.dsr is None
    gate = {g.name: g for g in judge(run.page).gates}["Luck discounted"]
    assert "N unknown, counted as 1" in gate.found


def test_a_store_that_cannot_be_written_says_that_nothing_was_counted(store):
    (store.root / "ledger").write_text("in the way")
    run = tr.backtest(above, store.query(NAME), days=2)
    assert run.trials is None
    assert any("this trial could not be counted" in note for note in run.warnings)


def test_days_end_at_midnight():
    times = np.datetime64("2020-01-01", "us") + np.arange(1, 200) * np.timedelta64(7, "h")
    us = times.astype(np.int64)
    rows = utc_day_rows(us)
    days = (us - 1) // 86_400_000_000
    expected = [np.flatnonzero(days == d)[-1] for d in np.unique(days)]
    assert rows.tolist() == expected
    gaps = us[(days % 5 != 0)]
    left = (gaps - 1) // 86_400_000_000
    assert utc_day_rows(gaps).tolist() == [np.flatnonzero(left == d)[-1] for d in np.unique(left)]
    assert utc_day_rows(us[:0]).size == 0
    midnight = np.array([np.datetime64("2020-01-02", "us").astype(np.int64)])
    assert utc_day_rows(midnight).tolist() == [0]


def test_luck_has_at_most_the_spread_of_sampling():
    assert luck_variance(0.5, 100) == 0.01
    assert luck_variance(0.001, 100) == 0.001
    assert luck_variance(None, 100) == 0.01
    assert np.isnan(luck_variance(None, 0))
    x = np.random.default_rng(0).normal(0.001, 0.01, 500)
    one = luck_of(x, 365.0, trials=type("T", (), {"n": 1, "variance": None})())
    assert one.dsr == pytest.approx(luck_of(x, 365.0).psr)


def test_several_instruments_count_on_each(store):
    other = daily(seed=4).with_columns(pl.col("open_time") + timedelta(0))
    store.write_bars(other, venue="binance", symbol="Y", interval="1d")
    run = tr.backtest(above, store.query([NAME, "binance:Y@1d"]), days=2)
    assert run.trials.n == 1
    assert Ledger(store.root).count("binance:Y@1d").n == 1
    assert replace(run).trials.n == 1


def test_a_page_with_a_prettier_count_is_caught(store, tmp_path):
    """The luck discount is made again from the days and the count of the manifest."""
    from trade_research.report.embed import luck_again
    from trade_research.report.verify import verify

    for days in (2, 3, 5, 8):
        run = tr.backtest(above, store.query(NAME), days=days)
    page = run.report(tmp_path / "page.html")
    found = verify(page)
    assert found.ok
    again = luck_again(found.block)
    assert again.dsr == pytest.approx(run.evidence.luck.dsr, rel=1e-9)
    fewer = replace(
        found.block.run, manifest={**run.manifest, "trials": {"n": 1, "variance": None}}
    )
    assert luck_again(replace(found.block, run=fewer)).dsr > again.dsr


def test_a_sweep_counts_each_configuration_once_and_on_its_own_instrument(store):
    store.write_bars(daily(seed=4), venue="binance", symbol="Y", interval="1d")
    query = store.query(NAME)
    found = tr.sweep(above, query, days=[2, 5, 10], stop=[None, 0.05], progress=False)
    assert found.evidence.n_trials == 6
    assert found.evidence.is_counted
    ratios = Ledger(store.root).trials("binance", "X", "1d")["sharpe"]
    table = found.parts.scan().select("day_mean", "day_variance").collect()
    made = table["day_mean"] / table["day_variance"].sqrt()
    np.testing.assert_allclose(ratios.sort(), made.sort(), rtol=1e-12)
    tr.sweep(above, query, days=[2, 5, 10], stop=[None, 0.05], fee_bps=[0.0, 9.0], progress=False)
    tr.backtest(above, query, days=5, exits=tr.Exits(stop=0.05))
    assert Ledger(store.root).count(NAME).n == 6

    both = store.query([NAME, "binance:Y@1d"])
    tr.sweep(above, both, days=[20], symbol=["X", "Y"], progress=False)
    assert Ledger(store.root).count(NAME).n == 7
    assert Ledger(store.root).count("binance:Y@1d").n == 1


def test_the_page_of_a_sweep_names_its_table_and_its_walk(store, tmp_path):
    query = store.query(NAME)
    found = tr.sweep(above, query, days=[2, 5, 10, 20], progress=False)
    walk = tr.walk_forward(above, query, train="100d", test="40d", days=[2, 5, 10, 20])
    page = found.report(tmp_path / "s.html", walk=walk).read_text()
    digest = hashlib.sha256((tmp_path / "s.parquet").read_bytes()).hexdigest()
    assert digest in page
    assert found.evidence.word in page
    assert f"walked forward: {walk.word.lower()}" in page
    assert "binance:X@1d" in page
