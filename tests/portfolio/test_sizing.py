"""Sizings worked by hand, and the laws over all of them: prefix, conservation, no plausible NaN."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from tests.data import needs_data, shared
from tests.portfolio.make import DAY, MINUTE, panel
from trade_research.errors import ConfigError
from trade_research.frames.bars import to_bars
from trade_research.portfolio import (
    Caps,
    EqualWeight,
    InverseVolatility,
    MeanVariance,
    RiskParity,
    VolatilityTarget,
    blend,
)
from trade_research.portfolio.schedule import scheduled
from trade_research.simulate.market import Market

NAN = np.nan
CLASSES = Caps(
    class_of={f"symbol {s}": "even" if s % 2 == 0 else "odd" for s in range(5)},
    class_gross={"even": 0.3},
    turnover=0.4,
)
ALL = {
    "equal": EqualWeight(),
    "equal all": EqualWeight(by="all", gross=2.0, forget=3),
    "equal active": EqualWeight(by="active", max_weight=0.25, net=0.2),
    "equal capped": EqualWeight(caps=CLASSES, net=(-0.1, 0.5)),
    "inverse": InverseVolatility(lookback=10, every=3, forget=20),
    "inverse prior": InverseVolatility(lookback=10, every="1w", prior="crypto", by="active"),
    "volatility": VolatilityTarget(0.2, lookback=15, every="1w", max_gross=1.5),
    "volatility of inverse": VolatilityTarget(
        0.1, 20, 7, max_weight=0.3, of=InverseVolatility(10, "1d", net=0.3)
    ),
    "parity": RiskParity(lookback=40, every=50),
    "variance": MeanVariance(lookback=40, every=60, max_weight=0.5),
    "sharpe": MeanVariance(lookback=30, every=80, objective="max_sharpe", covariance="empirical"),
}
EACH = pytest.mark.parametrize("sizing", ALL.values(), ids=ALL.keys())


def run(sizing, targets, closes, close_time, **more):
    return sizing.weights(targets, closes, close_time=close_time, periods_per_year=365.0, **more)


def gross_of(sizing):
    return sizing.all_caps().gross


@EACH
@pytest.mark.parametrize("seed", [0, 1])
def test_prefix_of_targets_and_prices_gives_prefix_of_weights(sizing, seed):
    targets, closes, times = panel(260, 5, seed)
    whole = run(sizing, targets, closes, times)
    assert np.nanmax(np.abs(whole)) > 0.0
    for t in (0, 1, 2, 50, 63, 64, 65, 66, 121, 161, 199, 259):
        np.testing.assert_array_equal(
            run(sizing, targets[:t], closes[:t], times[:t]), whole[:t], err_msg=str(t)
        )


@EACH
def test_what_comes_later_changes_nothing(sizing):
    targets, closes, times = panel(200, 5, 2)
    whole, t = run(sizing, targets, closes, times), 170
    for future in (NAN, 1e6, 1e-6):
        later, prices = targets.copy(), closes.copy()
        later[t:], prices[t:] = -1.0, future
        np.testing.assert_array_equal(run(sizing, later, prices, times)[:t], whole[:t])


def test_the_prefix_law_catches_a_sizing_that_looks_ahead():
    targets, closes, times = panel(260, 5, 0)

    class Ahead(InverseVolatility):
        def shares(self, panel):
            return 1.0 / np.nanstd(panel.returns(), axis=0)[None], np.zeros(260, dtype=np.int64)

    whole = run(Ahead(), targets, closes, times)
    changed = closes.copy()
    changed[200:] *= np.linspace(1.0, 2.0, 60)[:, None]
    assert not np.array_equal(run(Ahead(), targets, changed, times)[:200], whole[:200], True)


@EACH
@pytest.mark.parametrize("shape", [(300, 5), (1, 5), (0, 5), (120, 1), (1, 1), (0, 1)])
def test_gross_is_never_above_and_every_cap_holds(sizing, shape):
    targets, closes, times = panel(*shape, seed=4)
    explained = sizing.explain(targets, closes, close_time=times, periods_per_year=365.0)
    w, caps = explained.standing, sizing.all_caps()
    assert explained.weights.shape == shape
    assert not np.isinf(w).any()
    assert (np.abs(w).sum(axis=1) <= gross_of(sizing) + 1e-12).all()
    if caps.max_weight is not None:
        assert (np.abs(w) <= caps.max_weight).all()
    if caps.net is not None:
        low, high = caps.net if isinstance(caps.net, tuple) else (-caps.net, caps.net)
        assert (w.sum(axis=1) <= high + 1e-12).all()
        assert (w.sum(axis=1) >= low - 1e-12).all()
    if caps.turnover is not None:
        moves = np.abs(np.diff(w, axis=0, prepend=0.0)).sum(axis=1)
        assert (moves <= caps.turnover + 1e-12).all()
        assert (np.abs(w[:, ::2]).sum(axis=1) <= 0.3 + 1e-12).all()


@EACH
def test_no_opinion_no_weight(sizing):
    """NaN until the first opinion; a symbol that never has one stays NaN; all NaN gives all NaN."""
    targets, closes, times = panel(150, 5, 5)
    targets[:, 2] = NAN
    found = run(sizing, targets, closes, times)
    assert np.isnan(found[:, 2]).all()
    had = np.maximum.accumulate(~np.isnan(targets), axis=0)
    assert np.isnan(found[~had]).all()
    assert np.isnan(run(sizing, np.full_like(targets, NAN), closes, times)).all()


@EACH
def test_inputs_are_left_alone_and_may_be_read_only(sizing):
    given = panel(80, 5, 6)
    kept = [part.copy() for part in given]
    for part in given:
        part.setflags(write=False)
    run(sizing, *given)
    for part, before in zip(given, kept, strict=True):
        np.testing.assert_array_equal(part, before)


class TestEqualWeight:
    def test_listed_symbols_share_and_holes_trade_nothing(self):
        targets = np.array([[1.0, NAN], [1.0, NAN], [NAN, 1.0], [1.0, -0.5], [0.0, NAN]])
        closes = np.array([[5.0, NAN], [5.0, NAN], [NAN, 9.0], [5.0, 9.0], [5.0, NAN]])
        found = run(EqualWeight(), targets, closes, np.arange(1, 6) * DAY)
        # the second symbol is listed at row 2: the first goes from 1 to 1/2 though it has a hole
        expected = [[1.0, NAN], [1.0, NAN], [0.5, 0.5], [0.5, -0.25], [0.0, NAN]]
        np.testing.assert_array_equal(found, expected)

    def test_all_is_target_over_number_of_symbols(self):
        targets, closes, times = panel(100, 4, 1, ragged=False)
        targets = np.clip(targets, -1.0, 1.0)
        found = run(EqualWeight(by="all", gross=1.5), targets, closes, times)
        np.testing.assert_allclose(found, 1.5 * targets / 4, rtol=1e-15)

    def test_active_uses_the_whole_gross(self):
        targets = np.array([[1.0, 0.0, 0.0], [NAN, -1.0, NAN], [0.0, NAN, NAN]])
        found = run(EqualWeight(by="active"), targets, np.ones((3, 3)), np.arange(1, 4) * DAY)
        np.testing.assert_array_equal(found, [[1.0, 0.0, 0.0], [0.5, -0.5, NAN], [0.0, -1.0, NAN]])

    def test_forget_takes_out_what_stopped_trading(self):
        closes = np.ones((5, 2))
        closes[1:, 1] = NAN
        targets = np.where(np.isnan(closes), NAN, 1.0)
        found = run(EqualWeight(forget=2), targets, closes, np.arange(1, 6) * DAY)
        expected = [[0.5, 0.5], [0.5, NAN], [0.5, NAN], [1.0, 0.0], [1.0, NAN]]
        np.testing.assert_array_equal(found, expected)


class TestInverseVolatility:
    def test_by_hand(self):
        # returns of A alternate +-1 %, of B +-2 %: variances 1 to 4 but for the sample's mean
        up = np.array([0.01, -0.01] * 5)
        returns = np.column_stack([up, 2 * up])
        closes = np.vstack([[1.0, 1.0], np.cumprod(1 + returns, axis=0)])
        found = run(InverseVolatility(4, 1), np.ones((11, 2)), closes, np.arange(1, 12) * DAY)
        assert (found[:4] == 0.0).all()  # fewer than four returns
        np.testing.assert_allclose(found[4:], [[2 / 3, 1 / 3]] * 7, rtol=1e-12)

    def test_against_numpy_with_holes(self):
        targets, closes, times = panel(200, 5, 9)
        found = InverseVolatility(20, 1).explain(targets, closes, close_time=times).wanted[-1]
        last = [column[~np.isnan(column)] for column in closes.T]
        deviation = [np.std((c[1:] / c[:-1] - 1)[-20:], ddof=1) for c in last]
        standing = [column[~np.isnan(column)][-1] for column in targets.T]
        parts = 1 / np.array(deviation)
        np.testing.assert_allclose(found, standing * parts / parts.sum(), rtol=1e-12)

    def test_with_a_prior_a_new_symbol_counts_at_once_and_the_data_takes_over(self):
        rng = np.random.default_rng(0)
        closes = 100 * np.exp(np.cumsum(rng.normal(size=(4000, 2)) * [0.01, 0.02], axis=0))
        sizing = InverseVolatility(4000, 1, prior="crypto", prior_bars=20)
        found = run(sizing, np.ones((4000, 2)), closes, np.arange(1, 4001) * DAY)
        np.testing.assert_allclose(found[0], [0.5, 0.5])
        np.testing.assert_allclose(found[-1], [2 / 3, 1 / 3], atol=0.03)

    def test_a_flat_price_has_no_volatility_and_no_weight(self):
        targets, closes, times = panel(60, 3, 0, ragged=False)
        closes[:, 1] = 7.0
        found = run(InverseVolatility(10, 1), targets, closes, times)
        assert (np.nan_to_num(found[:, 1]) == 0.0).all()


class TestVolatilityTarget:
    def test_the_book_has_the_volatility_asked_for(self):
        _, closes, times = panel(300, 4, 3, ragged=False)
        targets = np.tile([1.0, -1.0, 1.0, 0.5], (300, 1))
        found = run(VolatilityTarget(0.15, 60, 1, max_gross=50.0), targets, closes, times)
        returns = closes[1:] / closes[:-1] - 1
        for t in (60, 100, 299):
            window = returns[t - 60 : t]
            realised = np.sqrt(found[t] @ np.cov(window.T) @ found[t] * 365)
            np.testing.assert_allclose(realised, 0.15, rtol=1e-12)
        assert (found[:60] == 0.0).all()

    def test_max_gross_stops_the_scale_and_a_flat_book_stays_flat(self):
        _, closes, times = panel(100, 3, 3, ragged=False)
        sizing = VolatilityTarget(9.0, 20, 1, max_gross=1.2)
        found = run(sizing, np.ones((100, 3)), closes, times)
        np.testing.assert_allclose(found[30:].sum(axis=1), 1.2, rtol=1e-12)
        flat = run(sizing, np.ones((100, 3)), np.ones((100, 3)), times)
        assert (flat == 0.0).all()

    def test_it_needs_to_know_the_bars_of_a_year(self):
        targets, closes, times = panel(10, 2)
        with pytest.raises(ConfigError, match="calendar='24/7'"):
            VolatilityTarget().weights(targets, closes, close_time=times)


class TestSchedule:
    def test_rows(self):
        times = np.arange(1, 15 * 24 + 1) * 60 * MINUTE  # hours from Thursday 1970-01-01
        days = np.flatnonzero(scheduled(times, "1d"))
        np.testing.assert_array_equal(days, np.arange(0, 15 * 24, 24))
        weeks = np.flatnonzero(scheduled(times, "1w"))
        np.testing.assert_array_equal(weeks, [0, 4 * 24, 11 * 24])
        np.testing.assert_array_equal(np.flatnonzero(scheduled(times[:5], 2)), [0, 2, 4])

    @pytest.mark.parametrize("every", [0, -1, 1.5, True, None, "1mo", "day"])
    def test_errors(self, every):
        with pytest.raises(ConfigError):
            InverseVolatility(every=every)


class TestBlend:
    def test_opposite_opinions_cancel_in_any_order(self):
        a = np.array([[1.0], [NAN], [NAN], [0.5]])
        b = np.array([[NAN], [-1.0], [NAN], [NAN]])
        expected = [[1.0], [0.0], [NAN], [-0.25]]
        np.testing.assert_array_equal(blend([a, b]), expected)
        np.testing.assert_array_equal(blend([b, a]), expected)

    def test_weights(self):
        found = blend([np.array([[1.0]]), np.array([[-1.0]])], [3.0, 1.0])
        np.testing.assert_array_equal(found, [[0.5]])
        assert blend([np.empty((0, 2)), np.empty((0, 2))]).shape == (0, 2)

    @pytest.mark.parametrize(
        ("opinions", "weights"),
        [([], None), ([np.ones((1, 1)), np.ones((2, 1))], None), ([np.ones((1, 1))], [0.0])],
    )
    def test_errors(self, opinions, weights):
        with pytest.raises(ConfigError):
            blend(opinions, weights)


@pytest.mark.parametrize(
    "make",
    [
        lambda: EqualWeight(gross=0.0),
        lambda: EqualWeight(gross=float("nan")),
        lambda: EqualWeight(by="lists"),
        lambda: EqualWeight(forget=0),
        lambda: EqualWeight(max_weight=0.1, caps=Caps(max_weight=0.2)),
        lambda: InverseVolatility(lookback=1),
        lambda: VolatilityTarget(target=-0.1),
        lambda: RiskParity(covariance="shrunk"),
        lambda: MeanVariance(objective="sharpe"),
        lambda: run(EqualWeight(), np.ones((2, 2)), np.ones((2, 3)), np.arange(2)),
        lambda: run(EqualWeight(), np.ones((2, 2)), np.ones((2, 2)), np.arange(3)),
        lambda: run(EqualWeight(), np.ones((2, 2)), np.ones((2, 2)), np.arange(2), symbols="A"),
        lambda: InverseVolatility(prior="crypto").weights(
            np.ones((2, 1)), np.ones((2, 1)), close_time=np.arange(2)
        ),
    ],
)
def test_errors_are_one_clear_line(make):
    with pytest.raises(ConfigError) as error:
        make()
    assert "\n" not in str(error.value)


@needs_data
@EACH
def test_ten_real_symbols_with_ragged_starts(sizing):
    frame = pl.read_parquet(shared("ohlcv/binance_spot_1d_10symbols.parquet"))
    market = Market.from_frame(to_bars(frame.sort("ts", "symbol"), "1d"))
    rng = np.random.default_rng(0)
    targets = np.where(np.isnan(market.close), NAN, rng.choice([0.0, 1.0], market.close.shape))
    sizing = sizing if sizing.caps.turnover is None else EqualWeight(max_weight=0.15)
    one = sizing.explain(targets, market.close, close_time=market.close_time, periods_per_year=365)
    t = 1500
    half = run(sizing, targets[:t], market.close[:t], market.close_time[:t])
    np.testing.assert_array_equal(half, one.weights[:t])
    assert (np.abs(one.standing).sum(axis=1) <= gross_of(sizing) + 1e-12).all()
    assert one.standing[-1].any()
