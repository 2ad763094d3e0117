"""A market of orders drawn by chance: what `sources.demo_books` is made of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from trade_research.kernels.book_ladder import set_tick
from trade_research.kernels.jit import F64, I64, inner_kernel, kernel


class Market(NamedTuple):
    """Rates a second; ticks; shares.

    `limit_rate` orders a second and side, `reach` the mean distance in ticks, `cancel_rate` of each
    resting lot, `market_rate` the quiet rate of market orders, `excite` the share of them that
    others set off, `decay` how fast that fades, `persist` the chance that the side stays, `lean`
    how much the size at the best prices pulls the side, `calm` and `moody` the seconds and the
    strength of the swings of the flow.
    """

    mid: int
    width: int
    limit_rate: float
    reach: float
    cancel_rate: float
    market_rate: float
    excite: float
    decay: float
    persist: float
    lean: float
    calm: float
    moody: float


@inner_kernel
def order_size(rng: np.random.Generator) -> int:
    """Lots of an order: heavy-tailed, now and then round."""
    lots = int(np.exp(rng.normal(3.5, 1.2))) + 1
    return lots if rng.random() < 0.8 else max(lots // 100, 1) * 100


@inner_kernel
def take(ladder: F64, best: I64, side: int, lots: int) -> int:
    """A market order: eats levels of the other side; returns what it got."""
    other, left = 1 if side > 0 else 0, lots
    while left > 0:
        at = best[other]
        if at <= 1 or at >= ladder.shape[1] - 2 or ladder[other, at] <= 0.0:
            break
        got = min(left, int(ladder[other, at]))
        set_tick(ladder, best, -side, at, ladder[other, at] - got)
        left -= got
    return lots - left


@inner_kernel
def copy_levels(ladder: F64, best: I64, base: int, out: F64, row: int) -> None:
    """The best levels of both sides in ticks and lots; NaN where there is none."""
    depth = out.shape[2]
    for side in range(2):
        at, step, k = best[side], -1 if side == 0 else 1, 0
        while k < depth and 0 < at < ladder.shape[1] - 1:
            if ladder[side, at] > 0.0:
                out[2 * side, row, k], out[2 * side + 1, row, k] = base + at, ladder[side, at]
                k += 1
            at += step
        out[2 * side, row, k:], out[2 * side + 1, row, k:] = np.nan, np.nan


@kernel
def make_market(rng: np.random.Generator, m: Market, step: float, out: F64, prints: F64) -> int:
    """Run the market; returns the number of trades.

    `out`, (4, n_rows, depth), gets a book every `step` seconds; `prints`, (n, 4), the seconds,
    price in ticks, lots and side of each trade.
    """
    ladder, best = np.zeros((2, m.width)), np.array([0, m.width - 1])
    base, middle = m.mid - m.width // 2, m.width // 2
    for k in range(1, 400):
        for side in (1, -1):
            if k < 30 or rng.random() < 0.5:
                set_tick(ladder, best, side, middle - side * k, float(order_size(rng) * 2))
    now, heat, side, rows, trades, mood = 0.0, 0.0, 1, 0, 0, 0.0
    while rows < out.shape[1]:
        resting = 0.0
        for k in range(40):
            resting += ladder[0, max(best[0] - k, 0)] + ladder[1, min(best[1] + k, m.width - 1)]
        flow = m.market_rate * np.exp(mood) + heat
        cancels = m.cancel_rate * min(resting / 60.0, 2_000.0)
        total = 2.0 * m.limit_rate + flow + cancels
        wait = rng.exponential(1.0 / total)
        heat *= np.exp(-m.decay * wait)
        now += wait
        # How busy the market is drifts over minutes.
        mood += -mood * wait / m.calm + m.moody * np.sqrt(2.0 * wait / m.calm) * rng.normal()
        while rows < out.shape[1] and now > (rows + 1) * step:
            copy_levels(ladder, best, base, out, rows)
            rows += 1
        u = rng.random() * total
        if u < flow:
            heat += m.excite * m.decay
            if rng.random() > m.persist:
                bid, ask = ladder[0, best[0]], ladder[1, best[1]]
                pull = 0.5 + 0.5 * m.lean * (bid - ask) / (bid + ask)
                side = 1 if rng.random() < pull else -1
            at = best[1] if side > 0 else best[0]
            got = take(ladder, best, side, order_size(rng))
            if got > 0 and trades < prints.shape[0]:
                prints[trades, 0], prints[trades, 1] = now, base + at
                prints[trades, 2], prints[trades, 3] = got, side
                trades += 1
        else:
            mine = 1 if rng.random() < 0.5 else -1
            which = 0 if mine > 0 else 1
            if u < flow + 2.0 * m.limit_rate:
                # Inside the spread now and then, else behind the best price.
                gap = best[1] - best[0]
                back = int(rng.exponential(m.reach))
                if gap > 1 and rng.random() < 0.4:
                    back = -1 - int(rng.random() * (gap - 1))
                at = best[which] - mine * back
                if 1 < at < m.width - 2:
                    set_tick(ladder, best, mine, at, ladder[which, at] + order_size(rng))
            else:
                at = best[which] - mine * int(rng.exponential(m.reach))
                if 0 < at < m.width and ladder[which, at] > 0.0:
                    left = ladder[which, at] - min(order_size(rng), int(ladder[which, at]))
                    set_tick(ladder, best, mine, at, left)
    return trades
