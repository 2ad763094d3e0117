"""Volatility and spread of one instrument from its bars, shrunk towards its class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64, I64
from trade_research.portfolio.asset_classes import AssetClass, asset_class

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Estimate:
    """What is known of an instrument. Volatilities per year, as fractions; NaN: too few bars.

    Attributes
    ----------
    volatility, spread_bps : float
        Shrunk to the class: what to use.
    own_volatility, own_spread_bps : float
        From the bars alone.
    weight : float
        Weight of the bars in `volatility`², from 0 (all class) to 1 (all bars).
    n_returns : int
    asset_class : AssetClass
    """

    volatility: float
    spread_bps: float
    own_volatility: float
    own_spread_bps: float
    weight: float
    n_returns: int
    asset_class: AssetClass

    @property
    def stop(self) -> float:
        """Stop distance as a fraction of price, in proportion to volatility."""
        return self.asset_class.stop(self.volatility)

    @property
    def max_weight(self) -> float:
        """Largest weight: 10 % of equity, less in proportion above a share's volatility."""
        return self.asset_class.max_weight(self.volatility)


def estimate(
    bars: pl.DataFrame, of: str | AssetClass, *, periods_per_year: float, prior_bars: int = 60
) -> Estimate:
    """Estimate an instrument from its bars, with its class as the prior.

    Parameters
    ----------
    bars : polars.DataFrame
        Bars of one instrument, oldest first. Pass those up to the time of the decision: an
        estimate from later bars looks ahead.
    of : str or AssetClass
    periods_per_year : float
        Bars in a year by calendar and interval.
    prior_bars : int
        How many bars the class counts for; 0: no prior.

    Returns
    -------
    Estimate
        With no bars: the class.
    """
    from trade_research.frames.columns import columns

    if not periods_per_year > 0.0 or prior_bars < 0:
        raise ConfigError(
            f"periods_per_year must be over 0 and prior_bars at least 0, found "
            f"{periods_per_year!r} and {prior_bars!r}"
        )
    kind = asset_class(of)
    found = columns(bars, ("high", "low", "close"))
    close = found["close"][~np.isnan(found["close"])]
    n = max(close.size - 1, 0)
    variance = float(np.var(np.diff(np.log(close)), ddof=1)) if n > 1 else np.nan
    prior = np.array(kind.volatility**2 / periods_per_year)
    shrunk = float(shrink_variance(np.array(variance), np.array(n), prior, prior_bars))
    spread = spread_from_bars(found["high"], found["low"], found["close"])
    share = 0.0 if np.isnan(spread) else n / max(n + prior_bars, 1)
    return Estimate(
        volatility=float(np.sqrt(shrunk * periods_per_year)),
        spread_bps=share * (0.0 if np.isnan(spread) else spread * 1e4)
        + (1.0 - share) * kind.spread_bps,
        own_volatility=float(np.sqrt(variance * periods_per_year)),
        own_spread_bps=spread * 1e4,
        weight=0.0 if np.isnan(variance) else n / max(n + prior_bars, 1),
        n_returns=n,
        asset_class=kind,
    )


def shrink_variance(variance: F64, known: I64, prior: F64, prior_bars: int) -> F64:
    """Variances drawn towards a prior: ``(n s² + k σ²) / (n + k)``; NaN in `variance`: the prior.

    Parameters
    ----------
    variance, known, prior : arrays that broadcast
        Sample variance of `known` returns, and the variance expected before seeing any.
    prior_bars : int
        k, how many returns the prior counts for. The mean of a scaled inverse χ² posterior but for
        two degrees of freedom (Gelman et al. (2013), Bayesian Data Analysis, 2.6).
    """
    n = np.where(np.isnan(variance), 0, known)
    own = np.where(np.isnan(variance), 0.0, variance)
    with np.errstate(invalid="ignore"):  # neither bars nor prior: 0 / 0 is NaN, as it should be
        shrunk: F64 = (n * own + prior_bars * prior) / (n + prior_bars)
    return shrunk


def spread_from_bars(high: F64, low: F64, close: F64) -> float:
    """Effective spread as a fraction of price, from highs, lows and closes.

    Parameters
    ----------
    high, low, close : float64 arrays of shape (n_bars,)
        Rows with NaN are left out.

    Returns
    -------
    float
        NaN with fewer than three bars, and where the mean square is not twice its standard error
        above 0: a spread far below the bars' own range cannot be seen in them.

    References
    ----------
    Abdi & Ranaldo (2017), A Simple Estimation of Bid-Ask Spreads from Daily Close, High, and Low
    Prices, Review of Financial Studies 30(12): ``s² = 4 E[(c_t − η_t)(c_t − η_{t+1})]``.
    """
    known = ~(np.isnan(high) | np.isnan(low) | np.isnan(close))
    if known.sum() < 3:
        return float("nan")
    middle = 0.5 * (np.log(high[known]) + np.log(low[known]))
    last = np.log(close[known])[:-1]
    products = 4.0 * (last - middle[:-1]) * (last - middle[1:])
    square, error = float(products.mean()), float(products.std() / np.sqrt(products.size))
    return float(np.sqrt(square)) if square > 2.0 * error else float("nan")
