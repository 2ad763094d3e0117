"""Market making: quotes around the mid that lean against the position (Avellaneda and Stoikov)."""

from __future__ import annotations

from typing import Annotated

import numpy as np

from trade_research.simulate.book_quotes import QuoteRow, Quotes
from trade_research.strategies.declare import Span
from trade_research.strategies.quoter import quoter


@quoter
def avellaneda_stoikov(
    row: QuoteRow,
    position: float,
    size: float = 0.01,
    most: float = 0.1,
    gamma: Annotated[float, Span(0.001, 10.0, log=True)] = 0.1,
    kappa: Annotated[float, Span(0.01, 100.0, log=True)] = 1.5,
    horizon: Annotated[float, Span(1.0, 3_600.0, log=True)] = 60.0,
) -> Quotes:
    """One bid and one ask of `size` around a price that leans against the position.

    Rule: the reservation price is ``mid - q γ σ² T`` with q the position in units of `size`, the
    distance of each quote from it ``γ σ² T / 2 + ln(1 + γ / κ) / γ``, in price units; no bid once
    `most` units are held, no ask once as many are short. Quotes never cross the spread.

    Parameters: `size`, `most` (base units), `gamma` (risk aversion, 1 / price), `kappa` (how fast
    fills thin out with distance, 1 / price), `horizon` (seconds).

    Source: Avellaneda and Stoikov (2008), Quantitative Finance 8(3); the horizon is kept constant,
    as in Guéant, Lehalle and Fernandez-Tapia (2013), Mathematics and Financial Economics 7(4).
    """
    if not row.variance >= 0.0:
        return Quotes(np.nan, np.nan, np.nan, np.nan)
    mid = 0.5 * (row.bid + row.ask)
    risk = gamma * row.variance * horizon
    centre = mid - position / size * risk
    half = 0.5 * risk + np.log(1.0 + gamma / kappa) / gamma
    bid = min(centre - half, row.bid) if position < most else np.nan
    ask = max(centre + half, row.ask) if position > -most else np.nan
    return Quotes(bid, size, ask, size)
