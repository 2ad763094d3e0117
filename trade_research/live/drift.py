"""Is paper worse than it was certified to be? A test that may be looked at every day.

A betting e-process for H0: the mean daily return is at least `floor`. Wealth starts at 1 and bets
against H0 each day with what the days before suggest; under H0 it is a supermartingale, so it ever
reaches 1/α with probability at most α (Ville's inequality), however often one looks. Source:
Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting" (2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trade_research.kernels.jit import F64

ALPHA = 0.05


@dataclass(frozen=True)
class Drift:
    """How much the days speak against the certificate's floor.

    `e_value` is the largest wealth so far: evidence against H0. `drifted` says that it has reached
    1/alpha, on day `day` (0-based; None while it has not).
    """

    e_value: float
    drifted: bool
    day: int | None
    n_days: int
    floor: float
    alpha: float

    def __str__(self) -> str:
        if self.drifted:
            return (
                f"daily returns are below the certified {self.floor:.4%}: evidence "
                f"{self.e_value:.1f} : 1 on day {self.day} of {self.n_days}"
            )
        return (
            f"no drift in {self.n_days} days: evidence {self.e_value:.1f} : 1, "
            f"{1 / self.alpha:.0f} : 1 is needed"
        )


def drift(returns: F64, *, floor: float, bound: float, alpha: float = ALPHA) -> Drift:
    """Test daily returns, in order, against a floor of their mean.

    Parameters
    ----------
    returns : float64 array (n_days,)
        As fractions; NaN days are left out.
    floor : float
        The mean that was certified at the least, of returns winsorised at `bound`.
    bound : float
        Returns are cut to [−bound, bound]; the mean that is tested is that of cut returns.
    alpha : float
        Largest probability of ever raising a false alarm.

    Raises
    ------
    ValueError
        The floor is not inside (−bound, bound).
    """
    if not -bound < floor < bound:
        raise ValueError(f"floor {floor} must lie inside (−{bound}, {bound})")
    x = np.clip(returns[~np.isnan(returns)], -bound, bound)
    wealth = wealth_against(x, floor, bound, alpha)
    reached = np.flatnonzero(wealth >= 1.0 / alpha)
    return Drift(
        e_value=float(wealth.max(initial=1.0)),
        drifted=reached.size > 0,
        day=int(reached[0]) if reached.size else None,
        n_days=x.size,
        floor=floor,
        alpha=alpha,
    )


def wealth_against(x: F64, floor: float, bound: float, alpha: float) -> F64:
    """Wealth after each day, (n_days,), of a gambler who bets that the mean is under `floor`."""
    most = 0.5 / (bound - floor)  # half of what could lose everything
    pay = 2.0 * math.log(1.0 / alpha)
    wealth, out = 1.0, np.empty(x.size)
    mean, square = floor, (0.25 * bound) ** 2  # one imagined day
    for t, value in enumerate(x.tolist()):
        # The predictable plug-in stake: known before the day, so H0 keeps the game fair.
        stake = min(math.sqrt(pay / (square * (t + 1) * math.log(t + 2))), most)
        wealth *= 1.0 + stake * (floor - value)
        out[t] = wealth
        n = t + 2
        before = mean
        mean += (value - mean) / n
        square += ((value - before) * (value - mean) - square) / n
    return out
