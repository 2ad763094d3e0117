"""What the best of many backtests is worth: the evidence on a sweep, and its verdict.

Everything rests on the day returns of its configurations. The best of many looks good by luck
alone; how good is computed in closed form, from the number of trials, and by resampling, which
keeps the correlation of the configurations.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

import numpy as np

from trade_research.evidence.luck import TrialCount, luck_of, luck_variance
from trade_research.evidence.overfit import Overfit, pbo, share_at_or_below
from trade_research.evidence.plateau import Column, plateau
from trade_research.evidence.superior import DRAWS, resampled_means, superior
from trade_research.evidence.sweep_facts import LuckCurve, SweepEvidence
from trade_research.evidence.tried import day_ratios, effective_trials, mean_correlation
from trade_research.kernels.jit import F64, I64
from trade_research.metrics.moments import ROUNDING, Moments
from trade_research.metrics.sharpe import deflated_sharpe_ratio, expected_maximum_sharpe

MOST_SPLIT = 20_000  # configurations whose splits are compared; a sample of more
_RANKS = 200  # points of the luck curve


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
    best = int(np.nanargmax(ratios))
    at_best = np.flatnonzero(rows == best)
    if not at_best.size:
        raise AssertionError("the best configuration is among those tested")
    year = _root(per_year)
    drawn = resampled_means(day_returns, draws=draws, seed=seed)
    tests = superior(day_returns, resampled=drawn)
    overfit, split = _overfit(blocks, block_days, known, best, seed)
    held, held_p = _against(day_returns, benchmark, draws, seed)
    variance = None if trials is None else trials.variance
    measured = SweepEvidence(
        best_returns=np.ascontiguousarray(day_returns[:, at_best[0]]),
        n_trials=0 if trials is None else trials.n,
        is_counted=trials is not None,
        correlation=mean_correlation(day_returns),
        spa_p=tests.p_value,
        overfit=overfit,
        stepm=tuple(int(rows[j]) for j in tests.superior),
        tested=rows.size,
        split=split,
        benchmark_sharpe=held * year,
        benchmark_p=held_p,
        luck=_curve(day_returns, drawn.draws - drawn.mean, year),
        per_year=per_year,
        trial_variance=math.nan if variance is None else variance,
        block=tests.block,
        draws=draws,
        seed=seed,
        notes=tuple(_notes(known.size, rows.size, split, trials, per_year)),
    )
    return concluded(measured, moments, axes)


def concluded(measured: SweepEvidence, moments: F64, axes: Mapping[str, Column]) -> SweepEvidence:
    """The evidence with all that follows in closed form from what was measured.

    Of evidence that was concluded before it changes nothing: `verify` holds a page against it.

    Parameters
    ----------
    measured : SweepEvidence
        `best_returns`, `correlation`, `spa_p`, splits and ledger's trials are read; the best, the
        ratios, luck, probabilities and plateau are made.
    moments, axes
        As for `sweep_evidence`.
    """
    ratios = day_ratios(moments)
    known = np.flatnonzero(~np.isnan(ratios))
    if not known.size or measured.best_returns is None:
        return SweepEvidence()
    best, year = int(np.nanargmax(ratios)), _root(measured.per_year)
    mine = Moments(measured.best_returns)
    alone = luck_of(mine, measured.per_year or 1.0)
    counted = max(measured.n_trials if measured.is_counted else 0, known.size)
    spread = measured.trial_variance
    if not measured.is_counted or math.isnan(spread):
        spread = float(ratios[known].var(ddof=1)) if known.size > 1 else 0.0
    variance = luck_variance(spread, mine.n)
    rho, splits = measured.correlation, measured.overfit
    effective = effective_trials(counted, rho)
    times = effective / effective_trials(measured.tested, rho)
    return replace(
        measured,
        best=best,
        best_sharpe=float(ratios[best]) * year,
        luck_sharpe=expected_maximum_sharpe(counted, variance) * year,
        low=_number(alone.low),
        high=_number(alone.high),
        n_configurations=known.size,
        n_trials=counted,
        n_effective=effective,
        psr=_number(alone.psr),
        deflated_sharpe=deflated_sharpe_ratio(mine, trials=counted, variance=variance),
        p_value=1.0 - (1.0 - measured.spa_p) ** times,
        pbo=None if splits is None else share_at_or_below(splits.logits),
        plateau=plateau(axes, ratios * year),
        day_luck=alone,
        days=mine.n,
        variance=variance,
        trial_variance=spread,
    )


def _root(per_year: float | None) -> float:
    """What makes a ratio per day one per year; 1 where the calendar is not known."""
    return math.sqrt(per_year) if per_year else 1.0


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
