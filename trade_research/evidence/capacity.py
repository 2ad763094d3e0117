"""How much money it could carry: what its orders were of what was traded."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trade_research.kernels.jit import F64
from trade_research.simulate.market import Market
from trade_research.simulate.records import Records

SHARES = (0.01, 0.05, 0.1)


@dataclass(frozen=True)
class Capacity:
    """Orders as shares of the money traded in the bar before theirs.

    Attributes
    ----------
    fills, unknown : int
        Fills measured, and those whose volume is not known.
    median, high, largest : float or None
        Participation: the median, the 95% quantile and the maximum, fractions.
    capital : tuple of (float, float)
        Starting capital at which 95% of the fills would stay below 1, 5 and 10% of the volume.
    """

    fills: int
    unknown: int
    median: float | None
    high: float | None
    largest: float | None
    capital: tuple[tuple[float, float], ...]


def capacity_of(traded: F64, volume: F64, capital: float) -> Capacity:
    """Participation and capacity.

    Parameters
    ----------
    traded : float64 array of shape (n_fills,)
        Money of each fill.
    volume : float64 array of shape (n_fills,)
        Money traded by the market that the fill is measured against; NaN or 0: unknown.
    capital : float
        What the run started with; orders grow in proportion.
    """
    known = volume > 0.0
    share = traded[known] / volume[known]
    unknown = int(traded.size - share.size)
    if not share.size:
        return Capacity(0, unknown, None, None, None, ())
    median, high = (float(q) for q in np.quantile(share, [0.5, 0.95]))
    bounds = tuple((s, capital * s / high) for s in SHARES) if high > 0.0 else ()
    return Capacity(int(share.size), unknown, median, high, float(share.max()), bounds)


def participation(fills: Records, market: Market) -> tuple[F64, F64]:
    """Money of each fill, and money traded in the last bar before it that traded, (n_fills,) each.

    Volume is that known before the fill's bar, as the simulator's impact uses it, times the close.
    """
    traded = np.abs(fills["quantity"]) * fills["price"]
    volume = np.full(traded.size, math.nan)
    for s in range(market.n_symbols):
        mine = fills["symbol"] == s
        traded_bars = np.flatnonzero(market.volume[:, s] > 0.0)
        which = np.searchsorted(traded_bars, fills["bar"][mine]) - 1
        bars = traded_bars[which[which >= 0]]
        money = np.full(which.size, math.nan)
        money[which >= 0] = market.volume[bars, s] * market.close[bars, s]
        volume[mine] = money
    return traded, volume
