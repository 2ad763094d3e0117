"""The search in prices without patterns: noise passes as often as it should, patterns pass."""

from __future__ import annotations

import numpy as np
import pytest

import trade_research as tr
from tests.counts import count
from tests.sweep.test_walkforward import above, daily
from trade_research.errors import ConfigError
from trade_research.frames import to_bars
from trade_research.store import Ledger


def trending(n=600, seed=0):
    """Moves that go on: what an up day follows is an up day, three times in four."""
    rng = np.random.default_rng(seed)
    bars = daily(n, seed)
    sign = np.empty(n)
    sign[0] = 1.0
    for t in range(1, n):
        sign[t] = sign[t - 1] if rng.random() < 0.75 else -sign[t - 1]
    close = 100.0 * np.exp(np.cumsum(sign * np.abs(rng.normal(0, 0.01, n))))
    opened = np.append(100.0, close[:-1])
    return to_bars(
        bars.select("open_time", "volume").with_columns(
            open=opened,
            high=np.maximum(opened, close) * 1.001,
            low=np.minimum(opened, close) * 0.999,
            close=close,
        ),
        "1d",
    )


def noisy(bars, **given):
    how = {"calendar": "24/7", "surrogates": 40, "days": [1, 2, 5], "costs": tr.Costs.zero()}
    return tr.noise_test(above, bars, **(how | given))


@pytest.mark.parametrize("kind", ["permuted", "white"])
def test_a_pattern_is_more_than_noise(kind):
    found = noisy(trending(), kind=kind)
    assert found.passed
    assert found.p_value == pytest.approx(1 / 41)
    assert str(found).startswith("More than noise gives: the best of 3 configurations has")


def test_the_pattern_survives_in_long_blocks():
    found = noisy(trending(), block=60)
    assert np.median(found.others) > 0.7 * found.best


def test_noise_passes_about_as_often_as_it_should():
    runs = count(200)
    passed = sum(
        noisy(daily(300, seed=1_000 + s), surrogates=19, seed=s).passed for s in range(runs)
    )
    # p is at least 1/20 with 19 surrogates: one of twenty passes; four deviations.
    assert passed <= 0.05 * runs + 4 * np.sqrt(0.05 * 0.95 * runs)


def test_one_configuration_and_the_ledger(tmp_path):
    store = tr.Store(tmp_path)
    store.write_bars(daily(), venue="binance", symbol="X", interval="1d")
    found = tr.noise_test(above, store.query("binance:X@1d"), days=5, surrogates=5)
    assert "the configuration has a Sharpe ratio" in str(found)
    assert Ledger(tmp_path).count("binance:X@1d").n == 1  # surrogates are no trials
    again = tr.noise_test(above, store.query("binance:X@1d"), days=5, surrogates=5)
    np.testing.assert_array_equal(found.others, again.others)


def test_nothing_to_test_is_said():
    with pytest.raises(ConfigError, match="nothing to test"):
        noisy(daily(302), days=[300])
