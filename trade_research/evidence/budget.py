"""Edge budget: how much cost and delay a result survives, its targets being what they are.

Every figure comes from simulating the same targets again, so lots, minimum fees, exits and cash
enter as they do in the run.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cache
from typing import Any, Protocol

from trade_research.kernels.jit import F64
from trade_research.metrics.returns import returns_of, sharpe_ratio, total_return
from trade_research.simulate.costs import Costs

HIGHEST_BPS = 5_000.0
MOST_DELAY = 10
MULTIPLES = (0.0, 0.5, 1.0, 2.0, 4.0)
_PRECISION = 1e-9


class Simulated(Protocol):
    """As much of a `simulate.Result` as a budget needs."""

    @property
    def equity(self) -> F64: ...
    @property
    def initial_cash(self) -> float: ...


Again = Callable[[Costs, int], Simulated]


@dataclass(frozen=True)
class CostLevel:
    """The same targets at `multiple` times the assumed costs; fractions, Sharpe a year."""

    multiple: float
    net_return: float
    sharpe: float | None


@dataclass(frozen=True)
class EdgeBudget:
    """Where the net profit of a run ends.

    Attributes
    ----------
    break_even_fee_bps, break_even_slippage_bps : float or None
        Largest fee (slippage) a side at which the net profit is not negative, the other costs as
        assumed: basis points, at most 5,000. 0.0 where it is negative even at none; None where
        nothing was traded.
    break_even_delay_bars : int or None
        Most bars of extra delay such that it is positive at that and every shorter one, at most
        10 over the run's own; None where it is not positive, or nothing was traded.
    assumed_cost_bps : float
        Fee, slippage and half the spread, a side.
    gross_pnl, net_pnl : float
        Money at no cost at all, and as assumed.
    ratio : float or None
        How many times all assumed costs the profit survives; None where nothing was traded or no
        costs were assumed.
    grid : tuple of CostLevel
        Net return and Sharpe ratio at 0, 0.5, 1, 2 and 4 times the assumed costs.
    """

    break_even_fee_bps: float | None
    break_even_slippage_bps: float | None
    break_even_delay_bars: int | None
    assumed_cost_bps: float
    gross_pnl: float
    net_pnl: float
    ratio: float | None
    grid: tuple[CostLevel, ...]

    def __str__(self) -> str:
        if self.break_even_fee_bps is None:
            return "edge budget: nothing was traded"
        bars = "none" if self.break_even_delay_bars is None else self.break_even_delay_bars
        return (
            f"edge budget: breaks even at a fee of {self.break_even_fee_bps:.4g} bps or a slippage "
            f"of {self.break_even_slippage_bps:.4g} bps a side ({self.assumed_cost_bps:.4g} bps "
            f"assumed in all); profitable up to this many bars late: {bars}"
        )

    def _repr_html_(self) -> str:
        from trade_research.evidence.page import budget_card

        return budget_card(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


def edge_budget(
    again: Again, costs: Costs, delay: int = 0, *, periods_per_year: float | None = None
) -> EdgeBudget:
    """Break-even costs and delay of fixed targets, by simulating them again, about fifty times.

    Parameters
    ----------
    again : callable
        ``again(costs, delay)`` simulates the run's targets under these costs and this delay.
    costs : Costs
        As assumed by the run.
    delay : int
        As in the run; the bars reported are those on top of it.
    periods_per_year : float, optional
        Annualises the grid's Sharpe ratios; without it they are None.
    """

    @cache
    def profit(changed: Costs, late: int = delay) -> float:
        run = again(changed, late)
        return float(run.equity[-1]) - run.initial_cash

    most = _largest_multiple(costs)
    levels = tuple(
        _level(m, again(costs.scaled(m), delay), periods_per_year) for m in MULTIPLES if m <= most
    )
    gross, net = profit(Costs.zero()), profit(costs)
    assumed = costs.fee_bps + costs.slippage_bps + costs.spread_bps / 2
    is_idle = gross == 0.0 and profit(replace(costs, fee_bps=100.0)) == 0.0
    if is_idle:
        return EdgeBudget(None, None, None, assumed, gross, net, None, levels)
    fee = _break_even(lambda x: profit(replace(costs, fee_bps=x)), costs.fee_bps)
    slippage = _break_even(lambda x: profit(replace(costs, slippage_bps=x)), costs.slippage_bps)
    ratio = None
    if assumed > 0:
        ratio = _break_even(lambda x: profit(costs.scaled(x)), 1.0, most)
    late = next(
        (k for k in range(MOST_DELAY + 1) if not profit(costs, delay + k) > 0), MOST_DELAY + 1
    )
    bars = late - 1 if late > 0 else None
    return EdgeBudget(fee, slippage, bars, assumed, gross, net, ratio, levels)


def _largest_multiple(costs: Costs) -> float:
    """How often the assumed costs may be multiplied before one reaches half the price."""
    rates = [abs(v) for name, v in asdict(costs).items() if name.endswith("_bps") and v]
    return HIGHEST_BPS / max(rates, default=1.0)


def _level(multiple: float, run: Simulated, periods_per_year: float | None) -> CostLevel:
    returns = returns_of(run.equity, run.initial_cash)
    sharpe = sharpe_ratio(returns, periods_per_year=periods_per_year)
    net = total_return(run.equity, run.initial_cash)
    return CostLevel(multiple, net, sharpe if sharpe == sharpe else None)


def _break_even(profit: Callable[[float], float], near: float, limit: float = HIGHEST_BPS) -> float:
    """Largest x in [0, limit] with ``profit(x) >= 0``, given that profit falls in x."""
    low, at_low = 0.0, profit(0.0)
    if at_low < 0.0:
        return 0.0
    high = min(max(2.0 * near, 1.0), limit)
    while (at_high := profit(high)) >= 0.0:
        if high == limit:
            return limit
        low, at_low, high = high, at_high, min(4.0 * high, limit)
    return _root(profit, low, at_low, high, at_high)


def _root(
    profit: Callable[[float], float], low: float, at_low: float, high: float, at_high: float
) -> float:
    """Where profit turns negative in [low, high): false position (Illinois), halved when slow.

    A guess within the precision of one end is moved that far off it, so that the next bracket is
    as narrow as asked for.
    """
    side, before = 0, math.inf
    for turn in range(200):
        precision = _PRECISION * max(1.0, high)
        if high - low <= precision:
            break
        x = low + (high - low) * at_low / (at_low - at_high)
        x = min(max(x, low + precision / 2), high - precision / 2)
        if turn % 4 == 3:
            x = low + (high - low) / 2 if high - low > before / 4 else x
            before = high - low
        at_x = profit(x)
        if at_x >= 0.0:
            low, at_low = x, at_x
            at_high, side = (at_high / 2.0 if side > 0 else at_high), 1
        else:
            high, at_high = x, at_x
            at_low, side = (at_low / 2.0 if side < 0 else at_low), -1
    return low
