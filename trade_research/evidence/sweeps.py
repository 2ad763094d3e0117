"""What the best of many backtests is worth: the evidence on a sweep, and its verdict.

Everything rests on the day returns of its configurations. The best of many looks good by luck
alone; how good is computed in closed form, from the number of trials, and by resampling, which
keeps the correlation of the configurations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from trade_research.evidence.luck import Luck, TrialCount, luck_of, luck_variance
from trade_research.evidence.overfit import Overfit, pbo
from trade_research.evidence.plateau import Column, Plateau, plateau
from trade_research.evidence.superior import DRAWS, resampled_means, superior
from trade_research.evidence.sweep_verdict import sweep_sentence, sweep_word
from trade_research.evidence.tried import day_ratios, effective_trials, mean_correlation
from trade_research.kernels.jit import F64, I64
from trade_research.metrics.moments import ROUNDING, Moments
from trade_research.metrics.sharpe import deflated_sharpe_ratio, expected_maximum_sharpe

MOST_SPLIT = 20_000  # configurations whose splits are compared; a sample of more
_RANKS = 200  # points of the luck curve
Blocks = F64 | Callable[[I64], F64]


_PLAIN = (
    *("best", "best_sharpe", "luck_sharpe", "low", "high", "n_configurations", "n_trials"),
    *("is_counted", "n_effective", "psr", "deflated_sharpe", "spa_p", "p_value", "pbo", "stepm"),
    *("benchmark_sharpe", "benchmark_p", "tested", "split", "days", "per_year", "variance"),
    *("trial_variance", "block", "draws", "seed"),
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


def sweep_evidence(
    *,
    moments: F64,
    blocks: F64 | Callable[[I64], F64],
    block_days: I64,
    day_returns: F64,
    rows: I64,
    axes: Mapping[str, Column],
    per_year: float | None,
    trials: TrialCount | None = None,
    benchmark: F64 | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> SweepEvidence:
    """All evidence on a sweep.

    Parameters
    ----------
    moments : float64 array of shape (n_configurations, 5)
        Of the day returns of each configuration: count, mean, variance (ddof 1), skewness and raw
        kurtosis (both biased). NaN where there is no result.
    blocks : float64 array of shape (n_configurations, n_blocks, 2), or callable
        As for `pbo`, NaN where there is no result; or what gives those of some rows.
    block_days : int64 array of shape (n_blocks,)
        As for `pbo`.
    day_returns : float64 array of shape (n_days, n_tested), rows : int64 array of shape (n_tested,)
        Day returns of some configurations, fractions, and which they are: `rows_to_test`.
    axes : mapping of str to array of shape (n_configurations,)
        What was varied; see `plateau`.
    per_year : float or None
        Days in a year by the calendar; None: ratios are per day.
    trials : store.Trials, optional
        Of the ledger, this sweep's included.
    benchmark : float64 array of shape (n_days,), optional
        Day returns of buying and holding.
    draws, seed : int
        Of the bootstrap; same seed, same bits.
    """
    ratios = day_ratios(moments)
    known = np.flatnonzero(~np.isnan(ratios))
    if not known.size:
        return SweepEvidence()
    year = math.sqrt(per_year) if per_year else 1.0
    best = int(np.nanargmax(ratios))
    at_best = np.flatnonzero(rows == best)
    if not at_best.size:
        raise AssertionError("the best configuration is among those tested")
    mine = Moments(np.ascontiguousarray(day_returns[:, at_best[0]]))
    alone = luck_of(mine, per_year or 1.0)
    n_days = mine.n
    counted = max(trials.n if trials is not None else 0, known.size)
    spread = float(ratios[known].var(ddof=1)) if known.size > 1 else 0.0
    if trials is not None and trials.variance is not None:
        spread = trials.variance
    variance = luck_variance(spread, n_days)
    luck = expected_maximum_sharpe(counted, variance)
    drawn = resampled_means(day_returns, draws=draws, seed=seed)
    tests = superior(day_returns, resampled=drawn)
    rho = mean_correlation(day_returns)
    effective = effective_trials(counted, rho)
    overfit, split = _overfit(blocks, block_days, known, best, seed)
    held, held_p = _against(day_returns, benchmark, draws, seed)
    return SweepEvidence(
        best=best,
        best_sharpe=float(ratios[best]) * year,
        luck_sharpe=luck * year,
        low=_number(alone.low),
        high=_number(alone.high),
        n_configurations=known.size,
        n_trials=counted,
        is_counted=trials is not None,
        n_effective=effective,
        psr=_number(alone.psr),
        deflated_sharpe=deflated_sharpe_ratio(mine, trials=counted, variance=variance),
        spa_p=tests.p_value,
        p_value=1.0 - (1.0 - tests.p_value) ** (effective / effective_trials(rows.size, rho)),
        pbo=None if overfit is None else overfit.pbo,
        overfit=overfit,
        stepm=tuple(int(rows[j]) for j in tests.superior),
        plateau=plateau(axes, ratios * year),
        tested=rows.size,
        split=split,
        benchmark_sharpe=held * year,
        benchmark_p=held_p,
        luck=_curve(day_returns, drawn.draws - drawn.mean, year),
        day_luck=alone,
        days=n_days,
        per_year=per_year,
        variance=variance,
        trial_variance=spread,
        block=tests.block,
        draws=draws,
        seed=seed,
        notes=tuple(_notes(known.size, rows.size, split, trials, per_year)),
    )


def _overfit(
    blocks: F64 | Callable[[I64], F64], block_days: I64, known: I64, best: int, seed: int
) -> tuple[Overfit | None, int]:
    """Over all configurations with a result, or a random sample with the best among it."""
    if known.size > MOST_SPLIT:
        drawn = np.random.default_rng(seed).permutation(known)[:MOST_SPLIT]
        known = np.union1d(drawn, [best])
    days = int(np.sort(block_days)[: block_days.size // 2].sum())
    if known.size < 2 or days < 2:
        return None, 0
    return pbo(blocks(known) if callable(blocks) else blocks[known], block_days), known.size


def _against(returns: F64, benchmark: F64 | None, draws: int, seed: int) -> tuple[float, float]:
    """Ratio per day of the benchmark, and the p-value of the best against it.

    All are brought to the same volatility, so that means differ as Sharpe ratios do.
    """
    if benchmark is None or not benchmark.std() > ROUNDING:
        return math.nan, math.nan
    deviation = returns.std(axis=0)
    varies = deviation > ROUNDING
    scaled = returns[:, varies] / deviation[varies]
    tests = superior(scaled, benchmark / benchmark.std(), draws=draws, seed=seed)
    return float(benchmark.mean() / benchmark.std(ddof=1)), tests.p_value


def _curve(returns: F64, centred: F64, year: float) -> LuckCurve:
    """Sorted ratios beside those of the same columns made worthless, resampled."""
    deviation = returns.std(axis=0, ddof=1)
    scale = np.divide(year, deviation, out=np.zeros(deviation.size), where=deviation > ROUNDING)
    found = np.sort(returns.mean(axis=0) * scale)[::-1]
    worthless = np.sort(centred * scale, axis=1)[:, ::-1]
    at = np.unique(np.linspace(0, found.size - 1, min(_RANKS, found.size)).round().astype(np.int64))
    low, middle, high = np.quantile(worthless[:, at], [0.05, 0.5, 0.95], axis=0)
    return LuckCurve(at + 1, found[at], low, middle, high)


def _number(value: float | None) -> float:
    return math.nan if value is None else value


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0%}"


def _notes(
    known: int, tested: int, split: int, trials: TrialCount | None, per_year: float | None
) -> Iterator[str]:
    """What a reader must know of how these numbers came about."""
    if trials is None:
        yield (
            "The number of trials is unknown: these bars are not from a store, so only this sweep "
            "counts. Take the deflated ratio as an upper bound."
        )
    if tested < known:
        yield f"Resampled were {tested:,} of {known:,} configurations: the best, others by rank."
    if 0 < split < known:
        yield f"Splits compared {split:,} of {known:,} configurations, drawn at random."
    if per_year is None:
        yield "Ratios are per day: the trading calendar is not known."
