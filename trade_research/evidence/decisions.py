"""Decisions as a live session takes them: on the bars known so far, one bar at a time."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass

import numpy as np

from trade_research.evidence.probe import Probe
from trade_research.kernels.jit import F64, I64

EACH_OF_FIRST = 5_000
BLOCKS = 64
SAMPLED = 1_000


@dataclass(frozen=True)
class Decisions:
    """Targets, (n_bars,) or (n_bars, n_symbols), and how they were come by.

    `alone` bars were decided on the bars up to them and nothing else: the first, those at which
    the target changes (`at_changes` of `changes`), and a random sample. The rest were released row
    by row from `blocks` evaluations.
    """

    target: F64
    alone: int
    at_changes: int
    changes: int
    sampled: int
    blocks: int


def decide(probe: Probe, budget_s: float, changes_s: float) -> Decisions:
    """Every bar's target from the bars up to it, or from those up to the end of its block.

    Decisions the probe has taken before, bar by bar, count and are not taken again. The first bars
    and the sample have `budget_s` seconds each, the changes of target `changes_s`.
    """
    n, rng = probe.n_bars, np.random.default_rng(probe.seed + 1)
    full = probe.wanted(probe.full())
    target = np.empty(full.shape)
    edges = [int(b) for b in np.unique(np.linspace(0, n, BLOCKS + 1).astype(np.int64))]
    for a, b in itertools.pairwise(edges):
        out = probe.prefix(b)
        target[a:b] = probe.wanted(out)[a:b] if out else np.nan
    first = min(EACH_OF_FIRST, n)
    alone = _alone(probe, np.arange(first), target, budget_s)
    changes = changes_of(full)
    later = rng.permutation(changes[changes >= first])
    late = _alone(probe, later, target, changes_s)
    is_rest = np.ones(n, dtype=np.bool_)
    is_rest[:first], is_rest[later] = False, False
    rest = np.flatnonzero(is_rest)
    sample = rng.choice(rest, min(SAMPLED, rest.size), replace=False)
    sampled = _alone(probe, sample, target, budget_s)
    early = int((changes < alone).sum())
    return Decisions(
        target, alone + late + sampled, early + late, len(changes), sampled, len(edges) - 1
    )


def changes_of(target: F64) -> I64:
    """Bars whose target differs from the bar before (NaN equals NaN)."""
    before, after = target[:-1], target[1:]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    if differs.ndim > 1:
        differs = differs.any(axis=1)
    return np.flatnonzero(differs).astype(np.int64) + 1


def _alone(probe: Probe, bars: I64, target: F64, limit_s: float) -> int:
    """Decide these bars on the bars up to them; how many were done in time."""
    end, done = time.perf_counter() + limit_s, 0
    for bar in sorted(int(b) for b in bars if int(b) + 1 in probe.decided):
        target[bar] = probe.decided[bar + 1]
        done += 1
    for bar in (int(b) for b in bars if int(b) + 1 not in probe.decided):
        if time.perf_counter() > end:
            break
        out = probe.prefix(bar + 1)
        target[bar] = probe.wanted(out)[bar] if out else np.nan
        done += 1
    return done
