"""What a sweep says about each configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from trade_research.kernels.jit import F64, I64
from trade_research.sweep.space import Configurations

METRICS = (
    "total_return",
    "cagr",
    "volatility",
    "sharpe",
    "sortino",
    "max_drawdown",
    "calmar",
    "sharpe_daily",
    "trades",
    "win_rate",
    "profit_factor",
    "exposure",
    "turnover",
    "cost_paid",
)
"""Metrics of every configuration, as `trade_research.metrics.DEFINITIONS` defines them."""

N_BLOCKS = 16


@dataclass(frozen=True, eq=False)
class Scores:
    """Metrics of some configurations over one or more spans of bars.

    Attributes
    ----------
    metrics : mapping of str to float64 array of shape (n_configs, n_spans)
        Names as in `METRICS`; NaN where a number is undefined.
    status : object array of shape (n_configs,)
        "ok", "no_trades", "ruined", or the text of the error.
    path : object array of shape (n_configs,)
        "events" (settled trade by trade) or "general" (bar by bar).
    why : object array of shape (n_configs,)
        Why that path.
    blocks : float64 array of shape (n_configs, 16, 2)
        Sums of the day returns and of their squares in 16 stretches of days, first span.
    block_days : int64 array of shape (16,)
        Days in each stretch.
    moments : float64 array of shape (n_configs, 5)
        Number, mean, variance (ddof 1), skewness and raw kurtosis of the day returns, first span.
    """

    configurations: Configurations
    metrics: dict[str, F64]
    status: npt.NDArray[Any]
    path: npt.NDArray[Any]
    why: npt.NDArray[Any]
    blocks: F64
    block_days: I64
    moments: F64


def block_edges(n_days: int) -> I64:
    """First day of each of the 16 stretches, and the end: as even as can be, (17,)."""
    return np.arange(N_BLOCKS + 1, dtype=np.int64) * n_days // N_BLOCKS
