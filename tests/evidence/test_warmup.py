"""Law 2: what the raw output says of the declared warm-up."""

from __future__ import annotations

import numpy as np

from tests.evidence.stand_in import Plain, prices
from trade_research.evidence.warmup import check_warmup


def mean_of(close, window):
    out = np.full(close.size, np.nan)
    total = np.cumsum(np.concatenate((np.zeros(1), close)))
    out[window - 1 :] = (total[window:] - total[:-window]) / window
    return out


def distance(close, window=30):
    """Fraction under its mean: NaN until there is a mean."""
    out = np.full(close.size, np.nan)
    for t in range(window - 1, close.size):
        out[t] = np.tanh(1 - close[t] / close[t - window + 1 : t + 1].mean())
    return out


def triggers(close):
    """Speaks on large moves alone."""
    move = np.abs(np.diff(close, prepend=close[0])) / close
    return np.where(move > 0.03, 1.0, np.nan)


def above_the_first_close(close):
    return np.where(close > close[0], 1.0, 0.0)


def slow_average(close):
    out, mean = np.zeros(close.size), close[0]
    for t in range(close.size):
        mean += 0.02 * (close[t] - mean)
        out[t] = close[t] / mean
    return out


def test_a_warm_up_that_covers_the_window_holds():
    found = check_warmup(Plain(distance, warmup=29), prices(400))
    assert found.passed
    assert (found.nan, found.silent, found.settled) == (0, 0, 30)


def test_nan_at_every_start_means_the_warm_up_is_too_short():
    found = check_warmup(Plain(distance, warmup=20), prices(400))
    assert not found.passed
    assert (found.silent, found.nan) == (29, 9)
    assert "declare warmup=29" in str(found)


def test_nan_between_triggers_is_the_rules_own_affair():
    found = check_warmup(Plain(triggers), prices(2_000))
    assert np.isnan(triggers(prices(2_000)["close"])[:10]).all()
    assert found.passed
    assert found.nan > 1_000


def test_a_rule_that_hangs_on_the_first_bar_for_ever_is_told_so():
    found = check_warmup(Plain(above_the_first_close, warmup=5), prices(3_000))
    assert not found.passed
    assert found.first_difference >= 20
    assert "depend on where the data begin" in str(found)


def test_a_long_memory_needs_a_long_warm_up():
    # The first close weighs 0.98**t: it can show in the last bit for some 1,800 bars.
    assert not check_warmup(Plain(slow_average, warmup=50), prices(4_000)).passed
    assert check_warmup(Plain(slow_average, warmup=700), prices(4_000)).passed


def test_targets_before_the_warm_up_must_be_flat():
    class Unflattened(Plain):
        def compute(self, columns, **params):
            return self.raw(columns, **params)

    found = check_warmup(Unflattened(lambda close: np.ones(close.size), warmup=5), prices(50))
    assert not found.passed
    assert not found.flattened
