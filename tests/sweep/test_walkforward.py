"""Walk forward: spans by the clock, choices by training bars alone, one stitched equity."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.counts import count
from tests.data import needs_data, shared
from trade_research.errors import ConfigError
from trade_research.evidence.causality import examine
from trade_research.evidence.probe import Probe
from trade_research.frames import to_bars
from trade_research.report.verify import verify
from trade_research.simulate.run import simulate
from trade_research.store import Ledger
from trade_research.sweep.folds import choose, folds_of

DAY = 86_400_000_000


@tr.strategy(warmup=lambda days: days)
def above(close, days: int = 5):
    """Long while the close is above the one `days` before."""
    out = np.zeros(close.size)
    for t in range(days, close.size):
        out[t] = 1.0 if close[t] > close[t - days] else 0.0
    return out


def daily(n=400, seed=0, drift=0.0005):
    rng = np.random.default_rng(seed)
    close = 100.0 * np.exp(np.cumsum(rng.normal(drift, 0.02, n)))
    opened = np.append(100.0, close[:-1])
    return to_bars(
        pl.DataFrame(
            {
                "open_time": np.datetime64("2020-01-01", "us")
                + np.arange(n) * np.timedelta64(1, "D"),
                "open": opened,
                "high": np.maximum(opened, close) * 1.002,
                "low": np.minimum(opened, close) * 0.998,
                "close": close,
                "volume": np.full(n, 1e6),
            }
        ),
        "1d",
    )


def walked(bars, **given):
    how = {"train": "100d", "test": "40d", "calendar": "24/7", "days": [2, 5, 10, 20]} | given
    return tr.walk_forward(above, bars, **how)


def test_spans_roll_or_grow_and_cover_every_later_bar():
    times = np.arange(300) * DAY
    rolling = folds_of(times, train_us=100 * DAY, test_us=60 * DAY, first=10)
    assert rolling.train.tolist() == [[10, 110], [70, 170], [130, 230], [190, 290]]
    assert rolling.test.tolist() == [[110, 170], [170, 230], [230, 290], [290, 300]]
    grown = folds_of(times, train_us=100 * DAY, test_us=60 * DAY, anchored=True, first=10)
    assert grown.train.tolist() == [[10, 110], [10, 170], [10, 230], [10, 290]]
    assert grown.test.tolist() == rolling.test.tolist()


def test_spans_of_intraday_bars_begin_at_midnight_and_skip_holes():
    times = np.arange(0, 40 * DAY, DAY // 24)[5:]
    times = times[(times < 20 * DAY) | (times >= 27 * DAY)]  # a week without bars
    folds = folds_of(times, train_us=10 * DAY, test_us=4 * DAY)
    assert (times[folds.test[:, 0]] % DAY == 0).all()
    assert (folds.test[1:, 0] == folds.test[:-1, 1]).all()
    assert (folds.test[:, 1] > folds.test[:, 0]).all()
    assert folds.test[-1, 1] == times.size


def test_too_few_bars_are_refused():
    times = np.arange(50) * DAY
    with pytest.raises(ConfigError, match="do not suffice to train on 100 and test"):
        folds_of(times, train_us=100 * DAY, test_us=10 * DAY)
    with pytest.raises(ConfigError, match="the warm-up takes 60 bars"):
        folds_of(times, train_us=10 * DAY, test_us=10 * DAY, first=60)


def test_the_best_with_enough_trades_is_chosen():
    values = np.array([[1.0, np.nan, 0.5], [2.0, np.nan, 0.5], [9.0, np.nan, 0.4]])
    trades = np.array([[5.0, 5, 5], [5, 5, 5], [2, 5, 5]])
    assert choose(values, trades, min_trades=3).tolist() == [1, -1, 0]
    assert choose(values, trades).tolist() == [2, -1, 0]


@pytest.mark.parametrize("anchored", [False, True])
def test_every_choice_is_that_of_plain_backtests_on_its_training_bars(anchored):
    bars = daily()
    found = walked(bars, anchored=anchored, metric="total_return")
    folds, start = found.walk.folds, 20  # the longest warm-up
    for k, (a, b) in enumerate(folds.train):
        made = []
        for days in (2, 5, 10, 20):
            target = above.targets(bars, days=days)["target"].to_numpy().copy()
            target[:start] = 0.0
            run = simulate(bars[int(a) : int(b)], target[a:b])
            made.append(run.equity[-1] / 100_000.0 - 1.0)
        assert found.walk.chosen[k] == int(np.argmax(made))
        assert found.walk.inside[k] == pytest.approx(max(made), abs=1e-9)


def test_the_stitched_equity_is_one_run_of_the_stitched_targets():
    bars = daily()
    found = walked(bars)
    folds, first = found.walk.folds, found.walk.first
    target = np.zeros(len(bars))
    for (a, b), row in zip(folds.test, found.walk.chosen, strict=True):
        days = [2, 5, 10, 20][row]
        own = above.targets(bars, days=days)["target"].to_numpy().copy()
        own[:20] = 0.0
        target[a:b] = own[a:b]
    run = simulate(bars[first:], target[first:])
    np.testing.assert_array_equal(found.walk.target[:, 0], target)
    np.testing.assert_array_equal(found.equity["equity"].to_numpy(), run.equity)
    assert found.trades.height == run.trades_frame.height
    returns = found.folds["return"].to_numpy()
    assert np.prod(1.0 + returns) == pytest.approx(run.equity[-1] / 100_000.0)
    assert found.metrics["total_return"] == pytest.approx(run.equity[-1] / 100_000.0 - 1.0)


def test_exits_are_chosen_too_and_each_span_starts_flat():
    bars = daily()
    found = walked(bars, days=[5], stop=[None, 0.02, 0.05])
    results, folds = found.walk.results, found.walk.folds
    assert len(results) == len(folds)
    stops = found.folds["stop"].to_list()
    cash = 100_000.0
    own = above.targets(bars, days=5)["target"].to_numpy()
    for (a, b), stop in zip(folds.test, stops, strict=True):
        run = simulate(
            bars[int(a) : int(b)], own[a:b], exits=tr.Exits(stop=stop), cash=cash, finalize=True
        )
        cash = float(run.equity[-1])
    assert found.walk.equity[-1] == pytest.approx(cash, rel=1e-12)
    assert found.equity.height == len(bars) - found.walk.first


def test_what_is_kept_and_how_steady_the_choice_is():
    bars = daily(drift=0.002)
    found = walked(bars)
    growth = np.log1p(found.walk.scores.metrics["total_return"][:, 1 : len(found.walk.folds) + 1])
    inside = sum(growth[row, k] for k, row in enumerate(found.walk.chosen))
    train_days = sum(b - a for a, b in found.walk.folds.train)
    test_days = sum(b - a for a, b in found.walk.folds.test)
    outside = np.log(found.walk.equity[-1] / 100_000.0)
    expected = (outside / test_days) / (inside / train_days)
    assert found.efficiency == pytest.approx(expected, rel=1e-9)
    steps = np.abs(np.diff(found.walk.chosen)) / 3.0
    assert found.stability == {"days": pytest.approx(1.0 - steps.mean())}
    assert found.word in ("Failed", "Inconclusive", "Held up")
    assert found.verdict.startswith(f"{found.word} out of sample:")
    assert repr(found).startswith(found.verdict)
    assert "<script" not in found._repr_html_()


def test_no_span_sees_its_test_bars():
    """The whole walk as one strategy: cut short, and its future replaced, at every kind of bar."""
    found = walked(daily(300), days=[2, 5, 10])
    verdict = found.check(budget_s=4.0 if count(20) == 1 else 60.0)
    assert verdict.passed
    assert verdict.cuts > 20


def test_a_walk_that_peeks_is_caught(monkeypatch):
    """Choosing by the test spans instead of the training spans is a leak, and is found."""
    from trade_research.sweep import walkforward

    honest = walkforward.folds_of

    def peeking(times, **given):
        folds = honest(times, **given)
        return walkforward.Folds(folds.train + 10, folds.test)  # ten test bars seen

    monkeypatch.setattr(walkforward, "folds_of", peeking)
    bars = daily(300, seed=5)
    found = walked(bars, days=[2, 5, 10, 20, 40], metric="total_return")
    assert not found.check(budget_s=6.0).passed


def test_costs_and_instruments_cannot_be_chosen():
    with pytest.raises(ConfigError, match="cannot choose 'fee_bps'"):
        walked(daily(), fee_bps=[1.0, 10.0])
    with pytest.raises(ConfigError, match="did you mean 'sharpe'"):
        walked(daily(), metric="sharp")
    with pytest.raises(ConfigError, match="admits no configuration"):
        walked(daily(), where="days > 100")


def test_a_walk_on_stored_bars_counts_every_configuration(tmp_path):
    store = tr.Store(tmp_path)
    store.write_bars(daily(), venue="binance", symbol="X", interval="1d")
    query = store.query("binance:X@1d")
    found = tr.walk_forward(above, query, train="100d", test="40d", days=[2, 5, 10, 20])
    assert found.trials.n == 4
    tr.backtest(above, query, days=5, costs=tr.Costs.zero())  # tried already, at other costs
    assert Ledger(tmp_path).count("binance:X@1d").n == 4
    tr.backtest(above, query, days=6)
    assert Ledger(tmp_path).count("binance:X@1d").n == 5
    assert walked(daily()).trials is None


def test_a_page_has_every_span_and_is_the_same_twice(tmp_path):
    found = walked(daily())
    one, two = found.report(tmp_path / "a.html"), walked(daily()).report(tmp_path / "b.html")
    assert one.read_bytes() == two.read_bytes()
    text = one.read_text()
    assert f'<h2 id="s1-h">{found.word}</h2>' in text
    assert text.count("<tr>") > len(found.walk.folds)
    assert verify(one).ok
    two.write_text(text.replace("</td>", "1</td>", 1))
    assert not verify(two).ok


@needs_data
def test_minutes_of_a_month_walk_forward_daily():
    frame = pl.read_parquet(shared("ohlcv/binance_spot_1m/BTCUSDT_2020.parquet"))
    bars = to_bars(frame[:50_000], "1m")
    found = tr.walk_forward(
        tr.strategies.ma_crossover,
        bars,
        train="10d",
        test="2d",
        calendar="24/7",
        fast=[30, 60],
        slow=[240, 480],
    )
    assert len(found.walk.folds) == 12  # 34.7 days, the first for warm-up, ten to train
    assert found.walk.folds.test[-1, 1] == 50_000


def test_the_probe_really_runs_the_walk():
    found = walked(daily(260), days=[2, 5])
    columns = above.columns_of(found.data.frame)
    from trade_research.sweep.pipeline import Pipeline
    from trade_research.sweep.walkforward import walk

    pipeline = Pipeline(
        above,
        found.data.market,
        columns,
        lambda s, m, c: walk(s, m, c, found.walk.configurations, **found._how),
    )
    probe = Probe(pipeline, pipeline.columns, {})
    np.testing.assert_array_equal(probe.full()["target"], found.walk.target[:, 0])
    assert examine(probe, 1.0).passed


def test_several_instruments_share_one_account():
    one, two = (
        to_bars(daily(seed=s).drop("close_time"), "1d", symbol=name)
        for s, name in ((0, "X"), (1, "Y"))
    )
    found = walked(pl.concat([one, two]), metric="total_return")
    assert found.walk.target.shape == (400, 2)
    assert found.walk.target.max() == 0.5  # an equal part of the equity each
    a, b = (int(v) for v in found.walk.folds.test[0])
    days = [2, 5, 10, 20][found.walk.chosen[0]]
    own = above.targets(two, days=days)["target"].to_numpy()[a:b] / 2
    np.testing.assert_array_equal(found.walk.target[a:b, 1], own)
    with pytest.raises(ConfigError, match="one instrument at a time"):
        found.check()
