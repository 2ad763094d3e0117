"""Values and intervals of the headline numbers, recomputed the slow way, and their odd cases."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from tests.evidence.series import YEAR, day_returns, days, trades
from tests.evidence.test_statistics_bootstrap import indices
from trade_research.evidence.estimates import day_estimates, trade_estimates
from trade_research.evidence.luck import luck_of, minimum_track_record, newey_west_lags
from trade_research.metrics.sharpe import probabilistic_sharpe_ratio

NONE = np.empty(0, np.int64)
DRAWS = 300


def bounds(value, error, drawn, drawn_error):
    """Bootstrap-t by its book: Efron & Tibshirani (1993), 12.22."""
    low, high = np.quantile((drawn - value) / drawn_error, [0.05, 0.95])
    return value - high * error, value - low * error


def sharpe_and_error(r):
    ratio, skew, kurt = r.mean() / r.std(ddof=1), stats.skew(r), stats.kurtosis(r, fisher=False)
    return ratio, math.sqrt((1 - skew * ratio + (kurt - 1) / 4 * ratio**2) / r.size)


def deviation_and_error(r):
    kurt = stats.kurtosis(r, fisher=False)
    return math.log(r.std(ddof=0)), math.sqrt((kurt - 1) / (4 * r.size))


def mean_and_error(g):
    return g.mean(), g.std() / math.sqrt(g.size)


@pytest.mark.parametrize("kind", ["fat", "skewed", "autocorrelated"])
def test_intervals_of_day_returns_are_those_of_series_resampled_one_by_one(kind):
    rng = np.random.default_rng(1)
    r, b = day_returns(kind, 300, rng), day_returns("normal", 300, rng)
    found, _, block = day_estimates(days(r, b), draws=DRAWS, seed=5, marks=NONE)
    samples = indices(300, DRAWS, block, 5)

    def studentised(of, x):
        value, error = of(x)
        drawn = np.array([of(x[at]) for at in samples])
        return np.array(bounds(value, error, drawn[:, 0], drawn[:, 1]))

    sharpe = studentised(sharpe_and_error, r) * math.sqrt(YEAR)
    growth = np.expm1(YEAR * studentised(mean_and_error, np.log1p(r)))
    volatility = (
        r.std(ddof=1)
        * np.exp(studentised(deviation_and_error, r) - math.log(r.std()))
        * math.sqrt(YEAR)
    )
    for name, pair in [
        ("sharpe_daily", sharpe),
        ("cagr", growth),
        ("volatility_daily", volatility),
    ]:
        estimate = found[name]
        np.testing.assert_allclose([estimate.low, estimate.high], pair, rtol=1e-8)
        assert estimate.low < estimate.value < estimate.high
        assert estimate.n == 300

    def excess(r, b):
        return math.expm1(YEAR * np.log1p(r).mean()) - math.expm1(YEAR * np.log1p(b).mean())

    def line(r, b):
        slope = np.cov(r, b)[0, 1] / b.var(ddof=1)
        return (1 + r.mean() - slope * b.mean()) ** YEAR - 1, slope

    def information(r, b):
        return (r - b).mean() / (r - b).std(ddof=1) * math.sqrt(YEAR)

    of = {
        "excess_cagr": excess,
        "alpha": lambda r, b: line(r, b)[0],
        "beta": lambda r, b: line(r, b)[1],
        "information_ratio": information,
    }
    for name, number in of.items():
        drawn = [number(r[at], b[at]) for at in samples]
        estimate = found[name]
        assert estimate.value == pytest.approx(number(r, b))
        np.testing.assert_allclose(
            [estimate.low, estimate.high], np.quantile(drawn, [0.05, 0.95]), rtol=1e-8
        )
    assert found["sharpe_daily"].value == pytest.approx(sharpe_and_error(r)[0] * math.sqrt(YEAR))
    assert found["cagr"].value == pytest.approx(np.prod(1 + r) ** (YEAR / 300) - 1)


def test_cash_shifts_the_sharpe_ratio_and_nothing_else():
    r = day_returns("normal", 300, np.random.default_rng(2))
    plain, _, _ = day_estimates(days(r), draws=DRAWS, seed=5, marks=NONE)
    less, _, _ = day_estimates(days(r, risk_free=0.05), draws=DRAWS, seed=5, marks=NONE)
    assert less["cagr"] == plain["cagr"]
    assert less["volatility_daily"] == plain["volatility_daily"]
    e = r - (1.05 ** (1 / YEAR) - 1)
    assert less["sharpe_daily"].value == pytest.approx(e.mean() / e.std(ddof=1) * YEAR**0.5)
    assert less["sharpe_daily"].high < plain["sharpe_daily"].high


def test_trades_recomputed():
    pnl = np.random.default_rng(3).standard_t(5, 80) * 10 + 2
    found = trade_estimates(trades(pnl), draws=DRAWS, seed=4)
    rate, n = (pnl > 0).mean(), 80
    assert found["win_rate"].value == rate
    assert found["expectancy"].value == pytest.approx(pnl.mean())
    assert found["expectancy_bp"].value == pytest.approx(pnl.mean() / 1_000 * 1e4)
    np.testing.assert_allclose(
        [found["expectancy_bp"].low * 0.1, found["expectancy_bp"].high * 0.1],
        [found["expectancy"].low, found["expectancy"].high],
    )
    # Wilson's interval of SciPy, at the count that the clinging of results leaves.
    low, high = stats.binomtest(int(rate * n), n).proportion_ci(0.9, "wilson")
    assert found["win_rate"].low <= low + 1e-12
    assert found["win_rate"].high >= high - 1e-12
    assert found["win_rate"].high - found["win_rate"].low < 1.2 * (high - low)


def test_wins_all_the_way_keep_a_lower_bound_below_one():
    found = trade_estimates(trades(np.arange(1.0, 31.0)), draws=DRAWS, seed=4)["win_rate"]
    low, high = stats.binomtest(30, 30).proportion_ci(0.9, "wilson")
    assert (found.value, found.low, found.high) == (1.0, pytest.approx(low), pytest.approx(high))


def test_streaks_make_trades_count_for_fewer():
    rng = np.random.default_rng(0)
    streaks = rng.choice([1.0, -1.0], 20).repeat(15)
    wide, narrow = (
        trade_estimates(trades(x), draws=1_000, seed=4)["win_rate"]
        for x in (streaks, rng.permutation(streaks))
    )
    assert wide.high - wide.low > 1.8 * (narrow.high - narrow.low)


def test_too_few_observations_give_a_reason_and_no_numbers():
    rng = np.random.default_rng(6)
    short, _, _ = day_estimates(days(rng.normal(0, 0.01, 20)), draws=50, seed=0, marks=NONE)
    assert short["sharpe_daily"].low is None
    assert short["sharpe_daily"].why == "20 days, 30 wanted for an interval"
    flat = np.zeros(400)
    flat[[5, 90, 300]] = 0.05
    rare, _, _ = day_estimates(days(flat), draws=50, seed=0, marks=NONE)
    assert rare["cagr"].why == "3 days with a result, 20 wanted for an interval"
    few = trade_estimates(trades(np.array([1.0, -1.0, 2.0])), draws=50, seed=0)
    assert (few["expectancy"].value, few["expectancy"].low) == (pytest.approx(2 / 3), None)
    none = trade_estimates(trades(np.empty(0)), draws=50, seed=0)
    assert none["win_rate"].value is None


@pytest.mark.parametrize("n", [1, 2, 50])
def test_a_run_that_never_moved_has_no_ratios(n):
    found, paths, _ = day_estimates(days(np.zeros(n), np.zeros(n)), draws=20, seed=0, marks=NONE)
    assert found["sharpe_daily"].value is None
    assert found["cagr"].value == 0.0
    assert found["beta"].value is None
    assert (paths.depth == 0).all()


def test_a_ruined_run_has_no_interval_of_growth_and_falls_to_nothing():
    r = day_returns("normal", 200, np.random.default_rng(7))
    r[120], r[121:] = -1.0, 0.0
    found, paths, _ = day_estimates(days(r), draws=200, seed=0, marks=NONE)
    assert (found["cagr"].value, found["cagr"].low) == (-1.0, None)
    assert found["max_drawdown"].value == -1.0
    assert np.mean(paths.depth == -1.0) == pytest.approx(1 - math.exp(-1), abs=0.12)


def test_without_a_calendar_nothing_is_annualised():
    r = day_returns("normal", 200, np.random.default_rng(8))
    found, _, _ = day_estimates(days(r, per_year=None), draws=50, seed=0, marks=NONE)
    assert found["cagr"].value is found["sharpe_daily"].value is None
    assert found["max_drawdown"].low is not None
    assert luck_of(r, None).sharpe is None
    assert luck_of(r, None).psr is not None


def test_minimum_track_record_is_where_the_probability_reaches_the_level():
    r = day_returns("skewed", 700, np.random.default_rng(9), mean=0.001)
    needed = minimum_track_record(r)
    sharpe, error = sharpe_and_error(r)
    shape = error**2 * 700
    assert needed == pytest.approx(1 + shape * (stats.norm.ppf(0.95) / sharpe) ** 2)
    # The same sample shape with so many observations gives a PSR of 0.95.
    assert stats.norm.cdf(sharpe * math.sqrt((needed - 1) / shape)) == pytest.approx(0.95)
    assert (probabilistic_sharpe_ratio(r) > 0.95) == (needed < 700)
    assert math.isnan(minimum_track_record(-r))


def test_published_example_of_the_minimum_track_record():
    # Bailey & López de Prado (2012): a yearly ratio of 2 on daily normal returns, against 1, at
    # 95%: 2.73 years.
    z = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    z /= z.std(ddof=1)
    r = 2 / math.sqrt(250) + z
    years = minimum_track_record(r, threshold=1 / math.sqrt(250)) / 250
    assert years == pytest.approx(2.73, abs=0.01)


def test_lags_of_newey_and_west():
    assert [newey_west_lags(n) for n in (100, 500, 2_500)] == [4, 5, 8]
