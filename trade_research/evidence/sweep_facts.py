"""The evidence on a sweep as a record: every number, its name, and the verdict they give."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from trade_research.evidence.luck import Luck
from trade_research.evidence.overfit import Overfit
from trade_research.evidence.plateau import Plateau
from trade_research.evidence.sweep_verdict import sweep_sentence, sweep_word
from trade_research.kernels.jit import F64, I64

_PLAIN = (
    *("best", "best_sharpe", "luck_sharpe", "low", "high", "n_configurations", "n_trials"),
    *("is_counted", "n_effective", "psr", "deflated_sharpe", "spa_p", "p_value", "pbo", "stepm"),
    *("benchmark_sharpe", "benchmark_p", "tested", "split", "days", "per_year", "variance"),
    *("trial_variance", "correlation", "block", "draws", "seed"),
)


@dataclass(frozen=True, eq=False)
class LuckCurve:
    """Sharpe ratios a year, best first, and what as many configurations without skill would give.

    `rank` (n_points,) counts from 1; `found`, and `low`, `middle`, `high` (5, 50 and 95%), are by
    rank.
    """

    rank: I64
    found: F64
    low: F64
    middle: F64
    high: F64


@dataclass(frozen=True, eq=False)
class SweepEvidence:
    """How much of the best of a sweep is luck; its text begins with the verdict in one sentence.

    Sharpe ratios are a year where the calendar is known, else a day.

    Attributes
    ----------
    best : int or None
        Row of the configuration with the highest Sharpe ratio of its day returns; None where no
        configuration has returns that vary: then nothing else is known either.
    best_sharpe, luck_sharpe : float
        Its ratio, and the best that luck gives from `n_trials` trials.
    low, high : float
        90% interval of its ratio were it the only one tried.
    n_configurations, n_trials : int
        With a result in this sweep, and tried on these bars so far by the ledger (`is_counted`);
        without a ledger no more is known than this sweep.
    n_effective : float
        Independent trials that would spread as widely: ρ + (1 - ρ) N, ρ the mean correlation.
    psr, deflated_sharpe : float
        Probability that its true ratio is above 0, and above `luck_sharpe`.
    spa_p, p_value : float
        How often the best of the `tested` without skill does as well (Hansen's test), and the same
        for all trials: 1 - (1 - p)^k, k their effective number over that of the tested.
    pbo : float or None
        Probability that the choice of parameters is overfitted; `overfit` has the splits.
    stepm : tuple of int
        Rows of configurations better than cash one by one, at most 5% chance of any wrong one.
    plateau : Plateau or None
    tested, split : int
        Configurations that were resampled, and compared over splits.
    benchmark_sharpe, benchmark_p : float
        Sharpe ratio of the benchmark, and how often the best without an advantage over it does as
        well: the test above on the difference of the returns at equal volatility. NaN without one.
    luck : LuckCurve or None
    day_luck : Luck or None
        The closed form on the best alone.
    best_returns : float64 array of shape (days,), or None
        Day returns of the best.
    correlation : float
        ρ: mean correlation of the day returns of the `tested`.
    variance, trial_variance : float
        Of Sharpe ratios per day: that `luck_sharpe` rests on, and that across the trials. Luck
        alone spreads ratios by 1/n_days; what is more comes of costs or skill.
    """

    best: int | None = None
    best_sharpe: float = math.nan
    luck_sharpe: float = math.nan
    low: float = math.nan
    high: float = math.nan
    n_configurations: int = 0
    n_trials: int = 0
    is_counted: bool = False
    n_effective: float = math.nan
    psr: float = math.nan
    deflated_sharpe: float = math.nan
    spa_p: float = math.nan
    p_value: float = math.nan
    pbo: float | None = None
    overfit: Overfit | None = None
    stepm: tuple[int, ...] = ()
    plateau: Plateau | None = None
    tested: int = 0
    split: int = 0
    benchmark_sharpe: float = math.nan
    benchmark_p: float = math.nan
    luck: LuckCurve | None = None
    day_luck: Luck | None = None
    days: int = 0
    per_year: float | None = None
    variance: float = math.nan
    trial_variance: float = math.nan
    block: float = math.nan
    draws: int = 0
    seed: int = 0
    notes: tuple[str, ...] = ()
    best_returns: F64 | None = None
    correlation: float = math.nan

    @property
    def word(self) -> str:
        """ "No evidence", "Weak evidence" or "Promising"."""
        return sweep_word(self)

    @property
    def verdict(self) -> str:
        """One sentence for somebody who knows no statistics."""
        return sweep_sentence(self)

    def lines(self) -> Iterator[tuple[str, str]]:
        """Each number with its name; none without a result."""
        if self.best is None:
            return
        year = "a year" if self.per_year else "a day"
        counted = f"{self.n_trials:,}" if self.is_counted else f"at least {self.n_trials:,}"
        yield (
            f"best Sharpe ratio {year}",
            f"{self.best_sharpe:.2f} [{self.low:.2f}, {self.high:.2f}]",
        )
        yield f"best by luck alone, {counted} trials", f"{self.luck_sharpe:.2f}"
        yield "effective independent trials", f"{self.n_effective:,.0f}"
        yield "deflated Sharpe ratio", f"{self.deflated_sharpe:.1%}"
        yield "p-value of the best (SPA)", f"{self.p_value:.3f}"
        yield "configurations better than cash (StepM)", f"{len(self.stepm):,} of {self.tested:,}"
        if self.overfit is not None:
            yield "probability of overfitting (PBO)", f"{self.overfit.pbo:.1%}"
            yield "Sharpe ratio kept outside", _share(self.overfit.kept)
        if self.benchmark_p == self.benchmark_p:
            held = f"{self.benchmark_p:.3f} (holding: {self.benchmark_sharpe:.2f})"
            yield "p-value of the best against holding", held
        if self.plateau is not None:
            yield "plateau score of the best", _share(self.plateau.score)

    def __str__(self) -> str:
        lines = list(self.lines())
        wide = max((len(name) for name, _ in lines), default=0)
        return "\n".join(
            [self.verdict, *(f"  {name:{wide}}  {value}" for name, value in lines), *self.notes]
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from trade_research.evidence.page import sweep_card

        return sweep_card(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON, without the curves; undefined ones are None."""
        found = {name: getattr(self, name) for name in ("verdict", "word", *_PLAIN)}
        if self.overfit is not None:
            found |= {"kept": self.overfit.kept, "loss": self.overfit.loss}
        if self.plateau is not None:
            found |= {"centre": self.plateau.centre, "plateau_score": self.plateau.score}
        return {
            k: None if isinstance(v, float) and not math.isfinite(v) else v
            for k, v in found.items()
        }


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"
