"""Perpetuals: be paid to hold what the crowd does not, against what it pays for."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.indicators.trend import sma
from trade_research.kernels.jit import F64
from trade_research.strategies.cross_section import is_new_period, last_known, long_short
from trade_research.strategies.strategy import Panel, Span, strategy


class Carry(NamedTuple):
    """Targets, and the mean funding rate of each symbol that they are ranked by."""

    target: F64
    mean_rate: F64


@strategy(warmup=lambda window, every: max(window, every) + 1)
def funding_carry(
    close: Panel,
    funding_rate: Panel,
    open_time: F64,
    close_time: F64,
    window: Annotated[int, Span(1, 500)] = 72,
    top: Annotated[float, Span(0.1, 0.5)] = 0.3,
    every: Annotated[int, Span(1, 168)] = 24,
    least: Annotated[float, Span(0.0, 5.0)] = 0.0,
) -> Carry:
    """Short the perpetuals with the highest funding, long those with the lowest, in equal parts.

    Rule: every `every` bars the symbols that trade are ranked by the mean of their funding rate
    over `window` bars. The share `top` with the highest is sold short for half of the equity, the
    share with the lowest bought for the other half, so that the market's own move is mostly out of
    it; nothing is held where that earns less than `least`. In between, targets stand.

    Columns: `funding_rate`, the last rate stamped before each close: a run with ``funding=``, or on
    perpetuals whose rates the store has, brings it.

    Parameters: `window` (bars, 1 to 500; at least some fundings long), `top` (share of the symbols,
    0.1 to 0.5), `every` (bars by the clock, 1 to 168), `least` (basis points of equity a funding, 0
    to 5).
    Rates of venues or symbols that settle at other intervals are not comparable as they stand.

    Source: Koijen, Moskowitz, Pedersen and Vrugt (2018), Carry, Journal of Financial Economics
    127(2). Market: perpetuals of many coins on one venue. Cost to trade: what enters or leaves an
    end at each ranking; rates persist for days, so that rank changes are few, but a basis point of
    spread in the rates pays 1 a funding against the 10 and more of a round trip.
    """
    n, k = close.shape
    rate = last_known(funding_rate)
    target, mean = np.zeros((n, k)), np.full((n, k), np.nan)
    score = np.empty(k)
    for s in range(k):
        mean[:, s] = sma(np.ascontiguousarray(rate[:, s]), window)
    for t in range(n):
        if not is_new_period(open_time, close_time, every, t):
            target[t] = target[t - 1]
            continue
        for s in range(k):
            score[s] = -mean[t, s] if close[t, s] == close[t, s] else np.nan
        long_short(score, top, True, target[t])
        earned = 0.0
        for s in range(k):
            earned -= target[t, s] * mean[t, s] if target[t, s] != 0.0 else 0.0
        if earned * 1e4 < least:
            target[t] = 0.0
    return Carry(target, mean)
