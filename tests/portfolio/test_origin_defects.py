"""The defects that `systems.md` lists of the original engine's S8, S9 and S10, row by row."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from tests.portfolio.make import DAY, panel
from trade_research.errors import ConfigError
from trade_research.portfolio import (
    ASSET_CLASSES,
    Caps,
    EqualWeight,
    InverseVolatility,
    RiskParity,
    VolatilityTarget,
    asset_class,
    blend,
    estimate,
    is_trading,
    project,
)

NAN = np.nan


def weigh(sizing, targets, closes=None, **more):
    targets = np.asarray(targets, dtype=np.float64)
    closes = np.ones(targets.shape) if closes is None else closes
    times = np.arange(1, len(targets) + 1) * DAY
    return sizing.weights(targets, closes, close_time=times, **more)


class TestS8AssetClassAdapter:
    def test_it_is_used(self):
        """S8 "used nowhere": the class's volatility decides the first weights of new symbols."""
        names = ("BTC/USDT", "SPY")
        sizing = InverseVolatility(prior={"BTC/USDT": "crypto", "SPY": "etf"}, every=1)
        found = weigh(sizing, np.ones((1, 2)), symbols=names, periods_per_year=252.0)[0]
        crypto, etf = asset_class("crypto").volatility, asset_class("etf").volatility
        np.testing.assert_allclose(found, np.array([etf, crypto]) / (etf + crypto), rtol=1e-12)

    def test_commodity_is_a_class(self):
        """S8 "COMMODITY raises"."""
        assert asset_class("commodity").daily_volatility > asset_class("index").daily_volatility

    def test_trading_hours_are_no_constant(self):
        """S8 "trading-hours test is a constant", and forex called 24/7."""
        sunday = pl.Series([datetime(2024, 3, 10, 12, tzinfo=UTC)], dtype=pl.Datetime("us", "UTC"))
        open_now = {name for name in ASSET_CLASSES if is_trading(name, sunday)[0]}
        assert open_now == {"crypto"}

    def test_numbers_are_estimates(self):
        """S8 "constants, not estimates": twice the moves in the data, (nearly) twice the number."""
        moves = np.random.default_rng(0).normal(size=3000) * 0.01
        calm, wild = (100 * np.exp(np.cumsum(k * moves)) for k in (1, 2))
        one, two = (
            estimate(
                pl.DataFrame({"high": c, "low": c, "close": c}), "crypto", periods_per_year=365.0
            )
            for c in (calm, wild)
        )
        assert two.volatility / one.volatility == pytest.approx(2.0, rel=0.15)
        assert two.stop / one.stop == pytest.approx(2.0, rel=0.15)

    def test_bands_are_not_scaled_by_volatility_twice(self):
        """S8 "Bollinger σ and stop are scaled by volatility twice (the band already holds it)"."""
        assert {one.presets["bollinger"]["width"] for one in ASSET_CLASSES.values()} == {2.0}


class TestS9EqualWeight:
    def test_longs_and_shorts_share_one_gross(self):
        """S9 "gross leverage 2.0": long and short sides each summed to 1."""
        for by in ("listed", "all", "active"):
            found = weigh(EqualWeight(by=by), [[1.0, 1.0, -1.0, -1.0]])
            np.testing.assert_array_equal(found, [[0.25, 0.25, -0.25, -0.25]])

    def test_conflicts_net(self):
        """S9 "opposing insights on one symbol overwrite (last short wins)"."""
        long, short = np.array([[1.0, 1.0]]), np.array([[-1.0, NAN]])
        for order in ([long, short], [short, long]):
            np.testing.assert_array_equal(weigh(EqualWeight(), blend(order)), [[0.0, 0.5]])

    def test_duplicates_do_not_count_twice(self):
        """S9 "duplicate insights count in N but collapse to one key"."""
        with pytest.raises(ConfigError, match="two columns"):
            weigh(EqualWeight(), [[1.0, 1.0]], symbols=("BTC", "BTC"))
        same = np.array([[1.0, 0.0]])
        found = weigh(EqualWeight(by="active"), blend([same, same]))
        np.testing.assert_array_equal(found, [[1.0, 0.0]])

    def test_confidence_counts(self):
        """S9 "confidence … ignored": a target of 0.4 is 0.4 of the symbol's part."""
        np.testing.assert_array_equal(weigh(EqualWeight(), [[1.0, 0.4]]), [[0.5, 0.2]])

    def test_opinions_expire(self):
        """S9 "expiry … ignored": one whose symbol stopped trading is given up after `forget`."""
        closes = np.ones((6, 2))
        closes[1:, 1] = NAN
        targets = np.where(np.isnan(closes), NAN, 1.0)
        assert weigh(EqualWeight(forget=3), targets, closes)[4, 1] == 0.0

    def test_a_held_symbol_without_an_opinion_stays(self):
        """S9 "current holdings ignored; a held symbol without an insight is just absent"."""
        found = EqualWeight().explain(
            np.array([[1.0, 1.0], [NAN, 1.0]]), np.ones((2, 2)), close_time=np.array([1, 2]) * DAY
        )
        assert np.isnan(found.weights[1, 0])  # no order
        assert found.standing[1, 0] == 0.5  # and it counts in the book

    def test_no_opinions_are_no_error(self):
        """S9 "no insights → empty target": rows without any opinion hold what there is."""
        assert np.isnan(weigh(EqualWeight(), np.full((3, 2), NAN))).all()
        assert weigh(EqualWeight(), np.empty((0, 2))).shape == (0, 2)

    def test_every_option_is_read(self):
        """S9 "max 5 positions and rebalance 3 600 s are configured, never read"."""
        with pytest.raises(TypeError, match="max_positions"):
            EqualWeight(max_positions=5)

    def test_risk_parity_exists(self):
        """S9 "Configs also name risk parity" (documented, never written)."""
        _, closes, _ = panel(60, 3, 0, ragged=False)
        found = weigh(RiskParity(lookback=50, every=59), np.ones((60, 3)), closes)[-1]
        assert (found > 0.0).all()


class TestS10MaxPosition:
    def test_one_breach_leaves_the_others_alone(self):
        """S10 "a single breach de-levers everything": there all × 0.25 / 0.7."""
        found = weigh_caps([0.7, 0.2, -0.1], Caps(max_weight=0.25))
        np.testing.assert_array_equal(found, [0.25, 0.2, -0.1])

    def test_gross_net_and_class_limits(self):
        """S10 "gross, net, per-class … limits absent"."""
        caps = Caps(
            gross=0.8, net=0.3, class_gross={"coins": 0.4}, class_of={"A": "coins", "B": "coins"}
        )
        found = weigh_caps([0.5, 0.3, -0.4], caps)
        assert np.abs(found).sum() <= 0.8 + 1e-12
        assert abs(found.sum()) <= 0.3 + 1e-12
        assert np.abs(found[:2]).sum() <= 0.4 + 1e-12

    def test_correlated_symbols_are_held_smaller(self):
        """S10 "correlation … limits absent": the volatility target counts covariances."""
        rng = np.random.default_rng(0)
        a, b = rng.normal(size=(2, 200)) * 0.01
        for other, expected in ((b, 2**0.5), (a, 2.0)):
            closes = np.exp(np.cumsum(np.column_stack([a, other]), axis=0))
            sizing = VolatilityTarget(0.1, 150, every=1, max_gross=9.0)
            w = weigh(sizing, np.ones((200, 2)), closes, periods_per_year=252.0)[-1]
            each = 0.1 / (w[0] * a[50:].std() * 252**0.5)
            assert each == pytest.approx(expected, rel=0.1)

    def test_the_change_is_shown(self):
        """S10 "Better: projection onto a constraint set …, shown as a diff"."""
        found = project(np.array([[0.7, 0.2]]), Caps(max_weight=0.25), symbols=("A", "B"))
        assert found.changes(np.array([DAY])).rows()[0][1:] == pytest.approx(
            ("A", 0.7, 0.25, -0.45)
        )


def weigh_caps(wanted, caps):
    return project(np.array([wanted]), caps, symbols=("A", "B", "C")).weights[0]
