"""Trend: hold while a fast average of the close is above a slow one."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

from trade_research.indicators.trend import ema, sma
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy

_TIE = 1e-12
"""Share of the price below which two averages count as equal: rounding decides no trade."""


@strategy(warmup=lambda fast, slow, kind: max(fast, slow) * (1 if kind == "sma" else 3))
def ma_crossover(
    close: F64,
    fast: Annotated[int, Span(2, 200)] = 20,
    slow: Annotated[int, Span(5, 500)] = 100,
    kind: Literal["sma", "ema"] = "sma",
) -> F64:
    """Long while the fast average of the close is above the slow one, else flat.

    Rule: target 1 where the average over `fast` bars exceeds the one over `slow` bars by more than
    rounding, 0 where not, no opinion where a hole in the data leaves an average unknown.

    Parameters: `fast` (bars, 2 to 200) and `slow` (bars, 5 to 500), usually fast < slow; the other
    way round holds while the trend is down. `kind`: simple or exponential averages.

    Source: Brock, Lakonishok and LeBaron (1992), Journal of Finance 47(5). Market: anything that
    trends over many times `slow` bars. Cost to trade: two sides per crossing, about n_bars / slow
    crossings on a random walk; with fast averages costs decide the result.
    """
    if kind == "ema":
        quick, calm = ema(close, fast), ema(close, slow)
    else:
        quick, calm = sma(close, fast), sma(close, slow)
    target = np.empty(close.size)
    for t in range(close.size):
        gap = quick[t] - calm[t]
        target[t] = 1.0 if gap > _TIE * calm[t] else (0.0 if gap == gap else np.nan)
    return target
