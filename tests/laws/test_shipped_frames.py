"""Laws 1 and 2 of the shipped strategies on frames of every shape: gaps, holes, flats, none."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.counts import count
from tests.laws.shipped import CASES, IDS, frames
from trade_research.strategies.compose import Composed


@pytest.mark.parametrize(("strategy", "params"), CASES, ids=IDS)
@settings(max_examples=count(400))
@given(frame=frames(), share=st.floats(0, 1))
def test_prefix_of_bars_gives_prefix_of_targets(strategy, params, frame, share):
    """Of every column, and of what the warm-up would hide."""
    t = int(share * frame.height)
    whole = strategy.raw(strategy.columns_of(frame), **params)
    part = strategy.raw(strategy.columns_of(frame[:t]), **params)
    assert list(whole.extras) == list(part.extras)
    pairs = [(whole.target, part.target)]
    pairs += zip(whole.extras.values(), part.extras.values(), strict=True)
    for full, b in pairs:
        a = full[:t]
        known = ~np.isnan(a)
        np.testing.assert_array_equal(known, ~np.isnan(b))
        np.testing.assert_array_equal(a[known].view(np.int64), b[known].view(np.int64))


@pytest.mark.parametrize(("strategy", "params"), CASES, ids=IDS)
@settings(max_examples=count(200))
@given(frame=frames(), future=st.floats(1e-9, 1e9))
def test_what_comes_after_changes_nothing_before(strategy, params, frame, future):
    t = frame.height // 2
    floats = [name for name, kind in frame.schema.items() if kind == pl.Float64]
    is_past = pl.int_range(pl.len()) < t
    other = frame.with_columns(pl.when(is_past).then(n).otherwise(future).alias(n) for n in floats)
    ours = strategy.targets(frame, **params)["target"].to_numpy()[:t]
    theirs = strategy.targets(other, **params)["target"].to_numpy()[:t]
    np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize(("strategy", "params"), CASES, ids=IDS)
@settings(max_examples=count(200))
@given(frame=frames())
def test_flat_before_the_warmup_and_no_opinion_only_near_a_hole(strategy, params, frame):
    target = strategy.targets(frame, **params)["target"].to_numpy()
    silent = strategy.warmup(**params)
    assert (target[:silent] == 0.0).all()
    inputs = strategy.columns_of(frame)
    holes = np.zeros(frame.height, dtype=bool)
    for values in inputs.values():
        holes |= np.isnan(values if values.ndim == 1 else values.sum(axis=1))
    for t in range(silent, frame.height):
        assert np.isnan(target[t]) <= holes[max(t - max(silent, 1) + 1, 0) : t + 1].any()
        if not isinstance(strategy, Composed):
            assert holes[t] <= np.isnan(target[t])


def test_the_law_catches_a_cheat():
    """The law is worth something: a whole-sample mean breaks it."""
    from trade_research.strategies.strategy import strategy

    @strategy
    def cheat(close):
        return close - close.mean()

    close = np.arange(50.0)
    assert (cheat(close)[:25] != cheat(close[:25])).any()
