"""A run's result by the state its market was in, bar by bar, each known before the bar began."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from trade_research.evidence.days import log_growth
from trade_research.indicators.regime import regime
from trade_research.kernels.jit import B8, F64
from trade_research.metrics.moments import Moments
from trade_research.metrics.returns import returns_of, sharpe_ratio, win_rate_bars

TRENDS = ("strong fall", "weak fall", "range", "weak rise", "strong rise")
VOLATILITIES = ("calm", "normal swings", "wild")
FEWEST_BARS = 100
RULE = (
    "direction from +DI and −DI, strength from ADX (20, 25) and the Hurst exponent (0.45, 0.55), "
    "swings from the average true range against its mean (0.5, 2); three bars confirm a change"
)


class Prices(Protocol):
    """As much of a `simulate.Market` as tells its state, (n_bars, n_symbols) each."""

    @property
    def high(self) -> F64: ...
    @property
    def low(self) -> F64: ...
    @property
    def close(self) -> F64: ...


@dataclass(frozen=True)
class State:
    """The run's bars in one state: returns as fractions, Sharpe ratio a year, None if unknown."""

    name: str
    bars: int
    share: float
    net_return: float
    market: float
    sharpe: float | None
    hit_rate: float | None


@dataclass(frozen=True)
class States:
    """Five states of the trend, three of the volatility; `unknown` bars are too early to tell."""

    trends: tuple[State, ...]
    volatilities: tuple[State, ...]
    unknown: int
    rule: str


def states_of(
    market: Prices, equity: F64, initial: float, *, bars_per_year: float | None, cash: float = 0.0
) -> States | None:
    """The run by `indicators.regime` of its market; None if that is never known.

    The market of several symbols is their equal-weighted mean.

    Parameters
    ----------
    market : simulate.Market
    equity : float64 array of shape (n_bars,)
        Marked at each close, from `initial`.
    bars_per_year : float or None
        None leaves the Sharpe ratios undefined.
    cash : float
        Return of cash a bar, a fraction.
    """
    high, low, close = _index(market)
    found = regime(high, low, close)
    known = np.zeros(close.size, dtype=np.bool_)
    known[1:] = ~np.isnan(found.strength[:-1])
    if not known.any():
        return None
    trend, swing = np.zeros(close.size), np.zeros(close.size)
    trend[1:], swing[1:] = (found.direction * found.strength)[:-1], found.volatility[:-1]
    own = returns_of(equity, initial)
    moves = np.zeros(close.size)
    moves[1:] = close[1:] / close[:-1] - 1.0

    def state(name: str, rows: B8) -> State:
        made = own[rows]
        sharpe = sharpe_ratio(Moments(made - cash), periods_per_year=bars_per_year)
        hit = win_rate_bars(made)
        enough = made.size >= FEWEST_BARS
        return State(
            name,
            int(made.size),
            made.size / int(known.sum()),
            math.expm1(float(log_growth(made).sum())),
            math.expm1(float(np.nansum(log_growth(moves[rows])))),
            sharpe if enough and math.isfinite(sharpe) else None,
            hit if enough and math.isfinite(hit) else None,
        )

    return States(
        tuple(state(name, known & (trend == k - 2)) for k, name in enumerate(TRENDS)),
        tuple(state(name, known & (swing == k)) for k, name in enumerate(VOLATILITIES)),
        int((~known).sum()),
        RULE if market.close.shape[1] == 1 else f"{RULE}; of the mean of the symbols' moves",
    )


def _index(market: Prices) -> tuple[F64, F64, F64]:
    """High, low and close of the market, (n_bars,) each: chained mean moves of several symbols.

    A symbol counts from its second bar on; over bars it lacks it moves with the next it has.
    """
    if market.close.shape[1] == 1:
        return market.high[:, 0], market.low[:, 0], market.close[:, 0]
    rows = np.arange(market.close.shape[0])[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(market.close), 0, rows), axis=0)
    before = np.take_along_axis(market.close, np.vstack([last[:1] * 0, last[:-1]]), axis=0)
    before[0] = np.nan
    moves = []
    for price in (market.high, market.low, market.close):
        ratio = price / before
        known = ~np.isnan(ratio)
        total = np.where(known, ratio, 0.0).sum(axis=1)
        moves.append(np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), 1.0))
    high, low, close = moves
    level = np.cumprod(close, dtype=np.float64)
    start = level / close
    return start * high, start * low, level
