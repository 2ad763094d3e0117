"""90% intervals hold the truth about nine times in ten, on returns whose truth is known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tests.counts import FULL, count
from tests.evidence.series import (
    DEVIATION,
    KINDS,
    MEAN,
    YEAR,
    day_returns,
    days,
    log_growth_of,
    trades,
)
from trade_research.evidence.estimates import day_estimates, trade_estimates
from trade_research.evidence.luck import luck_of

N_DAYS, HOLD, DRAWS = 750, 5, 1_000
RUNS = count(2_000)
NONE = np.empty(0, np.int64)
# 2,000 runs know a share of 90% to ±0.7%; a hundred to ±3%.
ALLOWED = (0.85, 0.95) if FULL else (0.81, 0.985)


def held(returns):
    """Results of trades held `HOLD` days, fractions."""
    return np.prod(1.0 + returns.reshape(-1, HOLD), axis=1) - 1.0


def truths(kind):
    many = held(
        day_returns(
            kind, 1_000_000 if kind != "autocorrelated" else 500_000, np.random.default_rng(0)
        )
    )
    growth = log_growth_of(kind)
    return {
        "cagr": math.expm1(YEAR * growth),
        "volatility_daily": DEVIATION * math.sqrt(YEAR),
        "sharpe_daily": MEAN / DEVIATION * math.sqrt(YEAR),
        "win_rate": float((many > 0).mean()),
        "expectancy_bp": float(many.mean()) * 1e4,
        "beta": 0.0,
        "excess_cagr": math.expm1(YEAR * growth) - math.expm1(YEAR * log_growth_of("normal")),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_intervals_hold_the_truth(kind):
    truth, hits = truths(kind), dict.fromkeys(truths(kind), 0)
    closed_form = 0
    for k in range(RUNS):
        rng = np.random.default_rng((k, 3))
        r, b = day_returns(kind, N_DAYS, rng), day_returns("normal", N_DAYS, rng)
        run = days(r, b)
        found, _, _ = day_estimates(run, draws=DRAWS, seed=k, marks=NONE)
        found |= trade_estimates(trades(held(r), 1.0), draws=DRAWS, seed=k)
        for name, value in truth.items():
            hits[name] += found[name].low <= value <= found[name].high
        luck = luck_of(run.excess, YEAR)
        closed_form += luck.low <= truth["sharpe_daily"] <= luck.high
    shares = {name: n / RUNS for name, n in hits.items()} | {"closed form": closed_form / RUNS}

    low, high = ALLOWED
    assert all(low <= share <= high for share in shares.values()), shares


@pytest.mark.parametrize("kind", ["normal", "fat", "skewed"])
def test_noise_is_rarely_taken_for_a_sharpe_ratio(kind):
    false = 0
    for k in range(RUNS):
        r = day_returns(kind, N_DAYS, np.random.default_rng((k, 4)), mean=0.0)
        found, _, _ = day_estimates(days(r), draws=DRAWS, seed=k, marks=NONE)
        ratio = found["sharpe_daily"]
        false += ratio.low > 0 or ratio.high < 0

    assert false / RUNS <= (0.12 if FULL else 0.2)
