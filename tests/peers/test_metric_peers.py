"""Metrics against ffn, quantstats and vectorbt where they share a definition with us.

The worked example of drawdown durations is here with every library's own answer, so that the
differences stay differences of convention.
"""

import numpy as np
import pytest

from tests.counts import count
from trade_research import metrics as ours

pd = pytest.importorskip("pandas")

US_PER_DAY = 86_400_000_000
EXAMPLE = [100.0, 110, 105, 100, 108, 112, 111, 120]


def walk(seed, n=600):
    """A curve of business days as prices with dates, and as our arrays."""
    rng = np.random.default_rng(seed)
    equity = 100.0 * np.cumprod(1.0 + rng.standard_t(5, n) * 0.01)
    index = pd.bdate_range("2020-01-01", periods=n)
    return pd.Series(equity, index), equity, index.values.astype("datetime64[us]").astype("i8")


SEEDS = range(count(100))


@pytest.fixture(scope="module")
def ffn():
    return pytest.importorskip("ffn.core")


@pytest.fixture(scope="module")
def quantstats():
    return pytest.importorskip("quantstats.stats")


@pytest.mark.parametrize("seed", SEEDS)
def test_ffn_drawdowns(ffn, seed):
    prices, equity, close = walk(seed)
    theirs = ffn.drawdown_details(prices.to_drawdown_series())
    found = ours.drawdown_episodes(equity, float(equity[0]))
    times = found.times(close)
    assert len(theirs) == found.depth.size
    # ffn counts from the first bar under water to the recovery; we keep the peak before it too.
    starts = theirs["Start"].to_numpy("datetime64[us]").astype("i8")
    np.testing.assert_array_equal(starts, times["start"])
    np.testing.assert_array_equal(
        theirs["End"].to_numpy("datetime64[us]").astype("i8"), times["end"]
    )
    np.testing.assert_allclose(theirs["drawdown"].astype(float), found.depth, rtol=1e-12)
    assert ours.max_drawdown(found) == pytest.approx(ffn.calc_max_drawdown(prices), rel=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_ffn_calendar_growth_and_deflated_ratio(ffn, seed):
    prices, equity, close = walk(seed)
    mine = ours.cagr_calendar(equity, float(equity[0]), close, int(close[0]))
    assert mine == pytest.approx(ffn.calc_cagr(prices), rel=1e-12)
    r = prices.pct_change().dropna()
    trials = np.random.default_rng(seed).normal(0, 0.05, 40)
    theirs = ffn.calc_deflated_sharpe_ratio(r, trials, nperiods=252, annualized_trials=False)
    mine = ours.deflated_sharpe_ratio(
        r.to_numpy(), trials=40, variance=trials.var(ddof=1), bias=False
    )
    assert mine == pytest.approx(theirs, rel=1e-10, abs=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_quantstats_ratios_and_probability(quantstats, seed):
    prices, _, _ = walk(seed)
    r = prices.pct_change().dropna()
    x, a = r.to_numpy(), 252
    assert ours.sharpe_ratio(x, periods_per_year=a) == pytest.approx(
        quantstats.sharpe(r, periods=a), rel=1e-12
    )
    assert ours.sortino_ratio(x, periods_per_year=a) == pytest.approx(
        quantstats.sortino(r, periods=a), rel=1e-12
    )
    assert ours.volatility(x, periods_per_year=a) == pytest.approx(
        quantstats.volatility(r, periods=a), rel=1e-12
    )
    assert ours.value_at_risk_normal(x) == pytest.approx(quantstats.value_at_risk(r), rel=1e-12)
    # Its skewness and kurtosis are the unbiased ones.
    assert ours.probabilistic_sharpe_ratio(x, bias=False) == pytest.approx(
        quantstats.probabilistic_sharpe_ratio(r), rel=1e-12
    )


def test_the_worked_example_of_durations_by_each_convention(ffn, quantstats):
    index = pd.DatetimeIndex([f"2024-01-{d:02}" for d in (5, 8, 9, 10, 11, 12, 15, 16)])
    prices = pd.Series(EXAMPLE, index)
    under = prices / prices.cummax() - 1
    found = ours.drawdown_episodes(np.array(EXAMPLE), 100.0)
    close = index.values.astype("datetime64[us]").astype("i8")
    assert (ours.longest_drawdown_bars(found), ours.longest_drawdown_days(found, close)) == (4, 4.0)
    assert ffn.drawdown_details(under)["Length"].max() == 3
    assert quantstats.drawdown_details(under)["days"].max() == 3
    # vectorbt: first bar under water to the recovery, in bars; backtesting.py: as we, in days.
    assert int((found.end - found.start).max()) == 3


@pytest.mark.full  # half a minute of the peer's own compilation; empyrical has the same rules
@pytest.mark.parametrize("seed", SEEDS)
def test_vectorbt_ratios(seed):
    pytest.importorskip("vectorbt")
    from vectorbt.returns import metrics as theirs
    from vectorbt.returns import nb

    rng = np.random.default_rng(seed)
    x = rng.standard_t(5, 400) * 0.01
    a = 365.0
    column = x[:, None]
    equity = 100.0 * np.cumprod(1.0 + x)
    for mine, other in (
        (ours.sharpe_ratio(x, periods_per_year=a), nb.sharpe_ratio_nb(column, a)),
        (ours.sortino_ratio(x, periods_per_year=a), nb.sortino_ratio_nb(column, a)),
        (ours.volatility(x, periods_per_year=a), nb.annualized_volatility_nb(column, a)),
        (ours.omega_ratio(x), nb.omega_ratio_nb(column, a)),
        (ours.cagr(equity, 100.0, periods_per_year=a), nb.annualized_return_nb(column, a)),
        (ours.value_at_risk(x), nb.value_at_risk_nb(column)),
        (ours.expected_shortfall(x), nb.cond_value_at_risk_nb(column)),
        (ours.tail_ratio(x), nb.tail_ratio_nb(column)),
    ):
        assert mine == pytest.approx(float(other[0]), rel=1e-12)
    sharpe = ours.sharpe_ratio(x, periods_per_year=1)
    other = theirs.deflated_sharpe_ratio(
        est_sharpe=sharpe,
        var_sharpe=0.002,
        nb_trials=30,
        backtest_horizon=x.size,
        skew=ours.skewness(x),
        kurtosis=ours.kurtosis(x),
    )
    mine = ours.deflated_sharpe_ratio(x, trials=30, variance=0.002)
    assert mine == pytest.approx(float(other), rel=1e-12)
