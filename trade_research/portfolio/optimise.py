"""Risk parity and mean-variance: weights from skfolio, estimated on schedule from the past."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np

from trade_research.errors import ConfigError, DataError, nearest
from trade_research.frames.intervals import Interval
from trade_research.kernels.jit import F64, I64
from trade_research.portfolio.schedule import scheduled
from trade_research.portfolio.sizing import Panel, Sizing, check_lookback, latest

_OBJECTIVES = {
    "min_variance": "MINIMIZE_RISK",
    "max_sharpe": "MAXIMIZE_RATIO",
    "utility": "MAXIMIZE_UTILITY",
}
_COVARIANCES = ("ledoit_wolf", "empirical")


@dataclass(frozen=True)
class Optimised(Sizing):
    """Parts of the gross by an optimiser over trailing returns, times each symbol's target.

    Attributes
    ----------
    lookback : int
        Rows of returns per estimate; a symbol without a bar in one counts as unmoved there. A
        symbol counts from the first estimate before which it has that many returns.
    every : int or str
        When to estimate: bars, or the first bar of each "1d", "1w", "4w" (UTC).
    covariance : {"ledoit_wolf", "empirical"}
    """

    lookback: int = 252
    every: int | str | Interval = "4w"
    covariance: str = "ledoit_wolf"

    def __post_init__(self) -> None:
        check_lookback(self.lookback, self.every)
        if self.covariance not in _COVARIANCES:
            near = nearest(self.covariance, _COVARIANCES)
            raise ConfigError(f"covariance={self.covariance!r} is unknown: {near}")
        super().__post_init__()

    def shares(self, panel: Panel) -> tuple[F64, I64]:
        is_row = scheduled(panel.close_time, self.every)
        rows = np.flatnonzero(is_row)
        returns, sides = panel.returns(), panel.sides(rows)
        known = np.cumsum(~np.isnan(returns), axis=0)
        shares = np.full((rows.size, len(panel.symbols)), np.nan)
        for e, row in enumerate(rows):
            if row + 1 < self.lookback:
                continue
            window = np.nan_to_num(returns[row + 1 - self.lookback : row + 1], nan=0.0)
            which = np.flatnonzero((known[row] >= self.lookback) & (np.ptp(window, axis=0) > 0.0))
            if which.size:
                signed = np.ascontiguousarray(window[:, which] * sides[e, which])
                shares[e, which] = self.solve(signed) if which.size > 1 else 1.0
        return shares, latest(is_row)

    def solve(self, returns: F64) -> F64:
        """Parts of the symbols from one window, (lookback, n_symbols) to (n_symbols,), sum 1.

        Raises
        ------
        DataError
            The solver found none.
        """
        from skfolio.exceptions import OptimizationError

        model = self.model()
        try:
            model.fit(returns)
        except OptimizationError as error:
            raise DataError(
                f"{type(self).__name__} found no solution for {returns.shape[1]} symbols over "
                f"{returns.shape[0]} returns ({error}): use a longer lookback"
            ) from error
        found: F64 = np.maximum(np.asarray(model.weights_, dtype=np.float64), 0.0)
        parts: F64 = found / found.sum()
        return parts

    @abstractmethod
    def model(self) -> Any:
        """The skfolio estimator that is fitted to each window."""

    def _prior(self) -> Any:
        from skfolio.moments import EmpiricalCovariance, LedoitWolf
        from skfolio.prior import EmpiricalPrior

        shrunk = self.covariance == "ledoit_wolf"
        return EmpiricalPrior(
            covariance_estimator=LedoitWolf() if shrunk else EmpiricalCovariance()
        )


@dataclass(frozen=True)
class RiskParity(Optimised):
    """Parts such that every symbol adds the same to the book's variance.

    Estimated for the sides held at that row (a flat symbol counts as long), so the contributions
    are equal when targets are 1 or -1 and no cap binds. Other fields as in `Sizing`.

    References
    ----------
    Maillard, Roncalli & Teïletche (2010), The Properties of Equally Weighted Risk Contribution
    Portfolios, J. Portfolio Management 36(4); solved by skfolio's ``RiskBudgeting``.
    """

    def model(self) -> Any:
        from skfolio.optimization import RiskBudgeting

        return RiskBudgeting(prior_estimator=self._prior())


@dataclass(frozen=True)
class MeanVariance(Optimised):
    """Parts on Markowitz' efficient frontier, at least 0 each; the targets bring the signs.

    Attributes
    ----------
    objective : {"min_variance", "max_sharpe", "utility"}
        The default uses no mean, which few bars estimate well. "max_sharpe" is flat where no
        symbol's mean return is positive.
    risk_aversion : float
        For "utility": mean less this times the variance of one bar.

    References
    ----------
    Markowitz (1952), Portfolio Selection, J. Finance 7(1); solved by skfolio's ``MeanRisk``.
    """

    objective: str = "min_variance"
    risk_aversion: float = 1.0

    def __post_init__(self) -> None:
        if self.objective not in _OBJECTIVES:
            raise ConfigError(
                f"objective={self.objective!r} is unknown: {nearest(self.objective, _OBJECTIVES)}"
            )
        super().__post_init__()

    def solve(self, returns: F64) -> F64:
        if self.objective == "max_sharpe" and not (returns.mean(axis=0) > 0.0).any():
            return np.full(returns.shape[1], np.nan)
        return super().solve(returns)

    def model(self) -> Any:
        from skfolio.optimization import MeanRisk, ObjectiveFunction

        return MeanRisk(
            objective_function=ObjectiveFunction[_OBJECTIVES[self.objective]],
            risk_aversion=self.risk_aversion,
            prior_estimator=self._prior(),
        )
