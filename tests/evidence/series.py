"""Day returns of known truth, and runs made of them."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from trade_research.evidence.days import days_of

MEAN, DEVIATION, YEAR = 0.0005, 0.012, 252.0
KINDS = ("normal", "fat", "autocorrelated", "skewed")
PHI = 0.1


def standard(kind, n, rng):
    """`n` values of mean 0 and deviation 1."""
    if kind == "normal":
        return rng.standard_normal(n)
    if kind == "fat":
        return rng.standard_t(5, n) / math.sqrt(5 / 3)
    if kind == "skewed":  # many small gains, few large losses: skewness -√2
        return (2.0 - rng.gamma(2.0, 1.0, n)) / math.sqrt(2.0)
    noise = rng.standard_normal(n) * math.sqrt(1 - PHI**2)
    out = np.empty(n)
    out[0] = rng.standard_normal()
    for t in range(1, n):
        out[t] = PHI * out[t - 1] + noise[t]
    return out


def day_returns(kind, n, rng, mean=MEAN):
    return mean + DEVIATION * standard(kind, n, rng)


def log_growth_of(kind, mean=MEAN):
    """E log(1 + r), by midpoints of the quantiles."""
    u = (np.arange(200_000) + 0.5) / 200_000
    quantile = {
        "normal": stats.norm.ppf,
        "autocorrelated": stats.norm.ppf,
        "fat": lambda u: stats.t.ppf(u, 5) / math.sqrt(5 / 3),
        "skewed": lambda u: (2.0 - stats.gamma.ppf(1 - u, 2.0)) / math.sqrt(2.0),
    }[kind]
    return float(np.log1p(mean + DEVIATION * quantile(u)).mean())


def days(returns, benchmark=None, per_year=YEAR, start="2001-01-01", **given):
    """A run with these day returns, one bar a day."""
    dates = np.datetime64(start) + np.arange(returns.size)
    beside = None if benchmark is None else 1_000.0 * np.cumprod(1.0 + benchmark)
    return days_of(
        1_000.0 * np.cumprod(1.0 + returns),
        1_000.0,
        dates,
        per_year=per_year,
        benchmark=beside,
        **given,
    )


def trades(pnl, scale=1_000.0):
    return {"pnl": pnl, "return": pnl / scale, "open": np.zeros(pnl.size, bool)}
