"""Statistics of round trips: ten trades worked by hand, edge cases, and a plain twin."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from tests.metrics import naive
from trade_research.metrics import (
    best_share,
    longest_streak,
    payoff_ratio,
    profit_factor,
    system_quality,
    trade_split,
    trade_statistics,
    win_rate,
)

# Eight closed trades and one open: wins 100, 50, 30, 20 and losses 40, 10, 50; one made nothing.
TRADES = {
    "side": np.array(["long", "long", "short", "long", "short", "long", "short", "long", "long"]),
    "pnl": np.array([100.0, 50.0, -40.0, 0.0, 30.0, -10.0, -50.0, 20.0, 999.0]),
    "return": np.array([0.10, 0.05, -0.04, 0.0, 0.03, -0.01, -0.05, 0.02, 9.0]),
    "bars": np.array([1, 2, 3, 4, 5, 6, 7, 12, 99]),
    "mae": np.array([0.0, -0.01, -0.05, -0.02, -0.01, -0.03, -0.06, 0.0, -0.9]),
    "mfe": np.array([0.12, 0.06, 0.01, 0.02, 0.04, 0.0, 0.0, 0.03, 0.9]),
    "open": np.array([False] * 8 + [True]),
}
results = arrays(np.float64, st.integers(0, 40), elements=st.integers(-5, 5).map(float))


def near(x):
    return pytest.approx(x, rel=1e-12, abs=1e-15)


def test_ten_trades_by_hand():
    found = trade_statistics(TRADES)
    assert (found["trades"], found["open_trades"]) == (8, 1)
    assert found["win_rate"] == near(4 / 8)
    assert found["profit_factor"] == near(200 / 100)
    assert found["payoff"] == near((200 / 4) / (100 / 3))
    assert found["expectancy"] == near(100 / 8)
    assert found["expectancy_bp"] == near(0.10 / 8 * 1e4)
    assert (found["avg_win"], found["avg_loss"]) == (near(50), near(-100 / 3))
    assert (found["largest_win"], found["largest_loss"]) == (100, -50)
    # Best five: 100 + 50 + 30 + 20 + 0 of 100 in all.
    assert found["best5_share"] == near(2.0)
    assert (found["avg_bars_held"], found["median_bars_held"]) == (near(5.0), near(4.5))
    assert found["avg_mae"] == near(-0.18 / 8)
    assert found["avg_mfe"] == near(0.28 / 8)
    assert (found["max_win_streak"], found["max_loss_streak"]) == (2, 2)
    # Sum of squares 18000 less 8·12.5² = 16750; / 7; mean 12.5.
    assert found["sqn"] == near(math.sqrt(8) * 12.5 / math.sqrt(16750 / 7))


def test_streaks_follow_the_order_of_exit():
    by_exit = {**TRADES, "exit_time": np.array([3, 1, 2, 8, 7, 4, 5, 6, 9])}
    # Exits: 50, -40, 100, -10, -50, 20, 30, 0.
    found = trade_statistics(by_exit)
    assert (found["max_win_streak"], found["max_loss_streak"]) == (2, 2)
    assert found["expectancy"] == trade_statistics(TRADES)["expectancy"]
    alternating = {**TRADES, "exit_time": np.array([1, 3, 2, 8, 5, 4, 6, 7, 9])}
    assert trade_statistics(alternating)["max_win_streak"] == 1


def test_long_and_short_apart():
    split = trade_split(TRADES)
    assert split["all"] == trade_statistics(TRADES)
    # Long and closed: 100, 50, 0, -10, 20; short: -40, 30, -50.
    assert (split["long"]["trades"], split["short"]["trades"]) == (5, 3)
    assert split["long"]["expectancy"] == near(160 / 5)
    assert split["short"]["profit_factor"] == near(30 / 90)
    assert (split["long"]["open_trades"], split["short"]["open_trades"]) == (1, 0)
    assert math.isnan(split["short"]["best5_share"])


def test_no_closed_trade_leaves_everything_but_counts_undefined():
    found = trade_statistics({k: v[8:] for k, v in TRADES.items()})
    counts = {"trades": 0, "open_trades": 1, "max_win_streak": 0, "max_loss_streak": 0}
    assert {k: found[k] for k in counts} == counts
    assert all(math.isnan(v) for k, v in found.items() if k not in counts)


def test_only_wins_have_neither_profit_factor_nor_payoff():
    pnl = np.array([1.0, 2.0])
    assert math.isnan(profit_factor(pnl))
    assert math.isnan(payoff_ratio(pnl))
    assert profit_factor(-pnl) == 0.0
    assert math.isnan(payoff_ratio(-pnl))
    assert math.isnan(system_quality(np.array([2.0, 2.0])))
    assert math.isnan(best_share(-pnl))


@given(results)
def test_single_numbers_equal_plain_python(pnl):
    x = pnl.tolist()
    wins, losses = [v for v in x if v > 0], [v for v in x if v < 0]
    assert longest_streak(pnl > 0) == naive.streak(v > 0 for v in x)
    assert longest_streak(pnl < 0) == naive.streak(v < 0 for v in x)
    if x:
        assert win_rate(pnl) == len(wins) / len(x)
    if losses:
        assert profit_factor(pnl) == near(sum(wins) / -sum(losses))
    if wins and losses:
        assert payoff_ratio(pnl) == near(naive.mean(wins) / -naive.mean(losses))
    if len(set(x)) > 1:
        assert system_quality(pnl) == near(math.sqrt(len(x)) * naive.mean(x) / naive.std(x))
    if sum(x) > 0:
        assert best_share(pnl) == near(sum(sorted(x, reverse=True)[:5]) / sum(x))
