"""Costs fitted on books: every book walked again by hand, and charged to bars as they say."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

import trade_research as tr
from tests.research.test_book_bars import bars_of, books_of, walk
from trade_research.errors import ConfigError
from trade_research.research.book_costs import fit_costs

SIZES = (0.5, 2.0, 5.0, 8.0)


def test_costs_fitted_on_books_are_what_walking_them_costs():
    rng = np.random.default_rng(1)
    books = books_of(rng, 0, 30)
    fitted = fit_costs(books, 4.0, tr.Costs(fee_bps=7.0))
    paid, spreads, thin = [], [], 0
    for row in books.drop_nulls().iter_rows(named=True):
        mid = (row["bid_price_1"] + row["ask_price_1"]) / 2
        spreads.append(1e4 * (row["ask_price_1"] - row["bid_price_1"]) / mid)
        for side, sign in (("ask", 1), ("bid", -1)):
            got, money = walk([(row[f"{side}_price_{j}"], row[f"{side}_size_{j}"])
                               for j in (1, 2, 3)], 4.0)  # fmt: skip
            thin += got < 4.0
            if got == 4.0:
                paid.append(1e4 * sign * (money / got / mid - 1))
    assert fitted.costs.fee_bps == 7.0
    assert fitted.costs.spread_bps == pytest.approx(np.mean(spreads))
    half = fitted.costs.spread_bps / 2 + fitted.costs.slippage_bps
    assert half == pytest.approx(np.mean(paid))
    assert fitted.error_bps == pytest.approx(np.std(paid, ddof=1))
    assert fitted.short == pytest.approx(thin / (2 * len(spreads)))
    with pytest.raises(ConfigError, match="no recorded book is deep enough"):
        fit_costs(books, 1e6, tr.Costs())
    with pytest.raises(ConfigError, match="units must be positive"):
        fit_costs(books, 0.0, tr.Costs())


def costs_by_hand(books, units):
    """Hour and cost to the mid in bp of each walk that a book is deep enough for, and all walks."""
    found, walks = [], 0
    for row in books.drop_nulls().iter_rows(named=True):
        mid = (row["bid_price_1"] + row["ask_price_1"]) / 2
        for side, sign in (("ask", 1), ("bid", -1)):
            got, money = walk([(row[f"{side}_price_{j}"], row[f"{side}_size_{j}"])
                               for j in (1, 2, 3)], units)  # fmt: skip
            walks += 1
            if got >= units * (1 - 1e-12):
                found.append((row["time"].hour, 1e4 * sign * (money / got / mid - 1)))
    return found, walks


def test_the_curve_over_sizes_and_hours_by_hand():
    books = books_of(np.random.default_rng(2), 0, 120)
    fitted = fit_costs(books, SIZES[::-1], tr.Costs(), volume=50.0)
    assert fitted.units == SIZES
    by_size = {row["units"]: row for row in fitted.curve.iter_rows(named=True)}
    by_hour = {(r["hour"], r["units"]): r for r in fitted.by_hour.iter_rows(named=True)}
    assert set(by_hour) == {(hour, size) for hour in (0, 1) for size in SIZES}
    left = []
    for size in SIZES:
        found, walks = costs_by_hand(books, size)
        costs = np.array([cost for _, cost in found])
        told = by_size[size]
        assert told["mean"] == pytest.approx(costs.mean())
        for name, share in (("p50", 50), ("p90", 90), ("p99", 99)):
            assert told[name] == pytest.approx(np.percentile(costs, share))
        assert told["short"] == pytest.approx(1 - costs.size / walks)
        for hour in (0, 1):
            own = [cost for when, cost in found if when == hour]
            assert by_hour[hour, size]["p90"] == pytest.approx(np.percentile(own, 90))
        left.append(costs - told["fitted"])
    every = np.concatenate(left)
    assert fitted.error_bps == pytest.approx(np.sqrt(np.sum(every**2) / (every.size - 2)))


def test_no_other_slippage_and_impact_fit_the_means_better():
    books = books_of(np.random.default_rng(3), 0, 60)
    fitted = fit_costs(books, SIZES, tr.Costs(fee_bps=7.0), volume=50.0)
    found = fitted.costs
    assert found.fee_bps == 7.0
    share = np.sqrt(np.array(SIZES) / 50.0)
    mean, half = fitted.curve["mean"].to_numpy(), found.spread_bps / 2

    def missed(slippage, impact):
        return np.sum((mean - half - slippage - impact * share) ** 2)

    best = missed(found.slippage_bps, found.impact_bps)
    assert found.impact_bps > 0.0
    for slippage in found.slippage_bps + np.linspace(-0.5, 0.5, 21):
        for impact in found.impact_bps + np.linspace(-2.0, 2.0, 21):
            assert slippage < 0.0 or missed(slippage, impact) >= best - 1e-12
    charged = half + found.slippage_bps + found.impact_bps * share
    np.testing.assert_allclose(fitted.curve["fitted"], charged, rtol=1e-12)


@tr.strategy
def long_from_the_third(close):
    target = np.full(close.size, np.nan)
    target[2] = 1.0
    return target


def test_a_bar_backtest_charges_what_the_curve_says():
    """Bars of 5 units: an order of 2 pays the mean of walking 2, as fitted for that volume."""
    rng = np.random.default_rng(4)
    fitted = fit_costs(books_of(rng, 0, 60), SIZES, tr.Costs(fee_bps=0.0), volume=5.0)
    bars = bars_of(rng, 10)
    cash = 2.0 * bars["close"][2]
    run = tr.backtest(long_from_the_third, bars, costs=fitted.costs, account="margin", cash=cash)
    fill = run.fills.row(0, named=True)
    paid = 1e4 * (fill["price"] / bars["open"][3] - 1)
    told = fitted.curve.filter(pl.col("units") == 2.0)["fitted"][0]
    share = fill["quantity"] / 2.0
    assert share == pytest.approx(1.0, abs=0.02)
    assert paid == pytest.approx(told, abs=0.02 * told)
    assert abs(paid - fitted.curve.filter(pl.col("units") == 8.0)["fitted"][0]) > 0.1


def test_what_cannot_be_fitted():
    books = books_of(np.random.default_rng(1), 0, 30)
    with pytest.raises(ConfigError, match="by their share of a bar's volume: give volume="):
        fit_costs(books, SIZES, tr.Costs())
    with pytest.raises(ConfigError, match="deep enough for orders of 1e"):
        fit_costs(books, (1.0, 1e6), tr.Costs(), volume=1.0)
    with pytest.raises(ConfigError, match="units must be positive"):
        fit_costs(books, (), tr.Costs(), volume=1.0)
