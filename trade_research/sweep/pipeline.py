"""A whole walk forward as one strategy, for the causality check."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from trade_research.errors import ConfigError
from trade_research.kernels.jit import F64
from trade_research.simulate.market import PRICES, Market
from trade_research.sweep.walkforward import Walk, cut

if TYPE_CHECKING:
    from trade_research.evidence.causality import CausalityVerdict
    from trade_research.strategies.declare import Col
    from trade_research.strategies.strategy import Strategy


class Pipeline:
    """The whole walk as one strategy, bars in and stitched targets out, for the causality check.

    What it returns for a bar may depend on nothing later: neither through a strategy nor through a
    choice of parameters. Times are known beforehand and cannot be tampered with.
    """

    def __init__(
        self,
        strategy: Strategy,
        market: Market,
        columns: Mapping[str, F64],
        walk: Callable[..., Walk],
    ) -> None:
        from trade_research.strategies.declare import Col

        self.name, self._strategy, self._market, self._walk = strategy.name, strategy, market, walk
        prices = {f"market_{name}": getattr(market, name)[:, 0] for name in PRICES}
        self.columns: dict[str, F64] = {**prices, **columns}
        self.inputs: Mapping[str, Col] = {name: Col(name) for name in self.columns}

    def warmup(self, **params: Any) -> int:
        """None: before the first test span it wants 0 by itself."""
        return 0

    def compute(self, columns: Mapping[str, F64], **params: Any) -> Any:
        """Stitched targets of these bars."""
        from trade_research.strategies import evaluate

        prices: dict[str, Any] = {name: columns[f"market_{name}"] for name in PRICES}
        n = len(prices["close"])
        so_far = replace(cut(self._market, 0, n), **prices)
        own = {name: columns[name] for name in self._strategy.columns}
        try:
            return evaluate.Targets(self._walk(self._strategy, so_far, own).target[:, 0])
        except ConfigError:  # not one fold yet
            return evaluate.Targets(np.zeros(n))

    raw = compute


def check_walk(pipeline: Pipeline, *, budget_s: float = 10.0, seed: int = 0) -> CausalityVerdict:
    """Prove that no fold saw its test bars: cuts and replaced futures over the whole pipeline."""
    from trade_research.evidence.causality import check_causality

    return check_causality(pipeline, pipeline.columns, budget_s=budget_s, seed=seed)
