"""What a configuration says instead of the defaults of commands; flags and environment go first."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

if TYPE_CHECKING:
    from trade_research.settings.schema import Config

_RUN = ("strategy", "data", "cash", "account", "fee_bps", "spread_bps", "slippage_bps")
TAKES = {
    "backtest": _RUN,
    "check": _RUN,
    "certify": _RUN,
    "sweep": (*_RUN, "seed"),
    "walkforward": _RUN,
    "paper run": _RUN,
    "live run": ("strategy", "data"),
    "data fetch": ("jobs",),
    "data update": ("jobs",),
    "data consensus": ("at_least", "tolerance_bps"),
}
"""Command to the options that a configuration fills in, beside the store, which it does for all."""

HERE = Path("trade_research.yaml")  # in force where it lies, unless another one is named


def apply_config(context: typer.Context, path: Path | None) -> None:
    """Put a configuration in force: its values become the defaults of every command below."""
    from trade_research.settings.in_force import use_config

    config = use_config(path or (HERE if HERE.is_file() else None))
    if config is not None:
        assert isinstance(context.command, TyperGroup)
        context.default_map = _nested(context.command, _values(config))


def _values(config: Config) -> dict[str, Any]:
    """Names of options to what the configuration says of them."""
    costs, data = config.costs, config.data
    return {
        "store": data.store,
        "jobs": data.jobs,
        "at_least": data.min_sources,
        "tolerance_bps": data.tolerance_bps,
        "strategy": config.strategy.name,
        "data": [f"{config.venue}:{symbol}@{config.interval}" for symbol in config.symbols],
        "cash": config.cash,
        "account": config.account,
        "seed": config.seed,
        "fee_bps": costs.fee_bps,
        "spread_bps": costs.spread_bps,
        "slippage_bps": costs.slippage_bps,
    }


def configured_params(strategy: str) -> list[str]:
    """The parameters that the configuration in force gives this strategy, as `-p` takes them."""
    from trade_research.settings.in_force import config_in_force

    config = config_in_force()
    if config is None or config.strategy.name.rpartition(":")[2] != strategy:
        return []
    return [f"{name}={value}" for name, value in config.strategy.params.items()]


def configured_limits(cash: float) -> list[str]:
    """The limits of the configuration in force as `--limit` takes them; none without one."""
    from trade_research.settings.in_force import config_in_force

    config = config_in_force()
    if config is None:
        return []
    risk = config.risk
    return [
        f"max_order={risk.max_order_usd}",
        f"max_position={risk.max_position_usd}",
        f"max_daily_loss={risk.daily_loss_usd}",
        f"max_drawdown={risk.max_drawdown * cash}",
        f"max_orders_per_minute={risk.max_orders_per_minute}",
    ]


def _nested(group: TyperGroup, values: dict[str, Any], above: str = "") -> dict[str, Any]:
    """Defaults of every command, group by group, for `click.Context.default_map`."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items():
        path = f"{above} {name}".strip()
        if isinstance(command, TyperGroup):
            found[name] = _nested(command, values, path)
        else:
            taken = {"store", *TAKES.get(path, ())}
            found[name] = {p.name: values[p.name] for p in command.params if p.name in taken}
    return found
