"""Carrying a sweep out: part after part, here or on a cluster, with what is done kept."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from trade_research.kernels.jit import F64
from trade_research.research.progress import Bar, bar
from trade_research.research.sweep_parts import Parts
from trade_research.research.sweep_scorer import MOMENTS, Scorer, table_of
from trade_research.research.trials import record_configurations
from trade_research.strategies.declare import Span
from trade_research.sweep.search import METHODS, Search
from trade_research.sweep.space import Configurations, Space

_WORK = 2_000_000_000  # bars times configurations of one part, about
_LEAST, _MOST = 256, 65_536  # configurations of one part


@dataclass(frozen=True, eq=False)
class Plan:
    """A sweep to be carried out: `drawn` are its configurations where they are not a grid's."""

    scorer: Scorer
    space: Space
    drawn: Configurations | None
    method: str
    samples: int | None
    seed: int
    by: tuple[str, ...]
    folds: int

    @property
    def is_guided(self) -> bool:
        """Whether what comes next depends on what came before."""
        return self.method in METHODS

    @property
    def size(self) -> int:
        """Configurations at most, those the constraint forbids included."""
        if self.is_guided:
            return self.samples or 0
        return self.space.size if self.drawn is None else len(self.drawn)

    @property
    def part_size(self) -> int:
        """Configurations of a part: a power of two, by the number of bars alone."""
        bars = max(self.scorer.data.frame.height, 1)
        power = int(np.log2(max(_WORK / bars, 1.0)))
        return min(max(1 << power, _LEAST), _MOST)

    def part(self, number: int) -> Configurations:
        """The configurations of one part."""
        first = number * self.part_size
        last = min(first + self.part_size, self.size)
        return self.space.part(first, last) if self.drawn is None else self.drawn[first:last]

    def numbers(self, number: int) -> int:
        """Configurations of a part, those the constraint forbids included."""
        return min(self.part_size, self.size - number * self.part_size)

    @property
    def n_parts(self) -> int:
        """Parts of a sweep that is not guided."""
        return -(-self.size // self.part_size)

    @property
    def identity(self) -> dict[str, Any]:
        """What the sweep is, for those who resume it."""
        scorer, setup = self.scorer, self.scorer.setup
        return {
            "schema": "trade-research/sweep/1",
            "strategy": scorer.strategy.name,
            "source": scorer.strategy.source_hash,
            "data": scorer.data.content_hash,
            "axes": {name: _shown(axis) for name, axis in self.space.axes.items()},
            "where": self.space.where,
            "method": [self.method, self.samples, self.seed, self.folds],
            "by": list(self.by) if self.is_guided else None,
            "setup": {k: str(v) for k, v in asdict(setup).items()},
            "risk_free": scorer.risk_free,
            "portfolio": repr(scorer.portfolio),
            "start": scorer.start,
            "part_size": self.part_size,
        }


def _shown(axis: Any) -> Any:
    """An axis as JSON: its values, or their digest where there are many."""
    if isinstance(axis, Span):
        return str(axis)
    values = [str(v) for v in axis.tolist()]
    if len(values) <= 100:
        return values
    return [len(values), hashlib.sha256("\n".join(values).encode()).hexdigest()]


def carry_out(
    plan: Plan,
    *,
    folder: Path | None,
    executor: Any,
    threads: int | None,
    progress: bool | None,
) -> tuple[Parts, bool, str]:
    """Do what is not done yet.

    Returns
    -------
    parts : Parts
    is_complete : bool
        False when Ctrl-C ended it.
    uncounted : str
        Why the ledger does not count it, if so.
    """
    parts = Parts(lambda: plan.identity, folder, plan.size)
    count = Count(plan.scorer)
    shown: AbstractContextManager[Bar] = bar(plan.scorer.strategy.name, plan.size, progress)
    with shown as line:
        try:
            if plan.is_guided:
                _guided(plan, parts, count, line, threads)
            elif executor == "threads":
                _here(plan, parts, count, line, threads)
            else:
                from trade_research.research.sweep_cluster import on_cluster

                on_cluster(plan, parts, count, line, executor)
        except KeyboardInterrupt:
            return parts, False, count.trouble
    return parts, True, count.trouble


class Count:
    """Counts trials in the ledger of the data's store; `trouble` says why it could not."""

    def __init__(self, scorer: Scorer) -> None:
        self._scorer, self.trouble = scorer, ""

    def record(self, found: Configurations, moments: F64) -> None:
        """Count some configurations, before their results are kept: never forgotten."""
        self.trouble = self.trouble or record_configurations(
            self._scorer.strategy,
            self._scorer.data,
            found,
            moments,
            exits=self._scorer.setup.exits,
            kind="sweep",
        )


def _here(plan: Plan, parts: Parts, count: Count, line: Bar, threads: int | None) -> None:
    """Part after part in the threads of this process."""
    for number in range(plan.n_parts):
        found = plan.part(number)
        skipped = plan.numbers(number) - len(found)
        if number in parts or not len(found):
            line.advance(skipped + len(found))
            continue
        scores = plan.scorer.score(found, threads=threads, progress=line.advance)
        count.record(found, scores.moments)
        parts.add(number, table_of(scores, found))
        line.advance(skipped)


def keep(
    parts: Parts, count: Count, number: int, found: Configurations, table: pl.DataFrame
) -> None:
    """Count and keep a part that was made elsewhere."""
    count.record(found, table.select(MOMENTS).to_numpy())
    parts.add(number, table)


def _guided(plan: Plan, parts: Parts, count: Count, line: Bar, threads: int | None) -> None:
    """Batch after batch, as the search asks; batches that are kept are told and not made again."""
    search = Search(plan.space, plan.by, plan.size, plan.method, plan.seed, plan.folds)
    number = 0
    while True:
        found, trials = search.ask()
        if not len(found):
            return
        if number in parts:
            table = parts.part(number)
        else:
            kept = _survivors(plan, search, found, trials, threads)
            table = _with_pruned(plan, found, kept, threads)
            count.record(found, table.select(MOMENTS).to_numpy())
            parts.add(number, table)
        values = table.select(plan.by).cast(pl.Float64).fill_null(float("nan")).to_numpy()
        search.tell(trials, values, (table["status"] == "pruned").to_numpy())
        line.advance(len(found))
        number += 1


def _survivors(
    plan: Plan, search: Search, found: Configurations, trials: Any, threads: int | None
) -> Any:
    """Which of a batch are still in after the folds before the last, (n,)."""
    alive = np.arange(len(found))
    ends = search.prefixes(plan.scorer.data.market.n_bars)
    for fold, end in enumerate(ends[:-1].tolist()):
        spans = np.array([[0, end]])
        scores = plan.scorer.score(found[alive], threads=threads, spans=spans)
        values = scores.metrics[plan.by[0]][:, 0]
        if plan.by[0] == "sharpe" and np.isnan(values).all():
            continue
        alive = alive[search.survivors([trials[i] for i in alive], fold, values)]
        if not len(alive):
            break
    out = np.zeros(len(found), dtype=np.bool_)
    out[alive] = True
    return out


def _with_pruned(plan: Plan, found: Configurations, kept: Any, threads: int | None) -> pl.DataFrame:
    """Results of a batch; configurations given up early are rows that say so."""
    scores = plan.scorer.score(
        found[np.flatnonzero(kept)] if kept.any() else found[:1], threads=threads
    )
    table = table_of(scores, scores.configurations)
    if kept.all():
        return table
    gone = _given_up(found[np.flatnonzero(~kept)], table)
    whole = pl.concat([table if kept.any() else table.clear(), gone])
    return whole.sort("trial")


def _given_up(found: Configurations, like: pl.DataFrame) -> pl.DataFrame:
    """Rows of configurations that were given up, in the columns of a table of results."""
    axes = found.frame()
    texts: Mapping[str, str] = {
        "status": "pruned",
        "path": "",
        "why": "behind the others in a fold",
    }
    columns = [
        axes[name]
        if name in axes.columns
        else pl.lit(texts.get(name), dtype=like.schema[name]).alias(name)
        for name in like.columns
    ]
    return axes.select(columns)
