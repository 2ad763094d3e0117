"""The laws together, for one strategy on one span of data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from trade_research.evidence.causality import CausalityVerdict, examine, together
from trade_research.evidence.probe import StrategyLike
from trade_research.evidence.rebuilt import on_arrays, probes_of
from trade_research.evidence.replay import ReplayVerdict, examine_replay
from trade_research.evidence.warmup import WarmupVerdict, examine_warmup, worst
from trade_research.simulate.market import Market

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, repr=False)
class Check:
    """The verdicts on one strategy, whose rows are bars or `unit`; `str` gives them in lines."""

    strategy: str
    params: dict[str, Any]
    causality: CausalityVerdict
    warmup: WarmupVerdict
    replay: ReplayVerdict
    unit: str = "bar"

    @property
    def passed(self) -> bool:
        """Whether every law held."""
        return self.causality.passed and self.warmup.passed and self.replay.passed

    def __str__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self.params.items())
        lines = [
            f"{self.strategy}({given}): {'all laws hold' if self.passed else 'A LAW IS BROKEN'}"
        ]
        for name, held, verdict in (
            ("causality", self.causality.passed, str(self.causality)),
            ("warm-up", self.warmup.passed, str(self.warmup)),
            ("replay", self.replay.passed, str(self.replay)),
        ):
            lines.append(f"  {'ok  ' if held else 'FAIL'} {name:9}  {verdict}")
        if self.causality.passed:
            lines.append(f"       {self.causality.not_covered}")
        text = "\n".join(lines)
        return text if self.unit == "bar" else re.sub(r"\bbar(s?)\b", rf"{self.unit}\1", text)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from trade_research.evidence.page import check_card

        return check_card(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "strategy": self.strategy,
            "params": self.params,
            "passed": self.passed,
            "causality": self.causality.to_dict(),
            "warmup": self.warmup.to_dict(),
            "replay": self.replay.to_dict(),
        }


def check(
    strategy: StrategyLike,
    frame: pl.DataFrame,
    params: Mapping[str, Any] | None = None,
    *,
    setup: Mapping[str, Any] | None = None,
    calendar: str = "24/7",
    budget_s: float = 10.0,
    seed: int = 0,
    market: Market | None = None,
) -> Check:
    """Test the laws of a strategy on bars.

    Parameters
    ----------
    strategy : Strategy
    frame : DataFrame
        Bars, of one or several symbols.
    params : mapping
        The strategy's parameters.
    setup : mapping, optional
        Arguments of `simulate` for the replay: costs, exits, account, cash, fill, delay, rebalance,
        rules; its defaults without.
    calendar : str
        Of the bars, for inputs of longer intervals.
    budget_s : float
        Seconds that each stage may take; what did not fit is counted in the verdict.
    seed : int
        Of the random cuts and futures.
    market : Market, optional
        The bars as the simulator takes them, where they are more than the frame: with funding.
    """
    given = dict(params or {})
    probes = probes_of(strategy, frame, given, calendar=calendar, seed=seed)
    causality = together([examine(probe, budget_s / len(probes)) for probe in probes])
    warmup = worst([examine_warmup(on_arrays(probe)) for probe in probes])
    # The causality check has decided at the changes of target already, for as long as was allowed.
    market = Market.from_frame(frame) if market is None else market
    replay = examine_replay(probes, market, setup or {}, budget_s, changes_s=0.0)
    return Check(strategy.name, given, causality, warmup, replay)
