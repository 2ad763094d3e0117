"""How much of each limit an account takes: what a person watches."""

from __future__ import annotations

from typing import NamedTuple

from trade_research.risk.check import worst
from trade_research.risk.limits import Limits
from trade_research.risk.state import RiskState


class Used(NamedTuple):
    """A limit: what is taken of it, and all there is. Money, or a count."""

    limit: str
    used: float
    most: float


def usage(limits: Limits, state: RiskState, now_ns: int) -> list[Used]:
    """What is taken of the limits that fill up, open orders counted at their worst."""
    ends = [
        worst(state, symbol, state.marks[symbol])
        for symbol in {*state.positions, *state.open_orders}
    ]
    sizes = [max(abs(most), abs(least)) for most, least in ends]
    net = max(sum((most for most, _ in ends), 0.0), -sum(least for _, least in ends))
    found = [
        Used("daily loss", max(state.day_equity - state.equity, 0.0), limits.max_daily_loss),
        Used("drawdown", state.peak - state.equity, limits.max_drawdown),
        Used("position", max(sizes, default=0.0), limits.max_position),
        Used("gross", sum(sizes, 0.0), limits.max_gross),
        Used("net", net, limits.max_net),
        Used("orders a minute", state.recent(now_ns), limits.max_orders_per_minute),
        Used("orders a day", state.orders_today, limits.max_orders_per_day),
        Used("losses in a row", state.losses_in_a_row, limits.max_losses_in_a_row),
    ]
    if limits.min_balance > 0.0:
        found.append(Used("cash to keep", limits.min_balance, state.cash))
    return found
