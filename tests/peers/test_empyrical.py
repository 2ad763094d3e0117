"""Metrics against empyrical to 1e-12, on random series and on real daily bars.

One annualisation factor is passed to both. Where the two differ by convention the test says how.
"""

import numpy as np
import pytest

from tests.counts import count
from tests.data import SHARED, shared
from trade_research import metrics as ours

empyrical = pytest.importorskip("empyrical")

YEARS = [1.0, 252.0, 365.0, 252.0 * 26]


def random_series(seed):
    """Returns of skewed, fat-tailed kinds, sometimes flat for a stretch, and a benchmark."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(2, 800))
    r = rng.standard_t(4, n) * rng.uniform(1e-4, 0.03) + rng.normal(0, 1e-3)
    if seed % 3 == 0:
        r[rng.random(n) < 0.4] = 0.0
    benchmark = 0.5 * r + rng.normal(3e-4, 0.01, n)
    return np.clip(r, -0.9, 2.0), np.clip(benchmark, -0.9, 2.0)


def real_series():
    """Daily returns of BTC and ETH from the stored bars; empty where the data is absent."""
    if SHARED is None:
        return []
    import polars as pl

    bars = pl.read_parquet(shared("ohlcv/binance_spot_1d_10symbols.parquet"))
    wide = bars.pivot("symbol", index="ts", values="close").sort("ts")
    names = [c for c in wide.columns if c.startswith(("BTC", "ETH"))]
    pair = wide.select(names).drop_nulls().to_numpy()
    returns = pair[1:] / pair[:-1] - 1.0
    return [(returns[:, 0], returns[:, 1])]


CASES = [random_series(seed) for seed in range(count(500))] + real_series()


def close(found, expected):
    """Equal to 1e-12, and undefined in the same places (empyrical's infinities are NaN here)."""
    if not np.isfinite(expected):
        assert np.isnan(found), (found, expected)
    else:
        assert found == pytest.approx(float(expected), rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("case", range(len(CASES)))
def test_returns_and_ratios(case):
    r, _ = CASES[case]
    a = YEARS[case % len(YEARS)]
    equity = 100.0 * np.cumprod(1.0 + r)
    rf = 0.03 if case % 2 else 0.0
    per_period = ours.risk_free_per_period(rf, a)
    excess = ours.excess_returns(r, rf, a)
    close(ours.total_return(equity, 100.0), empyrical.cum_returns_final(r))
    close(ours.cagr(equity, 100.0, periods_per_year=a), empyrical.cagr(r, annualization=a))
    close(ours.volatility(r, periods_per_year=a), empyrical.annual_volatility(r, annualization=a))
    close(
        ours.sharpe_ratio(excess, periods_per_year=a),
        empyrical.sharpe_ratio(r, risk_free=per_period, annualization=a),
    )
    close(
        ours.downside_deviation(excess, periods_per_year=a),
        empyrical.downside_risk(r, required_return=per_period, annualization=a),
    )
    close(
        ours.sortino_ratio(excess, periods_per_year=a),
        empyrical.sortino_ratio(r, required_return=per_period, annualization=a),
    )
    close(ours.omega_ratio(excess), empyrical.omega_ratio(r, risk_free=per_period))


@pytest.mark.parametrize("case", range(len(CASES)))
def test_drawdowns_and_tails(case):
    r, _ = CASES[case]
    a = YEARS[case % len(YEARS)]
    equity = 100.0 * np.cumprod(1.0 + r)
    deepest = ours.max_drawdown(ours.drawdown_episodes(equity, 100.0))
    close(deepest, empyrical.max_drawdown(r))
    growth = ours.cagr(equity, 100.0, periods_per_year=a)
    with np.errstate(over="ignore"):  # a few bars at 6,552 a year grow beyond any float
        close(ours.calmar_ratio(growth, deepest), empyrical.calmar_ratio(r, annualization=a))
    close(ours.value_at_risk(r), empyrical.value_at_risk(r))
    close(ours.expected_shortfall(r), empyrical.conditional_value_at_risk(r))
    with np.errstate(divide="ignore"):  # a 5% quantile of 0: infinite there, undefined here
        close(ours.tail_ratio(r), empyrical.tail_ratio(r))


@pytest.mark.parametrize("case", range(len(CASES)))
def test_benchmark_relative(case):
    r, b = CASES[case]
    a = YEARS[case % len(YEARS)]
    per_period = ours.risk_free_per_period(0.03, a)
    excess, theirs = ours.excess_returns(r, 0.03, a), ours.excess_returns(b, 0.03, a)
    close(ours.beta(excess, theirs), empyrical.beta_aligned(r, b, per_period))
    # Compounding over a year multiplies the last bit by A: alpha is compared per bar.
    close(
        (1 + ours.alpha(excess, theirs, periods_per_year=a)) ** (1 / a),
        (1 + empyrical.alpha_aligned(r, b, per_period, annualization=a)) ** (1 / a),
    )
    # empyrical's excess Sharpe is the information ratio per period.
    close(
        ours.information_ratio(r - b, periods_per_year=a),
        empyrical.excess_sharpe(r, b) * np.sqrt(a),
    )
    # One period a year: its capture ratios are then those of the mean growth per bar.
    for name in ("up_capture", "down_capture"):
        mine = getattr(ours, name)(r, b)
        close(mine, getattr(empyrical, name)(r, b, period="yearly"))
