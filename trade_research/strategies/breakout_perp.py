"""The breakout detector for perpetuals: open interest and funding are its fifth part."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from trade_research.indicators.momentum import roc
from trade_research.kernels.jit import F64
from trade_research.strategies.breakout import _SETTLES, Breakout, rate
from trade_research.strategies.strategy import Span, strategy


@strategy(warmup=lambda lookback, span: max(lookback + 5, _SETTLES, span + 1))
def breakout_perp(
    high: F64,
    low: F64,
    close: F64,
    volume: F64,
    open_interest: F64,
    funding_rate: F64,
    lookback: Annotated[int, Span(20, 200)] = 50,
    clear: Annotated[float, Span(0.0, 3.0)] = 0.5,
    ratio: Annotated[float, Span(1.2, 5.0)] = 2.0,
    signal: Annotated[float, Span(0.5, 1.0)] = 0.7,
    reward: Annotated[float, Span(1.0, 5.0)] = 2.0,
    hold: Annotated[int, Span(5, 500)] = 100,
    span: Annotated[int, Span(1, 96)] = 24,
    interest: Annotated[float, Span(2.0, 30.0)] = 10.0,
) -> Breakout:
    """Long on a close clear of resistance that new positions carry and funding does not forbid.

    Rule: as `breakout`, with a fifth part of weight 0.20: half of it for open interest up by
    `interest` over `span` bars, half for funding between 0.01% and 0.05% per settlement. No opinion
    where one of the columns is unknown.

    Columns: `open_interest` and `funding_rate` as in `oi_funding`.

    Parameters: `lookback`, `clear`, `ratio`, `signal`, `reward`, `hold` as in `breakout`; `span`
    (bars, 1 to 96), `interest` (percent over `span`, 2 to 30).

    Source: as `breakout` and `oi_funding`. Market: perpetual futures. Cost to trade: as `breakout`,
    and funding, which a breakout of this kind pays.
    """
    grown = roc(open_interest, span)
    share = np.empty(close.size)
    for t in range(close.size):
        rate_ = 100.0 * funding_rate[t]
        met = 0.5 * (grown[t] >= interest) + 0.5 * (0.01 <= rate_ <= 0.05)
        share[t] = met + 0.0 * (grown[t] + rate_)
    return rate(high, low, close, volume, share, lookback, clear, ratio, signal, reward, hold)
