"""The causality check: what it finds, how it names it, and whom it leaves in peace."""

from __future__ import annotations

import numpy as np

from tests.evidence.stand_in import Plain, prices
from trade_research.evidence.causality import check_causality


def look_ahead(close, ahead=1):
    out = np.zeros(close.size)
    out[:-ahead] = np.where(close[ahead:] > close[:-ahead], 1.0, 0.0)
    return out


def last_is_flat(close):
    out = np.ones(close.size)
    out[-1] = 0.0
    return out


def centred(close):
    return np.where(close > close.mean(), 1.0, 0.0)


def momentum(close):
    out = np.zeros(close.size)
    out[10:] = np.where(close[10:] > close[:-10], 1.0, 0.0)
    return out


def test_a_look_ahead_of_one_bar_is_named_with_what_it_knew():
    columns = {"close": np.array([10.0, 9.0, 8.0, 7.0, 8.0, 7.0])}
    leak = check_causality(Plain(look_ahead), columns).leak
    # The first bar with a rise after it is bar 3: 7.0 then 8.0.
    assert (leak.bar, leak.column, leak.ahead) == (3, "target", 1)
    assert leak.known == "knew the close of bar 4 (the next bar)"
    assert (leak.value_full, leak.value_cut) == (1.0, 0.0)
    assert (leak.example.first_bar, leak.example.n_rows) == (3, 2)
    assert leak.example.rows == {"close": (7.0, 8.0)}


def test_a_longer_look_ahead_is_measured():
    leak = check_causality(Plain(look_ahead), prices(400), {"ahead": 7}).leak
    assert leak.ahead == 7
    assert "(7 bars later)" in leak.known


def test_what_only_knows_the_length_is_said_so():
    leak = check_causality(Plain(last_is_flat), prices(50)).leak
    assert leak.bar == 0
    assert leak.known == "knew that bar 1 exists (the next bar)"


def test_a_whole_sample_mean_needs_the_last_bar():
    leak = check_causality(Plain(centred), prices(500)).leak
    assert leak.how != "random_walk"
    assert leak.bar < 500


def test_the_past_alone_passes_and_the_guarantee_counts():
    verdict = check_causality(Plain(momentum, warmup=10), prices(7_000))
    assert verdict.passed
    assert verdict.leak is None
    assert verdict.cuts == 5_000
    assert verdict.futures == 64 * 3
    assert verdict.flips == verdict.changes > 100
    assert "re-derived from the past alone" in verdict.guarantee
