"""The rules a configuration is played under: costs, exits, delay, account; one record a variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from trade_research.simulate.accounts import Account, Rules
from trade_research.simulate.costs import Costs
from trade_research.simulate.exits import Exits
from trade_research.simulate.schedule import Rebalance
from trade_research.sweep.space import COST_AXES, EXIT_AXES


@dataclass(frozen=True)
class Game:
    """Everything of a run beside strategy, parameters and data; fields as in `simulate`."""

    costs: Costs = field(default_factory=Costs)
    exits: Exits = field(default_factory=Exits)
    account: Account = field(default_factory=Account)
    cash: float = 100_000.0
    fill: str = "next_open"
    delay: int = 0
    rebalance: Rebalance | None = None
    rules: Rules | None = None
    finalize: bool = False

    @classmethod
    def of(
        cls,
        *,
        costs: Costs | None,
        exits: Exits | None,
        account: Account | str,
        cash: float,
        rebalance: Any,
        **rest: Any,
    ) -> Game:
        """A game from the arguments of `simulate`."""
        return cls(
            costs or Costs(),
            exits or Exits(),
            Account.of(account),
            float(cash),
            rebalance=Rebalance.of(rebalance),
            **rest,
        )

    def under(self, axes: Mapping[str, Any]) -> Game:
        """The game with the exits, costs and delay of one configuration.

        Raises
        ------
        ConfigError
            A value that `Costs` or `Exits` refuses.
        """
        costs = {name: axes[name] for name in COST_AXES if name in axes}
        exits = {name: axes[name] for name in EXIT_AXES if name in axes}
        if "cooldown" in exits:
            exits["cooldown"] = int(exits["cooldown"] or 0)
        return replace(
            self,
            costs=replace(self.costs, **costs) if costs else self.costs,
            exits=replace(self.exits, **exits) if exits else self.exits,
            delay=int(axes.get("delay", self.delay)),
        )

    @property
    def is_elaborate(self) -> bool:
        """Whether an account of this game needs more than money to begin: fundings, drift."""
        drifts = self.rebalance is not None and self.rebalance.drift > 0.0
        return drifts or self.account.kind == "perp"

    @property
    def settings(self) -> dict[str, Any]:
        """The arguments of `simulate`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
