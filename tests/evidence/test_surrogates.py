"""Surrogate prices keep what they should of the data, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from tests.evidence.stand_in import prices
from trade_research.errors import ConfigError
from trade_research.evidence.surrogates import permutation, surrogate
from trade_research.simulate.market import Market

DAY = 86_400_000_000


def market(n=500, **given):
    times = np.arange(n) * DAY
    columns = prices(n, 3) | given
    return Market(times, times + DAY, **columns, symbols=("X",))


def moves(m):
    open_, close = m.open[:, 0], m.close[:, 0]
    return np.log(close / open_), np.log(open_[1:] / close[:-1])


@pytest.mark.parametrize("block", [1, 5, 40])
def test_permuted_bars_are_the_same_bars_in_blocks(block):
    one = market()
    other = surrogate(one, block=block, seed=1)
    for name in ("high", "low", "close"):
        shape, again = (np.sort(np.log(getattr(m, name) / m.open)[:, 0]) for m in (one, other))
        np.testing.assert_allclose(shape, again, atol=1e-12)
    np.testing.assert_array_equal(np.sort(one.volume[:, 0]), np.sort(other.volume[:, 0]))
    # A bar keeps its gap with its body; the gap of the data's first bar is none.
    (body, gap), (other_body, other_gap) = moves(one), moves(other)
    pairs = {(round(g, 9), round(b, 9)) for g, b in zip(np.append(0.0, gap), body, strict=True)}
    found = {(round(g, 9), round(b, 9)) for g, b in zip(other_gap, other_body[1:], strict=True)}
    assert found <= pairs
    assert other.close[-1, 0] == pytest.approx(one.close[-1, 0], rel=1e-9)
    assert not np.allclose(other.close, one.close)
    np.testing.assert_array_equal(other.close_time, one.close_time)


def test_bars_of_a_block_stay_together():
    rows = permutation(100, 10, np.random.default_rng(0))
    np.testing.assert_array_equal(np.sort(rows), np.arange(100))
    assert (np.diff(rows) == 1).sum() >= 100 - 12


@pytest.mark.parametrize("kind", ["permuted", "white"])
def test_bars_hold_their_open_and_close(kind):
    m = surrogate(market(), kind=kind, seed=2)
    assert (m.high >= np.maximum(m.open, m.close) * (1 - 1e-12)).all()
    assert (m.low <= np.minimum(m.open, m.close) * (1 + 1e-12)).all()
    again = surrogate(market(), kind=kind, seed=2)
    np.testing.assert_array_equal(m.close, again.close)
    assert (surrogate(market(), kind=kind, seed=3).close != m.close).any()


def test_white_noise_has_the_volatility_and_no_drift():
    n = 20_000
    m = market(n)
    drifting = Market(
        m.open_time, m.close_time, m.open, m.high, m.low,
        m.close, m.volume, m.symbols,
    )  # fmt: skip
    noise = surrogate(drifting, kind="white")
    body, gap = moves(noise)
    whole = np.diff(np.log(np.append(m.open[0, 0], m.close[:, 0])))
    np.testing.assert_allclose(gap, 0.0, atol=1e-9)
    assert body.std() == pytest.approx(whole.std(), rel=0.02)
    assert abs(body.mean()) < 4 * body.std() / np.sqrt(n)
    assert abs(np.corrcoef(body[1:], body[:-1])[0, 1]) < 4 / np.sqrt(n)


def test_what_cannot_be_permuted_is_refused():
    with pytest.raises(ConfigError, match="'permuted' or 'white'"):
        surrogate(market(), kind="pink")
    with pytest.raises(ConfigError, match="leave nothing to permute"):
        surrogate(market(), block=400)
    holes = prices(500, 3)
    holes["close"][3] = np.nan
    with pytest.raises(ConfigError, match="without missing bars"):
        surrogate(market(close=holes["close"]))
