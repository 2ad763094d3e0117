"""How much a run traded, what that cost, and how much of the time it was in the market."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from trade_research.kernels.jit import F64, I64

# What costs are called in a summary, and the column of the fills each is summed from.
COST_COLUMNS = {
    "fees": "fee",
    "spread": "spread",
    "slippage": "slippage",
    "impact": "impact",
    "tax": "tax",
}


def times_traded(bar: I64, quantity: F64, price: F64, equity: F64, initial: float) -> float:
    """One-sided turnover of the whole run, in multiples of equity.

    Half of the money bought and sold, each fill over the equity at the close before its bar: going
    all in and out again counts 1.

    Parameters
    ----------
    bar, quantity, price : arrays of shape (n_fills,)
        Position of the fill's bar, units of either sign, price paid.
    equity : float64 array of shape (n_bars,)
        Marked at each close, in money.
    initial : float
        Capital before the first bar.

    Returns
    -------
    float
        0 without fills; NaN when a fill came after the equity had reached 0 or less.
    """
    return float(shares_traded(bar, quantity, price, equity, initial).sum())


def shares_traded(bar: I64, quantity: F64, price: F64, equity: F64, initial: float) -> F64:
    """What each fill adds to the one-sided turnover, (n_fills,): see `times_traded`."""
    before = np.where(bar > 0, equity[bar - 1], initial) if bar.size else np.empty(0)
    if np.any(before <= 0.0):
        return np.full(bar.size, math.nan)
    out: F64 = np.abs(quantity) * price / before / 2.0
    return out


def per_year(total: float, n_bars: int, periods_per_year: float | None) -> float:
    """A sum over the run as a rate a year: total · A / n. NaN without bars or when A is unknown."""
    if n_bars == 0 or periods_per_year is None:
        return math.nan
    return total * periods_per_year / n_bars


def costs_of(fills: Mapping[str, Any]) -> dict[str, float]:
    """Money paid in each kind of cost, from the columns of the fills that are there.

    Parameters
    ----------
    fills : mapping of str to array of shape (n_fills,)
        Columns `fee`, `spread`, `slippage`, `impact`, `tax`; an absent one is 0. Slippage and the
        like are the money lost to a worse price than the reference; rebates are negative fees.
    """
    return {
        name: float(np.sum(fills[column])) if column in fills else 0.0
        for name, column in COST_COLUMNS.items()
    }


def share_of_gross(net: float, costs: float) -> float:
    """Costs over the profit before costs (net profit + costs, same fills).

    NaN where there was no profit before costs to take a share of.
    """
    return costs / (net + costs) if net + costs > 0.0 else math.nan


def time_in_market(gross: F64) -> float:
    """Share of the bars with a position at the close. NaN without bars.

    Parameters
    ----------
    gross : float64 array of shape (n_bars,)
        Sum of the sizes of all positions over equity, at the close; 0 without position.
    """
    return np.count_nonzero(gross) / gross.size if gross.size else math.nan


def average_exposure(exposure: F64) -> float:
    """Mean over all bars, flat ones included, of gross or of net exposure. NaN without bars."""
    return float(exposure.mean()) if exposure.size else math.nan
