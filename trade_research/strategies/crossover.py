"""Trend: hold while a fast average of the close is above a slow one."""

from __future__ import annotations

from typing import Annotated, Literal, NamedTuple

import numpy as np

from trade_research.indicators.trend import dema, ema, hma, kama, sma, tema, wilder, wma
from trade_research.kernels.jit import F64
from trade_research.strategies.strategy import Span, strategy

_TIE = 1e-12
"""Share of the price below which two averages count as equal: rounding decides no trade."""
_SETTLES = {"sma": 1, "wma": 1, "hma": 2, "ema": 3, "dema": 4, "tema": 5, "wilder": 6, "kama": 8}
"""Windows after which an average no longer knows where the data began."""
Average = Literal["sma", "ema", "wma", "dema", "tema", "hma", "kama", "wilder"]


class Crossing(NamedTuple):
    """Targets and the two averages they follow from."""

    target: F64
    quick: F64
    calm: F64


@strategy(
    warmup=lambda fast, slow, kind: max(fast, slow) * _SETTLES[kind],
    presets={"origin": {"fast": 10, "slow": 30}, "golden_cross": {"fast": 50, "slow": 200}},
)
def ma_crossover(
    close: F64,
    fast: Annotated[int, Span(2, 200)] = 20,
    slow: Annotated[int, Span(5, 500)] = 100,
    band: Annotated[float, Span(0.0, 0.05)] = 0.0,
    short: bool = False,
    kind: Average = "sma",
) -> Crossing:
    """Long while the fast average of the close is above the slow one, else flat or short.

    Rule: long once the average over `fast` bars exceeds the one over `slow` bars by more than
    `band` of it, out (or short) once it is as far below; between, what was held is kept, so a touch
    is no crossing. No opinion where a hole in the data leaves an average unknown; behind it the
    rule starts flat.

    Parameters: `fast` (bars, 2 to 200) and `slow` (bars, 5 to 500), usually fast < slow; the other
    way round holds while the trend is down. `band` (fraction of the slow average, 0 to 0.05): wider
    means fewer crossings. `short`: go short instead of flat. `kind`: simple, exponential, weighted,
    double or triple exponential, Hull's, Kaufman's or Wilder's averages.

    Source: Brock, Lakonishok and LeBaron (1992), Journal of Finance 47(5), where 1, 50 and 0.01 are
    the best known of its rules. Market: anything that trends over many times `slow` bars. Cost to
    trade: on a random walk a round trip in about 1.5 times `slow` bars; with fast averages costs
    decide the result.
    """
    if kind == "ema":
        quick, calm = ema(close, fast), ema(close, slow)
    elif kind == "wma":
        quick, calm = wma(close, fast), wma(close, slow)
    elif kind == "dema":
        quick, calm = dema(close, fast), dema(close, slow)
    elif kind == "tema":
        quick, calm = tema(close, fast), tema(close, slow)
    elif kind == "hma":
        quick, calm = hma(close, fast), hma(close, slow)
    elif kind == "kama":
        quick, calm = kama(close, fast), kama(close, slow)
    elif kind == "wilder":
        quick, calm = wilder(close, fast), wilder(close, slow)
    else:
        quick, calm = sma(close, fast), sma(close, slow)
    target, held, out = np.empty(close.size), 0.0, -1.0 if short else 0.0
    for t in range(close.size):
        gap, edge = quick[t] - calm[t], max(band, _TIE) * abs(calm[t])
        if gap != gap:
            held = 0.0
        elif gap > edge:
            held = 1.0
        elif gap < -edge:
            held = out
        target[t] = held if gap == gap else np.nan
    return Crossing(target, quick, calm)
