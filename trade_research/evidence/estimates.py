"""Value, 90% interval and count of the headline numbers, by the stationary bootstrap.

Returns and trades are centred first, so the sums of powers lose no digits. Ratios are studentised:
what is resampled is the error in units of its own standard error, which keeps intervals honest for
skewed and fat-tailed returns where plain percentiles are too short.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, TypeAlias

import numpy as np

from trade_research.evidence.bootstrap import Paths, block_length, stationary
from trade_research.evidence.days import Days, log_growth
from trade_research.kernels.jit import B8, F64, I64
from trade_research.metrics import benchmark as beside
from trade_research.metrics.drawdowns import drawdown_series
from trade_research.metrics.returns import growth_rate, sharpe_ratio, volatility
from trade_research.metrics.trades import expectancy, win_rate

LEVEL = 0.9
MIN_DAYS, MIN_ACTIVE, MIN_TRADES = 30, 20, 10
STUDENTISED, PERCENTILE, WILSON = "bootstrap-t", "bootstrap percentile", "Wilson"
Columns: TypeAlias = dict[str, F64]


@dataclass(frozen=True)
class Estimate:
    """A number, its two-sided 90% interval, and the observations behind it.

    `value` is None where the number is undefined; `low` and `high` are None where it is, or where
    the observations are too few for an interval; `why` says so. `method` names the interval.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    method: str = ""
    why: str = ""


def day_estimates(
    days: Days, *, draws: int, seed: int, marks: I64
) -> tuple[dict[str, Estimate], Paths, float]:
    """Estimates from day returns, the resampled paths they came from, and the mean block.

    Keys are those of `metrics.DEFINITIONS` whose numbers they are, on day closes: cagr,
    volatility_daily, sharpe_daily, max_drawdown, and beside a benchmark excess_cagr, alpha, beta,
    information_ratio.
    """
    block = block_length(days.returns, np.abs(days.returns))
    columns = _columns(days)
    table = np.stack(list(columns.values()), axis=1)
    paths = stationary(table, block=block, draws=draws, seed=seed, logs=days.logs, marks=marks)
    drawn = dict(zip(columns, paths.sums.T / max(days.n, 1), strict=True))
    observed = {name: values.mean(keepdims=True) for name, values in columns.items()}
    why = _too_few(days)
    out = _own(days, observed, drawn, paths, why)
    if days.benchmark is not None:
        out |= _against(days, observed, drawn, why)
    return out, paths, block


def trade_estimates(trades: Mapping[str, Any], *, draws: int, seed: int) -> dict[str, Estimate]:
    """Hit rate and expectancy of the closed round trips: win_rate, expectancy, expectancy_bp.

    Parameters
    ----------
    trades : mapping of str to array of shape (n_trades,)
        `pnl` (money, net), `return` (net, fraction), `open` (still held: left out); in order of
        exit where `exit_time` is there.
    """
    closed = np.flatnonzero(~np.asarray(trades["open"], np.bool_))
    if "exit_time" in trades:
        closed = closed[np.argsort(np.asarray(trades["exit_time"])[closed], kind="stable")]
    pnl, returns = (np.asarray(trades[k], np.float64)[closed] for k in ("pnl", "return"))
    n, rate, made, bp = pnl.size, win_rate(pnl), expectancy(pnl), expectancy(returns) * 1e4
    if n < MIN_TRADES:
        why = f"{n} closed trades, {MIN_TRADES} wanted for an interval"
        values = {"win_rate": rate, "expectancy": made, "expectancy_bp": bp}
        return {k: Estimate(_or_none(v), None, None, n, "", why) for k, v in values.items()}
    d, e, wins = pnl - made, returns - bp / 1e4, np.where(pnl > 0.0, 1.0, 0.0) - rate
    table = np.stack([d, d * d, e, e * e, wins], axis=1)
    block = block_length(pnl, wins)
    mean = stationary(table, block=block, draws=draws, seed=seed).sums.T / n
    money = _mean_interval(mean[0], mean[1], float((d * d).mean()))
    points = _mean_interval(mean[2], mean[3], float((e * e).mean()))
    low, high = wilson(rate, n, float(mean[4].var()))
    return {
        "win_rate": Estimate(rate, low, high, n, WILSON),
        "expectancy": _estimate(made, made + money, n, STUDENTISED),
        "expectancy_bp": _estimate(bp, bp + points * 1e4, n, STUDENTISED),
    }


def _columns(days: Days) -> Columns:
    """What is summed over resampled days; `c` is the centred return, `g` centred log growth."""
    c = days.returns - days.returns.mean() if days.n else days.returns
    logs = np.where(np.isfinite(days.logs), days.logs, 0.0)
    g = logs - logs.mean() if days.n else logs
    out = {"c": c, "c2": c * c, "c3": c**3, "c4": c**4, "g": g, "g2": g * g}
    if days.benchmark is not None:
        b = days.benchmark - days.benchmark.mean() if days.n else days.benchmark
        out |= {"b": b, "b2": b * b, "cb": c * b, "h": log_growth(days.benchmark)}
    return out


def _own(days: Days, at: Columns, drawn: Columns, paths: Paths, why: str) -> dict[str, Estimate]:
    year = math.nan if days.per_year is None else days.per_year
    n, mean = days.n, days.excess.mean
    ratio, ratio_error = _sharpe(mean, at, n)
    ratios = _studentised(ratio, ratio_error, *_sharpe(mean, drawn, n)) * math.sqrt(year)
    spread, spread_error = _log_deviation(at, n)
    spreads = _studentised(spread, spread_error, *_log_deviation(drawn, n)) - float(spread[0])
    deviation = volatility(days.returns, periods_per_year=days.per_year)
    growth = float(days.logs.mean()) if n else math.nan
    lost = "everything was lost" if growth == -math.inf else why
    growths = growth + _mean_interval(drawn["g"], drawn["g2"], float(at["g2"][0]))
    fall = drawdown_series(days.equity, days.initial)
    depth = float(fall.min()) if n else math.nan
    rate = growth_rate(math.exp(growth * n), days.years) if n else math.nan
    sharpe = sharpe_ratio(days.excess, periods_per_year=days.per_year)
    with np.errstate(over="ignore"):
        rates, deviations = np.expm1(growths * year), deviation * np.exp(spreads)
    return {
        "cagr": _estimate(rate, rates, n, STUDENTISED, lost),
        "volatility_daily": _estimate(deviation, deviations, n, STUDENTISED, why),
        "sharpe_daily": _estimate(sharpe, ratios, n, STUDENTISED, why),
        "max_drawdown": _estimate(depth, _percentiles(paths.depth), n, PERCENTILE, why),
    }


def _against(days: Days, at: Columns, drawn: Columns, why: str) -> dict[str, Estimate]:
    """Excess growth, alpha, beta and information ratio, run and benchmark resampled together."""
    assert days.benchmark is not None
    a, n, other = days.per_year, days.n, days.benchmark - days.cash
    market = float(days.benchmark.mean())
    values = {
        "excess_cagr": float(_excess_growth(days, at)[0]),
        "alpha": beside.alpha(days.excess, other, periods_per_year=a),
        "beta": beside.beta(days.excess, other),
        "information_ratio": beside.information_ratio(
            days.returns - days.benchmark, periods_per_year=a
        ),
    }
    year = math.nan if a is None else a
    mine, theirs = days.returns.mean() + drawn["c"], market + drawn["b"]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        covariance = drawn["cb"] - drawn["c"] * drawn["b"]
        variances = [drawn[k + "2"] - drawn[k] ** 2 for k in "cb"]
        slope = covariance / variances[1]
        active = (variances[0] + variances[1] - 2.0 * covariance) * n / max(n - 1, 1)
        excess = mine - days.cash - slope * (theirs - days.cash)
        resampled = {
            "excess_cagr": _excess_growth(days, drawn),
            "alpha": np.expm1(year * np.log1p(np.maximum(excess, -1.0))),
            "beta": slope,
            "information_ratio": (mine - theirs) / np.sqrt(active) * math.sqrt(year),
        }
    return {
        name: _estimate(value, _percentiles(resampled[name]), n, PERCENTILE, why)
        for name, value in values.items()
    }


def _excess_growth(days: Days, mean: Columns) -> F64:
    year = math.nan if days.per_year is None else days.per_year
    own = float(days.logs.mean()) + mean["g"]
    with np.errstate(over="ignore", invalid="ignore"):
        return np.expm1(own * year) - np.expm1(mean["h"] * year)


def _sharpe(mean: float, m: Columns, n: int) -> tuple[F64, F64]:
    """Sharpe ratio of a period and its standard error (Mertens 2002) from means of powers."""
    m2, m3, m4 = _central(m)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = (mean + m["c"]) / np.sqrt(m2 * (n / max(n - 1, 1)))
        shape = 1.0 - m3 / m2**1.5 * ratio + (m4 / m2**2 - 1.0) / 4.0 * ratio**2
    return ratio, np.sqrt(np.maximum(shape, 0.0) / max(n, 1))


def _log_deviation(m: Columns, n: int) -> tuple[F64, F64]:
    """Log of the standard deviation, whose error √((kurtosis - 1) / 4n) knows no scale."""
    m2, _, m4 = _central(m)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.log(m2) / 2.0, np.sqrt(np.maximum(m4 / m2**2 - 1.0, 0.0) / (4.0 * max(n, 1)))


def _central(m: Columns) -> tuple[F64, F64, F64]:
    """Second to fourth moments about the mean of each sample."""
    mean, q2, q3, q4 = m["c"], m["c2"], m["c3"], m["c4"]
    m2 = np.maximum(q2 - mean**2, 0.0)
    m3 = q3 - 3.0 * mean * q2 + 2.0 * mean**3
    return m2, m3, q4 - 4.0 * mean * q3 + 6.0 * mean**2 * q2 - 3.0 * mean**4


def _studentised(value: F64, error: F64, drawn: F64, drawn_error: F64) -> F64:
    """Bounds of a bootstrap-t interval. Efron & Tibshirani (1993), chapter 12.5."""
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (drawn - value) / drawn_error
    low, high = _percentiles(t)
    return np.array([value[0] - high * error[0], value[0] - low * error[0]])


def _mean_interval(mean: F64, square: F64, variance: float) -> F64:
    """Bootstrap-t bounds of a mean, less the mean, from means of centred values and squares."""
    none = np.zeros(1)
    spread = np.sqrt(np.maximum(square - mean * mean, 0.0))
    return _studentised(none, none + math.sqrt(variance), mean, spread)


def _percentiles(drawn: F64) -> F64:
    """5% and 95% of the draws; NaN where more than one in fifty is undefined or infinite."""
    known = drawn[np.isfinite(drawn)]
    if known.size < 0.98 * drawn.size or not known.size:
        return np.full(2, np.nan)
    tail = (1.0 - LEVEL) / 2.0
    return np.quantile(known, [tail, 1.0 - tail])


def wilson(rate: float, n: int, variance: float) -> tuple[float, float]:
    """Wilson's (1927) interval of a share, `n` shortened where results cling together.

    `variance` is that of the resampled share: above p(1-p)/n, the trades count for fewer.
    """
    alone = rate * (1.0 - rate) / n
    count = n / max(1.0, variance / alone) if alone > 0.0 else float(n)
    z = NormalDist().inv_cdf(0.5 + LEVEL / 2.0)
    middle = (rate + z * z / (2.0 * count)) / (1.0 + z * z / count)
    inside = rate * (1.0 - rate) / count + (z / (2.0 * count)) ** 2
    half = z * math.sqrt(inside) / (1.0 + z * z / count)
    return max(0.0, middle - half), min(1.0, middle + half)


def _too_few(days: Days) -> str:
    """Why there is no interval; empty where there is one."""
    active: B8 = days.returns != 0.0
    moved = int(active.sum())
    if days.n < MIN_DAYS:
        return f"{days.n} days, {MIN_DAYS} wanted for an interval"
    if moved < MIN_ACTIVE:
        return f"{moved} days with a result, {MIN_ACTIVE} wanted for an interval"
    return ""


def _estimate(value: float, bounds: F64, n: int, method: str, why: str = "") -> Estimate:
    low, high = (_or_none(float(bound)) for bound in bounds)
    shown = _or_none(value)
    if why or shown is None or low is None or high is None:
        return Estimate(shown, None, None, n, "", why or "undefined for this run")
    return Estimate(shown, low, high, n, method)


def _or_none(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
