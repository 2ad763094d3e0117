"""Laws 1 and 2 of the shipped strategies on frames of every shape: gaps, holes, flats, none."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import count
from tests.indicators.naive import prices
from trade_research.strategies import bollinger, buy_and_hold, ma_crossover

CASES = [
    (buy_and_hold, {}),
    (ma_crossover, {"fast": 3, "slow": 10}),
    (ma_crossover, {"fast": 12, "slow": 5, "kind": "ema"}),
    (bollinger, {"window": 6, "width": 1.0}),
    (bollinger, {"window": 20, "mode": "reversion"}),
]
IDS = [f"{s.name}{p or ''}" for s, p in CASES]
START = datetime(2024, 1, 1, tzinfo=UTC)


@st.composite
def frames(draw):
    """Bars with gaps in time, NaN holes and null, equal prices, one bar or none."""
    close = draw(prices(120))
    steps = draw(st.lists(st.integers(1, 3), min_size=close.size, max_size=close.size))
    opens = [START + timedelta(minutes=int(m)) for m in np.cumsum(steps)]
    kind = pl.Datetime("us", "UTC")
    frame = pl.DataFrame({"open_time": pl.Series(opens, dtype=kind), "close": close})
    frame = frame.with_columns(close_time=pl.col("open_time") + timedelta(minutes=1))
    return frame.with_columns(pl.col("close").fill_nan(None)) if draw(st.booleans()) else frame


@pytest.mark.parametrize(("strategy", "params"), CASES, ids=IDS)
@settings(max_examples=count(1000))
@given(frame=frames(), share=st.floats(0, 1))
def test_prefix_of_bars_gives_prefix_of_targets(strategy, params, frame, share):
    t = int(share * frame.height)
    whole, part = strategy.targets(frame, **params)[:t], strategy.targets(frame[:t], **params)
    assert whole.columns == part.columns
    for name in whole.columns[2:]:
        a, b = whole[name].to_numpy(), part[name].to_numpy()
        np.testing.assert_array_equal(a.view(np.int64), b.view(np.int64))


@pytest.mark.parametrize(("strategy", "params"), CASES, ids=IDS)
@settings(max_examples=count(400))
@given(frame=frames(), future=st.floats(1e-9, 1e9))
def test_what_comes_after_changes_nothing_before(strategy, params, frame, future):
    t = frame.height // 2
    other = frame.with_columns(
        close=pl.when(pl.int_range(pl.len()) < t).then("close").otherwise(future)
    )
    ours = strategy.targets(frame, **params)["target"].to_numpy()[:t]
    theirs = strategy.targets(other, **params)["target"].to_numpy()[:t]
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("strategy", "params"), CASES, ids=IDS)
@settings(max_examples=count(400))
@given(frame=frames())
def test_flat_before_the_warmup_and_no_opinion_only_near_a_hole(strategy, params, frame):
    target = strategy.targets(frame, **params)["target"].to_numpy()
    silent = strategy.warmup(**params)
    assert (target[:silent] == 0.0).all()
    close = frame["close"].fill_null(float("nan")).to_numpy()
    for t in range(silent, frame.height):
        near = close[max(t - max(silent, 1) + 1, 0) : t + 1]
        assert np.isnan(close[t]) <= np.isnan(target[t]) <= np.isnan(near).any()


def test_the_law_catches_a_cheat():
    """The law is worth something: a whole-sample mean breaks it."""
    from trade_research.strategies.strategy import strategy

    @strategy
    def cheat(close):
        return close - close.mean()

    close = np.arange(50.0)
    assert (cheat(close)[:25] != cheat(close[:25])).any()
