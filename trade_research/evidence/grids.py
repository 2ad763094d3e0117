"""What costs and lateness do to a result: its targets simulated again, dearer, later and earlier.

Every figure is net and on day closes. Nothing is approximated: lots, minimum fees, exits and cash
enter as they do in the run.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from trade_research.errors import ConfigError
from trade_research.evidence.budget import Simulated
from trade_research.evidence.days import Days
from trade_research.kernels.jit import F64
from trade_research.metrics.returns import returns_of, sharpe_ratio, total_return
from trade_research.simulate.costs import Costs

MULTIPLES = (0.0, 1.0, 2.0, 4.0)
DELAYS = (0, 1, 2, 3, 4, 5)
LAGS = (-2, -1, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10)
# Where a run has so many orders that simulating it takes a while: fewer of them.
FEW_MULTIPLES, FEW_DELAYS, FEW_LAGS = (0.0, 1.0, 4.0), (0, 1, 5), (-1, 0, 1, 5, 10)
MANY_ORDERS = 50_000
_WORKERS = 2

Again: TypeAlias = Callable[[Costs, int, F64], Simulated]


@dataclass(frozen=True)
class Level:
    """The same targets at `multiple` times the assumed costs, `bars` bars later than the run.

    `net_return` is a fraction, `sharpe` a year (None: undefined). Where `uses_future` is true the
    targets act before they were known: a diagnostic of how fast the signal decays, no result.
    """

    multiple: float
    bars: int
    net_return: float
    sharpe: float | None
    uses_future: bool = False


@dataclass(frozen=True)
class Grids:
    """Costs by delay, row by row, and the lead/lag curve at the assumed costs."""

    costs: tuple[Level, ...]
    lags: tuple[Level, ...]


def cost_grids(
    again: Again, target: F64, days: Days, *, costs: Costs, delay: int = 0, orders: int = 0
) -> Grids:
    """Net return and Sharpe ratio by costs and delay, and by lead and lag.

    Parameters
    ----------
    again : callable
        ``again(costs, delay, target)`` simulates targets of the run's shape under these costs and
        this delay; called from two threads.
    target : float64 array of shape (n_bars,) or (n_bars, n_symbols)
        The run's targets.
    days : Days
        The run by day: where its days end, and how they are annualised.
    costs, delay
        As in the run.
    orders : int
        Orders of the run: above 50,000 the grids are coarser (0, 1 and 4 times the costs, 0, 1 and
        5 bars late, lags -1, 0, 1, 5 and 10).

    Notes
    -----
    A negative lag hands the targets over that many bars before they were decided. The last rows,
    whose targets would lie beyond the data, have no opinion.
    """
    is_dear = orders > MANY_ORDERS
    multiples, delays, lags = (
        (FEW_MULTIPLES, FEW_DELAYS, FEW_LAGS) if is_dear else (MULTIPLES, DELAYS, LAGS)
    )
    tried = {m: _scaled(costs, m) for m in multiples}
    scaled = {m: each for m, each in tried.items() if each is not None}
    cells = [(m, bars) for m in scaled for bars in delays]
    wanted = list(dict.fromkeys(cells + [(1.0, bars) for bars in lags]))
    scaled[1.0] = costs

    def level(cell: tuple[float, int]) -> Level:
        multiple, bars = cell
        late = delay + max(bars, 0)
        run = again(scaled[multiple], late, target if bars >= 0 else _earlier(target, -bars))
        return _level(multiple, bars, run, days)

    first = level(wanted[0])  # compiles what is not yet compiled
    with ThreadPoolExecutor(_WORKERS) as pool:
        found = dict(zip(wanted, [first, *pool.map(level, wanted[1:])], strict=True))
    return Grids(tuple(found[c] for c in cells), tuple(found[1.0, bars] for bars in lags))


def _scaled(costs: Costs, multiple: float) -> Costs | None:
    """The costs so many times; None where one of them would be all of the price."""
    try:
        return costs.scaled(multiple)
    except ConfigError:
        return None


def _earlier(target: F64, bars: int) -> F64:
    out = np.full_like(target, np.nan)
    out[:-bars] = target[bars:]
    return out


def _level(multiple: float, bars: int, run: Simulated, days: Days) -> Level:
    returns = returns_of(run.equity[days.rows], run.initial_cash)
    excess = returns if days.cash == 0.0 else returns - days.cash
    sharpe = sharpe_ratio(excess, periods_per_year=days.per_year)
    net = total_return(run.equity, run.initial_cash)
    return Level(multiple, bars, net, None if sharpe != sharpe else sharpe, bars < 0)
