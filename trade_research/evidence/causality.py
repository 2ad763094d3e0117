"""Law 1: targets(bars)[:t] == targets(bars[:t]), bit for bit, whatever comes after t.

A black box over every returned column, in the order that finds most for least: every cut of the
first bars, tiles, random cuts with three futures, and a cut at every change of target.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.evidence.leak import Leak, name_leak
from trade_research.evidence.probe import (
    FUTURES,
    How,
    Probe,
    StrategyLike,
    first_disagreement,
    frame_times,
)
from trade_research.evidence.tiles import TileCount, scan_tiles
from trade_research.kernels.jit import F64, I64

if TYPE_CHECKING:
    import polars as pl

FIRST_CUTS = 5_000
RANDOM_CUTS = 64
FLIPS_ON_ALL_BELOW = 200_000


@dataclass(frozen=True)
class CausalityVerdict:
    """What the causality check found on one strategy and one span of data.

    `cuts`: prefixes among the first bars; `tiles`: windows, `tiled_bars` bars each once the last
    of a truncation; `futures`: cuts × futures on the whole; `flips` of `changes` changes of target
    re-derived from the past alone.
    """

    passed: bool
    leak: Leak | None
    n_bars: int
    cuts: int
    tiles: int
    tile_bars: int
    tiled_bars: int
    futures: int
    flips: int
    changes: int

    @property
    def guarantee(self) -> str:
        """The sentence that may be printed, with what was not covered."""
        if self.leak is not None:
            return f"leak: {self.leak}"
        flips = "every" if self.flips == self.changes else f"{self.flips:,} of {self.changes:,}"
        tiled = "every bar" if self.tiled_bars == self.n_bars else f"{self.tiled_bars:,} bars"
        return (
            f"{flips} traded change{'s' if flips != 'every' else ''} on this data re-derived from "
            f"the past alone ({self.flips:,}); {tiled} re-derived from its tile "
            f"({self.n_bars:,} bars, tiles of {self.tile_bars:,}; tiles are blind to the bar's "
            f"number and to memory longer than a tile)"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        counts = {
            name: getattr(self, name)
            for name in ("n_bars", "cuts", "tiles", "tile_bars", "tiled_bars", "futures", "flips")
        }
        leak = None if self.leak is None else self.leak.to_dict()
        guarantee = self.guarantee
        return {
            "passed": self.passed,
            **counts,
            "changes": self.changes,
            "leak": leak,
            "guarantee": guarantee,
        }


def check_causality(
    strategy: StrategyLike,
    data: Mapping[str, F64] | pl.DataFrame,
    params: Mapping[str, Any] | None = None,
    *,
    budget_s: float = 10.0,
    seed: int = 0,
) -> CausalityVerdict:
    """Look for a value that changes when later bars are cut off or replaced.

    Parameters
    ----------
    strategy : Strategy
    data : mapping of column name to float64 array (n_bars,) or (n_bars, k), or a frame of bars
    params : mapping, the strategy's parameters
    budget_s : float
        Seconds for the tiles and, on more than 200,000 bars, for the flips: each.
    seed : int
        Of the random cuts and futures.

    Returns
    -------
    CausalityVerdict
        `.leak` names the first bar found, what it knew and the smallest example.
    """
    probe = probe_of(strategy, data, params or {}, seed)
    return examine(probe, budget_s)


def probe_of(
    strategy: StrategyLike,
    data: Mapping[str, F64] | pl.DataFrame,
    params: Mapping[str, Any],
    seed: int = 0,
) -> Probe:
    """The probe of a strategy on arrays, or on the columns it declares of a frame."""
    if isinstance(data, Mapping):
        return Probe(strategy, data, params, seed=seed)
    return Probe(strategy, strategy.columns_of(data), params, frame_times(data), seed)


def examine(probe: Probe, budget_s: float) -> CausalityVerdict:
    """The four stages, up to the first leak."""
    target = probe.full()["target"]
    changes = _changes(target)
    first = range(1, min(probe.n_bars, FIRST_CUTS) + 1)
    cuts, leak = _try_cuts(probe, ((t, "truncate") for t in first), np.inf)
    tiled, futures, flips = TileCount(0, 0, 0, None), 0, 0
    if leak is None:
        tiled = scan_tiles(probe, budget_s, after=cuts)
        leak = tiled.leak
    if leak is None:
        random = _random_cuts(probe.n_bars, probe.seed)
        futures, leak = _try_cuts(probe, ((t, how) for t in random for how in FUTURES), np.inf)
    if leak is None:
        limit = np.inf if probe.n_bars <= FLIPS_ON_ALL_BELOW else budget_s
        order = changes
        if np.isfinite(limit):
            order = np.random.default_rng(probe.seed).permutation(changes)
        flips, leak = _try_cuts(probe, ((int(s) + 1, "truncate") for s in order), limit)
    return CausalityVerdict(
        passed=leak is None,
        leak=leak,
        n_bars=probe.n_bars,
        cuts=cuts,
        tiles=tiled.tiles,
        tile_bars=tiled.length,
        tiled_bars=tiled.bars,
        futures=futures,
        flips=flips,
        changes=len(changes),
    )


def _changes(target: F64) -> I64:
    """Bars whose target differs from the bar before (NaN equals NaN)."""
    before, after = target[:-1], target[1:]
    differs = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return np.flatnonzero(differs).astype(np.int64) + 1


def _random_cuts(n_bars: int, seed: int) -> list[int]:
    """One random cut in each of 64 equal stretches, oldest first."""
    edges = np.linspace(1, n_bars, RANDOM_CUTS + 1)
    draws = np.random.default_rng(seed).uniform(edges[:-1], edges[1:])
    return sorted({int(t) for t in draws if 0 < t < n_bars})


def _try_cuts(
    probe: Probe, cuts: Iterable[tuple[int, How]], limit_s: float
) -> tuple[int, Leak | None]:
    """Ask each cut in turn; how many were asked, and the leak that ended it."""
    full, tried = probe.full(), 0
    end = time.perf_counter() + limit_s
    for t, how in cuts:
        if time.perf_counter() > end:
            break
        tried += 1
        part = probe.future(t, how)
        if not part:
            if t > probe.warmup:
                return tried, name_leak(probe, t - 1, "target", how)
            continue
        found = first_disagreement(full, part, t)
        if found is not None:
            return tried, name_leak(probe, found[0], found[1], how)
    return tried, None
