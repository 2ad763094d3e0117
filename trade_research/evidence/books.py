"""The laws of a strategy over order books, where rows come in event time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.evidence.causality import examine
from trade_research.evidence.check import Check
from trade_research.evidence.decisions import Decisions, decide
from trade_research.evidence.probe import Probe, StrategyLike, first_difference
from trade_research.evidence.replay import ReplayVerdict
from trade_research.evidence.warmup import examine_warmup

if TYPE_CHECKING:
    from trade_research.kernels.jit import F64
    from trade_research.simulate.book_run import BookMarket, BookResult

STOPS = 32


@dataclass(frozen=True)
class BookReplayVerdict(ReplayVerdict):
    """`ReplayVerdict` of books; the run was stopped at `stops` moments and compared up to each."""

    stops: int = 0

    def __str__(self) -> str:
        decided = (
            f"{self.alone:,} of {self.n_bars:,} decided book by book ({self.at_changes:,} of "
            f"{self.changes:,} changes of target, {self.sampled:,} drawn at random), the rest in "
            f"{self.blocks:,} blocks"
        )
        if self.difference is not None:
            return f"{self.difference}; {decided}"
        return (
            f"{decided}: the same targets; stopped at {self.stops} moments the run had the same "
            f"orders and equity, bit for bit, of {self.orders:,} orders and {self.fills:,} fills"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return super().to_dict() | {"stops": self.stops}


def check_books(
    strategy: StrategyLike,
    inputs: Mapping[str, F64],
    market: BookMarket,
    run: Callable[[BookMarket, F64], BookResult],
    params: Mapping[str, Any] | None = None,
    *,
    budget_s: float = 10.0,
    seed: int = 0,
) -> Check:
    """Test the laws of a strategy on order books.

    Replay: targets decided on the books received so far, one by one and in blocks, and the run of
    `run` stopped at moments all over the day, must be those of the whole, bit for bit.

    Parameters
    ----------
    strategy : Strategy
    inputs : mapping of column to float64 array, (n,) or (n, k)
        What the strategy reads.
    market : BookMarket
        The same books as the simulator's arrays.
    run : function of market and targets
        The backtest that is replayed, with its costs, exits and latency.
    params, budget_s, seed
        As for `check`.
    """
    given = dict(params or {})
    probe = Probe(strategy, inputs, given, market.time // 1000, seed)
    causality, warmup = examine(probe, budget_s), examine_warmup(probe)
    decided = decide(probe, budget_s, changes_s=0.0)
    wanted, backtest = probe.wanted(probe.full()), run(market, probe.wanted(probe.full()))
    draws = np.random.default_rng(seed).integers(1, market.time.size + 1, STOPS)
    stops = sorted({int(stop) for stop in draws} | {market.time.size})
    difference = _targets(wanted, decided) or _runs(market, decided.target, backtest, run, stops)
    replay = BookReplayVerdict(
        passed=difference is None,
        n_bars=probe.n_bars,
        alone=decided.alone,
        at_changes=decided.at_changes,
        changes=decided.changes,
        sampled=decided.sampled,
        blocks=decided.blocks,
        orders=len(backtest.table),
        fills=int(np.count_nonzero(backtest.column("filled"))),
        difference=difference,
        stops=len(stops),
    )
    return Check(strategy.name, given, causality, warmup, replay, unit="book")


def _targets(wanted: F64, decided: Decisions) -> str | None:
    row = first_difference(wanted, decided.target)
    if row < 0:
        return None
    found, alone = wanted[row], decided.target[row]
    return f"the target at book {row:,} is {found:g}, but {alone:g} on the books up to it"


def _runs(
    market: BookMarket,
    target: F64,
    backtest: BookResult,
    run: Callable[[BookMarket, F64], BookResult],
    stops: list[int],
) -> str | None:
    """What a run that ends at some book has otherwise than the run over all of them."""
    for stop in stops:
        part = run(market.first(stop), target[:stop])
        for name in ("mid_equity", "touch_equity", "units"):
            row = first_difference(getattr(part, name), getattr(backtest, name)[:stop])
            if row >= 0:
                return f"stopped after {stop:,} books, {name} differs at book {row:,}"
        sent = len(part.table)
        same = part.column("quantity"), backtest.column("quantity")[:sent]
        if first_difference(*same) >= 0:
            return f"stopped after {stop:,} books, the orders differ"
    return None
