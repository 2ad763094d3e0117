"""Market regimes by trend and volatility, each day's known before it began."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trade_research.evidence.days import Days, log_growth
from trade_research.kernels.jit import F64, I64, kernel
from trade_research.metrics.moments import Moments
from trade_research.metrics.returns import sharpe_ratio, win_rate_bars

TREND_DAYS, VOLATILITY_DAYS, HISTORY_DAYS = 200, 20, 120
FEWEST_DAYS = 20
NAMES = (
    "falling, calm",
    "falling, normal",
    "falling, wild",
    "rising, calm",
    "rising, normal",
    "rising, wild",
)


@dataclass(frozen=True)
class Regime:
    """The run's days in one kind of market: fractions, Sharpe ratio a year."""

    name: str
    days: int
    net_return: float
    sharpe: float | None
    hit_rate: float | None
    market: float


@dataclass(frozen=True)
class Regimes:
    """The six kinds of market, those with fewer than 20 days named in `absent`.

    `unknown` days lie before there is enough history to tell.
    """

    rows: tuple[Regime, ...]
    absent: tuple[str, ...]
    unknown: int
    rule: str


RULE = (
    f"trend: sign of the market's return over the {TREND_DAYS} days before; volatility: its "
    f"deviation over the {VOLATILITY_DAYS} days before, among the thirds of all such values up to "
    f"then (at least {HISTORY_DAYS})"
)


def regimes_of(days: Days, market: F64) -> Regimes:
    """The run's result in each regime of `market`, day returns of shape (n_days,), fractions."""
    labels = classify(np.ascontiguousarray(log_growth(market)))
    rows = []
    for k, name in enumerate(NAMES):
        at = labels == k
        sharpe = sharpe_ratio(Moments(days.excess.returns[at]), periods_per_year=days.per_year)
        hit = win_rate_bars(days.returns[at])
        rows.append(
            Regime(
                name,
                int(at.sum()),
                math.expm1(float(days.logs[at].sum())),
                sharpe if at.sum() >= FEWEST_DAYS and sharpe == sharpe else None,
                hit if hit == hit else None,
                math.expm1(float(log_growth(market[at]).sum())),
            )
        )
    absent = tuple(row.name for row in rows if row.days < FEWEST_DAYS)
    return Regimes(tuple(rows), absent, int((labels < 0).sum()), RULE)


@kernel
def classify(logs: F64) -> I64:
    """Regime of each day from the log growth of the days before it, (n,) to (n,): `NAMES`, or -1.

    Nothing of the day itself or later enters, so a longer series has the same beginning.
    """
    n = logs.size
    out = np.full(n, -1)
    known, count = np.empty(n), 0  # deviations so far, sorted
    for t in range(VOLATILITY_DAYS, n):
        mean, square = 0.0, 0.0
        for i in range(t - VOLATILITY_DAYS, t):
            mean += logs[i] / VOLATILITY_DAYS
        for i in range(t - VOLATILITY_DAYS, t):
            square += (logs[i] - mean) ** 2
        at = count
        while at > 0 and known[at - 1] > square:
            known[at] = known[at - 1]
            at -= 1
        known[at] = square
        count += 1
        if t < TREND_DAYS or count < HISTORY_DAYS:
            continue
        trend = 0.0
        for i in range(t - TREND_DAYS, t):
            trend += logs[i]
        third = int(square > known[(count - 1) // 3]) + int(square > known[2 * (count - 1) // 3])
        out[t] = 3 * int(trend > 0.0) + third
    return out
