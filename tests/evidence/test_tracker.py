"""The record of signals, worked by hand: hits, streaks, information, shrinkage, and its as-of."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from trade_research.evidence.fingerprints import Entries, compare_entries, nearest_entries, skill
from trade_research.evidence.tracker import Record, long_run, shrink, track_records

pytestmark = pytest.mark.fast
NEVER = np.iinfo(np.int64).max


def record(returns, *, signal=None, prices=None, regime=None, decided=None, ended=None, **about):
    """Trades that end one bar after the other on bars of one microsecond."""
    n = len(returns)
    bars = 40 if signal is None else len(signal)
    r = np.asarray(returns, float)
    return Record(
        strategy=about.get("strategy", "s"),
        asset_class=about.get("asset_class", "crypto"),
        instrument=about.get("instrument", "X"),
        signal=np.ones(bars) if signal is None else np.asarray(signal, float),
        open=np.full(bars, 100.0) if prices is None else np.asarray(prices, float),
        close_time=np.arange(bars),
        regime=np.full(bars, "up") if regime is None else np.asarray(regime),
        decided=np.arange(n) if decided is None else np.asarray(decided),
        ended=np.arange(n) + 1 if ended is None else np.asarray(ended),
        returns=r,
        cost=np.full(n, 0.002),
        best=np.where(r > 0, r, about.get("best", 0.001)),
    )


def rows_of(*records, as_of=10**6, horizons=(1,)):
    rows, decay = track_records(records, as_of, horizons)
    return {(r["strategy"], r["asset_class"], r["regime"]): r for r in rows}, decay


def test_counts_rates_and_streaks_by_hand():
    found, _ = rows_of(record([0.01, 0.02, -0.01, -0.01, -0.01, 0.03, -0.02]))
    row = found["s", "crypto", "all"]
    assert (row["trades"], row["pending"]) == (7, 0)
    assert row["hit_rate"] == pytest.approx(3 / 7)
    # Wilson with z = 1.6449: centre (p + z²/2n) / (1 + z²/n), half z √(p(1-p)/n + z²/4n²) / (…).
    z, p, n = 1.6448536, 3 / 7, 7
    centre, under = p + z * z / (2 * n), 1 + z * z / n
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert row["hit_low"] == pytest.approx((centre - half) / under, rel=1e-6)
    assert row["hit_high"] == pytest.approx((centre + half) / under, rel=1e-6)
    assert row["expectancy_bp"] == pytest.approx(1e4 * 0.01 / 7)
    assert row["cost_bp"] == pytest.approx(20.0)
    assert row["false_alarms"] == pytest.approx(4 / 7)
    assert (row["streak"], row["longest_wins"], row["longest_losses"]) == (-1, 2, 3)
    # Schilling 1990: log_{1/q}(n p) + γ / ln(1/q) − 1/2 with q = 4/7, np = 3.
    q = 4 / 7
    by_luck = math.log(3) / math.log(1 / q) + 0.5772157 / math.log(1 / q) - 0.5
    assert row["losses_by_luck"] == pytest.approx(by_luck, rel=1e-6)


def test_a_loss_that_once_earned_its_costs_is_no_false_alarm():
    found, _ = rows_of(record([-0.01, -0.01, 0.02], best=0.01))
    assert found["s", "crypto", "all"]["false_alarms"] == 0.0


def test_cells_are_strategy_class_and_regime():
    regime = np.where(np.arange(40) < 2, "up", np.where(np.arange(40) < 5, "down", ""))
    found, _ = rows_of(
        record([0.01] * 6, regime=regime),
        record([-0.01], regime=regime, asset_class="equity"),
        record([0.5], regime=regime, strategy="t"),
    )
    counts = {key: row["trades"] for key, row in found.items()}
    assert counts == {
        ("s", "crypto", "all"): 6,
        ("s", "crypto", "up"): 2,
        ("s", "crypto", "down"): 3,
        ("s", "equity", "all"): 1,
        ("s", "equity", "up"): 1,
        ("s", "equity", "down"): 0,
        ("t", "crypto", "all"): 1,
        ("t", "crypto", "up"): 1,
        ("t", "crypto", "down"): 0,
    }


def test_what_ends_later_is_pending_and_changes_nothing():
    rng = np.random.default_rng(0)
    returns = rng.normal(0, 0.01, 30)
    first = record(returns, ended=np.arange(30) + 3, prices=100 + np.arange(40.0))
    other = dataclasses.replace(
        first,
        returns=np.where(first.ended > 12, rng.normal(0, 1, 30), returns),
        best=np.where(first.ended > 12, 9.0, first.best),
        cost=np.where(first.ended > 12, 9.0, first.cost),
        open=np.where(np.arange(40) > 12, rng.uniform(1, 9, 40), first.open),
        signal=np.where(np.arange(40) > 12, -1.0, np.arange(40) % 3),
        regime=np.where(np.arange(40) > 12, "new", first.regime),
    )
    same = dataclasses.replace(first, signal=np.where(np.arange(40) > 12, 5.0, np.arange(40) % 3))
    assert track_records([same], 12, (1, 3)) == track_records([other], 12, (1, 3))
    row = rows_of(first, as_of=12)[0]["s", "crypto", "all"]
    assert (row["trades"], row["pending"]) == (10, 3)  # decided by bar 12: 13, ended by 12: 10


def test_information_is_the_correlation_with_the_next_opens():
    rng = np.random.default_rng(1)
    signal, prices = rng.integers(-1, 2, 300).astype(float), 100 * np.exp(rng.normal(0, 0.01, 300))
    signal[:5] = np.nan
    _, decay = rows_of(record([0.01], signal=signal, prices=prices), horizons=(1, 7))
    for row in (r for r in decay if r["regime"] == "all"):
        h = row["horizon"]
        ahead = np.log(prices[1 + h :] / prices[1:-h])
        pairs = signal[5 : ahead.size], ahead[5:]
        assert row["n"] == pairs[0].size
        assert row["ic"] == pytest.approx(np.corrcoef(*pairs)[0, 1], rel=1e-9)
        assert row["low"] < row["ic"] < row["high"]
    constant = track_records([record([0.01])], 10**6, (1,))[1][0]
    assert constant["ic"] is None


def test_the_interval_covers_zero_as_often_as_it_says():
    """A signal that holds for weeks and knows nothing: 90% intervals, overlapping returns."""
    rng = np.random.default_rng(2)
    hits, runs = 0, 200
    for _ in range(runs):
        signal = np.repeat(rng.choice([-1.0, 1.0], 60), 25)
        prices = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, signal.size)))
        row = track_records([record([0.0], signal=signal, prices=prices)], 10**6, (20,))[1][0]
        hits += row["low"] <= 0 <= row["high"]
    assert 0.80 <= hits / runs <= 0.95


def test_long_run_variance_by_hand():
    x = np.array([1.0, -2.0, 3.0])
    # γ0 = 14, γ1 = -2 - 6 = -8, γ2 = 3; weights 2/3 and 1/3 with two lags.
    assert long_run(x, 2) == pytest.approx(14 + 2 * (2 / 3) * -8 + 2 * (1 / 3) * 3)
    assert long_run(x, 0) == 14.0


def test_shrinkage_follows_the_noise():
    """DerSimonian and Laird by hand: equal variances v, so centre is the mean, τ² = s² − v."""
    means, v = np.array([0.0, 10.0, 20.0]), np.full(3, 25.0)
    drawn, weight = shrink(means, v)
    between = means.var(ddof=1) - 25.0  # 100 - 25
    np.testing.assert_allclose(weight, between / (between + 25.0))
    np.testing.assert_allclose(drawn, 10.0 + weight * (means - 10.0))
    drawn, weight = shrink(np.array([1.0, 2.0]), np.array([25.0, 25.0]))
    np.testing.assert_array_equal(weight, [0.0, 0.0])  # no more apart than chance
    np.testing.assert_allclose(drawn, 1.5)
    drawn, weight = shrink(np.array([7.0, np.nan]), np.array([4.0, np.nan]))
    assert (drawn[0], weight[0]) == (7.0, 1.0)
    assert np.isnan(drawn[1])


def test_a_hot_hand_is_drawn_to_the_class():
    rng = np.random.default_rng(3)
    noise = [
        record(rng.normal(0.0, 0.02, 40), strategy=f"s{k}", decided=np.zeros(40, int))
        for k in range(12)
    ]
    found, _ = rows_of(*noise)
    cells = [row for key, row in found.items() if key[2] == "all"]
    own = np.array([c["expectancy_bp"] for c in cells])
    drawn = np.array([c["expectancy_shrunk"] for c in cells])
    assert np.abs(drawn - drawn.mean()).max() < 0.5 * np.abs(own - own.mean()).max()


def entries(features, returns, *, group=0):
    n = len(returns)
    return Entries(
        np.asarray(features, float).reshape(n, -1),
        np.arange(n) * 10,
        np.arange(n) * 10 + 5,
        np.asarray(returns, float),
        np.full(n, group) if np.isscalar(group) else np.asarray(group),
    )


def test_neighbours_by_hand():
    """Past 0 1 2 3 100: median 2, median distance 1; asked at 2.4 the nearest are 2, 3 and 1."""
    found = entries([0, 1, 2, 3, 100, 2.4], [1, 1, 1, -1, -1, 1])
    rows, distance = nearest_entries(found, 5, 2)
    assert rows.tolist() == [2, 3]
    np.testing.assert_allclose(distance, np.array([0.4, 0.6]) / 1.4826, rtol=1e-12)
    assert nearest_entries(found, 5, 3)[0].size == 0  # five candidates, six wanted
    other = dataclasses.replace(found, group=np.array([0, 1, 0, 0, 1, 0]))
    assert nearest_entries(other, 5, 1)[0].tolist() == [2]
    holed = entries([0, np.nan, 2, 3, 100, 2.4], [1, 1, 1, -1, -1, 1])
    assert 1 not in nearest_entries(holed, 5, 2)[0]


def test_neighbours_had_ended_and_the_future_changes_nothing():
    rng = np.random.default_rng(4)
    found = entries(rng.normal(size=(60, 3)), rng.normal(size=60))
    late = dataclasses.replace(found, ended=np.where(np.arange(60) == 3, 10**9, found.ended))
    assert all(3 not in nearest_entries(late, at, 5)[0] for at in range(60))
    rows, _ = compare_entries(found, 5)
    cut = dataclasses.replace(
        found,
        features=np.where(np.arange(60)[:, None] > 40, 9.0, found.features),
        returns=np.where(np.arange(60) > 40, 9.0, found.returns),
    )
    assert compare_entries(cut, 5)[0][:41] == rows[:41]
    assert rows[30]["base_n"] == 30


def test_likeness_is_worth_something_only_where_it_is():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(600, 2))
    telling = np.where(x[:, 0] + 0.3 * rng.normal(size=600) > 0, 1.0, -1.0)
    assert compare_entries(entries(x, telling), 20)[1].low > 0.2
    blind = compare_entries(entries(x, rng.choice([-1.0, 1.0], 600)), 20)[1]
    assert blind.low < 0.0 < 0.2
    assert blind.high < 0.05


def test_skill_by_hand():
    won = np.array([1.0, 0.0] * 10) > 0
    guess, base = np.where(won, 0.8, 0.4), np.full(20, 0.5)
    found = skill(guess, base, won)
    assert found.value == pytest.approx(1 - (0.04 + 0.16) / 2 / 0.25)
    assert skill(guess[:5], base[:5], won[:5]).value is None
