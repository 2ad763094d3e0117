"""From tallies to the metrics of `trade_research.metrics`, for all configurations at once."""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import F64, I64
from trade_research.metrics.moments import ROUNDING
from trade_research.simulate.records import Records


def measure(
    tallies: Records,
    n_bars: I64,
    n_days: I64,
    sums: F64,
    *,
    cash: float,
    cash_rate: float,
    day_cash_rate: float,
    periods_per_year: float | None,
    sessions_per_year: float | None,
) -> dict[str, F64]:
    """Metrics by name, (n_configs, n_spans) each; NaN where undefined.

    Parameters
    ----------
    tallies : records of shape (n_configs, n_spans)
    n_bars, n_days : int64 arrays of shape (n_spans,)
    sums : float64 array of shape (n_configs, n_spans, 2)
        Of the returns of days and of their squares.
    cash, cash_rate, day_cash_rate : float
        Money at the start; what cash returns in a bar and in a day.
    periods_per_year, sessions_per_year : float or None
    """
    a = np.nan if periods_per_year is None else periods_per_year
    sessions = np.nan if sessions_per_year is None else sessions_per_year
    with np.errstate(all="ignore"):
        growth = tallies["money"]
        mean, std = mean_and_std(tallies["sum1"], tallies["sum2"], n_bars)
        day_mean, day_std = mean_and_std(sums[..., 0], sums[..., 1], n_days)
        down = np.sqrt(tallies["down2"] / n_bars)
        cagr = np.where(growth > 0.0, growth ** (a / n_bars) - 1.0, -1.0)
        cagr = np.where(np.isfinite(cagr) & ~np.isnan(a), cagr, np.nan)
        depth = tallies["depth"] - 1.0
        trades = tallies["trades"].astype(np.float64)
        found = {
            "total_return": growth - 1.0,
            "cagr": cagr,
            "volatility": std * np.sqrt(a),
            "sharpe": _ratio(mean - cash_rate, std, mean) * np.sqrt(a),
            "sortino": np.where(
                (down > ROUNDING) & (n_bars >= 2),
                (mean - cash_rate) * a / (down * np.sqrt(a)),
                np.nan,
            ),
            "max_drawdown": depth,
            "calmar": np.where(depth < -ROUNDING, cagr / -depth, np.nan),
            "sharpe_daily": _ratio(day_mean - day_cash_rate, day_std, day_mean) * np.sqrt(sessions),
            "trades": trades,
            "win_rate": tallies["wins"] / trades,
            "profit_factor": np.where(
                tallies["lost"] > 0.0, tallies["won"] / tallies["lost"], np.nan
            ),
            "exposure": tallies["held"] / n_bars,
            "turnover": tallies["traded"] * a / n_bars,
            "cost_paid": tallies["cost"] * cash,
        }
    return {name: np.where(np.isfinite(value), value, np.nan) for name, value in found.items()}


def mean_and_std(total: F64, squares: F64, n: I64 | int) -> tuple[F64, F64]:
    """Mean and sample deviation from sums; NaN with fewer than two."""
    mean = total / n
    variance = (squares - total * mean) / np.where(n > 1, n - 1, np.nan)
    return mean, np.sqrt(np.maximum(variance, 0.0))


def _ratio(excess: F64, std: F64, mean: F64) -> F64:
    """Mean over deviation where the returns vary at all: see `metrics.moments.Moments.varies`."""
    out: F64 = np.where(std > ROUNDING * np.maximum(1.0, np.abs(mean)), excess / std, np.nan)
    return out


def moments(tallies: Records, sums: F64, n: int) -> F64:
    """Number, mean, variance, skewness and raw kurtosis of day returns, (n_configs, 5).

    `tallies` (n_configs,) and `sums` (n_configs, 2) of one span of `n` days.
    """
    with np.errstate(all="ignore"):
        mean, std = mean_and_std(sums[:, 0], sums[:, 1], n)
        square, cube, fourth = sums[:, 1] / n, tallies["cubes"] / n, tallies["fourths"] / n
        m2 = square - mean * mean
        m3 = cube - 3.0 * mean * square + 2.0 * mean**3
        m4 = fourth - 4.0 * mean * cube + 6.0 * mean * mean * square - 3.0 * mean**4
        varies = std > ROUNDING * np.maximum(1.0, np.abs(mean))
        skew = np.where(varies, m3 / m2**1.5, np.nan)
        kurtosis = np.where(varies, m4 / m2**2, np.nan)
    return np.stack([np.full(len(mean), float(n)), mean, std * std, skew, kurtosis], axis=1)
