"""Random walks on which nothing can be earned, and what a strategy makes of them, by hand."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from trade_research.kernels.jit import kernel

N_BARS, STEPS, SIGMA = 1_000, 4, 0.01
SIDE = 12e-4
"""Cost of a side by default: fee 10, half the spread 1 and slippage 1 basis points."""


@kernel
def bars_of(draws):
    """Open, high, low, close of a price whose expected change is nothing, (4, n_bars).

    `draws` are standard normal, (n_bars, STEPS + 1): each bar opens with a move of its own behind
    the close before, then moves `STEPS` times.
    """
    prices, step, now = np.empty((4, len(draws))), SIGMA / np.sqrt(STEPS + 1.0), 100.0
    for t in range(len(draws)):
        for i in range(STEPS + 1):
            now *= np.exp(step * draws[t, i] - 0.5 * step * step)
            if i == 0:
                prices[:, t] = now
            prices[1, t], prices[2, t] = max(prices[1, t], now), min(prices[2, t], now)
        prices[3, t] = now
    return prices


@kernel
def account(target, opens, side):
    """Growth of equity, and sides traded, of targets filled at the next open.

    A change of target fixes the units at the next open; `side` is the cost of a side, a fraction.
    """
    cash, units, traded, last = 1.0, 0.0, 0.0, 0.0
    for t in range(target.size - 1):
        now = target[t]
        if now == now and now != last:
            price = opens[t + 1]
            change = now * (cash + units * price) / price - units
            cash -= change * price + side * abs(change) * price
            units, last, traded = units + change, now, traded + 1.0
    return cash + units * opens[-1] - 1.0, traded


@dataclass(frozen=True)
class Outcome:
    """Mean growth without costs, and what costs take from it, over the walks; sides a walk.

    With each mean the half width of its interval.
    """

    gross: float
    gross_width: float
    cost: float
    cost_width: float
    sides: float

    @property
    def has_no_edge(self):
        return abs(self.gross) <= self.gross_width

    @property
    def loses_its_costs(self):
        return self.cost > self.cost_width


def columns_of(seed, n=N_BARS):
    """One walk as the columns that strategies read; all but the prices know nothing of them."""
    rng = np.random.default_rng(seed)
    prices = bars_of(rng.standard_normal((n, STEPS + 1)))
    return {
        **dict(zip(("open", "high", "low", "close"), prices, strict=True)),
        "volume": rng.lognormal(0.0, 1.0, n),
        "open_interest": 1e6 * np.exp(np.cumsum(rng.normal(0.0, 0.02, n))),
        "funding_rate": rng.normal(0.0, 5e-4, n),
        "put_call_ratio": rng.lognormal(0.0, 0.4, n),
        "put_call_age": rng.uniform(0.0, 1e5, n),
        "bid_size": rng.random((n, 2)),
        "ask_size": rng.random((n, 2)),
        "book_age": np.zeros(n),
    }


def outcomes(cases, walks, n=N_BARS):
    """What each (strategy, params) of `cases` makes of so many walks, as `Outcome`s.

    The intervals hold together: 95% that all of them cover the truth.
    """
    made = np.empty((len(cases), walks, 3))  # growth without costs, what costs take, sides
    for seed in range(walks):
        cols = columns_of(seed, n)
        for i, (one, params) in enumerate(cases):
            target = one.compute({name: cols[name] for name in one.columns}, **params).target
            gross, sides = account(target, cols["open"], 0.0)
            made[i, seed] = gross, gross - account(target, cols["open"], SIDE)[0], sides
    z = NormalDist().inv_cdf(1.0 - 0.025 / len(cases))
    means, widths = made.mean(axis=1), z * made.std(axis=1, ddof=1) / math.sqrt(walks)
    return [Outcome(m[0], w[0], m[1], w[1], m[2]) for m, w in zip(means, widths, strict=True)]
