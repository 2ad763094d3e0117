"""A book scaled so that its volatility is the one asked for."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, field

import numpy as np

from trade_research.errors import ConfigError
from trade_research.frames.intervals import Interval
from trade_research.kernels.jit import B8, F64, kernel
from trade_research.portfolio.caps import as_read
from trade_research.portfolio.schedule import scheduled
from trade_research.portfolio.sizing import Capped, EqualWeight, Panel, check_lookback


@kernel
def covariance(returns: F64, row: int, lookback: int, out: F64) -> None:
    """Covariance (ddof 1) of the `lookback` rows up to `row`; a missing return counts as 0."""
    first, n = row - lookback + 1, returns.shape[1]
    mean, part = np.zeros(n), np.zeros((lookback, n))
    for i in range(lookback):
        for s in range(n):
            x = returns[first + i, s]
            part[i, s] = x if x == x else 0.0
            mean[s] += part[i, s]
    for s in range(n):
        for r in range(s + 1):
            total = 0.0
            for i in range(lookback):
                total += (part[i, s] - mean[s] / lookback) * (part[i, r] - mean[r] / lookback)
            out[s, r] = out[r, s] = total / (lookback - 1)


@kernel
def scale_rows(
    wanted: F64, returns: F64, is_row: B8, lookback: int, goal: float, most: float, out: F64
) -> None:
    """Each row of `wanted` times ``goal / its volatility``, at most to a gross of `most`.

    The covariance is measured at the rows marked in `is_row`. A symbol with fewer than `lookback`
    returns by then has weight 0, and so has a book whose volatility is 0.
    """
    n_bars, n = wanted.shape
    known, usable = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.bool_)
    matrix = np.zeros((n, n))
    for t in range(n_bars):
        for s in range(n):
            known[s] += 1 if returns[t, s] == returns[t, s] else 0
        if is_row[t] and t + 1 >= lookback:
            covariance(returns, t, lookback, matrix)
            for s in range(n):
                usable[s] = known[s] >= lookback and matrix[s, s] > 0.0
        is_same = t > 0 and not is_row[t]
        for s in range(n):
            if is_same and wanted[t, s] != wanted[t - 1, s]:
                is_same = wanted[t, s] != wanted[t, s] and wanted[t - 1, s] != wanted[t - 1, s]
        if is_same:
            for s in range(n):
                out[t, s] = out[t - 1, s]
            continue
        variance, gross = 0.0, 0.0
        for s in range(n):
            w = wanted[t, s] if usable[s] else 0.0
            w = w if w == w else 0.0
            out[t, s] = w
            gross += abs(w)
        for s in range(n):
            for r in range(n):
                variance += out[t, s] * out[t, r] * matrix[s, r]
        scale = 0.0
        if variance > 0.0:
            scale = min(goal / np.sqrt(variance), most / gross)
        for s in range(n):
            out[t, s] = scale * out[t, s] if wanted[t, s] == wanted[t, s] else np.nan


@dataclass(frozen=True)
class VolatilityTarget(Capped):
    """Weights of another sizing, scaled so that the book's volatility is `target` a year.

    The volatility is that of the weights over the last `lookback` rows, covariances included,
    measured anew on schedule and put to the weights of each row. A symbol with fewer than
    `lookback` returns has weight 0, and so has everything until the first measurement.

    Attributes
    ----------
    target : float
        Volatility a year, as a fraction.
    lookback : int
        Rows; a symbol without a bar in one counts as unmoved there.
    every : int or str
        When it is measured: bars, or the first bar of each "1d", "1w", "4w" (UTC).
    max_gross : float
        The scale stops where absolute weights add up to this.
    of : sizing, optional
        What is scaled, `EqualWeight()` when left out. Its own caps hold before the scaling, those
        given here after it.
    """

    target: float = 0.10
    lookback: int = 63
    every: int | str | Interval = "1w"
    max_gross: float = 1.0
    _: KW_ONLY
    of: Capped = field(default_factory=EqualWeight)

    def __post_init__(self) -> None:
        check_lookback(self.lookback, self.every)
        if not 0.0 < self.target < np.inf:
            raise ConfigError(f"target must be a volatility a year over 0, found {self.target!r}")
        super().__post_init__()

    def most_gross(self) -> float:
        return self.max_gross

    def wanted(self, panel: Panel) -> F64:
        before = self.of.explain(
            panel.targets,
            panel.closes,
            close_time=panel.close_time,
            periods_per_year=panel.periods_per_year,
            symbols=panel.symbols,
        )
        wanted = np.where(np.isnan(before.wanted), np.nan, before.standing)
        out = np.empty(wanted.shape)
        scale_rows(
            as_read(wanted),
            as_read(panel.returns()),
            as_read(scheduled(panel.close_time, self.every)),
            self.lookback,
            self.target / np.sqrt(panel.a_year("a volatility target")),
            float(self.max_gross),
            out,
        )
        return out
