"""Law 2: targets are 0 until the declared warm-up is over, and the declared warm-up is enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.evidence.leak import time_of
from trade_research.evidence.probe import Probe, StrategyLike, first_difference
from trade_research.evidence.rebuilt import on_arrays, probes_of
from trade_research.kernels.jit import B8, F64

if TYPE_CHECKING:
    import polars as pl

SETTLED_AFTER = 4
"""Warm-ups after which the first bar may no longer decide anything."""
STARTS = 8


@dataclass(frozen=True)
class WarmupVerdict:
    """Whether the declared warm-up holds, on the raw output.

    `first_difference` is the first bar at or after 4 × warm-up whose decision changes when the
    first bar is left out; `settled` the bar from which no decision does; `silent` how many bars
    have no opinion (NaN) at every start of the data, where that is more than the warm-up; `nan`
    counts the bars without opinion after it, intended or not.
    """

    passed: bool
    warmup: int
    flattened: bool
    nan: int
    silent: int
    settled: int
    first_difference: int | None
    time: datetime | None

    def __str__(self) -> str:
        bars = f"{self.warmup:,} bars declared"
        if not self.flattened:
            return f"{bars}; targets before their end are not 0"
        if self.silent > self.warmup:
            return (
                f"{bars}, but wherever the data begin the first {self.silent:,} targets are NaN: "
                f"declare warmup={self.silent}"
            )
        if self.first_difference is not None:
            when = f" ({self.time:%Y-%m-%d %H:%M})" if self.time else ""
            return (
                f"{bars}, but leaving out the first bar changes the decision at bar "
                f"{self.first_difference:,}{when}: decisions depend on where the data begin; they "
                f"agree from bar {self.settled:,} on"
            )
        return f"{bars}; leaving out the first bar changes no decision from bar {self.settled:,} on"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "passed": self.passed,
            "warmup": self.warmup,
            "flattened": self.flattened,
            "nan": self.nan,
            "silent": self.silent,
            "settled": self.settled,
            "first_difference": self.first_difference,
            "time": None if self.time is None else self.time.isoformat(),
        }


def check_warmup(
    strategy: StrategyLike,
    data: Mapping[str, F64] | pl.DataFrame,
    params: Mapping[str, Any] | None = None,
    *,
    calendar: str = "24/7",
) -> WarmupVerdict:
    """Test the declared warm-up against what the function returns before any flattening.

    A NaN target means "no opinion", so NaN after the warm-up is the rule's own affair, with one
    exception: where the first targets are NaN for the same number of bars wherever the data are
    made to begin, the function is not ready yet, and its warm-up is declared too short.

    Parameters
    ----------
    strategy : Strategy
    data : mapping of column name to float64 array, or a frame of bars
    params : mapping, the strategy's parameters
    """
    probes = probes_of(strategy, data, params or {}, calendar=calendar)
    return worst([examine_warmup(on_arrays(probe)) for probe in probes])


def worst(verdicts: list[WarmupVerdict]) -> WarmupVerdict:
    """The first verdict that failed, or the one that took longest to settle."""
    return max(verdicts, key=lambda v: (not v.passed, v.settled))


def examine_warmup(probe: Probe) -> WarmupVerdict:
    """`check_warmup` of a probe."""
    raw = probe.raw(0, probe.n_bars)
    warmup, n = probe.warmup, probe.n_bars
    flattened = not probe.wanted(probe.full())[:warmup].any()
    silent = _silent_start(probe, raw)
    later = probe.raw(1, n) if n > 1 else raw[1:]
    settled = _last_difference(raw[1:], later) + 1
    bound = min(max(SETTLED_AFTER * warmup, 1), n)
    row = first_difference(raw[bound:], later[bound - 1 :])
    differs = None if row < 0 else bound + row
    return WarmupVerdict(
        passed=flattened and differs is None and silent <= warmup,
        warmup=warmup,
        flattened=bool(flattened),
        nan=int(_silent(raw[warmup:]).sum()),
        silent=silent,
        settled=settled,
        first_difference=differs,
        time=None if differs is None else time_of(probe, differs),
    )


def _silent_start(probe: Probe, raw: F64) -> int:
    """Leading NaN that come wherever the data begin; 0 if they are fewer than the warm-up."""
    silent = _leading_nan(raw)
    starts = np.linspace(0, probe.n_bars - silent - 1, STARTS + 1).astype(int)[1:]
    if silent <= probe.warmup or silent == probe.n_bars or starts[0] == 0:
        return 0
    same = all(_leading_nan(probe.raw(int(a), int(a) + silent + 1)) == silent for a in starts)
    return silent if same else 0


def _leading_nan(values: F64) -> int:
    said = ~_silent(values)
    return int(said.argmax()) if said.any() else len(values)


def _silent(values: F64) -> B8:
    """Rows without any opinion, (n_bars,)."""
    is_silent: B8 = np.isnan(values)
    return is_silent if is_silent.ndim == 1 else np.asarray(is_silent.all(axis=1))


def _last_difference(a: F64, b: F64) -> int:
    """Last row at which two arrays differ in bits, counted from 1; 0 if none."""
    row = first_difference(a[::-1], b[::-1])
    return 0 if row < 0 else len(a) - row
