"""The laws together, for one strategy on one span of data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trade_research.evidence.causality import CausalityVerdict, examine, probe_of
from trade_research.evidence.probe import StrategyLike

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True)
class Check:
    """The verdicts on one strategy; `str` gives them in a few lines."""

    strategy: str
    causality: CausalityVerdict

    @property
    def passed(self) -> bool:
        """Whether every law held."""
        return self.causality.passed

    def __str__(self) -> str:
        mark = "passed" if self.passed else "FAILED"
        return f"check of {self.strategy}: {mark}\n  causality  {self.causality.guarantee}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "strategy": self.strategy,
            "passed": self.passed,
            "causality": self.causality.to_dict(),
        }


def check(
    strategy: StrategyLike,
    frame: pl.DataFrame,
    *,
    budget_s: float = 10.0,
    seed: int = 0,
    **params: Any,
) -> Check:
    """Test the laws on `frame`."""
    probe = probe_of(strategy, frame, params, seed)
    return Check(strategy.name, examine(probe, budget_s))
