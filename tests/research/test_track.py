"""`track` and `fingerprints` on real runs: the same numbers as the trades, and a section."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.frames.make import grid, walk
from trade_research.errors import ConfigError


@pytest.fixture(scope="module")
def runs():
    bars = walk(grid(3000, "1h"), "1h", seed=3)
    both = pl.concat([walk(grid(1500, "1h"), "1h", seed=s, symbol=f"S{s}") for s in (4, 5)])
    cross = tr.strategies.ma_crossover
    return [
        tr.backtest(cross, bars, calendar="24/7", fast=5, slow=20),
        tr.backtest(tr.strategies.macd, bars, calendar="24/7", account="margin"),
        tr.backtest(cross, both, calendar="24/7", fast=5, slow=20),
    ]


def test_the_frame_is_that_of_the_trades(runs):
    found = tr.track(runs[0]).frame
    row = found.filter(pl.col("regime") == "all").row(0, named=True)
    closed = runs[0].trades.filter(~pl.col("open"))
    assert row["strategy"] == "ma_crossover"
    assert row["asset_class"] == "crypto"
    assert row["trades"] == closed.height
    assert row["pending"] == runs[0].trades.height - closed.height
    assert row["hit_rate"] == pytest.approx((closed["return"] > 0).mean())
    assert row["expectancy_bp"] == pytest.approx(closed["return"].mean() * 1e4)
    cost = runs[0].gross.trades_frame["return"].mean() - closed["return"].mean()
    assert row["cost_bp"] == pytest.approx(1e4 * cost, rel=0.05)
    parts = found.filter(pl.col("regime") != "all")
    assert parts["trades"].sum() <= row["trades"]
    assert set(parts["regime"]) <= {"trend up", "trend down", "range"}


def test_trades_of_a_regime_were_decided_in_it(runs):
    run = runs[0]
    market = run.result.market
    high, low, close = (
        np.ascontiguousarray(x[:, 0]) for x in (market.high, market.low, market.close)
    )
    state = tr.indicators.regime(high, low, close).volatility
    closed = run.trades.filter(~pl.col("open"))
    at = state[closed["entry_bar"].to_numpy() - 1]
    found = dict(tr.track(run, by="volatility").frame.select("regime", "trades").iter_rows())
    for value, name in enumerate(("calm", "normal", "wild")):
        assert found.get(name, 0) == int((at == value).sum())


def test_several_runs_symbols_and_dates(runs):
    found = tr.track(runs, horizons=(2, 9), asset_class={"": "index", "S4": "fx", "S5": "index"})
    assert set(found.frame["asset_class"]) == {"index", "fx"}
    assert set(found.decay["horizon"]) == {2, 9}
    when = runs[0].equity["close_time"][1200]
    early = tr.track(runs[0], as_of=when).frame.filter(pl.col("regime") == "all")
    shown = runs[0].trades.filter(~pl.col("open") & (pl.col("exit_time") <= when))
    assert early["trades"][0] == shown.height
    prefix = tr.backtest(
        runs[0].strategy, runs[0].data.frame[:1201], calendar="24/7", **runs[0].params
    )
    assert (
        tr.track(prefix)
        .frame.drop("pending")
        .equals(tr.track(runs[0], as_of=when).frame.drop("pending"))
    )
    twice = tr.backtest(runs[0].strategy, runs[0].data.frame, calendar="24/7", fast=3, slow=9)
    names = set(tr.track([runs[0], twice]).frame["strategy"])
    assert {"fast=5" in name or "fast=3" in name for name in names} == {True}
    assert len(names) == 2


def test_errors(runs):
    with pytest.raises(ConfigError, match="at least one"):
        tr.track([])
    with pytest.raises(ConfigError, match="'trend' or 'volatility'"):
        tr.track(runs[0], by="mood")
    with pytest.raises(ConfigError, match="whole numbers"):
        tr.track(runs[0], horizons=(0,))
    with pytest.raises(ConfigError, match="does not say"):
        tr.track(runs[0], asset_class={"else": "fx"})
    with pytest.raises(ConfigError, match="2 or more"):
        tr.fingerprints(runs[0], similar=1)


def test_the_section_stands_in_a_report(runs, tmp_path):
    found = tr.track(runs)
    page = runs[0].report(tmp_path / "page.html", extra=[found.section]).read_text()
    for text in ("Signals by strategy and market", "What the signal knows", "False alarms"):
        assert text in page
    own = runs[0].report(tmp_path / "own.html").read_text()
    assert own == runs[0].report(tmp_path / "again.html").read_text()
    bp = tr.track(runs[0]).frame["expectancy_bp"][0]
    assert f"{bp:,.0f} basis points a trade after costs" in own
    assert "Shrunk" not in own
    assert "By state of the market" in runs[2].report(tmp_path / "both.html").read_text()
    kept = tr.load_run(runs[0].save(tmp_path).folder)
    assert kept.report(tmp_path / "kept.html").read_text() == own
    quiet = tr.track(runs[0], as_of="2024-01-01").section(runs[0].page)
    assert "No round trip" in quiet.claim


def test_a_run_without_ended_trades_has_no_record(runs, tmp_path):
    held = tr.backtest(tr.strategies.buy_and_hold, runs[0].data.frame, calendar="24/7")
    assert held.page.track is None
    assert "signals-record" not in held.report(tmp_path / "page.html").read_text()


def test_fingerprints_of_a_run(runs):
    run = runs[0]
    found = tr.fingerprints(run, similar=5, same_regime=False)
    assert found.frame.height == run.trades.height
    closed = found.frame.filter(pl.col("return").is_not_null())
    np.testing.assert_allclose(
        closed["return"].to_numpy(), run.trades.filter(~pl.col("open"))["return"].to_numpy()
    )
    close = run.data.frame["close"].to_numpy()
    entry = run.trades["entry_bar"].to_numpy() - 1
    np.testing.assert_array_equal(
        found.frame["rsi 14"].to_numpy(), tr.indicators.rsi(close, 14)[entry]
    )
    last = found.frame.filter(pl.col("neighbours") == 5).row(-1, named=True)
    assert last["similar_low"] <= last["similar_rate"] <= last["similar_high"]
    at = found.frame["decided"].to_list().index(last["decided"])
    like = found.like(at)
    assert like.height == 5
    assert like["decided"].max() < last["decided"]
    assert like["distance"].is_sorted()
    assert "base rate" in found.headline
    with pytest.raises(ConfigError, match="no entry"):
        found.like(10_000)
    cut = tr.backtest(run.strategy, run.data.frame[:1500], calendar="24/7", **run.params)
    part = tr.fingerprints(cut, similar=5, same_regime=False).frame
    ended = part.filter(pl.col("return").is_not_null())
    assert found.frame[: ended.height].equals(ended)
