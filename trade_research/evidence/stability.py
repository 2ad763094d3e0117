"""Does it hold over time? Rolling years, calendar years, halves, and how few days made it all."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trade_research.evidence.crises import crises_in
from trade_research.evidence.days import Days, log_growth
from trade_research.evidence.paths import marks_of
from trade_research.evidence.regimes import Regimes, regimes_of
from trade_research.evidence.states import States
from trade_research.kernels.jit import B8, F64, I64, kernel
from trade_research.metrics.drawdowns import drawdown_series
from trade_research.metrics.moments import Moments
from trade_research.metrics.returns import sharpe_ratio, volatility, win_rate_bars
from trade_research.metrics.sharpe import sharpe_error

BEST_DAYS = 10
_Z = 1.6448536269514722  # 95% of a normal
_FEWEST = 20  # days below which a span gets no ratio


@dataclass(frozen=True)
class Span:
    """A stretch or a set of days: fractions; Sharpe and volatility a year, None where undefined.

    `hit_rate` is the share of gaining days among those with a result, `benchmark` the benchmark's
    return over the same days.
    """

    name: str
    start: str
    end: str
    days: int
    net_return: float
    sharpe: float | None
    volatility: float | None
    max_drawdown: float | None
    hit_rate: float | None
    benchmark: float | None


@dataclass(frozen=True)
class Rolling:
    """One-year windows ending at `dates`, at most 300 of them; None where undefined.

    `low` and `high` hold 90% of the windows' Sharpe ratios if the true one never changed and were
    that of the whole run.
    """

    window: int
    dates: tuple[str, ...]
    sharpe: tuple[float | None, ...]
    volatility: tuple[float | None, ...]
    beta: tuple[float | None, ...]
    hit_rate: tuple[float | None, ...]
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Concentration:
    """How few days made the result.

    Attributes
    ----------
    gains, losses : float or None
        Herfindahl index of the gaining (losing) days, 0 when all are alike and 1 when one made all:
        (Σw² - 1/n) / (1 - 1/n), w the share in the sum. López de Prado (2018), chapter 14.
    months : float or None
        The same of the days per month that had a result.
    best_share : float or None
        Share of the log growth that the 10 best days made; None where there was no growth.
    without_best : float or None
        Net return without those days.
    """

    gains: float | None
    losses: float | None
    months: float | None
    best_share: float | None
    without_best: float | None


@dataclass(frozen=True)
class Stability:
    """The run in parts.

    `halves_p` is the two-sided probability of halves so different if the Sharpe ratio never
    changed. `missing` names the crises that the span does not touch; `states` tells the bars apart
    by the state of their market, where it is one market.
    """

    years: tuple[Span, ...]
    halves: tuple[Span, ...]
    halves_p: float | None
    rolling: Rolling | None
    regimes: Regimes | None
    crises: tuple[Span, ...]
    missing: tuple[str, ...]
    concentration: Concentration
    states: States | None = None


def stability_of(
    days: Days, reference: F64 | None = None, states: States | None = None
) -> Stability:
    """Everything about how evenly a run came by its result.

    Parameters
    ----------
    days : Days
        At least one day.
    reference : float64 array of shape (n_days,), optional
        Day returns of what defines the regimes; the benchmark's where left out.
    states : States, optional
        The same run by bars.
    """
    market = days.benchmark if reference is None else reference
    years = days.dates.astype("datetime64[Y]")
    half = days.n // 2
    order = np.arange(days.n)
    halves = (order < half, order >= half)
    lived, missed = crises_in(days.dates)
    crises = [(c.name, _between(days, c.start, c.end)) for c in lived]
    return Stability(
        tuple(span_of(days, str(y), years == y) for y in np.unique(years)),
        tuple(
            span_of(days, name, rows)
            for name, rows in zip(("first half", "second half"), halves, strict=True)
            if rows.any()
        ),
        _difference(*(Moments(days.excess.returns[rows]) for rows in halves)),
        rolling_year(days),
        None if market is None else regimes_of(days, market),
        tuple(span_of(days, name, rows) for name, rows in crises if rows.any()),
        tuple(c.name for c in missed),
        concentration(days),
        states,
    )


def span_of(days: Days, name: str, rows: B8) -> Span:
    """What the chosen days made, as if nothing lay between them."""
    at = np.flatnonzero(rows)
    chosen, excess = Moments(days.returns[at]), Moments(days.excess.returns[at])
    # Days that do not follow one another have no drawdown.
    is_whole = at.size > 0 and at[-1] - at[0] + 1 == at.size
    before = days.initial if not is_whole or at[0] == 0 else float(days.equity[at[0] - 1])
    fall = drawdown_series(days.equity[at], before) if is_whole and before > 0.0 else None
    enough = at.size >= _FEWEST
    beside = None if days.benchmark is None else _grown(days.benchmark[at])
    return Span(
        name,
        str(days.dates[at[0]]) if at.size else "",
        str(days.dates[at[-1]]) if at.size else "",
        int(at.size),
        _grown(chosen.returns),
        _or_none(sharpe_ratio(excess, periods_per_year=days.per_year)) if enough else None,
        _or_none(volatility(chosen, periods_per_year=days.per_year)) if enough else None,
        None if fall is None else float(fall.min()),
        _or_none(win_rate_bars(chosen)),
        beside,
    )


def rolling_year(days: Days) -> Rolling | None:
    """Sharpe ratio, volatility, beta and hit rate of every year of days; None in less than one."""
    window = round(days.per_year) if days.per_year else 0
    if window < _FEWEST or days.n < window:
        return None
    ends = window - 1 + marks_of(days.n - window + 1)
    market = np.full(days.n, np.nan) if days.benchmark is None else days.benchmark
    table = windows(days.excess.returns, days.returns, market - days.cash, ends, window)
    root = math.sqrt(float(days.per_year or math.nan))
    sharpe = sharpe_ratio(days.excess, periods_per_year=days.per_year)
    error = sharpe_error(days.excess) * math.sqrt(days.n / window) * root
    return Rolling(
        window,
        tuple(str(d) for d in days.dates[ends]),
        _optional(table[:, 0] * root),
        _optional(table[:, 1] * root),
        _optional(table[:, 2]),
        _optional(table[:, 3]),
        _or_none(sharpe - _Z * error),
        _or_none(sharpe + _Z * error),
    )


@kernel
def windows(excess: F64, returns: F64, market: F64, ends: I64, size: int) -> F64:
    """Sharpe ratio, deviation (ddof 1), beta and hit rate of windows, (n_ends, 4), per period.

    Each window is summed anew, about its own mean: no digit is lost to a running sum.
    """
    out = np.full((ends.size, 4), np.nan)
    for k in range(ends.size):
        first = ends[k] - size + 1
        mean, centre, up, down = 0.0, 0.0, 0, 0
        for t in range(first, ends[k] + 1):
            mean += excess[t] / size
            centre += market[t] / size
            up += returns[t] > 0.0
            down += returns[t] < 0.0
        square, cross, other = 0.0, 0.0, 0.0
        for t in range(first, ends[k] + 1):
            square += (excess[t] - mean) ** 2
            cross += (excess[t] - mean) * (market[t] - centre)
            other += (market[t] - centre) ** 2
        deviation = math.sqrt(square / (size - 1))
        out[k, 1] = deviation
        if deviation > 1e-15:
            out[k, 0] = mean / deviation
        if other > 0.0:
            out[k, 2] = cross / other
        if up + down > 0:
            out[k, 3] = up / (up + down)
    return out


def concentration(days: Days) -> Concentration:
    """How evenly the result is spread over days and months."""
    r, logs = days.returns, days.logs
    months = days.dates.astype("datetime64[M]")[r != 0.0]
    counts = np.unique(months, return_counts=True)[1].astype(np.float64)
    growth = float(logs.sum())
    best = np.sort(logs)[-BEST_DAYS:]
    left = float(np.sort(logs)[:-BEST_DAYS].sum())
    return Concentration(
        herfindahl(r[r > 0.0]),
        herfindahl(-r[r < 0.0]),
        herfindahl(counts),
        float(best.sum()) / growth if 0.0 < growth < math.inf else None,
        math.expm1(left) if days.n > BEST_DAYS else None,
    )


def herfindahl(parts: F64) -> float | None:
    """Concentration of positive parts, 0 (all alike) to 1 (one is all); None for fewer than 3."""
    if parts.size < 3:
        return None
    weights = parts / parts.sum()
    return float(((weights**2).sum() - 1.0 / parts.size) / (1.0 - 1.0 / parts.size))


def _between(days: Days, start: str, end: str) -> B8:
    out: B8 = (days.dates >= np.datetime64(start)) & (days.dates <= np.datetime64(end))
    return out


def _difference(a: Moments, b: Moments) -> float | None:
    """Two-sided p-value of a difference of two Sharpe ratios (normal, standard errors added)."""
    errors = math.hypot(sharpe_error(a), sharpe_error(b))
    gap = sharpe_ratio(a, periods_per_year=1) - sharpe_ratio(b, periods_per_year=1)
    return _or_none(math.erfc(abs(gap) / errors / math.sqrt(2.0))) if errors > 0.0 else None


def _grown(returns: F64) -> float:
    return math.expm1(float(log_growth(returns).sum()))


def _optional(x: F64) -> tuple[float | None, ...]:
    return tuple(_or_none(float(v)) for v in x)


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None
