"""Law 1: targets(bars)[:t] == targets(bars[:t]), bit for bit, whatever comes after t.

A black box over every returned column, in the order that finds most for least: every cut of the
first bars, tiles, random cuts with three futures, and a cut at every change of target.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.evidence.decisions import changes_of
from trade_research.evidence.leak import Leak, name_leak
from trade_research.evidence.probe import (
    FUTURES,
    How,
    Probe,
    StrategyLike,
    first_disagreement,
)
from trade_research.evidence.rebuilt import on_arrays, probes_of
from trade_research.evidence.tiles import TileCount, scan_tiles
from trade_research.kernels.jit import F64

if TYPE_CHECKING:
    import polars as pl

FIRST_CUTS = 5_000
RANDOM_CUTS = 64
REBUILT_CUTS = 256
FLIPS_ON_ALL_BELOW = 200_000


@dataclass(frozen=True)
class CausalityVerdict:
    """What the causality check found on one strategy and one span of data.

    `cuts`: prefixes among the first bars; `tiles`: windows, `tiled_bars` bars each once the last
    of a truncation; `futures`: cuts × futures on the whole; `flips` of `changes` changes of target
    re-derived from the past alone; `rebuilt`: cuts of the base bars from which declared inputs
    (other intervals, symbols) were built anew.
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
    rebuilt: int = 0

    def __str__(self) -> str:
        return self.guarantee

    @property
    def guarantee(self) -> str:
        """The sentence that may be printed, with what was not covered."""
        if self.leak is not None:
            return f"leak: {self.leak}"
        flips = "every" if self.flips == self.changes else f"{self.flips:,} of {self.changes:,}"
        changes = "change" if flips == "every" else "changes"
        tiled = "every bar" if self.tiled_bars == self.n_bars else f"{self.tiled_bars:,} bars"
        return (
            f"{flips} traded {changes} on this data re-derived from the past alone "
            f"({self.flips:,}); {tiled} of {self.n_bars:,} re-derived from its tile "
            f"(the first {self.cuts:,} from all their past)"
        )

    @property
    def not_covered(self) -> str:
        """What the check could not see."""
        parts = ["a leak that changes no value on this data"]
        if self.n_bars > self.cuts:
            parts.append(
                f"between changes of target, one that hangs on the bar's number or on memory "
                f"longer than {self.tile_bars:,} bars"
            )
        if self.flips < self.changes:
            parts.append(f"{self.changes - self.flips:,} changes of target beyond the time allowed")
        if self.tiled_bars < self.n_bars:
            parts.append(f"{self.n_bars - self.tiled_bars:,} bars beyond the time allowed")
        return "not seen: " + "; ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        counts = {
            name: getattr(self, name)
            for name in ("n_bars", "cuts", "tiles", "tile_bars", "tiled_bars", "futures", "flips")
        }
        leak = None if self.leak is None else self.leak.to_dict()
        return {
            "passed": self.passed,
            **counts,
            "changes": self.changes,
            "rebuilt": self.rebuilt,
            "leak": leak,
            "guarantee": self.guarantee,
            "not_covered": self.not_covered,
        }


def check_causality(
    strategy: StrategyLike,
    data: Mapping[str, F64] | pl.DataFrame,
    params: Mapping[str, Any] | None = None,
    *,
    calendar: str = "24/7",
    budget_s: float = 10.0,
    seed: int = 0,
) -> CausalityVerdict:
    """Look for a value that changes when later bars are cut off or replaced.

    Parameters
    ----------
    strategy : Strategy
    data : mapping of argument name to float64 array (n_bars,) or (n_bars, k), or a frame of bars
    params : mapping, the strategy's parameters
    calendar : str
        Of the frame, for inputs of longer intervals.
    budget_s : float
        Seconds each stage may take; on up to 200,000 bars the changes of target get six times
        that. What did not fit is counted in the verdict.
    seed : int
        Of the random cuts and futures.

    Returns
    -------
    CausalityVerdict
        `.leak` names the first bar found, what it knew and the smallest example.
    """
    probes = probes_of(strategy, data, params or {}, calendar=calendar, seed=seed)
    return together([examine(probe, budget_s / len(probes)) for probe in probes])


def examine(probe: Probe, budget_s: float) -> CausalityVerdict:
    """The four stages, up to the first leak; then inputs built anew, where some are declared."""
    arrays = on_arrays(probe)
    changes = changes_of(arrays.wanted(arrays.full()))
    first = range(1, arrays.n_bars + 1)[:FIRST_CUTS]
    cuts, leak = _try_cuts(arrays, _cuts(first), budget_s)
    tiled, futures, flips, rebuilt = TileCount(0, 0, 0, None), 0, 0, 0
    if leak is None:
        tiled = scan_tiles(arrays, budget_s, after=cuts)
        leak = tiled.leak
    if leak is None:
        futures, leak = _try_cuts(arrays, _futures(arrays), budget_s, is_spread=True)
    if leak is None:
        limit = budget_s * (1 if arrays.n_bars > FLIPS_ON_ALL_BELOW else 6)
        flips, leak = _try_cuts(arrays, _cuts(changes + 1), limit, is_spread=True)
    if leak is None and probe is not arrays:
        some = first[:: max(1, len(first) // REBUILT_CUTS)]
        for stage in (_cuts(some), _futures(probe), _cuts(changes + 1)):
            if leak is None:
                done, leak = _try_cuts(probe, stage, budget_s, is_spread=True)
                rebuilt += done
    return CausalityVerdict(
        passed=leak is None,
        leak=leak,
        n_bars=arrays.n_bars,
        cuts=cuts,
        tiles=tiled.tiles,
        tile_bars=tiled.length,
        tiled_bars=tiled.bars,
        futures=futures,
        flips=flips,
        changes=len(changes),
        rebuilt=rebuilt,
    )


def together(verdicts: list[CausalityVerdict]) -> CausalityVerdict:
    """The verdict on several symbols: counts added up, the first leak kept."""
    if len(verdicts) == 1:
        return verdicts[0]
    leak = next((v.leak for v in verdicts if v.leak is not None), None)
    added = ("n_bars", "cuts", "tiles", "tiled_bars", "futures", "flips", "changes", "rebuilt")
    return CausalityVerdict(
        passed=leak is None,
        leak=leak,
        tile_bars=max(v.tile_bars for v in verdicts),
        **{name: sum(getattr(v, name) for v in verdicts) for name in added},
    )


def _futures(probe: Probe) -> list[tuple[int, How]]:
    return [(t, how) for t in _random_cuts(probe.n_bars, probe.seed) for how in FUTURES]


def _cuts(rows: Iterable[int]) -> list[tuple[int, How]]:
    return [(int(t), "truncate") for t in rows]


def _random_cuts(n_bars: int, seed: int) -> list[int]:
    """One random cut in each of 64 equal stretches, oldest first."""
    edges = np.linspace(1, n_bars, RANDOM_CUTS + 1)
    draws = np.random.default_rng(seed).uniform(edges[:-1], edges[1:])
    return sorted({int(t) for t in draws if 0 < t < n_bars})


def _try_cuts(
    probe: Probe, cuts: Sequence[tuple[int, How]], limit_s: float, *, is_spread: bool = False
) -> tuple[int, Leak | None]:
    """Ask each cut in turn; how many were asked, and the leak that ended it.

    Where the time will not do for all of them, `is_spread` takes them from all over the data.
    """
    full = probe.full()
    if is_spread and cuts:
        started = time.perf_counter()
        probe.future(*cuts[len(cuts) // 2])
        if (time.perf_counter() - started) * len(cuts) > limit_s:
            order = np.random.default_rng(probe.seed).permutation(len(cuts))
            cuts = [cuts[i] for i in order]
    end = time.perf_counter() + limit_s
    for tried, (t, how) in enumerate(cuts):
        if time.perf_counter() > end:
            return tried, None
        part = probe.future(t, how)
        found = first_disagreement(full, part, t)
        if not part and how == "truncate" and t > probe.warmup:
            found = t - 1, probe.targets[0]
        if found is not None:
            return tried + 1, name_leak(probe, found[0], found[1], t, how)
    return len(cuts), None
