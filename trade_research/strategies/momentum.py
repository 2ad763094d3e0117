"""Trend: what has risen over the last year is held, what has fallen is not."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from trade_research.indicators.momentum import roc
from trade_research.indicators.volatility import volatility_close
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy


class Momentum(NamedTuple):
    """Targets, the change in percent they follow from, and the volatility of a bar."""

    target: F64
    change: F64
    volatility: F64


@strategy(
    warmup=lambda lookback, gap, window, risk: (
        max(lookback + max(gap, 0), window if risk > 0.0 else 0) + 1
    ),
    presets={
        "moskowitz": {"lookback": 252, "short": True, "risk": 0.025, "window": 60},
        "skip_month": {"lookback": 231, "gap": 21},
    },
)
def time_series_momentum(
    close: F64,
    lookback: Annotated[int, Span(5, 500)] = 252,
    gap: Annotated[int, Span(0, 30)] = 0,
    threshold: Annotated[float, Span(0.0, 20.0)] = 0.0,
    risk: Annotated[float, Span(0.0, 0.05)] = 0.0,
    window: Annotated[int, Span(10, 250)] = 60,
    short: bool = False,
) -> Momentum:
    """Long while the price is above that of `lookback` bars before, else flat or short.

    Rule: long where the change over `lookback` bars, up to `gap` bars ago, is above `threshold`,
    short (with `short`) where it is below ``-threshold``, flat between. No opinion where a hole in
    the data leaves the change unknown.

    Parameters: `lookback` (bars, 5 to 500), `gap` (bars, 0 to 30), `threshold` (percent, 0 to 20).
    `risk` (deviation of a bar's return as a fraction, 0 to 0.05): scale the target by it over the
    volatility of the last `window` bars (10 to 250), in tenths, at most to all in; 0 is always all
    in. A yearly target of 40% is 0.025 of daily bars. `short`: go short instead of flat.

    Source: Moskowitz, Ooi and Pedersen (2012), Journal of Financial Economics 104(2). Market:
    futures of every class, months ahead; on single shares the last month is left out. Cost to
    trade: on a random walk a round trip in about 75 bars at 252, in 35 at 60, most of them around
    zero, which `threshold` thins out; scaling by volatility adds a trade at every tenth crossed.
    """
    change, spread = roc(close, lookback), volatility_close(close, window)
    late, n = max(gap, 0), close.size
    target, seen = np.empty(n), np.empty(n)
    for t in range(n):
        moved = change[t - late] if t >= late else np.nan
        seen[t] = moved
        side = 1.0 if moved > threshold else (-1.0 if moved < -threshold and short else 0.0)
        if risk > 0.0:
            side *= np.ceil(10.0 * min(1.0, risk / spread[t])) / 10.0 if spread[t] != 0.0 else 1.0
        target[t] = side if moved == moved else np.nan
    return Momentum(target, seen, spread)
