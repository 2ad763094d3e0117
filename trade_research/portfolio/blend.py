"""Several opinions about the same symbols, made into one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64
from trade_research.portfolio.caps import forward


def blend(opinions: Sequence[F64], weights: Sequence[float] | None = None) -> F64:
    """Weighted mean of the targets of several strategies: opposite opinions cancel.

    Parameters
    ----------
    opinions : sequence of float64 arrays of shape (n_bars, n_symbols)
        Targets, one array a strategy. NaN: no new opinion, the strategy's last one stands.
    weights : sequence of float, optional
        At least 0, not all 0; equal when left out.

    Returns
    -------
    float64 array of shape (n_bars, n_symbols)
        Mean over the strategies that have had an opinion on the symbol; NaN where none has a new
        one. The order of the strategies makes no difference beyond rounding.

    Raises
    ------
    ConfigError
        Nothing to blend, different shapes, or weights that do not fit.
    """
    if not len(opinions):
        raise ConfigError("blend needs at least one array of targets")
    shapes = {np.shape(one) for one in opinions}
    if len(shapes) > 1:
        raise ConfigError(f"targets to blend have different shapes: {sorted(shapes)}")
    parts = [1.0] * len(opinions) if weights is None else list(weights)
    if len(parts) != len(opinions) or not min(parts) >= 0.0 or not sum(parts) > 0.0:
        raise ConfigError(f"{len(opinions)} strategies need as many weights >= 0, found {parts}")
    total, share = np.zeros(shapes.pop()), np.zeros(())
    is_new = np.zeros(total.shape, dtype=np.bool_)
    for one, part in zip(opinions, parts, strict=True):
        stands = forward(np.asarray(one, dtype=np.float64)) if len(one) else np.asarray(one)
        known = ~np.isnan(stands)
        total = total + np.where(known, part * stands, 0.0)
        share = share + np.where(known, part, 0.0)
        is_new |= ~np.isnan(one)
    mean: F64 = np.full(total.shape, np.nan)
    np.divide(total, share, out=mean, where=is_new & (share > 0.0))
    return mean
