"""Costs for bars of days without books, fitted on books of other days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from trade_research.errors import ConfigError
from trade_research.frames.books import NANO
from trade_research.indicators.book import book_spread
from trade_research.research.book_execution import walked
from trade_research.research.books import book_market

if TYPE_CHECKING:
    from trade_research.frames.recording import Recording
    from trade_research.kernels.jit import F64
    from trade_research.simulate.costs import Costs

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


@dataclass(frozen=True)
class FittedCosts:
    """What orders would have cost in recorded books, and costs that say so for bars.

    Attributes
    ----------
    costs : Costs
        The mean quoted spread; as slippage, what walking beyond the best price cost; with several
        sizes, as impact what grew with the square root of the size.
    units : tuple of float
    error_bps : float
        Standard deviation of a single order's cost to the mid around what `costs` charge for it.
    n : int
        Books walked.
    short : float
        Share of walks for which a book was too thin: their cost is not known and not counted.
    curve, by_hour : DataFrame
        ``units, mean, p50, p90, p99, fitted, short, n``: cost to the mid in bp by size, measured
        and as `costs` charge it; `by_hour` for each ``hour`` of the day, UTC, without `fitted`.
    """

    costs: Costs
    units: tuple[float, ...]
    error_bps: float
    n: int
    short: float
    curve: pl.DataFrame = field(repr=False)
    by_hour: pl.DataFrame = field(repr=False)


def fit_costs(
    books: pl.DataFrame | Recording,
    units: float | Sequence[float],
    costs: Costs,
    *,
    volume: float | None = None,
) -> FittedCosts:
    """Spread, slippage and impact of orders as books of some days show them.

    Parameters
    ----------
    books : DataFrame or Recording
    units : float or sequence of float
        Size of an order, base units; of several the cost is fitted as
        ``spread/2 + slippage + impact × sqrt(units / volume)``, which is how bars are charged.
    costs : Costs
        Fees and everything else are taken from here; the impact too where there is one size.
    volume : float, optional
        Of a bar that the costs are for, base units; needed with several sizes.

    Raises
    ------
    ConfigError
        A size is not positive, `volume` is missing, or no recorded book is deep enough for a size.
    """
    sizes = np.unique(np.atleast_1d(np.asarray(units, np.float64)))
    if not (sizes.size and (sizes > 0.0).all()):
        raise ConfigError(f"units must be positive, found {units!r}")
    if sizes.size > 1 and not (volume is not None and volume > 0.0):
        raise ConfigError(
            "the impact of several sizes is by their share of a bar's volume: give volume= in "
            f"base units, found {volume!r}"
        )
    market = book_market(books)
    whole = np.flatnonzero(np.isfinite(market.mid))
    paid = np.stack([walked(market, float(size))[:, whole] for size in sizes])
    for size, row in zip(sizes, paid, strict=True):
        if not np.isfinite(row).any():
            raise ConfigError(f"no recorded book is deep enough for orders of {size:g} units")
    spread = float(np.nanmean(book_spread(market.bid_price, market.ask_price)))
    made = replace(costs, spread_bps=spread)
    if sizes.size == 1:
        share = np.zeros(1)
        made = replace(made, slippage_bps=max(float(np.nanmean(paid)) - spread / 2, 0.0))
    else:
        share = np.sqrt(sizes / float(volume or np.nan))
        slippage, impact = _fitted(np.nanmean(paid, axis=(1, 2)) - spread / 2, share)
        made = replace(made, slippage_bps=slippage, impact_bps=impact)
    charged = spread / 2 + made.slippage_bps + made.impact_bps * share
    left = (paid - charged[:, None, None])[np.isfinite(paid)]
    hours = pl.Series(market.time[whole]).cast(NANO).dt.hour().to_numpy()
    return FittedCosts(
        made,
        tuple(sizes.tolist()),
        float(np.sqrt(np.sum(left**2) / max(left.size - min(sizes.size, 2), 1))),
        whole.size,
        float(np.isnan(paid).mean()),
        _curve(sizes, paid).insert_column(5, pl.Series("fitted", charged)),
        pl.concat(
            [_curve(sizes, paid[:, :, hours == hour]).insert_column(0, pl.lit(hour).alias("hour"))
             for hour in np.unique(hours)]
        ),
    )  # fmt: skip


def _fitted(beyond: F64, share: F64) -> tuple[float, float]:
    """Slippage and impact, neither below zero, by least squares over the sizes."""
    from scipy.optimize import nnls

    slippage, impact = nnls(np.column_stack([np.ones(share.size), share]), beyond)[0]
    return float(slippage), float(impact)


def _curve(sizes: F64, paid: F64) -> pl.DataFrame:
    """Cost by size, of (n_sizes, 2, n_books) walks."""
    rows = []
    for size, row in zip(sizes, paid, strict=True):
        known = row[np.isfinite(row)]
        told = (
            [float(known.mean()), *np.quantile(known, list(QUANTILES.values())).tolist()]
            if known.size
            else [None] * (1 + len(QUANTILES))
        )
        rows.append([float(size), *told, float(np.isnan(row).mean()), row.shape[1]])
    names = ["units", "mean", *QUANTILES, "short"]
    schema = dict.fromkeys(names, pl.Float64) | {"n": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")
