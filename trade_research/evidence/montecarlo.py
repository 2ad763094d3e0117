"""The same trades, otherwise: in another order, with some of them missed, at higher costs."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trade_research.evidence.bootstrap import random_bits
from trade_research.kernels.jit import F64, I64, kernel

DRAWS, FEWEST = 1_000, 10
SKIPPED, SHOCK = 0.1, 2.0
_HALF = np.uint64(32)
_LOW = np.uint64(0xFFFFFFFF)
_UNIT = 1.0 / 4294967296.0


@dataclass(frozen=True)
class Spread:
    """5, 50 and 95% quantiles over the draws."""

    low: float
    middle: float
    high: float


@dataclass(frozen=True)
class TradePaths:
    """What the trades of a run might have made.

    Attributes
    ----------
    growth, depth : float
        Of the trades as they were: what 1 became, and the deepest drawdown (at most 0), between
        trades.
    depth_reordered : Spread
        Drawdowns of the same trades in random order; what they make together stays the same.
    deeper : float
        Share of the orders with a drawdown deeper than the run's.
    growth_skipped, depth_skipped : Spread
        With each trade missed with probability `skipped`.
    growth_shocked, depth_shocked : Spread
        With the cost of each trade drawn between what was paid and `shock` × 2 - 1 times it.
    loss_skipped, loss_shocked : float
        Share of the draws that lost money.
    """

    trades: int
    draws: int
    seed: int
    growth: float
    depth: float
    depth_reordered: Spread
    deeper: float
    skipped: float
    growth_skipped: Spread
    depth_skipped: Spread
    loss_skipped: float
    shock: float
    growth_shocked: Spread
    depth_shocked: Spread
    loss_shocked: float


def trade_paths(
    pnl: F64,
    initial: float,
    *,
    cost: float = 0.0,
    skipped: float = SKIPPED,
    shock: float = SHOCK,
    draws: int = DRAWS,
    seed: int = 0,
) -> TradePaths | None:
    """Monte Carlo on the trades of a run.

    Parameters
    ----------
    pnl : float64 array of shape (n_trades,)
        Money made by each round trip, net, in order of exit.
    initial : float
        Capital before the first.
    cost : float
        Money paid for a trade on average.
    skipped : float
        Probability of missing a trade.
    shock : float
        Mean multiple of the costs in the shocked draws, at least 1.
    draws, seed : int
        Same seed, same bits.

    Returns
    -------
    TradePaths or None
        None with fewer than 10 trades, or where they lost everything.

    Notes
    -----
    A trade is taken as the growth of the equity at its exit, so positions held at once count one
    after the other, and drawdowns inside a trade are not seen.
    """
    if pnl.size < FEWEST:
        return None
    before = initial + np.append(0.0, np.cumsum(pnl)[:-1])
    if not before.min() > 0.0 or not before[-1] + pnl[-1] > 0.0:
        return None
    logs, extra = np.log1p(pnl / before), np.log1p(-np.minimum(cost / before, 0.5))
    key = np.random.SeedSequence(seed).generate_state(3, np.uint64)
    own = _path(logs)
    _, reordered = replay_trades(logs, extra, key[0], draws, 0.0, 0.0)
    skip_growth, skip_depth = replay_trades(logs, extra, key[1], draws, skipped, 0.0)
    cost_growth, cost_depth = replay_trades(logs, extra, key[2], draws, 0.0, 2.0 * (shock - 1.0))
    return TradePaths(
        trades=pnl.size,
        draws=draws,
        seed=seed,
        growth=own[0],
        depth=own[1],
        depth_reordered=_spread(reordered),
        deeper=float((reordered < own[1] - 1e-12).mean()),
        skipped=skipped,
        growth_skipped=_spread(skip_growth),
        depth_skipped=_spread(skip_depth),
        loss_skipped=float((skip_growth < 1.0).mean()),
        shock=shock,
        growth_shocked=_spread(cost_growth),
        depth_shocked=_spread(cost_depth),
        loss_shocked=float((cost_growth < 1.0).mean()),
    )


@kernel
def replay_trades(
    logs: F64, extra: F64, key: np.uint64, draws: int, skipped: float, most: float
) -> tuple[F64, F64]:
    """Growth and deepest drawdown of each draw: shuffled, thinned, and charged more.

    `logs` (n,) are log growths of the trades, `extra` (n,) those of paying for one once more, which
    happens `most` × u times, u even in [0, 1).
    """
    n = logs.size
    growth, depth = np.empty(draws), np.empty(draws)
    order = np.empty(n, np.int64)
    for d in range(draws):
        base = np.uint64(2 * d) * np.uint64(n)
        shuffle(order, key, base)
        level, peak, low = 0.0, 0.0, 0.0
        for i in range(n):
            bits = random_bits(key, base + np.uint64(n + i))
            is_kept = float(bits & _LOW) * _UNIT >= skipped
            if is_kept:
                paid = most * (float(bits >> _HALF) * _UNIT)
                level += logs[order[i]] + paid * extra[order[i]]
                peak = max(peak, level)
                low = min(low, level - peak)
        growth[d], depth[d] = math.exp(level), math.expm1(low)
    return growth, depth


@kernel
def shuffle(order: I64, key: np.uint64, base: np.uint64) -> None:
    """Fill `order` with a random permutation (Fisher & Yates)."""
    for i in range(order.size):
        order[i] = i
    for i in range(order.size - 1, 0, -1):
        bits = random_bits(key, base + np.uint64(i))
        j = np.int64(((bits & _LOW) * np.uint64(i + 1)) >> _HALF)
        order[i], order[j] = order[j], order[i]


def _path(logs: F64) -> tuple[float, float]:
    """Growth and deepest drawdown of the trades as they were."""
    level = np.append(0.0, np.cumsum(logs))
    fall = level - np.maximum.accumulate(level)
    return math.exp(float(level[-1])), math.expm1(float(fall.min()))


def _spread(values: F64) -> Spread:
    low, middle, high = (float(q) for q in np.quantile(values, [0.05, 0.5, 0.95]))
    return Spread(low, middle, high)
