"""Sweeps as users hold them: results, the best in full, search, resume, interruption, failures."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.frames.make import grid, walk
from trade_research.errors import ConfigError, ParameterError, SimulationError
from trade_research.indicators import sma
from trade_research.research import sweep_run
from trade_research.sweep import METRICS, Space

FAST = {"fast": range(3, 9, 2), "slow": [10, 20, 30]}


@pytest.fixture(scope="module")
def bars():
    return walk(grid(3_000, "1h"), "1h", seed=3)


def run(bars, strategy=tr.strategies.ma_crossover, **axes):
    return tr.sweep(strategy, bars, calendar="24/7", progress=False, **(axes or FAST))


def test_a_result_is_what_a_backtest_from_the_same_bar_says(bars):
    found = run(bars, **FAST, stop=[None, 0.02], delay=[0, 1], fee_bps=[0.0, 7.5])
    assert found.size == 9 * 2 * 2 * 2
    row = found.results.row(found.size - 1, named=True)
    again = tr.backtest(
        tr.strategies.ma_crossover,
        bars,
        fast=row["fast"],
        slow=row["slow"],
        exits=tr.Exits(stop=row["stop"]),
        costs=tr.Costs(fee_bps=row["fee_bps"]),
        delay=row["delay"],
        calendar="24/7",
        start=found.start,
    )
    assert found.start == 30
    for name in METRICS:
        assert row[name] == pytest.approx(again.metrics[name], rel=1e-9, abs=1e-9), name


def test_the_best_are_run_again_and_agree(bars):
    found = run(bars, **FAST, trailing=[None, 0.05])
    first, second = found.best(2, by="total_return", min_trades=3)
    rows = found.results.sort("total_return", descending=True)
    assert first.metrics["total_return"] == pytest.approx(rows["total_return"][0], rel=1e-9)
    assert second.params["fast"] == rows["fast"][1]
    assert found.best(1, by="volatility")[0].metrics["volatility"] == pytest.approx(
        found.results["volatility"].min(), rel=1e-9
    )


def test_a_result_that_a_full_run_does_not_bear_out_is_an_error(bars):
    found = run(bars)
    part = found.parts.part(0)
    found.parts._tables[0] = part.with_columns(sharpe=pl.col("sharpe") + 1e-6)
    with pytest.raises(SimulationError, match=r"sharpe of fast=.* in the sweep and"):
        found.best()


def test_a_constraint_leaves_out_what_it_forbids(bars):
    found = run(bars, fast=[5, 10, 15], slow=[10, 12], where="fast < slow and slow % 2 == 0")
    assert found.results.select("fast", "slow").rows() == [(5, 10), (5, 12), (10, 12)]
    assert found.results["trial"].to_list() == [0, 1, 3]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"fats": [1]}, "no parameter 'fats'; did you mean 'fast'"),
        ({"fast": [2.5]}, "fast must be a whole number"),
        ({"fast": []}, "has no values"),
        ({"fast": [3], "where": "fast < slwo"}, "no axis 'slwo'"),
        ({"fast": [3], "where": "__import__('os')"}, "not allowed"),
        ({"fast": [3], "where": "fast <"}, "does not parse"),
        ({"fast": [3], "where": "fast > 3"}, "admits no configuration"),
        ({"fast": [3], "method": "gird"}, "did you mean 'grid'"),
        ({"fast": [3], "method": "random"}, "say how many"),
        ({"fast": [3], "samples": 5, "method": "grid"}, "samples= is for drawing"),
        ({"fast": tr.Span(0.1, 0.5)}, "has no grid"),
        ({"slow": [9_000]}, "longest warm-up, 9,000 bars, and there are"),
        ({"fast": [3], "by": "sharp"}, "did you mean 'sharpe'"),
        ({"fast": [3], "symbol": ["ETH"]}, "symbol 'ETH' is not in the data"),
    ],
)
def test_what_cannot_be_swept_is_one_clear_error(bars, axes, message):
    with pytest.raises((ConfigError, ParameterError), match=message):
        run(bars, **axes)


@tr.strategy
def fragile(close, window: int = 5):
    """Fails for some windows."""
    if window == 7:
        raise ValueError("seven")
    return np.where(close > sma(close, window), 1.0, 0.0)


def test_a_configuration_that_fails_is_a_row_that_says_why(bars):
    found = run(bars, fragile, window=[5, 7, 9], stop=[None, 0.05, 5.0])
    texts = found.results.filter(pl.col("window") == 7)["status"].to_list()
    assert all("seven" in text for text in texts[:2])
    refused = found.results.filter((pl.col("stop") == 5.0) & (pl.col("window") == 5))
    assert "stop must be a fraction" in refused["status"][0]
    assert found.results.filter(pl.col("status") == "ok").height == 4
    assert any("5 configurations failed" in note for note in found.warnings)


def test_several_symbols_alone_and_together(bars):
    other = walk(grid(3_000, "1h"), "1h", seed=4)
    both = pl.concat(
        [bars.with_columns(symbol=pl.lit("A")), other.with_columns(symbol=pl.lit("B"))]
    ).sort("open_time", "symbol")
    alone = run(both, **FAST, symbol=["A", "B"])
    for name, frame in (("A", bars), ("B", other)):
        mine = alone.results.filter(pl.col("symbol") == name).drop("symbol", "trial", "why")
        own = run(frame, **FAST).results.drop("trial", "why")
        assert mine.equals(own)
    together = run(both, **FAST)
    assert together.results["path"].unique().to_list() == ["general"]
    together.best(2)


def test_without_a_method_axes_are_a_grid_and_samples_are_drawn(bars):
    assert run(bars, fast=[3, 5], slow=[20, 40]).size == 4
    assert run(bars, fast=range(3, 9), samples=4).size == 4
    assert tr.sweep(tr.strategies.macd, bars, calendar="24/7", progress=False).size == 1_000


def test_random_and_sobol_draws_are_those_of_their_seed(bars):
    space = {
        "fast": tr.Span(2, 50),
        "slow": tr.Span(60, 200),
        "band": tr.Span(1e-4, 1e-1, log=True),
    }
    for method in ("random", "sobol"):
        one, two = (run(bars, **space, method=method, samples=40, seed=5) for _ in range(2))
        assert one.results.equals(two.results)
        assert one.size == 40
        other = run(bars, **space, method=method, samples=40, seed=6)
        assert not one.results.equals(other.results)
        bands = one.results["band"].log10()
        assert abs(bands.mean() + 2.5) < 0.5  # even in the logarithm


@pytest.mark.parametrize("method", ["tpe", "nsga2"])
def test_a_guided_search_repeats_itself_and_resumes(bars, tmp_path, method):
    space = {"fast": range(2, 40), "slow": tr.Span(20, 200), "kind": ["sma", "ema"]}
    by = ("sharpe", "max_drawdown") if method == "nsga2" else "sharpe"
    more = {"method": method, "samples": 150, "by": by, "where": "fast < slow"}
    one = run(bars, **space, **more)
    two = run(bars, **space, **more, resume=tmp_path / "s")
    assert one.size == 150
    assert one.results.equals(two.results)
    (tmp_path / "s" / "part-0000002.parquet").unlink()
    three = run(bars, **space, **more, resume=tmp_path / "s")
    assert one.results.equals(three.results)
    one.best(2)


def test_pruning_gives_up_what_falls_behind(bars):
    found = run(
        bars, fast=tr.Span(2, 60), slow=tr.Span(61, 300), method="tpe", samples=192, folds=3
    )
    counts = dict(found.results["status"].value_counts().rows())
    assert counts["pruned"] > 0
    assert counts["ok"] > 50
    assert found.results.filter(pl.col("status") == "pruned")["sharpe"].null_count() > 0
    found.best()


def test_resume_does_only_what_is_missing(bars, tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_run.Plan, "part_size", property(lambda plan: 4))
    whole = run(bars, **FAST, resume=tmp_path / "s")
    assert len(list((tmp_path / "s").glob("part-*"))) == 3
    (tmp_path / "s" / "part-0000001.parquet").unlink()
    kept = (tmp_path / "s" / "part-0000000.parquet").stat().st_mtime_ns
    again = run(bars, **FAST, resume=tmp_path / "s")
    assert again.results.equals(whole.results)
    assert (tmp_path / "s" / "part-0000000.parquet").stat().st_mtime_ns == kept
    with pytest.raises(ConfigError, match="its axes differs"):
        run(bars, fast=[3], slow=[10], resume=tmp_path / "s")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "diary.txt").write_text("mine")
    with pytest.raises(ConfigError, match="something else"):
        run(bars, **FAST, resume=tmp_path / "other")


def test_ctrl_c_keeps_what_is_done(bars, monkeypatch):
    monkeypatch.setattr(sweep_run.Plan, "part_size", property(lambda plan: 2))
    done, score = [], sweep_run.Scorer.score

    def interrupted(self, found, **more):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(found)
        return score(self, found, **more)

    monkeypatch.setattr(sweep_run.Scorer, "score", interrupted)
    found = run(bars)
    assert found.size == 4
    assert not found.is_complete
    assert any("interrupted" in note for note in found.warnings)


KILLED = """
import sys
sys.path.insert(0, {root!r})
from tests.frames.make import grid, walk
import trade_research as tr
from trade_research.research.sweep_run import Plan
Plan.part_size = property(lambda plan: 64)
found = tr.sweep(tr.strategies.ma_crossover, walk(grid(3_000, "1h"), "1h", seed=3), calendar="24/7",
                 fast=range(2, 30), slow=range(30, 90), stop=[None, 0.01, 0.02], progress=False,
                 resume={folder!r})
"""


def test_a_killed_sweep_goes_on_and_ends_with_the_same_bits(bars, tmp_path):
    folder = tmp_path / "s"
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    code = KILLED.format(root=root, folder=str(folder))
    child = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 120
    while len(list(folder.glob("part-*"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    child.send_signal(signal.SIGKILL)
    assert child.wait() == -signal.SIGKILL
    before = len(list(folder.glob("part-*")))
    assert 3 <= before < 28 * 60 * 3 // 64
    axes = {"fast": range(2, 30), "slow": range(30, 90), "stop": [None, 0.01, 0.02]}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep_run.Plan, "part_size", property(lambda plan: 64))
        resumed = run(bars, **axes, resume=folder)
        whole = run(bars, **axes)
    assert resumed.results["trial"].to_list() == list(range(28 * 60 * 3))
    assert resumed.results.equals(whole.results)


def test_threads_and_parts_change_no_bit(bars, monkeypatch):
    axes = {
        "fast": range(2, 14),
        "slow": range(20, 60, 2),
        "stop": [None, 0.03],
        "short": [False, True],
    }
    whole = run(bars, **axes, account="margin", threads=1)
    threaded = run(bars, **axes, account="margin", threads=4)
    assert whole.results.equals(threaded.results)
    monkeypatch.setattr(sweep_run.Plan, "part_size", property(lambda plan: 37))
    parted = run(bars, **axes, account="margin", threads=2)
    assert whole.results.equals(parted.results)


def test_it_shows_itself_verdict_first(bars):
    found = run(bars)
    text = repr(found)
    assert text.startswith(found.evidence.verdict)
    assert "9 configurations of 3,000 bars" in text
    assert found.evidence.verdict in found._repr_html_().replace("&#x27;", "'")


def test_pictures(bars):
    found = run(bars, **FAST, kind=["sma", "ema"])
    for kind in (None, "heatmap", "slices", "parallel"):
        assert found.plot(kind).axes
    assert found.plot(x="kind", y="fast", metric="total_return").axes
    with pytest.raises(ConfigError, match="no picture 'heat'"):
        found.plot("heat")
    with pytest.raises(ConfigError, match="no axis 'quick'"):
        found.plot(x="quick")


def test_trials_of_a_query_are_counted(tmp_path):
    store = tr.Store(tmp_path)
    store.write_bars(
        walk(grid(400, "1d"), "1d", seed=1), venue="binance", symbol="BTC/USDT", interval="1d"
    )
    query = store.query("binance:BTC/USDT@1d")
    found = tr.sweep(tr.strategies.ma_crossover, query, progress=False, **FAST)
    assert found.evidence.n_trials == 9
    named = tr.sweep(
        tr.strategies.ma_crossover, "binance:BTC/USDT@1d", store=tmp_path, fast=[4], slow=[50]
    )
    assert named.evidence.n_trials == 10


def test_a_space_is_drawn_without_being_laid_out():
    space = Space({"a": range(1000), "b": range(1000), "c": range(10)}, "a < b")
    assert space.size == 10_000_000
    part = space.part(5_006_000, 5_006_100)
    assert part.row(0) == {"a": 500, "b": 600, "c": 0}
    assert part.trial.tolist() == list(range(5_006_000, 5_006_100))
    assert len(space.part(5_000_000, 5_000_100)) == 0
