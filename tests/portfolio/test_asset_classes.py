"""The table of asset classes, trading hours, and estimates that the data takes over."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from tests.data import needs_data, shared
from trade_research.errors import ConfigError
from trade_research.frames.bars import to_bars
from trade_research.portfolio import (
    ASSET_CLASSES,
    asset_class,
    asset_class_of,
    estimate,
    is_trading,
    minutes_to_close,
    shrink_variance,
)
from trade_research.portfolio.estimates import spread_from_bars
from trade_research.venues import VENUES


def at(*texts):
    times = [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts]
    return pl.Series(times, dtype=pl.Datetime("us", "UTC"))


def frame(close, width=0.001):
    """Daily bars around the given closes."""
    start = np.datetime64("2020-01-01", "us") + np.arange(close.size) * np.timedelta64(1, "D")
    return pl.DataFrame(
        {
            "open_time": start,
            "open": close,
            "high": close * (1 + width),
            "low": close * (1 - width),
            "close": close,
            "volume": np.ones(close.size),
        }
    )


@pytest.mark.parametrize("kind", ASSET_CLASSES.values(), ids=ASSET_CLASSES.keys())
def test_every_class_is_complete(kind):
    assert asset_class(kind.name) is kind
    assert kind.source
    assert 0.0 < kind.daily_volatility < 0.1
    assert kind.spread_bps > 0.0
    assert kind.slippage_bps > 0.0
    assert 0.0 < kind.before_close <= 1.0
    days = {"24/7": 365, "24/5": 260, "XNYS": 252, "CMES": 258}[kind.calendar]
    assert kind.volatility == pytest.approx(kind.daily_volatility * days**0.5)
    assert is_trading(kind, at("2024-03-06 15:00")).all()  # a Wednesday


def test_names_of_the_original_engine_and_of_venues():
    assert asset_class("stock").name == "equity"
    assert asset_class("forex").name == "fx"
    assert {asset_class_of(venue).name for venue in VENUES} == {"crypto", "equity", "index", "fx"}
    for venue in VENUES:  # one fact, one place: venue and class agree on the calendar
        assert asset_class_of(venue).calendar == VENUES[venue].calendar
    with pytest.raises(ConfigError, match="did you mean 'crypto'"):
        asset_class("cryto")
    with pytest.raises(ConfigError, match="unknown"):
        asset_class_of("nowhere")


def test_presets_of_the_original_engine():
    crypto, stock = asset_class("crypto"), asset_class("stock")
    assert crypto.presets["macd"] == {"fast": 8, "slow": 18}
    assert stock.presets["macd"] == {"fast": 12, "slow": 26}
    assert crypto.presets["rsi"] == {"oversold": 20.0, "overbought": 80.0}
    assert stock.stop() == pytest.approx(0.02)
    assert crypto.stop() == pytest.approx(0.0667, abs=1e-4)
    assert crypto.max_weight() == pytest.approx(0.03)
    assert stock.max_weight() == pytest.approx(0.10)
    assert stock.max_weight(0.03 * 252**0.5) == pytest.approx(0.05)


@pytest.mark.parametrize(
    ("kind", "times", "expected"),
    [
        ("crypto", ["2024-12-25 03:00", "2024-03-09 03:00"], [True, True]),
        # Thanksgiving; the half day after it closes at 13:00 New York
        (
            "stock",
            ["2024-11-28 15:00", "2024-11-29 17:59", "2024-11-29 18:00"],
            [False, True, False],
        ),
        # summer time began on 2024-03-10: 09:30 New York is 14:30, then 13:30 UTC
        ("stock", ["2024-03-08 14:29", "2024-03-08 14:30"], [False, True]),
        (
            "stock",
            ["2024-03-11 13:29", "2024-03-11 13:30", "2024-03-11 20:00"],
            [False, True, False],
        ),
        # the currency week ends on Friday and begins on Sunday, 17:00 New York
        (
            "forex",
            ["2024-03-08 21:59", "2024-03-08 22:00", "2024-03-09 12:00"],
            [True, False, False],
        ),
        ("forex", ["2024-03-10 20:59", "2024-03-10 21:00"], [False, True]),
    ],
)
def test_hours_know_holidays_half_days_and_summer_time(kind, times, expected):
    np.testing.assert_array_equal(is_trading(kind, at(*times)), expected)


def test_minutes_to_close():
    times = at("2024-11-27 20:45", "2024-11-28 15:00", "2024-11-29 17:50")
    np.testing.assert_array_equal(minutes_to_close("stock", times), [15.0, np.nan, 10.0])
    assert np.isinf(minutes_to_close("crypto", times)).all()
    assert minutes_to_close("stock", at()).shape == (0,)


def test_shrinking_by_hand():
    # 20 returns of variance 4, a prior of 1 that counts for 20: the middle
    found = shrink_variance(np.array([4.0, np.nan]), np.array([20, 0]), np.array([1.0, 1.0]), 20)
    np.testing.assert_array_equal(found, [2.5, 1.0])
    assert shrink_variance(np.array([4.0]), np.array([7]), np.array([1.0]), 0)[0] == 4.0
    assert np.isnan(shrink_variance(np.array([np.nan]), np.array([0]), np.array([1.0]), 0))[0]


@pytest.mark.parametrize("n", [0, 1, 2])
def test_with_next_to_no_bars_the_class_speaks(n):
    found = estimate(frame(np.ones(n)), "stock", periods_per_year=252.0)
    assert found.volatility == pytest.approx(0.015 * 252**0.5)
    assert found.spread_bps == 2.0
    assert found.weight == 0.0
    assert np.isnan(found.own_volatility)
    assert found.stop == pytest.approx(0.02)


def test_with_many_bars_the_data_speaks():
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(size=5000) * 0.03))
    found = estimate(frame(close), "stock", periods_per_year=252.0)
    assert found.own_volatility == pytest.approx(0.03 * 252**0.5, rel=0.03)
    assert found.volatility == pytest.approx(found.own_volatility, rel=0.01)
    assert found.max_weight == pytest.approx(0.05, rel=0.03)
    assert found.weight == pytest.approx(4999 / 5059)


def test_one_price_for_ever_still_moves_as_its_class_does():
    found = estimate(frame(np.full(61, 5.0)), "stock", periods_per_year=252.0, prior_bars=60)
    assert found.own_volatility == 0.0
    assert found.volatility == pytest.approx(0.015 * 252**0.5 / 2**0.5)


@pytest.mark.parametrize("spread", [0.01, 0.02, 0.03])
def test_the_spread_of_simulated_trades_is_found(spread):
    """Trades at bid or ask around a walk of 390 steps a day; the tolerance is the estimator's."""
    rng = np.random.default_rng(1)
    middle = np.cumsum(rng.normal(size=(2000, 390)) * 0.01 / 390**0.5).reshape(2000, 390)
    price = np.exp(middle + rng.choice([-0.5, 0.5], size=middle.shape) * spread)
    found = spread_from_bars(price.max(axis=1), price.min(axis=1), price[:, -1])
    assert found == pytest.approx(spread, rel=0.15)


def test_a_spread_that_cannot_be_seen_is_the_one_of_the_class():
    rng = np.random.default_rng(2)
    walk = np.exp(np.cumsum(rng.normal(size=(2000, 390)) * 0.01 / 390**0.5).reshape(2000, 390))
    bars = pl.DataFrame({"high": walk.max(axis=1), "low": walk.min(axis=1), "close": walk[:, -1]})
    found = estimate(bars, "stock", periods_per_year=252.0)
    assert np.isnan(found.own_spread_bps)
    assert found.spread_bps == 2.0


def test_spread_of_few_or_broken_rows_is_nan():
    assert np.isnan(spread_from_bars(*np.ones((3, 2))))
    assert np.isnan(spread_from_bars(np.array([1.0, np.nan, 1.0]), np.ones(3), np.ones(3)))


@pytest.mark.parametrize("bad", [{"periods_per_year": 0.0}, {"periods_per_year": float("nan")}])
def test_errors(bad):
    with pytest.raises(ConfigError):
        estimate(frame(np.ones(3)), "stock", **bad)
    with pytest.raises(ConfigError):
        estimate(frame(np.ones(3)), "stock", periods_per_year=252.0, prior_bars=-1)


@needs_data
def test_the_measured_numbers_in_the_table():
    daily = pl.read_parquet(shared("ohlcv/binance_spot_1d_10symbols.parquet"))
    found = {
        name: estimate(to_bars(part.drop("symbol"), "1d"), "crypto", periods_per_year=365.0)
        for (name,), part in daily.group_by("symbol", maintain_order=True)
    }
    own = {name: one.own_volatility / 365**0.5 for name, one in found.items()}
    assert own["BTCUSDT"] == pytest.approx(0.037, abs=0.0005)
    assert own["DOGEUSDT"] == pytest.approx(0.070, abs=0.0005)
    assert np.median(list(own.values())) == pytest.approx(0.054, abs=0.0005)
