"""Deviations and drawdowns too small for running sums: told apart, and taken from a run.

Sums lose the digits that squares have in common. Where too few are left for nine good ones - two
days that gained almost the same, one small loss among a thousand gains - the configuration is
simulated and its returns are summed about their mean, as a backtest does.
"""

from __future__ import annotations

import numpy as np

from trade_research.kernels.jit import B8, F64, I64
from trade_research.metrics import drawdowns as dd
from trade_research.metrics import returns as ret
from trade_research.metrics.moments import Moments
from trade_research.simulate.records import Records
from trade_research.simulate.result import Result
from trade_research.sweep.field import Field
from trade_research.sweep.tables import Tables

_GOOD = 3e-10
"""Error relative to a sum that is good enough: it is halved by the root, and 1e-9 is promised."""
_SHALLOW = 1e-6
"""Drawdowns below are a few hundred thousand roundings of the equity deep."""
_EPS = float(np.finfo(np.float64).eps)


def is_lost(field: Field, tables: Tables | None, tallies: Records, sums: F64) -> B8:
    """Where a deviation cannot be had from sums, (n_configs, n_spans).

    Parameters
    ----------
    field : Field
    tables : Tables or None
        Whose running sums differences were taken of; None: every return was added on its own.
    tallies : records of shape (n_configs, n_spans)
    sums : float64 array of shape (n_configs, n_spans, 2)
        Of the returns of days and of their squares.
    """
    ran = np.zeros(3) if tables is None else [*tables.leave[-1, 3:5], tables.days[-1, 2]]
    n_bars, n_days = field.n_bars, field.n_days
    total, squares, losses = (tallies[name] for name in ("sum1", "sum2", "down2"))
    steps = np.sqrt(tallies["held"] + 2.0 * tallies["trades"] + 2.0) * _EPS / _GOOD
    days = np.sqrt(n_days) * _EPS / _GOOD
    few = squares - total * total / n_bars < steps * (ran[0] + 4.0 * squares)
    few |= losses < steps * (ran[1] + 4.0 * losses)
    few |= tallies["depth"] > 1.0 - _SHALLOW
    few &= n_bars >= 2
    varied = sums[..., 1] - sums[..., 0] ** 2 / n_days
    few |= (varied < days * (ran[2] + 4.0 * sums[..., 1])) & (n_days >= 2)
    out: B8 = few & (tallies["fills"] > 0)
    return out


def from_run(
    run: Result, day: I64, field: Field, cash: float
) -> tuple[dict[str, float], list[float]]:
    """What rests on deviations and depth, by metric; and of day returns all but their number."""
    last = np.flatnonzero(np.append(day[1:] != day[:-1], True))
    bars, days = ret.moments_of(run.equity, cash), ret.moments_of(run.equity[last], cash)
    depth = dd.max_drawdown(dd.drawdown_episodes(run.equity, cash))
    excess, day_excess = _less(bars, field.cash_rate), _less(days, field.day_cash_rate)
    a, sessions = field.periods_per_year, field.sessions_per_year
    found = {
        "volatility": ret.volatility(bars, periods_per_year=a),
        "sharpe": ret.sharpe_ratio(excess, periods_per_year=a),
        "sortino": ret.sortino_ratio(excess, periods_per_year=a),
        "max_drawdown": depth,
        "calmar": ret.calmar_ratio(ret.cagr(run.equity, cash, periods_per_year=a), depth),
        "sharpe_daily": ret.sharpe_ratio(day_excess, periods_per_year=sessions),
    }
    return found, [days.mean, days.std**2, ret.skewness(days), ret.kurtosis(days)]


def _less(moments: Moments, rate: float) -> Moments:
    return moments if rate == 0.0 else Moments(moments.returns - rate)
